"""The one reader of Markdown: what the page shows, what every export writes and where a text is cut into sections all
come from the blocks that `parse` makes.

The dialect is CommonMark with tables and strikethrough, read so that no word is lost (see `dialect`): there are no link
definitions, no HTML and no pictures of other hosts; each of those is shown as it was typed. Text of any size and any
nesting is read in bounded time.
"""

from studio.markdown.blocks import Block, Blocks, Code, Heading, List, Paragraph, Quote, Rule, Run, Runs, Table, runs_of
from studio.markdown.markup import inline_html, to_html
from studio.markdown.mathml import MathElement
from studio.markdown.plain_text import clean, plain, to_text
from studio.markdown.reader import parse, parse_inline
from studio.markdown.sections import is_heading, sections, split
from studio.markdown.selection import rendered_text, replace_words, source_range

__all__ = [
    "Block",
    "Blocks",
    "Code",
    "Heading",
    "List",
    "MathElement",
    "Paragraph",
    "Quote",
    "Rule",
    "Run",
    "Runs",
    "Table",
    "clean",
    "inline_html",
    "is_heading",
    "parse",
    "parse_inline",
    "plain",
    "rendered_text",
    "replace_words",
    "runs_of",
    "sections",
    "source_range",
    "split",
    "to_html",
    "to_text",
]
