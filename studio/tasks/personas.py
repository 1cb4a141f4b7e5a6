"""Who there is to talk with: the personas that come with the studio, and people's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from studio.documents.persona import Example, Persona
from studio.documents.persona_files import MAX_FILE, read_persona, write_persona
from studio.errors import InputError, NotFoundError
from studio.library.picture_intake import normalise_file
from studio.storage.regular_file import read_regular
from studio.storage.store import Store

BUILT_IN = ("assistant", "bajie", "huanhuan", "horo")  # in the order of their cards


class PersonaShelf:
    """`folder` has a JSON file and an SVG for each one that comes with the studio."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store, self._folder = store, folder
        self._names: dict[str, tuple[str, ...]] = {}
        self._built_in = tuple(map(self._read_built_in, BUILT_IN))

    def all(self, person: str) -> tuple[Persona, ...]:
        """Those that come with the studio, then this person's own."""
        return (*self._built_in, *self._store.personas.all(person))

    def get(self, person: str, key: str) -> Persona:
        """One by its `key`, or the number of one's own. Raises NotFoundError."""
        for persona in self._built_in:
            if persona.key == key:
                return persona
        return self._store.personas.get(person, int(key) if key.isascii() and key.isdigit() else 0)

    def named(self, person: str, name: str) -> Persona:
        """One by any of its names, or from a file. Raises InputError, NotFoundError."""
        every = self.all(person)
        for persona in every:
            if name in (persona.name, persona.key, *self._names.get(persona.key, ())):
                return persona
        if Path(name).suffix.lower() in (".json", ".png"):
            return read_persona(read_regular(Path(name), MAX_FILE), Path(name).name).persona
        raise InputError("persona_unknown", name=name, known=", ".join(p.name for p in every))

    def take(self, person: str, data: bytes, name: str) -> Persona:
        """Keep a persona from a file called `name`; its picture is opened as every picture is. Raises StudioError."""
        found = read_persona(data, name)
        persona = found.persona
        if found.picture:
            persona = replace(persona, picture=self._store.add_file(normalise_file(found.picture, name), person))
        return self._store.personas.save(person, persona)

    def file_of(self, person: str, key: str) -> tuple[str, bytes]:
        """A persona as a file for others: its name, and its bytes. Raises NotFoundError."""
        persona = self.get(person, key)
        picture = b""
        if persona.picture and not persona.key:
            try:
                picture = self._store.read_file(persona.picture)
            except NotFoundError:  # it was removed from the disk: the persona is worth keeping without
                picture = b""
        return persona.name, write_persona(persona, picture)

    def _read_built_in(self, key: str) -> Persona:
        data = json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))
        self._names[key] = tuple(data.pop("names"))
        examples = tuple(Example(**example) for example in data.pop("examples"))
        return Persona(**data, examples=examples, key=key, picture=f"{key}.svg").check()
