"""What the worker client has counted since it began."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from studio.protocol import Call, Done, Failed, Result


@dataclass(frozen=True)
class Stats:
    """Only ever growing. Kinds of calls: generate, choose, describe, embed."""

    requests: Mapping[str, int] = field(default_factory=dict)  # ended, by kind, whatever the end
    cancelled: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)  # calls that failed, by key of the error
    seconds: Mapping[str, float] = field(default_factory=dict)  # from the start to the worker's result, by kind
    prompt_tokens: int = 0
    new_tokens: int = 0
    deaths: int = 0  # of the worker's process, while it should have lived
    hangs: int = 0  # of these, those that were killed since they gave no sign of life


class Counters:
    """Counts what becomes a `Stats`. Not safe for threads."""

    def __init__(self) -> None:
        self.deaths = self.hangs = 0
        self._requests: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._cancelled = self._prompt_tokens = self._new_tokens = 0

    def ended(self, call: Call, end: Result) -> None:
        """Whoever waited for a call has got its result."""
        self._requests[_kind(call)] += 1
        if isinstance(end, Failed):
            self._errors[end.error.key] += 1
        elif isinstance(end, Done) and end.reason == "cancelled":
            self._cancelled += 1

    def worked(self, call: Call, end: Result, seconds: float) -> None:
        """The worker is done with a call, also with one whose reader left earlier."""
        self._seconds[_kind(call)] += seconds
        if isinstance(end, Done):
            self._prompt_tokens += end.usage.prompt_tokens
            self._new_tokens += end.usage.new_tokens

    def stats(self) -> Stats:
        """The counts by now."""
        return Stats(
            dict(self._requests),
            self._cancelled,
            dict(self._errors),
            dict(self._seconds),
            self._prompt_tokens,
            self._new_tokens,
            self.deaths,
            self.hangs,
        )


def _kind(call: Call) -> str:
    return type(call).__name__.lower()
