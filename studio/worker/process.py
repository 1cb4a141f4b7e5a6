"""The worker's process: builds the engine, takes calls from the pipe, sends events back.

It is spawned, so nothing of the page's process leaks in, and it may die at any time. Messages to it are `Run` and
`Cancel`; from it come `Ready` or `Broken` once, then `(call number, event)` pairs.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

from studio.engine.base import Engine, Senses
from studio.engine.build import build
from studio.errors import EngineError, StudioError
from studio.protocol import (
    Call,
    Choose,
    Describe,
    Done,
    Embed,
    Event,
    Failed,
    Generate,
    ModelCard,
    Role,
    Scores,
    Started,
    Vectors,
)
from studio.specs import EngineSpec


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
    """The models are loaded."""

    cards: Mapping[Role, ModelCard]
    memory: Mapping[str, int]


@dataclass(frozen=True)
class Broken:
    """The models cannot be loaded."""

    error: StudioError


def main(spec: EngineSpec, pipe: Connection) -> None:
    """The process's life: until the pipe closes, which is also what happens when the page's process dies."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: on busy cores its threads wait 10 times longer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C goes to the whole terminal group; the page decides
    try:
        engine, senses = build(spec)
    except Exception as e:  # noqa: BLE001 - the edge of the process: whatever it is, people must read it
        pipe.send(Broken(_as_studio_error(e)))
        return
    inbox: queue.SimpleQueue[Run] = queue.SimpleQueue()
    cancelled: set[int] = set()
    threading.Thread(target=_listen, args=(pipe, inbox, cancelled), daemon=True).start()
    try:
        pipe.send(Ready(dict(engine.cards), dict(engine.memory())))
        while True:
            run = inbox.get()
            pipe.send((run.number, Started()))
            for event in _events(engine, senses, run, cancelled):
                pipe.send((run.number, event))
            cancelled.discard(run.number)
    except BrokenPipeError:
        return  # the page closed the lane; nobody is left to be told


def _listen(pipe: Connection, inbox: queue.SimpleQueue[Run], cancelled: set[int]) -> None:
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            os._exit(0)  # the page is gone; a call under way has nobody to answer
        if isinstance(message, Cancel):
            cancelled.add(message.number)
        else:
            inbox.put(message)


def _events(engine: Engine, senses: Senses, run: Run, cancelled: set[int]) -> Iterator[Event]:
    def is_cancelled() -> bool:
        return run.number in cancelled

    try:
        match run.call:
            case _ if is_cancelled():
                yield Done("cancelled")
            case Generate():
                yield from engine.generate(run.call, is_cancelled)
            case Choose():
                yield Scores(engine.choose(run.call, is_cancelled))
            case Describe(image):
                yield senses.describe(image)
            case Embed(texts):
                yield Vectors(tuple(senses.embed(texts)))
    except Exception as e:  # noqa: BLE001 - the edge of the process: a failed call must not end it
        yield Failed(_as_studio_error(e))


def _as_studio_error(e: Exception) -> StudioError:
    if isinstance(e, StudioError):
        return e
    return EngineError("engine_failed", cause=f"{type(e).__name__}: {e}")
