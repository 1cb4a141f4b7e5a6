"""Errors that people see: one sentence each, with the cause and what to do next, in English and Chinese.

StudioError
├── InputError        what was given cannot be used
├── NotFoundError     what was asked for is not there
├── StorageError      the data folder cannot be read or written
├── ModelError        a model cannot be found, loaded or trusted
├── BusyError         too much waits already; it can be asked again later
└── EngineError       a call to a model failed
    ├── ContextOverflow
    ├── OutOfMemory
    └── WorkerDied

Everything foreign (torch, llama.cpp, sqlite, Pillow) is translated into one of these at the edge where it enters.
The sentences stand in `studio.messages`. Errors travel between processes: they pickle as key and facts.
"""

from __future__ import annotations

import secrets
from typing import Literal

from studio.messages import SENTENCES

Language = Literal["en", "zh"]


class StudioError(Exception):
    """An error with a sentence for people. `key` names a row of SENTENCES, `facts` fill it in."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key, facts)
        self.key = key
        self.facts = facts
        self.number = secrets.token_hex(4)  # stands in the log and, for a fault of the studio's, behind the sentence

    def say(self, language: Language = "en") -> str:
        """The sentence, in the language asked for."""
        return SENTENCES[self.key][language == "zh"].format(**self.facts)

    def explain(self, language: Language = "en") -> str:
        """The sentence as the page shows it: a fault of the studio's with the number that its line of the log has."""
        sentence = self.say(language)
        return sentence if isinstance(self, InputError | NotFoundError) else f"{sentence} ({self.number})"

    def __str__(self) -> str:
        return self.say()

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.key, self.facts, self.number)


def _rebuild(kind: type[StudioError], key: str, facts: dict[str, object], number: str) -> StudioError:
    error = kind(key, **facts)
    error.number = number
    return error


class InputError(StudioError):
    """What was given cannot be used."""


class NotFoundError(StudioError):
    """What was asked for is not there."""


class StorageError(StudioError):
    """The data folder cannot be read or written."""


class ModelError(StudioError):
    """A model cannot be found, loaded or trusted."""


class BusyError(StudioError):
    """Too much waits already; it can be asked again later."""


class EngineError(StudioError):
    """A call to a model failed."""


class ContextOverflow(EngineError):
    """The prompt and the room asked for do not fit the model's context."""


class OutOfMemory(EngineError):
    """The device has no memory left for this call."""


class WorkerDied(EngineError):
    """The process that computes ended while it was at work."""
