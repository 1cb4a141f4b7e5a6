"""Prompt lookup (arXiv:2304.04487): what followed the last n-gram earlier in the text is the draft of what follows now.

Knows neither torch nor models.
"""

from __future__ import annotations

from collections.abc import Sequence

from studio.engine.native.block_manager import Unit

NGRAM_SIZES = 2, 1  # tokens; the longer n-gram first. 3 and 2 proposed less (benchmarks/RESULTS.md)


class PromptLookup:
    """Draft tokens for a growing text."""

    def __init__(self, units: Sequence[Unit]) -> None:
        """`units` is the prompt, and grows with what is written."""
        self._units = units
        self._after: dict[tuple[Unit, ...], int] = {}
        self._known = 0

    def propose(self, limit: int) -> list[int]:
        """At most `limit` draft tokens; none where the last n-gram is new."""
        units = self._units
        for end in range(self._known, len(units)):  # the last n-gram itself is not indexed yet
            for size in NGRAM_SIZES:
                if end >= size:
                    self._after[tuple(units[end - size : end])] = end
        self._known = len(units)
        for size in NGRAM_SIZES:
            if at := self._after.get(tuple(units[len(units) - size :])):
                return _tokens(units[at : at + limit])
        return []


def _tokens(units: Sequence[Unit]) -> list[int]:
    """Those before the first picture."""
    found = []
    for unit in units:
        if not isinstance(unit, int):
            break
        found.append(unit)
    return found
