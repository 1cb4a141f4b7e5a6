"""One module a format, each with one entry, `FORMAT`. A new module is all that a new format needs."""
