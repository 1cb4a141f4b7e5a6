"""A persona: who answers in a conversation. Pure data; files of strangers are checked in `persona_files`.

Its system text, greeting and examples are text for the model and never control tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from studio.errors import InputError
from studio.sampling import check as check_sampling

MAX_NAME = 60  # characters
MAX_SYSTEM = 12_000
MAX_GREETING = 4_000
MAX_EXAMPLES = 20


@dataclass(frozen=True)
class Example:
    """A question, and how the persona would answer it; without an answer it is one to begin with."""

    question: str
    answer: str = ""


@dataclass(frozen=True)
class Persona:
    """`key` names one that comes with the studio, `id` is the number of one's own in the store. `picture` is the key of
    a stored picture, or of a built-in one the name of its file. `model` names the published model that was made for
    it, `sampling` holds the numbers that are not the model's own."""

    name: str
    system: str = ""
    greeting: str = ""
    examples: tuple[Example, ...] = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    picture: str = ""
    key: str = ""
    id: int = 0

    @property
    def spoken(self) -> tuple[Example, ...]:
        """Examples that show how it answers: they stand before every conversation."""
        return tuple(e for e in self.examples if e.answer)

    @property
    def openers(self) -> tuple[str, ...]:
        """Questions to begin with."""
        return tuple(e.question for e in self.examples)

    def check(self) -> Persona:
        """Itself, with blanks around its name taken off. Raises InputError for what cannot be one."""
        name = " ".join(self.name.split())
        if not name:
            raise InputError("persona_nameless")
        lengths = {"name": (name, MAX_NAME), "system": (self.system, MAX_SYSTEM)}
        lengths |= {"greeting": (self.greeting, MAX_GREETING)}
        examples = [text for e in self.examples for text in (e.question, e.answer)]
        lengths |= {f"examples {n}": (text, MAX_GREETING) for n, text in enumerate(examples)}
        for part, (text, limit) in lengths.items():
            if len(text) > limit:
                raise InputError("persona_too_long", part=part.split()[0], length=len(text), limit=limit)
        if len(self.examples) > MAX_EXAMPLES:
            raise InputError("persona_too_long", part="examples", length=len(self.examples), limit=MAX_EXAMPLES)
        return replace(self, name=name, sampling=check_sampling("talk", self.sampling))


def to_dict(persona: Persona) -> dict[str, Any]:
    """As plain JSON data."""
    return asdict(persona) | {"sampling": dict(persona.sampling)}


def from_dict(data: Mapping[str, Any]) -> Persona:
    """Back from `to_dict`."""
    examples = tuple(Example(**e) for e in data.get("examples", ()))
    return Persona(**{**data, "examples": examples, "sampling": dict(data.get("sampling", {}))})
