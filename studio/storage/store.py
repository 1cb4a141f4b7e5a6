"""What people made, kept: articles with all their versions, conversations, and picture files named by their hash.

Everything takes the `person` it belongs to; what is another's is not found. Deleting only hides.

Versions of an article form a tree: each knows the version it was made from. Undo goes to that one, redo to the newest
made from the current one, so a save after an undo loses nothing. An article that is being written is one version,
however often it is saved: undo never leads into half a text.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from studio.documents import article as articles
from studio.documents.article import Article, Picture
from studio.documents.conversation import Conversation
from studio.errors import StorageError
from studio.storage.conversations import Conversations
from studio.storage.database import Database, clean, now
from studio.storage.health import Health
from studio.storage.listing import (
    ArticleRow,
    ConversationRow,
    Version,
    first_row,
    list_rows,
    neighbouring_version,
    require_owned,
    set_deleted,
)
from studio.storage.migrations import MIGRATIONS
from studio.storage.personas import Personas
from studio.storage.picture_files import PictureFiles, StoredFile, is_picture_key
from studio.storage.process_locks import Liveness
from studio.storage.prompt_rows import PromptRows
from studio.storage.tables import Tables
from studio.storage.unsaved import Unsaved
from studio.storage.web_pages import WebPages

__all__ = ["ArticleRow", "ConversationRow", "Store", "Version"]

DATABASE = "studio.sqlite3"
UNDER_WAY = ("writing", "illustrating")


class Store:
    """The data folder. Safe for many threads, and for several processes on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._alive = Liveness(folder / "alive", version=len(MIGRATIONS))
        try:
            self.database = Database(folder / DATABASE, self._alive.others_are_current, self._alive.renew)
        except BaseException:
            self._alive.close()
            raise
        self._files = PictureFiles(folder, self.database)
        self._files.remove_partial_files()
        self._conversations = Conversations(self.database, self._files)
        self.tables = Tables(self.database, self._files, self._alive)
        self.personas = Personas(self.database)
        self.prompts = PromptRows(self.database)
        self.web_pages = WebPages(self.database, self._alive)
        self._health = Health(self.database)
        self._unsaved = Unsaved(self._save_end)

    def close(self) -> None:
        """Close the database. Articles still under way count as interrupted from now on."""
        self._unsaved.close()
        self.database.close()
        self._alive.close()

    def health(self) -> StorageError | None:
        """What keeps the data folder from keeping things at this moment: it is gone, full, or cannot be written. For
        whoever asks every few seconds; nobody has to wait for it before a write, which finds out by itself."""
        return self._health.fault()

    # Articles

    def save_article(self, person: str, article: Article, reason: str = "") -> Article:
        """Keep it as a new version (or in the one under way); the same content again changes nothing.

        Gives it back with its id, which it gets at its first save. Raises NotFoundError for another's id.
        """
        self._files.copy_external(_pictures(article))
        with self.database.write() as connection:
            moment = now()
            if article.id:
                row = require_owned(connection, "articles", person, article.id, deleted=True)
                last, parent = row["current"], row["current"]
                old = connection.execute(_VERSION, (article.id, last)).fetchone()
                if old["body"] == _dump(articles.to_dict(article)):
                    return article
                if row["status"] in UNDER_WAY:
                    parent = old["parent"]
                else:
                    newest = "SELECT max(number) FROM versions WHERE article = ?"
                    last = connection.execute(newest, (article.id,)).fetchone()[0] + 1
            else:
                id = connection.execute(_INSERT, (person, moment, moment)).lastrowid
                article, last, parent = replace(article, id=id or 0), 1, None
            body = _dump(articles.to_dict(article))
            connection.execute(_PUT_VERSION, (article.id, last, parent, moment, reason, body))
            self._point(connection, article, last)
        return article

    def save_later(self, person: str, article: Article, reason: str) -> None:
        """Keep the end of an article that is stored as under way, as soon as the data folder takes it."""
        self._unsaved.add(person, article, reason)

    def _save_end(self, person: str, article: Article, reason: str) -> None:
        if self.article(person, article.id).status in UNDER_WAY:  # else it has been gone on with since
            self.save_article(person, article, reason)

    def article(self, person: str, id: int) -> Article:
        """The current version. Raises NotFoundError."""
        row = first_row(self.database.read(_CURRENT, id, person), "article", id)
        return articles.from_dict(json.loads(row["body"]))

    def versions(self, person: str, id: int) -> list[Version]:
        """All versions, the oldest first."""
        current = first_row(self.database.read(_CURRENT, id, person), "article", id)["number"]
        rows = self.database.read("SELECT number, created, reason FROM versions WHERE article = ? ORDER BY number", id)
        return [
            Version(r["number"], datetime.fromisoformat(r["created"]), r["reason"], r["number"] == current)
            for r in rows
        ]

    def article_at(self, person: str, id: int, version: int) -> Article:
        """The article as it was in that version. Save it to make it the newest."""
        first_row(self.database.read(_CURRENT, id, person), "article", id)
        row = first_row(self.database.read(_VERSION, id, version), "article", id)
        return articles.from_dict(json.loads(row["body"]))

    def step(self, person: str, id: int, by: Literal[-1, 1]) -> Article:
        """Undo (-1) or redo (+1) one step and give the article there; at the end of the line it stays as it is."""
        with self.database.write() as connection:
            number = require_owned(connection, "articles", person, id)["current"]
            target = neighbouring_version(connection, id, number, by) or number
            body = connection.execute(_VERSION, (id, target)).fetchone()["body"]
            article = articles.from_dict(json.loads(body))
            if target != number:
                if article.status in UNDER_WAY:  # left in the middle of its making, which went on in another version
                    article = self._stopped(connection, article, target)
                self._point(connection, article, target)
        return article

    def can_step(self, person: str, id: int) -> tuple[bool, bool]:
        """Whether there is something to undo, and something to redo."""
        with self.database.write() as connection:
            number = require_owned(connection, "articles", person, id)["current"]
            back, forward = (neighbouring_version(connection, id, number, by) for by in (-1, 1))
        return back is not None, forward is not None

    def list_articles(self, person: str, search: str = "", deleted: bool = False) -> list[ArticleRow]:
        """Those whose text has every word of `search`, the last changed first; or the deleted ones."""
        return [
            ArticleRow(
                r["id"],
                r["title"],
                r["instruction"],
                r["status"],
                datetime.fromisoformat(r["created"]),
                datetime.fromisoformat(r["changed"]),
                r["cover"],
            )
            for r in list_rows(self.database, "articles", person, search, deleted)
        ]

    def rename(self, person: str, id: int, title: str) -> Article:
        """With another title, as a new version."""
        return self.save_article(person, replace(self.article(person, id), title=" ".join(title.split())), "rename")

    def delete_article(self, person: str, id: int) -> None:
        """Hide it. Nothing is lost: `undelete_article` brings it back."""
        set_deleted(self.database, "articles", person, id, now())

    def undelete_article(self, person: str, id: int) -> None:
        """Bring it back."""
        set_deleted(self.database, "articles", person, id, None)

    def give_articles(self, giver: str, taker: str) -> int:
        """Make another person's articles, and the pictures in them, this one's; how many articles there were."""
        with self.database.write() as connection:
            own = "INSERT OR IGNORE INTO picture_owner (key, person) SELECT key, ? FROM picture_owner WHERE person = ?"
            connection.execute(own, (taker, giver))
            connection.execute("DELETE FROM picture_owner WHERE person = ?", (giver,))
            connection.execute("UPDATE prompts SET person = ? WHERE person = ? AND article > 0", (taker, giver))
            return connection.execute("UPDATE articles SET person = ? WHERE person = ?", (taker, giver)).rowcount

    def owner(self, kind: Literal["article", "conversation"], id: int) -> str:
        """Whose it is, for the command line, which whoever may read the data folder uses. Raises NotFoundError."""
        rows = self.database.read(f"SELECT person FROM {kind}s WHERE id = ? AND deleted IS NULL", id)
        return str(first_row(rows, kind, id)["person"])

    def mark_interrupted(self) -> int:
        """Articles left under way by a process that is gone become "stopped" and interrupted; how many there were.

        For the start of the page. Articles that a living process writes, this or another, are left alone.
        """
        count = 0
        with self.database.write() as connection:
            sql = "SELECT id, current, maker, changed FROM articles WHERE status IN ('writing', 'illustrating')"
            rows = connection.execute(sql).fetchall()
            gone = {maker for maker in {r["maker"] for r in rows} if not self._alive.is_alive(maker)}
            for row in rows:
                if row["maker"] not in gone:
                    continue
                body = connection.execute(_VERSION, (row["id"], row["current"])).fetchone()["body"]
                article = replace(articles.from_dict(json.loads(body)), interrupted=True)
                article = self._stopped(connection, article, row["current"])
                self._point(connection, article, row["current"], row["changed"])
                count += 1
        return count

    def _stopped(self, connection: sqlite3.Connection, article: Article, version: int) -> Article:
        article = replace(article, status="stopped")
        update = "UPDATE versions SET body = ? WHERE article = ? AND number = ?"
        connection.execute(update, (_dump(articles.to_dict(article)), article.id, version))
        return article

    def _point(self, connection: sqlite3.Connection, article: Article, version: int, changed: str = "") -> None:
        """Make a version the current one, and its words the ones that lists and search see."""
        pictures = article.pictures
        words = "\n".join((article.title, article.brief.subject, article.markdown)).casefold()
        connection.execute(
            "UPDATE articles SET current = ?, title = ?, instruction = ?, status = ?, cover = ?, words = ?, maker = ?,"
            " changed = ? WHERE id = ?",
            (
                version,
                clean(article.title),
                clean(article.brief.subject),
                article.status,
                pictures[0].key if pictures else "",
                clean(words),
                self._alive.name if article.status in UNDER_WAY else "",
                changed or now(),
                article.id,
            ),
        )

    # Conversations

    def save_conversation(self, person: str, conversation: Conversation) -> Conversation:
        """Keep it; it has no versions. Gives it back with its id. Raises NotFoundError for another's id."""
        return self._conversations.save(person, conversation)

    def conversation(self, person: str, id: int) -> Conversation:
        """That conversation. Raises NotFoundError."""
        return self._conversations.get(person, id)

    def title_conversation(self, person: str, id: int, title: str) -> None:
        """Give it a title; its place in lists stays. Raises NotFoundError."""
        self._conversations.set_title(person, id, title)

    def list_conversations(self, person: str, search: str = "", deleted: bool = False) -> list[ConversationRow]:
        """Those that have every word of `search`, the last changed first; or the deleted ones."""
        return self._conversations.rows(person, search, deleted)

    def delete_conversation(self, person: str, id: int) -> None:
        """Hide it; `undelete_conversation` brings it back."""
        self._conversations.delete(person, id)

    def undelete_conversation(self, person: str, id: int) -> None:
        """Bring it back."""
        self._conversations.undelete(person, id)

    # Pictures

    def add_file(self, file: StoredFile, person: str = "") -> str:
        """Keep a picture's file and note whose it is; gives its key. The same file twice is kept once."""
        return self._files.add(file, person)

    def add_external_file(self, key: str, mime: str, width: int, height: int, path: Path) -> None:
        """Note a picture's file that stays where it is."""
        self._files.add_external(key, mime, width, height, path)

    def read_file(self, key: str) -> bytes:
        """The bytes of a picture. Raises NotFoundError."""
        return self._files.read(key)

    def file_path(self, key: str) -> Path:
        """Where a picture lies. Raises NotFoundError."""
        return self._files.path(key)

    def file_type(self, key: str) -> str:
        """Its media type, for example image/jpeg. Raises NotFoundError."""
        return self._files.mime(key)

    def picture_size(self, key: str) -> tuple[int, int]:
        """Its width and height in pixels. Raises NotFoundError."""
        return self._files.size(key)

    def may_see(self, person: str, key: str) -> bool:
        """Whether a picture is this person's own, stands in the library, which is for everyone, or was taken from there
        into something of this person's before it was removed."""
        sql = "SELECT 1 FROM picture_owner WHERE key = ? AND person = ? UNION SELECT 1 FROM pictures WHERE key = ?"
        if self.database.read(sql, key, person, key):
            return True
        return is_picture_key(key) and bool(self.database.read(_SHOWS, person, key, person, key, person, key))


