"""One module a tool, or a kind of tools, each with one entry, `TOOLS`. A new module is all that a new tool needs."""
