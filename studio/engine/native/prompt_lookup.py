"""What may come next in a text that repeats its prompt: the words that followed the last ones when they stood there
before ("prompt lookup"). Knows neither torch nor models.
"""

from __future__ import annotations

from collections.abc import Sequence

from studio.engine.native.block_manager import Unit

LONG, SHORT = 2, 1  # tokens that must agree; the longer agreement is asked first. 3 and 2 guessed less (RESULTS.md)


class Guesses:
    """Guesses at a growing text."""

    def __init__(self, units: Sequence[Unit]) -> None:
        """`units` is the prompt, and grows with what is written."""
        self._units = units
        self._after: dict[tuple[Unit, ...], int] = {}
        self._known = 0

    def next(self, most: int) -> list[int]:
        """At most so many tokens; none where the last ones are new."""
        units = self._units
        for end in range(self._known, len(units)):  # the last words themselves are not remembered yet
            for size in (LONG, SHORT):
                if end >= size:
                    self._after[tuple(units[end - size : end])] = end
        self._known = len(units)
        for size in (LONG, SHORT):
            if at := self._after.get(tuple(units[len(units) - size :])):
                return _tokens(units[at : at + most])
        return []


def _tokens(units: Sequence[Unit]) -> list[int]:
    """Those before the first picture."""
    found = []
    for unit in units:
        if not isinstance(unit, int):
            break
        found.append(unit)
    return found
