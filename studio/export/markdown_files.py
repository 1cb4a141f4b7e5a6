"""Articles and conversations as Markdown: a zip, or the text and the picture files to lay beside it.

CommonMark, a blank line between blocks. A picture is a paragraph of its own, its caption and credit an italic line
below it, because most readers of Markdown do not show the words inside `![…]`. A place that stayed empty is not
printed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from studio.documents.article import Article, Picture
from studio.documents.conversation import Conversation, Turn
from studio.documents.file_names import slug
from studio.errors import Language
from studio.export.clean_text import document_language, label, line
from studio.export.images import ReadPicture, for_everywhere, load
from studio.markdown import clean

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
# HTML that CommonMark lets run over blank lines, and what ends it.
_RAW_HTML = (
    (
        re.compile(r" {0,3}<(script|pre|style|textarea)(\s|>|$)", re.I),
        re.compile(r"</(script|pre|style|textarea)>", re.I),
    ),
    (re.compile(r" {0,3}<!--"), re.compile(r"-->")),
    (re.compile(r" {0,3}<\?"), re.compile(r"\?>")),
    (re.compile(r" {0,3}<!\[CDATA\["), re.compile(r"\]\]>")),
    (re.compile(r" {0,3}<![A-Za-z]"), re.compile(r">")),
)


@dataclass
class _Folder:
    """The pictures of one export as they are gathered: file names, bytes, what was missing."""

    read_picture: ReadPicture
    name: str
    language: Language
    files: dict[str, bytes] = field(default_factory=dict)
    report_rows: list[dict[str, str]] = field(default_factory=list)
    missing: list[dict[str, str]] = field(default_factory=list)
    _known: dict[str, str] = field(default_factory=dict)

    def show(self, picture: Picture, caption: str) -> list[str]:
        """The Markdown blocks of one picture. Its file is taken in once, however often it is shown."""
        facts = {"caption": line(caption), "title": line(picture.title), "credit": line(picture.credit)}
        name = facts["caption"] or facts["title"]
        path = self._known.get(picture.key) or self._take(picture.key, name)
        if not path:
            self.missing.append({"key": picture.key, **facts})
            return [_italic(label("missing", self.language, name=name or picture.key), facts["credit"])]
        self.report_rows.append({"file": path, **facts})
        below = _italic(facts["caption"], facts["credit"])
        return [f"![{escape(name)}]({path})", *([below] if below else [])]

    def _take(self, key: str, name: str) -> str:
        loaded = load(key, self.read_picture)
        if loaded is None:
            return ""
        loaded = for_everywhere(loaded)
        path = f"{self.name}/{len(self.files) + 1:02}-{slug(name) or 'picture'}.{loaded.suffix}"
        self.files[path] = loaded.data
        self._known[key] = path
        return path

    def report(self) -> dict[str, object]:
        """For about.json."""
        return {"pictures": self.report_rows, **({"missing_pictures": self.missing} if self.missing else {})}


def article_files(
    article: Article, read_picture: ReadPicture, folder: str = "images"
) -> tuple[str, dict[str, bytes], dict[str, object]]:
    """The text, its picture files by their path beside it, and what about.json says about the pictures.

    `folder` is the name of the pictures' folder; it stands in the text's links, so it should be a plain word.
    """
    pictures = _Folder(read_picture, folder, document_language(article))
    blocks = _title(article.title)
    for section in article.sections:
        blocks.append(close_open_blocks(section.text))
        if section.illustration:
            blocks += pictures.show(section.illustration.picture, section.illustration.caption)
    return _join(blocks), pictures.files, pictures.report()


def conversation_files(
    conversation: Conversation, read_picture: ReadPicture, folder: str = "images"
) -> tuple[str, dict[str, bytes], dict[str, object]]:
    """The same of a conversation: each question a heading and a quote, its pictures, the answer."""
    language = document_language(conversation)
    pictures = _Folder(read_picture, folder, language)
    blocks = [f"# {label('conversation', language)}"]
    seen = 0
    for number, turn in enumerate(conversation.turns, 1):
        blocks.append(f"## {label('asked', language, number=number)}")
        for picture in turn.pictures:
            seen += 1
            name = label("numbered", language, number=seen)
            blocks += pictures.show(picture, f"{name}: {picture.title}" if picture.title else name)
        blocks += [_quote(turn.question), close_open_blocks(turn.answer), _italic(*remarks(turn, language))]
    return _join(blocks), pictures.files, pictures.report()


def text_only(article: Article) -> str:
    """One file without pictures: each picture's caption and credit stand in its place."""
    language = document_language(article)
    blocks, number = _title(article.title), 0
    for section in article.sections:
        blocks.append(close_open_blocks(section.text))
        if section.illustration:
            number += 1
            shown = section.illustration
            name = line(shown.caption) or line(shown.picture.title)
            blocks.append(_italic(label("numbered", language, number=number), name, shown.picture.credit))
    return _join(blocks)


