"""A person's own Markdown as an article: its pictures in their places, every word as it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from studio.documents.article import Article, Brief, Illustration, Picture, Section
from studio.errors import InputError, StudioError
from studio.language import language_of
from studio.markdown import clean, is_heading, parse, plain, split
from studio.markdown.blocks import Heading, Paragraph
from studio.markdown.pictures import PictureMark, inline_references, picture_marks

MAX_TEXT = 400_000  # characters
MAX_PICTURES = 200
_SUBJECT = 60  # characters by which a text without a title is known
WORD = "word:"  # how the source of a picture in a Word file begins
FindPicture = Callable[[str], Picture]  # by what stands in the text; raises StudioError


@dataclass(frozen=True)
class _Shown:
    """A picture and what the text says of it."""

    picture: Picture
    caption: str


def read_markdown(
    text: str, find: FindPicture, name: str = "", has_caption: Callable[[str], bool] = lambda source: True
) -> Article:
    """The article that a text is. A picture that `find` does not give stays in the text as it was typed, and a note
    says why. `name` is a name for a text without a title. An emphasised line below a picture is its caption, unless
    `has_caption`, asked with the source of each picture in order, says no. Raises InputError for a text that is empty
    or too long."""
    text = inline_references(clean(text).removeprefix("\ufeff"))
    if not text.strip():
        raise InputError("text_empty")
    if len(text) > MAX_TEXT:
        raise InputError("own_text_too_long", length=len(text), limit=MAX_TEXT)
    title, blocks = split(text)
    made = _Builder(find, has_caption)
    for block in blocks:
        made.add(block)
    subject = title or name or _first_words(blocks)
    notes = tuple(dict.fromkeys(e.say(language_of(text)) for e in made.errors))
    return Article(Brief(title=subject, own_text=True), title, tuple(made.sections), "done", notes=notes)


class _Builder:
    """The sections as they come, each with the picture that stands after it."""

    def __init__(self, find: FindPicture, has_caption: Callable[[str], bool]) -> None:
        self.sections: list[Section] = []
        self.errors: list[StudioError] = []
        self._find, self._has_caption = find, has_caption
        self._known: dict[str, Picture] = {}
        self._after_picture = False  # whether the last block was a picture alone

    def add(self, block: str) -> None:
        """One block of the text."""
        if self._after_picture and (caption := _emphasised(block)):
            self._caption(caption)
            self._after_picture = False
            return
        kept, shown, at, marks = "", list[_Shown](), 0, picture_marks(block)
        alone, captioned = _is_blank_without(block, marks), False
        for mark in marks:
            if found := self._picture(mark.source):
                words = mark.words or mark.title
                kept += block[at : mark.start] + ("" if alone or not _inside_words(block, mark.start) else mark.words)
                shown.append(_Shown(replace(found, title=words or found.title), words))
                at, captioned = mark.end, self._has_caption(mark.source)
            elif mark.source.startswith(WORD):  # not the person's own mark
                kept, at = kept + block[at : mark.start] + mark.words, mark.end
        kept = (kept + block[at:]).strip("\n") if at else block
        kept = kept if kept.strip() else ""
        if kept:
            self.sections.append(Section(kept))
        for one in shown:
            self._show(one)
        self._after_picture = bool(shown) and not kept and captioned

    def _picture(self, source: str) -> Picture | None:
        if source not in self._known:
            try:
                if len(self._known) >= MAX_PICTURES:
                    raise InputError("too_many_pictures", count=len(self._known) + 1, limit=MAX_PICTURES)
                self._known[source] = self._find(source)
            except StudioError as e:
                self.errors.append(e)
                return None
        return self._known[source]

    def _show(self, shown: _Shown) -> None:
        """After the last section where it can have one, else in a section without words."""
        illustration = Illustration(shown.picture, shown.caption, (shown.picture,))
        last = self.sections[-1] if self.sections else None
        if last and last.text and not last.illustration and not is_heading(last.text):
            self.sections[-1] = replace(last, illustration=illustration)
        else:
            self.sections.append(Section("", illustration))

    def _caption(self, caption: str) -> None:
        shown = self.sections[-1].illustration
        assert shown
        self.sections[-1] = replace(self.sections[-1], illustration=replace(shown, caption=caption))


def _emphasised(block: str) -> str:
    """The words of a line that is emphasised as a whole, as captions are; else nothing."""
    if not re.fullmatch(r"\*[^*\n].*[^*\n]\*|_[^_\n].*[^_\n]_", block):
        return ""
    blocks = parse(block)
    runs = blocks[0].runs if len(blocks) == 1 and isinstance(blocks[0], Paragraph) else ()
    return plain(runs) if runs and all(run.italic for run in runs) else ""


def _is_blank_without(block: str, marks: tuple[PictureMark, ...]) -> bool:
    for mark in reversed(marks):
        block = block[: mark.start] + block[mark.end :]
    return not block.strip()


def _inside_words(block: str, at: int) -> bool:
    """Whether a mark stands in a row of a table or inside a line, where its words are part of what is read."""
    line = block[block.rfind("\n", 0, at) + 1 : at]
    return bool(line.strip(" >*+-0123456789.)")) or "|" in line


def _first_words(blocks: tuple[str, ...]) -> str:
    """What a text without a title is known by."""
    found = [b for block in blocks[:3] for b in parse(block) if isinstance(b, Paragraph | Heading)]
    line = " ".join(" ".join(plain(b.runs) for b in found).split())
    return line if len(line) <= _SUBJECT else line[:_SUBJECT].rpartition(" ")[0] or line[:_SUBJECT]
