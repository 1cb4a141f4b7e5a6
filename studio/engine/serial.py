"""An engine that does one call at a time, behind the contract of those that step; and one call on any engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from studio.engine.base import SingleCallEngine
from studio.errors import EngineError, StudioError
from studio.protocol import Choose, Done, Event, Failed, Generate, ModelCard, Prompt, Result, Role, Scores, TokenIds


class SerialEngine:
    """See `studio.engine.base.Engine`. A step is one event of one call, or none when the call got on without; with a
    `batch` above 1 the calls take turns."""

    def __init__(self, engine: SingleCallEngine, batch: int = 1) -> None:
        self._engine, self.batch = engine, batch
        self._waiting: deque[tuple[int, Generate | Choose]] = deque()
        self._running: deque[tuple[int, Iterator[Event | None]]] = deque()  # the one whose turn it is first
        self._cancelled: set[int] = set()

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded."""
        return self._engine.cards

    @property
    def busy(self) -> bool:
        """Whether a call waits or runs."""
        return bool(self._running or self._waiting)

    def submit(self, number: int, call: Generate | Choose) -> None:
        """See `Engine.submit`."""
        self._waiting.append((number, call))

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `Engine.count`."""
        return self._engine.count(role, prompts)

    def encode(self, role: Role, prompt: Prompt) -> TokenIds:
        """See `Engine.encode`."""
        return self._engine.encode(role, prompt)

    def cancel(self, number: int) -> None:
        """See `Engine.cancel`."""
        self._cancelled.add(number)

    def step(self) -> list[tuple[int, Event]]:
        """See `Engine.step`."""
        while self._waiting and len(self._running) < self.batch:
            number, call = self._waiting.popleft()
            self._running.append((number, self._events(number, call)))
        if not self._running:
            return []
        number, events = self._running.popleft()
        try:
            event = next(events)
        except Exception as e:  # noqa: BLE001 - whatever goes wrong inside a call must end that call only
            event = Failed(as_studio_error(e))
        if isinstance(event, Result):
            events.close()  # type: ignore[attr-defined]
            self._cancelled.discard(number)
        else:
            self._running.append((number, events))
        return [(number, event)] if event else []

    def memory(self) -> Mapping[str, int]:
        """See `Engine.memory`."""
        return self._engine.memory()

    def close(self) -> None:
        """Free everything."""
        self._engine.close()

    def _events(self, number: int, call: Generate | Choose) -> Iterator[Event | None]:
        def cancelled() -> bool:
            return number in self._cancelled

        if cancelled():
            yield Done("cancelled")
        elif isinstance(call, Generate):
            yield from self._engine.generate(call, cancelled)
        else:
            yield Scores(self._engine.choose(call, cancelled))


def as_studio_error(e: Exception) -> StudioError:
    """Any exception as one that people can read."""
    return e if isinstance(e, StudioError) else EngineError("engine_failed", cause=f"{type(e).__name__}: {e}")
