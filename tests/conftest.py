"""Its presence puts `tests/` on the path, so that tests share helpers: `from golden import …`."""
