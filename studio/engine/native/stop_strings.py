"""Stop strings in a stream of text: what may be the beginning of one is held back until it is known not to be."""

from __future__ import annotations


class StopStringFilter:
    """Text in pieces in; text that is certainly before the first stop string out."""

    def __init__(self, stops: tuple[str, ...]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def add(self, text: str) -> str:
        """What may be shown now. Once `stopped`, nothing more is."""
        if self.stopped:
            return ""
        self._held += text
        found = [(at + len(stop), at) for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._cut(min(found)[1])  # the one that is complete first, so that the cut into pieces is no matter
        return self._cut(len(self._held) - self._doubtful())

    def end(self) -> str:
        """The generation is over: what was held back is text after all."""
        return "" if self.stopped else self._cut(len(self._held))

    def _cut(self, at: int) -> str:
        shown, self._held = self._held[:at], self._held[at:]
        return shown

    def _doubtful(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        longest = min(len(self._held), max(map(len, self._stops), default=1) - 1)
        ends = (n for n in range(longest, 0, -1) if any(stop.startswith(self._held[-n:]) for stop in self._stops))
        return next(ends, 0)
