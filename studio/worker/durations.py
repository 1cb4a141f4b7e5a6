"""How long calls take, from those that ended lately."""

from __future__ import annotations

import statistics
from collections import defaultdict, deque

from studio.protocol import Call, Done, Failed, Generate, Result


class Durations:
    """The last twenty of each kind. Not safe for threads: the lane's lock guards it."""

    def __init__(self) -> None:
        self._known: dict[object, deque[float]] = defaultdict(lambda: deque(maxlen=20))

    def add(self, call: Call, end: Result, seconds: float) -> None:
        """Note how long a call took; one that failed or was cancelled tells nothing."""
        if isinstance(end, Failed) or (isinstance(end, Done) and end.reason == "cancelled"):
            return
        self._known[_kind(call)].append(seconds)

    def usual(self, call: Call) -> float | None:
        """How long such a call takes; None when none has ended yet."""
        known = self._known.get(_kind(call))
        return statistics.median(known) if known else None


def _kind(call: Call) -> object:
    """Of the same type and with about the same room for new text: a title does not tell how long an article takes."""
    return type(call), call.sampling.max_tokens.bit_length() if isinstance(call, Generate) else 0
