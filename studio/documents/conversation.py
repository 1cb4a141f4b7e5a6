"""A conversation about pictures. Pure data: pictures are numbered 1..n through all turns, in the order they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from studio.documents.article import Picture

MAX_PICTURES = 10  # in one message
MAX_QUESTION = 8_000  # characters


@dataclass(frozen=True)
class Turn:
    """One question and its answer. `pictures` came with this question; `finish` says how the answer ended. When it was
    answered, the first `unseen` pictures and the first `unread` turns of the conversation did not fit any more."""

    question: str
    pictures: tuple[Picture, ...] = ()
    answer: str = ""
    finish: Literal["", "stop", "length", "cancelled", "failed"] = ""
    liked: bool | None = None
    unseen: int = 0
    unread: int = 0


@dataclass(frozen=True)
class Conversation:
    """Turns in order. `id` is its number in the store, 0 until it is saved."""

    turns: tuple[Turn, ...] = ()
    model: str = ""
    id: int = 0

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All pictures, numbered 1..n by their place here."""
        return tuple(p for turn in self.turns for p in turn.pictures)

    def ask(self, question: str, pictures: tuple[Picture, ...] = ()) -> Conversation:
        """With a new, unanswered turn at the end."""
        return replace(self, turns=(*self.turns, Turn(question, pictures)))

    def answer(self, **changes: Any) -> Conversation:
        """With fields of the last turn changed (`answer`, `finish`, `liked`)."""
        return replace(self, turns=(*self.turns[:-1], replace(self.turns[-1], **changes)))

    def back(self) -> Conversation:
        """Without the last turn."""
        return replace(self, turns=self.turns[:-1])


def to_dict(conversation: Conversation) -> dict[str, Any]:
    """As plain JSON data."""
    return asdict(conversation)


def from_dict(data: Mapping[str, Any]) -> Conversation:
    """Back from `to_dict`."""
    turns = tuple(
        Turn(**{**turn, "pictures": tuple(Picture(**p) for p in turn.get("pictures", ()))}) for turn in data["turns"]
    )
    return Conversation(**{**data, "turns": turns})
