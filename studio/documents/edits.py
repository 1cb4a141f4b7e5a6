"""Edits of an article by hand, by name: pure functions that the page and programs call with plain values.

Text that comes in is Markdown; several blocks become several sections. Raises NotFoundError for a section that is gone
and InputError for values that cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from studio.documents.article import Article, Illustration, Picture, Section
from studio.documents.passages import WordChange, changed_text
from studio.errors import InputError
from studio.markdown import sections

MAX_TEXT = 50_000  # characters of one edit


def title(article: Article, title: str) -> Article:
    """Another title; an empty one is refused."""
    words = " ".join(title.split())
    if not words:
        raise InputError("title_empty")
    return replace(article, title=_fitting(words, "title"))


def text(article: Article, section: str, text: str) -> Article:
    """Other words for a section. No words at all remove it, unless a picture stands there."""
    at = article.index(section)
    old = article.sections[at]
    blocks = _blocks(text)
    if not blocks:
        return article.edit(section, text="", note="") if old.illustration else article.remove(section)
    first = article.edit(section, text=blocks[0])
    if len(blocks) == 1:
        return first
    # the picture stays after the last of the blocks that were one
    first = first.edit(section, illustration=None, note="")
    more = [Section(block) for block in blocks[1:]]
    more[-1] = replace(more[-1], illustration=old.illustration, note=old.note)
    return first.insert(at + 1, *more)


def words(article: Article, changes: list[WordChange]) -> Article:
    """Other words in places of one or several sections, and nothing else changed. A whole section is changed as `text`
    does."""
    for change in changes:
        old = article.section(change["section"]).text
        article = text(article, change["section"], changed_text(old, change))
    return article


def insert_after(article: Article, section: str, text: str) -> Article:
    """New text after a section."""
    return article.insert(article.index(section) + 1, *map(Section, _blocks(text)))


def insert_before(article: Article, section: str, text: str) -> Article:
    """New text before a section."""
    return article.insert(article.index(section), *map(Section, _blocks(text)))


def delete(article: Article, section: str) -> Article:
    """Without a section and its picture."""
    return article.remove(section)


def move(article: Article, section: str, to: int) -> Article:
    """A section at another place, counted from 0; beyond the ends means the end."""
    return article.move(section, to)


def caption(article: Article, section: str, caption: str) -> Article:
    """Other words under a picture."""
    shown = _illustration(article, section)
    return article.edit(section, illustration=replace(shown, caption=_fitting(" ".join(caption.split()), "caption")))


def remove_picture(article: Article, section: str) -> Article:
    """Without the picture of a section; a section that has no words goes with it."""
    _illustration(article, section)
    return article.edit(section, illustration=None) if article.section(section).text else article.remove(section)


def set_picture(article: Article, section: str, picture: Picture, caption: str) -> Article:
    """A picture after a section, in place of the one there. The one there stays a candidate; a caption that a person
    wrote stays, one that described the old picture makes way for `caption`."""
    old = article.section(section).illustration
    others = old.candidates if old else ()
    known = {p.key: p for p in (*others, *((old.picture,) if old else ()), picture)}
    return article.edit(section, illustration=Illustration(picture, caption, tuple(known.values())), note="")


EDITS: dict[str, Callable[..., Article]] = {
    f.__name__: f for f in (title, text, words, insert_after, insert_before, delete, move, caption, remove_picture)
}


def _illustration(article: Article, section: str) -> Illustration:
    shown = article.section(section).illustration
    if shown is None:
        raise InputError("no_picture_there")
    return shown


def _blocks(text: str) -> tuple[str, ...]:
    return sections(_fitting(text, "text"))  # a typed "# " line is a heading here, not the article's title


def _fitting(words: str, what: str) -> str:
    if len(words) > MAX_TEXT:
        raise InputError("text_too_long", what=what, length=len(words), limit=MAX_TEXT)
    return words
