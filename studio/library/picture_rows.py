"""A picture of the library as its row in the database, and who may change it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studio.documents.article import Picture
from studio.errors import InputError, Language, NotFoundError
from studio.library.search_words import index_text
from studio.storage.database import clean, now
from studio.storage.persons import CLI

HIT = "key, own, owner, origin, title_en, title_zh, caption_en, caption_zh"  # the columns of a Hit


@dataclass(frozen=True)
class Hit:
    """A picture found, its caption in the language asked for, how well it fits, whether it was added by people (`own`,
    not of the starter set), and by whom: `owner` is empty where that is not known."""

    picture: Picture
    caption: str
    score: float
    own: bool
    owner: str = ""

    def may_change(self, person: str) -> bool:
        """Whether this person may describe or remove it."""
        return person == CLI or bool(self.owner) and person == self.owner


def to_hit(row: Any, score: float, language: Language) -> Hit:
    """A row that has at least the columns HIT."""
    picture = Picture(row["key"], row[f"title_{language}"], row["origin"])
    return Hit(picture, row[f"caption_{language}"], score, bool(row["own"]), row["owner"])


def find(connection: sqlite3.Connection, key: str) -> Any:
    """The picture's row, be it removed; None where there is none."""
    return connection.execute(f"SELECT {HIT}, id, removed, edited FROM pictures WHERE key = ?", (key,)).fetchone()


def changeable(connection: sqlite3.Connection, key: str, person: str) -> Any:
    """The picture's row, if this person may change it. Raises NotFoundError and InputError."""
    row = find(connection, key)
    if row is None:
        raise NotFoundError("stored_picture_missing", picture=key)
    if not to_hit(row, 0.0, "en").may_change(person):
        raise InputError("not_your_picture")
    return row


def put(
    connection: sqlite3.Connection,
    key: str,
    entry: dict[str, Any],
    own: bool,
    origin: str,
    owner: str,
    removed: bool = False,
    edited: bool = False,
) -> None:
    """Insert a picture, or write over it, and over the words by which it is found. `edited`: a person wrote them."""
    words = [clean(entry[part][lang]) for part in ("title", "caption") for lang in ("en", "zh")]
    words += [" ".join(entry["tags"][lang]) for lang in ("en", "zh")]
    columns = (
        "key, own, owner, removed, edited, origin, title_en, title_zh, caption_en, caption_zh, tags_en, tags_zh, added"
    )
    places = ", ".join("?" * (columns.count(",") + 1))
    written = ", ".join(f"{name} = excluded.{name}" for name in columns.split(", ")[1:-1])
    connection.execute(
        f"INSERT INTO pictures ({columns}) VALUES ({places}) ON CONFLICT (key) DO UPDATE SET {written}, vector = NULL",
        (key, own, owner, removed, edited, origin, *words, now()),
    )
    id = connection.execute("SELECT id FROM pictures WHERE key = ?", (key,)).fetchone()["id"]
    index_words(connection, id, words)


def index_words(connection: sqlite3.Connection, id: int, words: Sequence[str]) -> None:
    """Make the words of a picture findable: title, caption, tags, each in English and Chinese."""
    columns = (index_text(" ".join(dict.fromkeys(words[at : at + 2]))) for at in (0, 2, 4))
    connection.execute("DELETE FROM picture_words WHERE rowid = ?", (id,))
    connection.execute("INSERT INTO picture_words (rowid, title, caption, tags) VALUES (?, ?, ?, ?)", (id, *columns))
