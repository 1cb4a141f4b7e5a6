"""How long calls take, from those that ended lately and from how far one under way has come."""

from __future__ import annotations

import statistics
from collections import defaultdict, deque
from dataclasses import dataclass

from studio.protocol import Call, Done, Failed, Generate, Result

MAX_SAMPLES = 20  # calls of each kind
MIN_SAMPLES = 4  # pieces of text after which a call's own speed is known


@dataclass(frozen=True)
class CallProgress:
    """How far a call has come: seconds since it began, pieces of text, seconds between the first and the last."""

    seconds: float
    pieces: int = 0
    decoding: float = 0.0


class Durations:
    """The last calls of each kind. Not safe for threads."""

    def __init__(self) -> None:
        self._known: dict[object, deque[CallProgress]] = defaultdict(lambda: deque(maxlen=MAX_SAMPLES))
        self._speeds: deque[float] = deque(maxlen=MAX_SAMPLES)  # seconds a piece

    def add(self, call: Call, end: Result, progress: CallProgress) -> None:
        """Note a call that ended; one that failed or was cancelled tells nothing."""
        if isinstance(end, Failed) or (isinstance(end, Done) and end.reason == "cancelled"):
            return
        self._known[_kind(call)].append(progress)
        if progress.pieces:
            self._speeds.append(progress.seconds / progress.pieces)

    def typical(self, call: Call, speed: float | None = None) -> float | None:
        """Seconds such a call takes. One of a kind that has not ended yet: what it takes at most, at the speed of the
        others or at `speed` (seconds a piece of text); None when nothing is known."""
        if known := self._known.get(_kind(call)):
            return statistics.median(s.seconds for s in known)
        if self._speeds:
            speed = statistics.median(self._speeds)
        return call.sampling.max_tokens * speed if isinstance(call, Generate) and speed is not None else None

    def left(self, call: Call, progress: CallProgress) -> float | None:
        """Seconds that a call under way still takes.

        With some text, by its own speed and the length of others of its kind that were longer. Without, by the time of
        those that took longer; one that has outlasted them all takes as long again.
        """
        known = self._known.get(_kind(call), ())
        speed = speed_of(progress)
        if isinstance(call, Generate) and speed is not None:
            longer = [s.pieces for s in known if s.pieces > progress.pieces]
            end = min(statistics.median(longer) if longer else call.sampling.max_tokens, call.sampling.max_tokens)
            return max(0.0, end - progress.pieces) * speed
        slower = [s.seconds for s in known if s.seconds > progress.seconds]
        if slower:
            return statistics.median(slower) - progress.seconds
        typical = self.typical(call)
        return None if typical is None else max(typical - progress.seconds, progress.seconds)


def speed_of(progress: CallProgress) -> float | None:
    """Seconds that a call's piece of text takes; None with too few of them."""
    return progress.decoding / (progress.pieces - 1) if progress.pieces >= MIN_SAMPLES else None


def _kind(call: Call) -> object:
    """Of the same type and with about the same room for new text: a title does not tell how long an article takes."""
    return type(call), call.sampling.max_tokens.bit_length() if isinstance(call, Generate) else 0
