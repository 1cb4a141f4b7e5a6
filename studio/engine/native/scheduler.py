"""Which calls run, and what the next step does. Knows neither torch nor models.

Calls are admitted in the order in which they came, as soon as one of `batch` places and enough blocks for the whole
call are free: an admitted call never has to give way. A step continues every call whose prompt has been read, and reads
at most `budget` tokens of the prompts that have not, so that nobody who is being answered waits long: fewer tokens far
behind the beginning of a long prompt, where attention makes each of them slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from studio.engine.native.block_manager import Blocks, Unit

NEAR = 4096  # tokens of context up to which a prompt token costs about the same …
DOUBLE = 8192  # … and so many further on twice as much, measured by benchmarks/engine.py --context-lengths

Kind = Literal["stream", "choice", "search"]


def _ready() -> bool:
    return True


@dataclass(eq=False)
class Sequence:
    """One call as the scheduler sees it. `units` grows by what it writes."""

    number: int
    kind: Kind
    units: list[Unit]
    most: int  # tokens it may write
    blocks: int  # it needs in all
    ready: Callable[[], bool] = _ready  # its pictures have been opened
    table: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    prompt: int = 0  # tokens
    cached: int = 0  # of them taken over
    read: int = 0  # of them in the cache by now, or on the way
    drawn: int = 0  # tokens it wrote, or is about to
    row: int = -1  # of the decoding step; -1: none

    def __post_init__(self) -> None:
        self.prompt = len(self.units)


@dataclass(frozen=True)
class Reading:
    """Read `count` tokens of a prompt from `start` on."""

    sequence: Sequence
    start: int
    count: int

    @property
    def last(self) -> bool:
        """Whether the prompt has been read then."""
        return self.start + self.count == self.sequence.prompt


@dataclass(frozen=True)
class Plan:
    """What a step does. `stepping` are in the order of their rows."""

    stepping: tuple[Sequence, ...]
    reading: tuple[Reading, ...]
    searching: tuple[Sequence, ...]


class Scheduler:
    """See above."""

    def __init__(self, blocks: Blocks, batch: int, budget: int, reuse: bool = True) -> None:
        self.blocks, self.batch, self.budget, self.reuse = blocks, batch, budget, reuse
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []  # admitted, in that order
        self._rows: list[Sequence] = []  # those that step, by row

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    @property
    def running(self) -> tuple[Sequence, ...]:
        """The admitted calls."""
        return tuple(self._running)

    def add(self, sequence: Sequence) -> None:
        """A new call, the last in line."""
        sequence.keys = self.blocks.keys(sequence.units)
        self._waiting.append(sequence)

    def plan(self) -> Plan:
        """Admit what can be admitted; say what to do now. What is planned counts as done from then on."""
        self._admit()
        stepping = tuple(self._rows)
        for sequence in stepping:
            sequence.drawn += 1
        searching = tuple(s for s in self._running if s.kind == "search" and s.read == s.prompt)
        reading = []
        left = self.budget - len(stepping) if self.reuse else self.budget  # a row costs about as much as a token
        pausing = self.reuse and (stepping or searching)
        for sequence in self._running:
            cost = 1 + max(0, sequence.read - NEAR) / DOUBLE if pausing else 1
            count = min(int(left / cost), sequence.prompt - sequence.read)
            if count > 0:
                reading.append(Reading(sequence, sequence.read, count))
                sequence.read += count
                left = left - ceil(count * cost) if self.reuse else 0  # else alone, cut at the same places always
        return Plan(stepping, tuple(reading), searching)

    def seat(self, sequence: Sequence) -> None:
        """Its prompt has been read and its first token is being drawn: it gets a row of the decoding step."""
        self.blocks.publish(sequence.table, sequence.keys)
        if sequence.kind == "stream":
            sequence.row, sequence.drawn = len(self._rows), 1
            self._rows.append(sequence)

    def unseat(self, sequence: Sequence) -> tuple[int, int]:
        """Free its row: the last row moves there. Returns (from, to); equal where it was the last itself."""
        last = self._rows.pop()
        target, sequence.row = sequence.row, -1
        if last is not sequence:
            self._rows[target] = last
            last.row = target
        return len(self._rows), target

    def remove(self, sequence: Sequence) -> None:
        """The call is over, finished or not; its row must be free. What it read and wrote stays known."""
        if sequence in self._waiting:
            self._waiting.remove(sequence)
            return
        assert sequence.row < 0
        self._running.remove(sequence)
        if self.reuse and sequence.kind != "search" and sequence.read == sequence.prompt:
            written = sequence.units[: max(sequence.prompt, len(sequence.units) - 1)]  # the last was never read itself
            self.blocks.publish(sequence.table, self.blocks.keys(written, sequence.keys))
        self.blocks.release(sequence.table)

    def _admit(self) -> None:
        while self._waiting and len(self._running) < self.batch:
            sequence = self._waiting[0]
            if not sequence.ready() and self._running:
                return
            reusable = sequence.keys[: (sequence.prompt - 1) // self.blocks.size] if self.reuse else []
            taken = self.blocks.take(reusable, sequence.blocks)
            if taken is None:
                return
            self._waiting.popleft()
            sequence.table = taken.table
            sequence.cached = sequence.read = taken.known * self.blocks.size
            self._running.append(sequence)
