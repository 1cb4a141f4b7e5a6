"""Calls on their way to the worker: those that wait, those under way, and what those who wait are told.

Not safe for threads: the worker client's lock guards all of it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator

from studio.errors import StudioError
from studio.protocol import Call, Count, Describe, Done, Embed, Encode, Event, Failed, Queued, Result
from studio.worker.durations import Durations, speed_of
from studio.worker.fair_queue import FairQueue
from studio.worker.request import Request
from studio.worker.stats import Counters

AUXILIARY = 2  # searches, descriptions, counts that the worker has at once: one at work and one at hand


class Channel:
    """Calls for one of the worker's loops. At most `limit` are under way; the others wait, in turn by person."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.waiting: FairQueue[Request] = FairQueue()
        self.running: dict[int, Request] = {}  # by number, in the order in which they began
        self.durations = Durations()

    def admit(self) -> Iterator[Request]:
        """The requests that may begin now; they count as under way."""
        while len(self.running) < self.limit and len(self.waiting):
            request = self.waiting.pop()
            request.start()
            self.running[request.number] = request
            yield request

    def clear(self) -> list[Request]:
        """All requests, none of which is here any more."""
        requests = [*self.running.values(), *self.waiting]
        self.running, self.waiting = {}, FairQueue()
        return requests

    def send_positions(self, delay: float | None) -> None:
        """Tell every waiting request its position and when it will begin, see `positions`."""
        for request, queued in list(self.positions(delay)):
            request.set_position(queued)

    def positions(self, delay: float | None) -> Iterator[tuple[Request, Queued]]:
        """For every waiting request its position, and how many seconds remain until it begins: each goes to the slot
        that is free first. `delay`: until the models are loaded, None when that is not known.

        A slot of which nothing is known counts as never free; so what is told is rather too long than too short.
        """
        slots = [self._left(request) for request in self.running.values()]
        slots += [0.0] * (self.limit - len(slots))
        heapq.heapify(slots)
        full = len(self.running) >= self.limit
        begin = math.inf if delay is None else delay
        speeds = [speed for r in self.running.values() if (speed := speed_of(r.progress())) is not None]
        for position, request in enumerate(self.waiting):
            free = heapq.heappop(slots)
            seconds = begin + free
            yield request, Queued(position + full, seconds if math.isfinite(seconds) else None)
            typical = self.durations.typical(request.call, max(speeds, default=None))
            heapq.heappush(slots, math.inf if typical is None else free + typical)

    def _left(self, request: Request) -> float:
        """A cancelled request that the worker has not let go of yet will be over in a moment."""
        left = 0.0 if request.ended else self.durations.left(request.call, request.progress())
        return math.inf if left is None else left


class Channels:
    """A channel for each of the worker's loops, so that a search, a description or a count never waits for a text."""

    def __init__(self) -> None:
        self.generate = Channel(1)
        self.describe, self.embed, self.count = Channel(AUXILIARY), Channel(AUXILIARY), Channel(AUXILIARY)
        self.counters = Counters()

    def all(self) -> tuple[Channel, ...]:
        """Every channel."""
        return self.generate, self.describe, self.embed, self.count

    def of(self, call: Call) -> Channel:
        """The channel of a call."""
        match call:
            case Describe():
                return self.describe
            case Embed():
                return self.embed
            case Count() | Encode():
                return self.count
            case _:
                return self.generate

    def deliver(self, number: int, event: Event) -> Channel | None:
        """Hand an event of the worker to its request. The channel in which a place is free by that, if one is."""
        channel = next((c for c in self.all() if number in c.running), None)
        if channel is None:
            return None
        request = channel.running[number]
        if not isinstance(event, Result):
            request.put(event)
            return None
        del channel.running[number]
        progress = request.progress()
        self.counters.worked(request.call, event, progress.seconds)
        channel.durations.add(request.call, event, progress)
        self.end(request, event)
        return channel

    def end(self, request: Request, end: Result) -> None:
        """Give a request its result, if it has none."""
        if not request.ended:
            self.counters.ended(request.call, end)
            request.put(end)

    def cancel(self, request: Request) -> bool:
        """End a request now. True when the worker has it, and must be told."""
        if request.ended:
            return False
        self.end(request, Done("cancelled"))
        return not self.of(request.call).waiting.remove(request)

    def end_running(self, error: StudioError, again: bool) -> None:
        """The worker has ended. With `again`, those that have shown nothing yet run once more; they go first, in the
        order in which they had begun."""
        for channel in self.all():
            running, channel.running = list(channel.running.values()), {}
            for request in reversed(running):
                if again and request.tries == 1 and not request.pieces and not request.ended:
                    channel.waiting.push_front(request.person, request)
                else:
                    self.end(request, Failed(error))

    def end_all(self, error: StudioError) -> None:
        """Nothing will be done any more."""
        for channel in self.all():
            for request in channel.clear():
                self.end(request, Failed(error))
