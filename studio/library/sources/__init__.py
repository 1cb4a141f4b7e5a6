"""One module a source of pictures, each with one entry, `SOURCE`. A new module is all that a new source needs."""
