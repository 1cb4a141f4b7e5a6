"""The data folder: the database, what people made, and picture files."""
