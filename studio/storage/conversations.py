"""Conversations, each kept whole at every answer."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import datetime

from studio.documents import conversation as conversations
from studio.documents.conversation import Conversation
from studio.storage.database import Database, clean, now
from studio.storage.listing import ConversationRow, first_row, list_rows, require_owned, set_deleted
from studio.storage.picture_files import PictureFiles


class Conversations:
    """The conversations of a store. Everything takes the `person` it belongs to; deleting only hides."""

    def __init__(self, database: Database, files: PictureFiles) -> None:
        self._database = database
        self._files = files

    def save(self, person: str, conversation: Conversation) -> Conversation:
        """Keep it; it has no versions. Gives it back with its id. Raises NotFoundError for another's id."""
        self._files.copy_external(conversation.pictures)
        pictures = conversation.pictures
        cover = pictures[0].key if pictures else ""
        with self._database.write() as connection:
            if conversation.id:
                require_owned(connection, "conversations", person, conversation.id, deleted=True)
                if not conversation.title:  # it may have got one since the caller read it
                    conversation = replace(conversation, title=_title(connection, conversation.id))
            else:
                id = connection.execute(_INSERT, (person, now())).lastrowid
                conversation = replace(conversation, id=id or 0)
            title = conversation.title or (conversation.turns[0].question if conversation.turns else "")
            told = (f"{turn.question}\n{turn.answer}" for turn in conversation.turns)
            words = "\n".join((title, *told)).casefold()
            body = json.dumps(conversations.to_dict(conversation))
            connection.execute(
                "UPDATE conversations SET title = ?, words = ?, turns = ?, cover = ?, body = ?, kind = ?, changed = ?"
                " WHERE id = ?",
                (
                    clean(title),
                    clean(words),
                    len(conversation.turns),
                    cover,
                    body,
                    conversation.kind,
                    now(),
                    conversation.id,
                ),
            )
        return conversation

    def get(self, person: str, id: int) -> Conversation:
        """That conversation. Raises NotFoundError."""
        sql = "SELECT body FROM conversations WHERE id = ? AND person = ? AND deleted IS NULL"
        row = first_row(self._database.read(sql, id, person), "conversation", id)
        return conversations.from_dict(json.loads(row["body"]))

    def set_title(self, person: str, id: int, title: str) -> None:
        """Give it a title and leave its place in lists as it is. Raises NotFoundError."""
        with self._database.write() as connection:
            require_owned(connection, "conversations", person, id)
            row = connection.execute("SELECT body, words FROM conversations WHERE id = ?", (id,)).fetchone()
            body = json.dumps({**json.loads(row["body"]), "title": title})
            update = "UPDATE conversations SET title = ?, body = ?, words = ? WHERE id = ?"
            words = f"{clean(title).casefold()}\n{row['words']}"
            connection.execute(update, (clean(title), body, words, id))

    def rows(self, person: str, search: str = "", deleted: bool = False) -> list[ConversationRow]:
        """Those that have every word of `search`, the last changed first; or the deleted ones."""
        return [
            ConversationRow(
                r["id"],
                r["title"],
                r["turns"],
                datetime.fromisoformat(r["created"]),
                datetime.fromisoformat(r["changed"]),
                r["cover"],
                r["body"].count('"liked": true'),
                r["kind"],
            )
            for r in list_rows(self._database, "conversations", person, search, deleted)
        ]

    def delete(self, person: str, id: int) -> None:
        """Hide it; `undelete` brings it back."""
        set_deleted(self._database, "conversations", person, id, now())

    def undelete(self, person: str, id: int) -> None:
        """Bring it back."""
        set_deleted(self._database, "conversations", person, id, None)


def _title(connection: sqlite3.Connection, id: int) -> str:
    body = connection.execute("SELECT body FROM conversations WHERE id = ?", (id,)).fetchone()["body"]
    return str(json.loads(body).get("title", "")) if body else ""


_INSERT = (
    "INSERT INTO conversations (person, title, words, turns, cover, body, created, changed)"
    " VALUES (?, '', '', 0, '', '', ?, '')"
)
