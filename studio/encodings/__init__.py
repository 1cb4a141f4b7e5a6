"""Text as old programs wrote it: which encoding some bytes are in, and the text that they are."""
