"""What people make: articles, conversations and tables as frozen data, and pure edits of them. No input or output."""
