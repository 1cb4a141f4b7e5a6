"""Words inside sections of an article: found from what a reader selected, and changed with everything around them as it
was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NotRequired

from typing_extensions import TypedDict

from studio.documents.article import Article
from studio.errors import InputError
from studio.markdown import rendered_text, replace_words, source_range

MAX_PASSAGES = 30  # in one edit


class Selected(TypedDict):
    """What was selected in a section: the characters from `start` to `end` of its rendered text, or all of it."""

    section: str
    start: NotRequired[int]
    end: NotRequired[int]


class WordChange(TypedDict):
    """`new` in the place of `old`, which stands from `start` to `end` of a section's Markdown."""

    section: str
    start: int
    end: int
    old: str
    new: str


@dataclass(frozen=True)
class Passage:
    """Markdown of a section from `start` to `end`: its words, and what stands before and after them."""

    section: str
    start: int
    end: int
    before: str
    words: str
    after: str

    def change(self, new: str) -> WordChange:
        """Other words in its place; line breaks only where it has some, or is the whole section."""
        if "\n" not in self.words and (self.before or self.after):
            new = " ".join(new.split())
        return {"section": self.section, "start": self.start, "end": self.end, "old": self.words, "new": new}


def passages(article: Article, selected: list[Selected]) -> tuple[Passage, ...]:
    """The passages that were selected, in the article's order; those without words are left out. Raises NotFoundError,
    and InputError where nothing is left or there are too many."""
    if len(selected) > MAX_PASSAGES:
        raise InputError("passages_too_many", count=len(selected), limit=MAX_PASSAGES)
    found = []
    for part in sorted(selected, key=lambda part: article.index(part["section"])):
        text = article.section(part["section"]).text
        shown = rendered_text(text)
        first, last = _without_blanks(shown, part.get("start", 0), part.get("end", len(shown)))
        if first < last:
            start, end = source_range(text, first, last)
            found.append(Passage(part["section"], start, end, text[:start], text[start:end], text[end:]))
    if not found:
        raise InputError("nothing_selected")
    return tuple(found)


def changed_text(text: str, change: WordChange) -> str:
    """A section's Markdown with the change. Raises InputError where other words stand there by now, or the new ones
    would change how those around them are read."""
    start, end = change["start"], change["end"]
    if not 0 <= start <= end or text[start:end] != change["old"]:
        raise InputError("passage_changed")
    if (start, end) == (0, len(text)):
        return change["new"]
    if (result := replace_words(text, start, end, change["new"])) is None:
        raise InputError("passage_breaks_marks")
    return result


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    start, end = max(start, 0), min(end, len(text))
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
