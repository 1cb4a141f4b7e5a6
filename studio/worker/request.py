"""A submitted call, as whoever waits for it sees it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator

from studio.protocol import Call, Event, Failed, Piece, Queued, Result, Started
from studio.worker.durations import CallProgress


class Request:
    """`cancel` ends it; it is given by the worker client, which alone calls `put` and `set_position`."""

    def __init__(
        self,
        number: int,
        call: Call,
        person: str,
        cancel: Callable[[Request], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.number = number
        self.call = call
        self.person = person
        self.ended = False  # its reader has the result; what the worker still sends for it is dropped
        self.tries = 0
        self.pieces = 0
        self._started = self._first_piece = self._last_piece = 0.0
        self._last_queued: tuple[Queued, float] | None = None  # and when
        self._cancel, self._clock = cancel, clock
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def events(self) -> Iterator[Event]:
        """Queued (when the place or the estimate changes), Started, Pieces, and one Result at the end. Blocks between
        them."""
        while True:
            event = self._inbox.get()
            yield event
            if isinstance(event, Result):
                return

    def result(self) -> Result:
        """Wait for the end. Raises the error of a call that failed."""
        for event in self.events():
            if isinstance(event, Failed):
                raise event.error
        assert isinstance(event, Result)
        return event

    def cancel(self) -> None:
        """End the call: its reader gets Done("cancelled") at once, whatever the worker does. Harmless afterwards."""
        self._cancel(self)

    def put(self, event: Event) -> None:
        """Hand an event to whoever reads `events`; nothing comes after a result."""
        if self.ended:
            return
        now = self._clock()
        match event:
            case Started():
                self._started = now
            case Piece():
                self.pieces += 1
                self._last_piece = now
                self._first_piece = self._first_piece or now
        self.ended = isinstance(event, Result)
        self._inbox.put(event)

    def start(self) -> None:
        """It has been sent to the worker, once more perhaps."""
        self.tries += 1
        self._started = self._clock()

    def set_position(self, queued: Queued) -> None:
        """Tell its position; not again while the place is the same and the estimate runs down as told."""
        now = self._clock()
        if self._last_queued is None or _differs(queued, self._last_queued[0], now - self._last_queued[1]):
            self._last_queued = queued, now
            self.put(queued)

    def progress(self) -> CallProgress:
        """How far it has come."""
        return CallProgress(self._clock() - self._started, self.pieces, self._last_piece - self._first_piece)


def _differs(queued: Queued, told: Queued, ago: float) -> bool:
    if queued.position != told.position or queued.seconds is None or told.seconds is None:
        return queued.position != told.position or queued.seconds != told.seconds
    expected = max(0.0, told.seconds - ago)
    return abs(queued.seconds - expected) > max(2.0, expected / 4)