_SHOWS = (
    "SELECT 1 FROM versions JOIN articles ON article = articles.id WHERE person = ? AND instr(body, ?)"
    " UNION ALL SELECT 1 FROM conversations WHERE person = ? AND instr(body, ?)"
    " UNION ALL SELECT 1 FROM table_rows JOIN tables ON table_rows.id = tables.id"
    " WHERE person = ? AND instr(picture, ?) LIMIT 1"
)
_INSERT = (
    "INSERT INTO articles (person, current, title, instruction, status, cover, words, maker, created, changed)"
    " VALUES (?, 0, '', '', '', '', '', '', ?, ?)"
)
_PUT_VERSION = (
    "INSERT OR REPLACE INTO versions (article, number, parent, created, reason, body) VALUES (?, ?, ?, ?, ?, ?)"
)
_VERSION = "SELECT parent, body FROM versions WHERE article = ? AND number = ?"
_CURRENT = (
    "SELECT number, body FROM articles JOIN versions ON article = id AND number = current"
    " WHERE id = ? AND person = ? AND deleted IS NULL"
)


def _pictures(article: Article) -> tuple[Picture, ...]:
    return article.pictures + article.brief.pictures


def _dump(data: dict[str, Any]) -> str:
    return json.dumps(data)  # ASCII: keeps even halves of characters exactly
