"""People's own personas."""

from __future__ import annotations

import json
from dataclasses import replace

from studio.documents import persona as personas
from studio.documents.persona import Persona
from studio.errors import InputError
from studio.storage.database import Database, clean, now
from studio.storage.listing import first_row, require_owned, set_deleted

MAX_PERSONAS = 200  # of one person


class Personas:
    """Everything takes the `person` it belongs to; deleting only hides."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, person: str, persona: Persona) -> Persona:
        """Keep it, checked. Gives it back with its id. Raises InputError, NotFoundError for another's id."""
        persona = replace(persona.check(), key="")
        with self._database.write() as connection:
            if persona.id:
                require_owned(connection, "personas", person, persona.id)
            else:
                count = "SELECT count(*) FROM personas WHERE person = ? AND deleted IS NULL"
                if connection.execute(count, (person,)).fetchone()[0] >= MAX_PERSONAS:
                    raise InputError("personas_too_many", limit=MAX_PERSONAS)
                insert = "INSERT INTO personas (person, name, body, created, changed) VALUES (?, '', '', ?, '')"
                persona = replace(persona, id=connection.execute(insert, (person, now())).lastrowid or 0)
            body = json.dumps(personas.to_dict(persona))
            update = "UPDATE personas SET name = ?, body = ?, changed = ? WHERE id = ?"
            connection.execute(update, (clean(persona.name), body, now(), persona.id))
        return persona

    def get(self, person: str, id: int) -> Persona:
        """That persona. Raises NotFoundError."""
        sql = "SELECT body FROM personas WHERE id = ? AND person = ? AND deleted IS NULL"
        rows = self._database.read(sql, id, person) if 0 < id < 2**63 else []
        return personas.from_dict(json.loads(first_row(rows, "persona", id)["body"]))

    def all(self, person: str) -> list[Persona]:
        """This person's own, in the order in which they were made."""
        sql = "SELECT body FROM personas WHERE person = ? AND deleted IS NULL ORDER BY id"
        return [personas.from_dict(json.loads(row["body"])) for row in self._database.read(sql, person)]

    def delete(self, person: str, id: int) -> None:
        """Hide it; conversations with it stay as they are."""
        set_deleted(self._database, "personas", person, id, now())

    def undelete(self, person: str, id: int) -> None:
        """Bring it back."""
        set_deleted(self._database, "personas", person, id, None)
