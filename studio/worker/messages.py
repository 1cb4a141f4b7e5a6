"""What the page's process and the worker send each other through their pipe. Plain frozen data; it is pickled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studio.errors import StudioError
from studio.protocol import Call, Event, ModelCard, Role


@dataclass(frozen=True)
class Run:
    """Do this call."""

    number: int
    call: Call


@dataclass(frozen=True)
class Cancel:
    """End that call at its next step."""

    number: int


@dataclass(frozen=True)
class Ready:
    """The models are loaded, and `batch` generations can be under way at once. `memory` in bytes, by name."""

    cards: Mapping[Role, ModelCard]
    memory: Mapping[str, int]
    batch: int = 1


@dataclass(frozen=True)
class Broken:
    """The models cannot be loaded; the process ends."""

    error: StudioError


@dataclass(frozen=True)
class Crashed:
    """The engine failed in a way it cannot go on from; the process ends."""

    cause: str


@dataclass(frozen=True)
class Heartbeat:
    """The process is alive. `progress` has an entry for each loop that is at work, and its number changes whenever the
    loop gets on; a loop that waits for a call has none."""

    progress: Mapping[str, int]


@dataclass(frozen=True)
class CallEvent:
    """Something came of a call."""

    number: int
    event: Event


ToWorker = Run | Cancel
FromWorker = Ready | Broken | Crashed | Heartbeat | CallEvent
