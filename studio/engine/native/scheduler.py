"""Which requests run, and what the next step does. Knows neither torch nor models.

Requests are admitted in the order of arrival, as soon as one of `batch` places and all blocks that the request may ever
need are free: a running request is never preempted. A step decodes every request whose prompt is prefilled, and
prefills at most `token_budget` tokens of the others, so that no stream pauses long: fewer tokens far into a long
prompt, where attention makes each of them slower.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from studio.engine.native.block_manager import BlockManager, Unit

NEAR = 4096  # tokens of context up to which a prompt token costs about the same …
DOUBLE = 16384  # … and so many further on twice as much: benchmarks/engine.py --context-lengths, on an H100

Kind = Literal["stream", "choice", "search"]


def _ready() -> bool:
    return True


@dataclass(eq=False)
class Sequence:
    """One request as the scheduler sees it. `units`: the prompt, then every generated token."""

    number: int
    kind: Kind
    units: list[Unit]
    max_new_tokens: int
    num_blocks: int  # for its prompt and all that it may generate
    ready: Callable[[], bool] = _ready  # whether its pictures are opened
    adapter: str = ""  # whose keys and values are not those of other adapters
    stretched: bool = False  # a prompt beyond the trained positions, whose keys depend on its length
    block_table: list[int] = field(default_factory=list)
    block_hashes: list[bytes] = field(default_factory=list)
    num_prompt_tokens: int = 0
    num_cached: int = 0  # prompt tokens allocation from the prefix cache
    num_prefilled: int = 0  # prompt tokens in the KV cache, or launched on their way there
    num_generated: int = 0  # tokens sample_ids, or launched
    row: int = -1  # of the decode batch; -1: none

    def __post_init__(self) -> None:
        self.num_prompt_tokens = len(self.units)

    @property
    def salt(self) -> bytes:
        """See `BlockManager.hash_blocks`."""
        length = self.num_prompt_tokens if self.stretched else 0
        return repr((self.adapter, length)).encode() if self.adapter or length else b""


@dataclass(frozen=True)
class PrefillChunk:
    """`count` tokens of a prompt to prefill, from position `start` on."""

    sequence: Sequence
    start: int
    count: int

    @property
    def last(self) -> bool:
        """Whether it ends the prompt."""
        return self.start + self.count == self.sequence.num_prompt_tokens


@dataclass(frozen=True)
class SchedulerOutput:
    """What a step does; `decoding` in the order of rows, `searching` are beam searches."""

    decoding: tuple[Sequence, ...]
    prefills: tuple[PrefillChunk, ...]
    searching: tuple[Sequence, ...]


class Scheduler:
    """See the module. `reuse` off: no prefix cache, and prompts are prefilled alone, in the same chunks always."""

    def __init__(self, blocks: BlockManager, batch: int, token_budget: int, reuse: bool = True) -> None:
        self.blocks, self.batch, self.token_budget, self.reuse = blocks, batch, token_budget, reuse
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []  # in the order of admission
        self._rows: list[Sequence] = []  # of the decode batch, by row

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    @property
    def running(self) -> tuple[Sequence, ...]:
        """The running requests."""
        return tuple(self._running)

    def add(self, sequence: Sequence) -> None:
        """Queue a new request."""
        sequence.block_hashes = self.blocks.hash_blocks(sequence.units, salt=sequence.salt)
        self._waiting.append(sequence)

    def schedule(self) -> SchedulerOutput:
        """Admit what can be admitted and schedule a step, which counts as done from then on."""
        self._admit()
        decoding = tuple(self._rows)
        for sequence in decoding:
            sequence.num_generated += 1
        searching = tuple(s for s in self._running if s.kind == "search" and s.num_prefilled == s.num_prompt_tokens)
        prefills = []
        left = (
            self.token_budget - len(decoding) if self.reuse else self.token_budget
        )  # a decode row costs about as much as a prompt token
        pausing = self.reuse and (decoding or searching)
        for sequence in self._running:
            cost = 1 + max(0, sequence.num_prefilled - NEAR) / DOUBLE if pausing else 1
            count = min(int(left / cost), sequence.num_prompt_tokens - sequence.num_prefilled)
            if count > 0:
                prefills.append(PrefillChunk(sequence, sequence.num_prefilled, count))
                sequence.num_prefilled += count
                left = (
                    left - ceil(count * cost) if self.reuse else 0
                )  # else one chunk a step, always cut at the same places
        return SchedulerOutput(decoding, tuple(prefills), searching)

    def assign_row(self, sequence: Sequence) -> None:
        """Its prompt is prefilled and its first token is being sampled: it gets a row of the decode batch."""
        self.blocks.cache_blocks(sequence.block_table, sequence.block_hashes)
        if sequence.kind == "stream":
            sequence.row, sequence.num_generated = len(self._rows), 1
            self._rows.append(sequence)

    def free_row(self, sequence: Sequence) -> tuple[int, int]:
        """Free its row, into which the last row moves. Returns (from, to), equal where it was the last itself."""
        last = self._rows.pop()
        target, sequence.row = sequence.row, -1
        if last is not sequence:
            self._rows[target] = last
            last.row = target
        return len(self._rows), target

    def remove(self, sequence: Sequence) -> None:
        """Remove a request that is over, finished or not; its row must be free. Its blocks stay in the prefix cache."""
        if sequence in self._waiting:
            self._waiting.remove(sequence)
            return
        assert sequence.row < 0
        self._running.remove(sequence)
        if self.reuse and sequence.kind != "search" and sequence.num_prefilled == sequence.num_prompt_tokens:
            in_cache = max(sequence.num_prompt_tokens, len(sequence.units) - 1)  # the last token was never processed
            written = sequence.units[:in_cache]
            hashes = self.blocks.hash_blocks(written, sequence.block_hashes, sequence.salt)
            self.blocks.cache_blocks(sequence.block_table, hashes)
        self.blocks.release(sequence.block_table)

    def _admit(self) -> None:
        while self._waiting and len(self._running) < self.batch:
            sequence = self._waiting[0]
            if not sequence.ready() and self._running:
                return
            full_blocks = (sequence.num_prompt_tokens - 1) // self.blocks.size  # at least one token must be processed
            reusable = sequence.block_hashes[:full_blocks] if self.reuse else []
            allocation = self.blocks.allocate(reusable, sequence.num_blocks)
            if allocation is None:
                return
            self._waiting.popleft()
            sequence.block_table = allocation.block_table
            sequence.num_cached = sequence.num_prefilled = allocation.num_cached_blocks * self.blocks.size
            self._running.append(sequence)
