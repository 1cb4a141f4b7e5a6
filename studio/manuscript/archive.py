"""What the studio exported as a zip, opened again: the text, its pictures and how it was made. A zip of any Markdown
file with its pictures is read, too.

The zip may come from a stranger: nothing is unpacked to the disk, and sizes are looked at before anything is
decompressed, see `studio.library.gather`.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from studio import sampling
from studio.documents.article import Article, Brief, Illustration, Picture, Section
from studio.encodings.text import decode_text
from studio.errors import InputError, StudioError
from studio.library.gather import File, read_zip
from studio.manuscript.markdown_text import MAX_TEXT, read_markdown
from studio.pictures.cost import MAX_FILE_BYTES

ABOUT = "about.json"
MAX_ABOUT = 4 << 20  # bytes
Take = Callable[[bytes, str], Picture]


def read_archive(data: bytes, name: str, take: Take) -> Article:
    """The article of a zip. Raises InputError for one without, and for one that cannot be opened."""
    files = {file.name: file for file in read_zip(data, name)}
    text = _text_of(files, name)
    folder = posixpath.dirname(text)
    about = _about(files.get(posixpath.join(folder, ABOUT)))
    rows = iter(_rows(about))

    def find(source: str) -> Picture:
        path = posixpath.normpath(posixpath.join(folder, source))
        if path not in files:
            raise InputError("picture_not_along", name=source[:200])
        return take(files[path].read(MAX_FILE_BYTES), posixpath.basename(path))

    def has_caption(source: str) -> bool:
        row = next(rows, None)
        return row is None or bool(row["caption"] or row["credit"])

    if files[text].size > 4 * MAX_TEXT:
        raise InputError("own_text_too_long", length=files[text].size, limit=MAX_TEXT)
    article = read_markdown(
        decode_text(files[text].read(MAX_FILE_BYTES), text).text,
        find,
        posixpath.basename(name).rpartition(".")[0],
        has_caption,
    )
    article = _with_facts(article, _rows(about))
    model = about.get("model")
    brief = _brief(about, article)
    return replace(article, brief=brief, model=model if isinstance(model, str) else "")


def _text_of(files: Mapping[str, File], name: str) -> str:
    """The Markdown file of a zip."""
    found = sorted((f for f in files if f.lower().endswith((".md", ".markdown"))), key=lambda f: (f.count("/"), f))
    chosen = next((f for f in found if posixpath.basename(f) == "article.md"), found[0] if len(found) == 1 else "")
    if not chosen or posixpath.basename(chosen) == "conversation.md":
        raise InputError("zip_no_article", name=name)
    return chosen


def _about(file: File | None) -> dict[str, Any]:
    """How it was made; nothing where the file is not what the studio writes."""
    try:
        facts = json.loads(file.read(MAX_FILE_BYTES)) if file and file.size <= MAX_ABOUT else None
    except (ValueError, RecursionError, StudioError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _rows(about: Mapping[str, Any]) -> list[dict[str, str]]:
    """The pictures in the order of the text."""
    rows = about.get("pictures")
    known = ("file", "caption", "title", "credit")
    return [
        {key: row[key] for key in known}
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict) and all(isinstance(row.get(key), str) for key in known)
    ]


def _with_facts(article: Article, rows: list[dict[str, str]]) -> Article:
    """Captions, titles and credits as they were, where the pictures are those of the list."""
    if len(rows) != len(article.pictures):
        return article
    left = iter(rows)

    def restored(section: Section) -> Section:
        if not section.illustration:
            return section
        row = next(left)
        picture = replace(section.illustration.picture, title=row["title"], credit=row["credit"])
        return replace(section, illustration=Illustration(picture, row["caption"], (picture,)))

    return replace(article, sections=tuple(map(restored, article.sections)))


def _brief(about: Mapping[str, Any], article: Article) -> Brief:
    """What was asked for, as far as it is something that can be asked for; else the text counts as a person's own."""
    settings = about.get("settings")
    settings = settings if isinstance(settings, dict) else {}
    numbers: dict[str, Any] = {f.name: settings.get(f.name) for f in sampling.fields_for("writing") if f.name != "seed"}
    images = settings.get("images")
    try:
        brief = Brief(
            _words(about.get("instruction")),
            tuple(map(_words, about.get("outline") or ())),
            images if isinstance(images, int) and not isinstance(images, bool) else None,
            seed=about.get("seed", sampling.SEED),
            title=_words(about["title"]) if "title" in about else None,
            materials=_words(about.get("materials")),
            own_text=about.get("own_text") is True,
            **numbers,
        )
        return brief.check()
    except (StudioError, TypeError, ValueError):
        return article.brief


def _words(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(value)
    return value
