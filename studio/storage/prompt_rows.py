"""The prompts that models were sent for answers and articles, the newest of each person."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from studio.storage.database import Database, now
from studio.storage.listing import first_row

KEPT = 2_000  # prompts of a person; the oldest go. One takes some KB, packed


@dataclass(frozen=True)
class PromptRow:
    """A prompt as a list shows it: `step` says what it was for, `model` which one it was sent to."""

    id: int
    step: str
    model: str


@dataclass(frozen=True)
class KeptPrompt:
    """A prompt as plain JSON data of whoever keeps it, and its token ids likewise, None until they are known."""

    row: PromptRow
    data: Any
    ids: Any


class PromptRows:
    """See the module. Another person's prompt is not found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, person: str, data: Any, model: str, article: int = 0, step: str = "") -> int:
        """Keep one, of an article if it is one's; gives its number."""
        values = (person, _pack(data), now(), model, article, step)
        with self._database.write() as connection:
            id = connection.execute(_INSERT, values).lastrowid or 0
            connection.execute(_FORGET, (person, person, KEPT))
        return id

    def add_ids(self, person: str, id: int, ids: Any) -> None:
        """Keep the token ids of a prompt, too."""
        with self._database.write() as connection:
            connection.execute("UPDATE prompts SET ids = ? WHERE id = ? AND person = ?", (_pack(ids), id, person))

    def get(self, person: str, id: int) -> KeptPrompt:
        """That prompt. Raises NotFoundError."""
        sql = "SELECT id, step, model, body, ids FROM prompts WHERE id = ? AND person = ?"
        r = first_row(self._database.read(sql, id, person), "prompt", id)
        ids = _unpack(r["ids"]) if r["ids"] is not None else None
        return KeptPrompt(PromptRow(r["id"], r["step"], r["model"]), _unpack(r["body"]), ids)

    def of_article(self, person: str, article: int) -> list[PromptRow]:
        """Those of an article, in the order in which they were sent."""
        sql = "SELECT id, step, model FROM prompts WHERE person = ? AND article = ? AND article > 0 ORDER BY id"
        return [PromptRow(r["id"], r["step"], r["model"]) for r in self._database.read(sql, person, article)]

    def without_ids(self, person: str, article: int) -> list[int]:
        """The numbers of those of an article whose token ids are not known."""
        sql = "SELECT id FROM prompts WHERE person = ? AND article = ? AND article > 0 AND ids IS NULL"
        return [r["id"] for r in self._database.read(sql, person, article)]


_INSERT = "INSERT INTO prompts (person, body, created, model, article, step) VALUES (?, ?, ?, ?, ?, ?)"
_FORGET = (
    "DELETE FROM prompts WHERE person = ?"
    " AND id <= (SELECT id FROM prompts WHERE person = ? ORDER BY id DESC LIMIT 1 OFFSET ?)"
)


def _pack(data: Any) -> bytes:
    return zlib.compress(json.dumps(data).encode())


def _unpack(body: bytes) -> Any:
    return json.loads(zlib.decompress(body))
