"""One piece of work under way: its newest state, its Stop, its end, and those who follow it.

The work is a plain generator of states. It runs on a thread of the `runner`; any number of readers follow from threads
(`updates`) or from an event loop (`follow`, which holds no thread). A reader who is slow, or comes late, misses states
but never the last one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Any, Generic, Literal, Protocol, Self, TypeVar, cast

from studio.errors import EngineError, StudioError
from studio.protocol import Queued
from studio.tasks.progress import Stop

UPDATE_INTERVAL = 0.05  # seconds between two states that a reader gets, at least
Kind = Literal["write", "continue", "illustrate", "table", "answer", "edit", "outline", "webpage"]
LONG: frozenset[Kind] = frozenset({"write", "continue", "illustrate", "table"})  # of many calls; the others make one


class State(Protocol):
    """What a task's states share; they are frozen dataclasses."""

    @property
    def waiting(self) -> Queued | None:
        """The place in the queue, while it waits."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""

    @property
    def error(self) -> StudioError | None:
        """What ended it, if it failed."""

    def fail(self, error: StudioError) -> Self:
        """The last state, after an error."""


class Host(Protocol):
    """What a task needs of the runner that made it."""

    def end_early(self, task: Task[Any]) -> None:
        """The task was stopped: if it waits for a turn, it needs none to end."""

    def position(self, task: Task[Any]) -> Queued | None:
        """How many tasks go first, and about how long that takes; None when it does not wait."""

    def following(self) -> AbstractContextManager[Callable[[bool], float]]:
        """For a follower: a function that gives the seconds until its next look, by whether its task waits."""


S = TypeVar("S", bound=State)
Work = Callable[[Stop], Iterator[S]]


class Task(Generic[S]):
    """See the module. Only a `Runner` makes them; `key` is what no two tasks work on at the same time."""

    def __init__(
        self,
        runner: Host,
        person: str,
        kind: Kind,
        key: Hashable,
        state: S,
        work: Work[S],
        pauses: Callable[[S], bool] = lambda state: False,
    ) -> None:
        self.person, self.kind, self.key = person, kind, key
        self.stop = Stop(lambda: runner.end_early(self))
        self.state = state
        self.waits = True  # for a thread
        self.created = time.monotonic()
        self.began = 0.0  # machine second at which its turn began, see `estimates`
        self._runner = runner
        self._work = work(self.stop)
        self._pauses = pauses
        self._version = 0
        self._finished = threading.Event()
        self._lock = threading.Lock()
        self._listeners: dict[Callable[[], None], None] = {}

    @property
    def ended(self) -> bool:
        """Whether the last state is there."""
        return self._finished.is_set()

    @property
    def is_long(self) -> bool:
        """Whether it makes many calls."""
        return self.kind in LONG

    # For readers

    def now(self) -> S:
        """The newest state; while the task waits for a thread, with its place in the queue."""
        state, waits = self.state, self.waits
        if not waits or self.ended:
            return state
        return cast(S, replace(cast(Any, state), waiting=self._runner.position(self)))

    def updates(self) -> Iterator[S]:
        """The newest state whenever it changed, until the last one. Blocks in between."""
        seen = -1
        while True:
            changed = threading.Event()
            if self._listen(seen, changed.set):
                changed.wait()
            seen, ended = self._version, self.ended  # in this order: the last state is never missed
            yield self.now()
            if ended:
                return
            self.wait(UPDATE_INTERVAL)

    async def follow(self) -> AsyncGenerator[S, None]:
        """As `updates`, for an event loop. With many followers each gets fewer states, all together no more than the
        page's process can send; those who wait get their place from time to time."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody follows any more
                loop.call_soon_threadsafe(changed.set)

        seen, shown = -1, None
        with self._runner.following() as interval:
            try:
                while True:
                    changed.clear()
                    if self._listen(seen, wake):
                        with suppress(TimeoutError):
                            await asyncio.wait_for(changed.wait(), interval(True) if self.waits else None)
                    seen, ended = self._version, self.ended
                    state = self.now()
                    if state != shown or ended:
                        shown = state
                        yield state
                    if ended:
                        return
                    if not self.waits:
                        await asyncio.sleep(interval(False))
            finally:
                with self._lock:
                    self._listeners.pop(wake, None)

    async def finish(self) -> S:
        """The last state, once it is there."""
        async for _ in self.follow():
            pass
        return self.state

    def wait(self, timeout: float | None = None) -> bool:
        """Until the last state is there, at most `timeout` seconds; whether it is."""
        return self._finished.wait(timeout)

    def _listen(self, seen: int, call: Callable[[], None]) -> bool:
        """Have `call` called once, from any thread, at the next change; False when the state is newer than `seen`."""
        with self._lock:
            if self._version > seen or self.ended:
                return False
            self._listeners[call] = None
            return True

    # For the runner

    def publish(self, state: S, ended: bool = False) -> None:
        """A new state; after the last one nothing more may come."""
        with self._lock:
            self.state = state
            self._version += 1
            if ended:
                self._finished.set()
            listeners, self._listeners = list(self._listeners), {}
        for call in listeners:
            call()

    def begin(self) -> None:
        """It has a thread now."""
        self.waits = False
        self.publish(self.state)

    def advance(self, others_wait: Callable[[], bool]) -> S | None:
        """Work until the end, and give the last state; or None at a state after which the task may wait for another
        turn, when others wait for theirs. Blocks."""
        state = self.state
        try:
            for state in self._work:
                if not state.ended:  # the last one is shown when everything is put away
                    self.publish(state)
                    if self._pauses(state) and others_wait():
                        return None
        except StudioError as e:
            return state.fail(e)
        except Exception as e:  # noqa: BLE001 - the edge of the thread: whoever reads on must be told, whatever it is
            return state.fail(EngineError("engine_failed", cause=f"{type(e).__name__}: {e}"))
        return state
