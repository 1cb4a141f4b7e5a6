"""Articles as files: bytes out."""