def archive(name: str, text: str, files: Mapping[str, bytes], about: Mapping[str, object]) -> bytes:
    """A zip of the text, the pictures and about.json. The same content gives the same bytes."""
    facts = clean(json.dumps(about, ensure_ascii=False, indent=2, default=_plain_data))
    out = BytesIO()
    with ZipFile(out, "w") as zip:
        for path, data in {name: text.encode(), **files, "about.json": facts.encode() + b"\n"}.items():
            entry = ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            zip.writestr(entry, data, ZIP_STORED if path in files else ZIP_DEFLATED)
    return out.getvalue()


def remarks(turn: Turn, language: Language) -> tuple[str, str]:
    """How the answer ended, when not by itself, and whether it was liked: two words or nothing."""
    ended = label(turn.finish, language) if turn.finish in ("length", "cancelled", "failed") else ""
    liked = "" if turn.liked is None else label("liked" if turn.liked else "disliked", language)
    return ended, liked


def escape(text: str) -> str:
    """Plain words as Markdown that shows exactly these words, on one line, and cannot break out of brackets."""
    return re.sub(r"([\\`*_\[\]<>&!$~|])", r"\\\1", line(text))


def close_open_blocks(text: str) -> str:
    """A block of Markdown that ends where it ends: an open code fence or HTML comment does not swallow what follows.

    A fence left open, as in a text that was stopped, is closed. HTML left open is shown as the characters it is.
    Fences inside lists and quotes need nothing, they end with them.
    """
    lines = clean(text).strip("\n").rstrip().split("\n")
    at = 0
    while at < len(lines):
        if fence := _FENCE.match(lines[at]):
            mark = fence[1]
            close = re.compile(rf"^ {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$")
            end = _find(lines, at + 1, close)
            if end is None:
                return "\n".join([*lines, mark])
            at = end
        for opens, ends in _RAW_HTML:
            if opens.match(lines[at]):
                end = _find(lines, at, ends)
                if end is None:
                    lines[at] = lines[at].replace("<", "\\<", 1)
                else:
                    at = end
                break
        at += 1
    return "\n".join(lines)


def _find(lines: list[str], start: int, pattern: re.Pattern[str]) -> int | None:
    return next((i for i in range(start, len(lines)) if pattern.search(lines[i])), None)


def _title(title: str) -> list[str]:
    return [f"# {line(title)}"] if line(title) else []


def _italic(*parts: str) -> str:
    words = " · ".join(escape(part) for part in parts if line(part))
    return f"*{words}*" if words else ""


def _quote(text: str) -> str:
    """A person's words, which are not Markdown, as a quote that keeps their lines."""
    rows = [re.sub(r"^(\d{1,9})([.)])|^([#+=-])", r"\1\\\2\3", escape(row)) for row in clean(text).strip().split("\n")]
    return "\n".join(
        f"> {row}\\" if row and i < len(rows) - 1 and rows[i + 1] else f"> {row}" for i, row in enumerate(rows)
    )


def _join(blocks: list[str]) -> str:
    return "\n\n".join(block for block in blocks if block.strip()) + "\n"


def _plain_data(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else str(value)
