"""When those who wait will have their turn, estimated from the turns that ended lately.

The machine is shared: what runs at the same time slows each other down once there is more of it than the engine works
on at once. So a turn is measured in machine seconds, a clock that goes slower the more tasks share the machine; it is
the virtual time of fair queueing (Demers et al. 1989). A wait is then estimated by letting those under way end and
those ahead follow, one thread each, on that clock.
"""

from __future__ import annotations

import heapq
import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache


class Estimates:
    """Not safe for threads: the runner's lock guards it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._share = 1.0  # tasks that one machine second is divided among
        self._spent = 0.0
        self._known: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=20))

    def spent(self) -> float:
        """Machine seconds since the start."""
        now = self._clock()
        self._spent += (now - self._last) / self._share
        self._last = now
        return self._spent

    def running(self, count: int, at_once: int) -> None:
        """So many tasks share the machine from now on, of which the engine works on `at_once`."""
        self.spent()
        self._share = float(max(count, at_once, 1))

    def add(self, kind: str, began: float) -> None:
        """A turn that began at that machine second has ended."""
        self._known[kind].append(self.spent() - began)

    def typical(self, kind: str) -> float | None:
        """Machine seconds of such a turn, or of any when none of its kind has ended yet; None when none has."""
        known = self._known.get(kind) or [seconds for turns in self._known.values() for seconds in turns]
        return statistics.median(known) if known else None

    def waits(self, running: Iterable[tuple[str, float]], waiting: Iterable[str]) -> Iterator[float | None]:
        """Seconds until each of `waiting` (kinds, in their order) has its turn, when those of `running` (kind and the
        machine second of its begin) are under way; None as long as nothing is known."""
        now, typical_of = self.spent(), cache(self.typical)
        ends = [max(now, began + (typical_of(kind) or 0.0)) for kind, began in running] or [now]
        heapq.heapify(ends)
        for kind in waiting:
            if (typical := typical_of(kind)) is None:
                yield None
                continue
            begin = heapq.heappop(ends)
            heapq.heappush(ends, begin + typical)
            yield (begin - now) * self._share
