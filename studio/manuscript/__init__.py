"""Texts that people bring, as articles: Markdown, plain text, Word, and what the studio itself has exported.

Their words, the order of these and their structure stay as they are. Nothing is fetched, and of the disk only pictures
in the folder of the text are read.
"""

from studio.manuscript.files import SUFFIXES, open_manuscript, read_manuscript

__all__ = ["SUFFIXES", "open_manuscript", "read_manuscript"]
