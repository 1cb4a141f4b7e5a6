"""An engine that does one call at a time, behind the contract of those that step; and one call on any engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from studio.engine.base import OneByOne
from studio.errors import EngineError, StudioError
from studio.protocol import Choose, Done, Event, Failed, Generate, ModelCard, Result, Role, Scores


class Serial:
    """See `studio.engine.base.Engine`. A step is one event of the call whose turn it is."""

    batch = 1

    def __init__(self, engine: OneByOne) -> None:
        self._engine = engine
        self._waiting: deque[tuple[int, Generate | Choose]] = deque()
        self._running: tuple[int, Iterator[Event]] | None = None
        self._cancelled: set[int] = set()

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded."""
        return self._engine.cards

    @property
    def busy(self) -> bool:
        """Whether a call waits or runs."""
        return self._running is not None or bool(self._waiting)

    def submit(self, number: int, call: Generate | Choose) -> None:
        """See `Engine.submit`."""
        self._waiting.append((number, call))

    def cancel(self, number: int) -> None:
        """See `Engine.cancel`."""
        self._cancelled.add(number)

    def step(self) -> list[tuple[int, Event]]:
        """See `Engine.step`."""
        if self._running is None:
            if not self._waiting:
                return []
            number, call = self._waiting.popleft()
            self._running = number, self._events(number, call)
        number, events = self._running
        try:
            event: Event = next(events)
        except StudioError as e:
            event = Failed(e)
        except Exception as e:  # noqa: BLE001 - whatever goes wrong inside a call must end that call only
            event = Failed(as_studio_error(e))
        if isinstance(event, Result):
            events.close()  # type: ignore[attr-defined]
            self._running = None
            self._cancelled.discard(number)
        return [(number, event)]

    def memory(self) -> Mapping[str, int]:
        """See `Engine.memory`."""
        return self._engine.memory()

    def close(self) -> None:
        """Free everything."""
        self._engine.close()

    def _events(self, number: int, call: Generate | Choose) -> Iterator[Event]:
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
