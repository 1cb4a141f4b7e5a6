"""The worker's process: builds the engine, takes calls from the pipe, sends events back.

It is spawned, so nothing of the page's process leaks in, and it may die at any time. Messages to it are `Run` and
`Cancel`; from it come `Ready` or `Broken` once, then `(call number, event)` pairs. The engine steps in the main thread;
eyes and meaning, which run on the CPU, have a thread of their own, so that no stream waits for them.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from studio.engine.base import Engine, Senses
from studio.engine.build import build
from studio.engine.serial import as_studio_error
from studio.errors import StudioError
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
    Result,
    Role,
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
    """The models are loaded, and `batch` calls can be under way at once."""

    cards: Mapping[Role, ModelCard]
    memory: Mapping[str, int]
    batch: int = 1


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
        with suppress(BrokenPipeError):  # the page was closed meanwhile
            pipe.send(Broken(as_studio_error(e)))
        return
    work = _Work(engine, senses, pipe)
    threading.Thread(target=work.listen, daemon=True).start()
    threading.Thread(target=work.sense, daemon=True).start()
    try:
        pipe.send(Ready(dict(engine.cards), dict(engine.memory()), engine.batch))
        while True:
            work.step()
    except BrokenPipeError:
        return  # the page closed the lane; nobody is left to be told


class _Work:
    """What the three threads share."""

    def __init__(self, engine: Engine, senses: Senses, pipe: Connection) -> None:
        self._engine, self._senses, self._pipe = engine, senses, pipe
        self._sending = threading.Lock()
        self._calls: queue.SimpleQueue[tuple[int, Generate | Choose]] = queue.SimpleQueue()
        self._senses_calls: queue.SimpleQueue[tuple[int, Describe | Embed]] = queue.SimpleQueue()
        self._cancelled: set[int] = set()

    def listen(self) -> None:
        """Sort what comes through the pipe."""
        while True:
            try:
                message = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(0)  # the page is gone; a call under way has nobody to answer
            if isinstance(message, Cancel):
                self._cancelled.add(message.number)
                self._engine.cancel(message.number)
            elif isinstance(message.call, Generate | Choose):
                self._calls.put((message.number, message.call))
            else:
                self._senses_calls.put((message.number, message.call))

    def step(self) -> None:
        """Take new calls, waiting for one when there is nothing else to do; then let the engine work a little."""
        while not (self._engine.busy and self._calls.empty()):
            number, call = self._calls.get()
            self._begin(number, call)
        try:
            events = self._engine.step()
        except Exception as e:  # noqa: BLE001 - an engine that cannot go on ends this process, and the lane starts another
            raise SystemExit(f"the engine failed: {type(e).__name__}: {e}") from e
        for number, event in events:
            self._send(number, event)

    def sense(self) -> None:
        """Describe pictures and embed texts, one after another."""
        while True:
            number, call = self._senses_calls.get()
            self._send(number, Started())
            self._send(number, self._sensed(number, call))

    def _begin(self, number: int, call: Generate | Choose) -> None:
        self._send(number, Started())
        if number in self._cancelled:
            self._send(number, Done("cancelled"))
            return
        try:
            self._engine.submit(number, call)
        except StudioError as e:
            self._send(number, Failed(e))
        except Exception as e:  # noqa: BLE001 - a call that cannot even begin must not end the process
            self._send(number, Failed(as_studio_error(e)))

    def _sensed(self, number: int, call: Describe | Embed) -> Event:
        if number in self._cancelled:
            return Done("cancelled")
        try:
            if isinstance(call, Describe):
                return self._senses.describe(call.image)
            return Vectors(tuple(self._senses.embed(call.texts)))
        except Exception as e:  # noqa: BLE001 - a failed call must not end the thread
            return Failed(as_studio_error(e))

    def _send(self, number: int, event: Event) -> None:
        with self._sending:
            self._pipe.send((number, event))
        if isinstance(event, Result):
            self._cancelled.discard(number)
