"""A conversation, about pictures or with a persona. Pure data: pictures are numbered 1..n through all turns, in the
order they came.

A turn that was asked again, in the same or other words, keeps what was there before as a version of itself, with all
that followed it; so nothing is lost by going back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from studio.documents import persona as personas
from studio.documents.article import Picture
from studio.documents.persona import Persona
from studio.documents.steps import AgentStep, StepFile, steps_from_list

MAX_PICTURES = 10  # in one message
MAX_QUESTION = 8_000  # characters
MAX_VERSIONS = 50  # of one turn; the oldest goes
Kind = Literal["pictures", "talk"]


@dataclass(frozen=True)
class Turn:
    """One question and its answer. `pictures` came with this question; `finish` says how the answer ended. When it was
    answered, the first `unseen` pictures and the first `unread` turns of the conversation did not fit any more.
    `model` answered, and `seen` is the number of the prompt that it saw, 0 where none was kept. `others` are the other
    versions of this turn in their order, of which this one is number `place`. `files` came with the question for tools,
    and `steps` are what tools did for it."""

    question: str
    pictures: tuple[Picture, ...] = ()
    answer: str = ""
    finish: Literal["", "stop", "length", "cancelled", "failed"] = ""
    liked: bool | None = None
    unseen: int = 0
    unread: int = 0
    model: str = ""
    seen: int = 0
    others: tuple[Version, ...] = ()
    place: int = 0
    files: tuple[StepFile, ...] = ()
    steps: tuple[AgentStep, ...] = ()


@dataclass(frozen=True)
class Version:
    """A turn as it was, with the turns that followed it."""

    turn: Turn
    after: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """Turns in order. `id` is its number in the store, 0 until it is saved. `persona` is who answers, as it was when
    the conversation began; `title` is empty until it has one of its own. `tools` may be called, those of `confirm`
    only when the person has said yes."""

    turns: tuple[Turn, ...] = ()
    model: str = ""
    id: int = 0
    kind: Kind = "pictures"
    title: str = ""
    persona: Persona | None = None
    tools: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, numbered 1..n by their place here."""
        return tuple(p for turn in self.turns for p in turn.pictures)

    def ask(self, question: str, pictures: tuple[Picture, ...] = ()) -> Conversation:
        """With a new, unanswered turn at the end."""
        return replace(self, turns=(*self.turns, Turn(question, pictures)))

    def answer(self, **changes: Any) -> Conversation:
        """With fields of the last turn changed (`answer`, `finish`, `liked`)."""
        return self.change(len(self.turns) - 1, **changes)

    def change(self, at: int, **changes: Any) -> Conversation:
        """With fields of turn `at` changed."""
        return replace(self, turns=(*self.turns[:at], replace(self.turns[at], **changes), *self.turns[at + 1 :]))

    def back(self) -> Conversation:
        """Without the last turn."""
        return replace(self, turns=self.turns[:-1])

    def ask_again(self, at: int, question: str | None = None) -> Conversation:
        """With turn `at` unanswered and last, perhaps in other words; what was there is kept as versions."""
        old = self.turns[at]
        others = [*old.others]
        others.insert(old.place, Version(replace(old, others=(), place=0), self.turns[at + 1 :]))
        others = others[-(MAX_VERSIONS - 1) :]
        words = old.question if question is None else question
        new = Turn(words, old.pictures, others=tuple(others), place=len(others), files=old.files)
        return replace(self, turns=(*self.turns[:at], new))

    def show_version(self, at: int, place: int) -> Conversation:
        """With version number `place` of turn `at` and what followed it. Raises IndexError where there is none."""
        old = self.turns[at]
        if place == old.place:
            return self
        versions = [*old.others]
        versions.insert(old.place, Version(replace(old, others=(), place=0), self.turns[at + 1 :]))
        if not 0 <= place < len(versions):
            raise IndexError(place)
        shown = versions.pop(place)
        turn = replace(shown.turn, others=tuple(versions), place=place)
        return replace(self, turns=(*self.turns[:at], turn, *shown.after))

    def branch(self, at: int) -> Conversation:
        """A new conversation that begins as this one did, up to turn `at`."""
        kept = tuple(replace(turn, others=(), place=0) for turn in self.turns[: at + 1])
        return replace(self, id=0, turns=kept)


def to_dict(conversation: Conversation) -> dict[str, Any]:
    """As plain JSON data."""
    data = asdict(conversation)
    return data | {"persona": personas.to_dict(conversation.persona) if conversation.persona else None}


def from_dict(data: Mapping[str, Any]) -> Conversation:
    """Back from `to_dict`."""
    persona = data.get("persona")
    return Conversation(
        **{
            **data,
            "turns": tuple(map(_turn, data["turns"])),
            "persona": personas.from_dict(persona) if persona else None,
            "tools": tuple(data.get("tools", ())),
            "confirm": tuple(data.get("confirm", ())),
        }
    )


def _turn(data: Mapping[str, Any]) -> Turn:
    pictures = tuple(Picture(**p) for p in data.get("pictures", ()))
    others = tuple(Version(_turn(v["turn"]), tuple(map(_turn, v["after"]))) for v in data.get("others", ()))
    files = tuple(StepFile(**file) for file in data.get("files", ()))
    steps = steps_from_list(data.get("steps"))
    return Turn(**{**data, "pictures": pictures, "others": others, "files": files, "steps": steps})
