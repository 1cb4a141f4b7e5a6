"""Published models: what exists, where it lies, what is in its files, what it needs. Imports no torch."""
