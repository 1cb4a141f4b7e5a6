"""Keys and values of everything read so far: one pool of blocks, made once and never grown.

A block holds the keys and values of BLOCK consecutive tokens for all layers. A sequence owns a table of blocks, in the
order of its tokens; two sequences with the same beginning may share its blocks. Who owns what is not known here: see
`studio.engine.blocks`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from studio.models.config import Architecture
from studio.models.device import to_device

BLOCK = 32  # tokens


class Pool:
    """Layout [layers, slots, kv heads, head width] with BLOCK slots a block: a token's heads lie together, so gathering
    a sequence is one copy of whole rows."""

    def __init__(self, a: Architecture, blocks: int, device: torch.device, dtype: torch.dtype) -> None:
        shape = (a.layers, blocks * BLOCK, a.kv_heads, a.head_dim)
        self._keys, self._values = (torch.zeros(shape, device=device, dtype=dtype) for _ in range(2))
        self.keys, self.values = self._keys.unbind(), self._values.unbind()  # by layer
        self.blocks = blocks

    def gather(self, layer: int, slots: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [tokens, kv heads, head width] of these slots."""
        return self.keys[layer].index_select(0, slots), self.values[layer].index_select(0, slots)

    def copy_blocks(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        """Fill the target blocks with what stands in the source blocks."""
        device, all_of = self._keys.device, len(sources) * BLOCK
        from_, to = (to_device(slots_of(blocks, 0, all_of), device) for blocks in (sources, targets))
        self._keys[:, to] = self._keys[:, from_]
        self._values[:, to] = self._values[:, from_]

    @property
    def bytes(self) -> int:
        """Memory it holds."""
        return self._keys.nbytes + self._values.nbytes


@dataclass(frozen=True)
class Stretch:
    """Consecutive tokens of one sequence that are read in one go: `count` of them, the first at position `start`."""

    start: int
    count: int
    table: Sequence[int]

    @property
    def end(self) -> int:
        """The position after the last."""
        return self.start + self.count


@dataclass(frozen=True)
class Layout:
    """Several stretches laid out one after another, as the decoder reads them."""

    stretches: tuple[Stretch, ...]
    device: torch.device

    @cached_property
    def positions(self) -> Tensor:
        """[tokens] int64."""
        return to_device(torch.cat([torch.arange(s.start, s.end) for s in self.stretches]), self.device)

    @cached_property
    def slots(self) -> Tensor:
        """[tokens] int64: where each token's key and value go."""
        return to_device(torch.cat([slots_of(s.table, s.start, s.end) for s in self.stretches]), self.device)

    @cached_property
    def behind(self) -> tuple[Tensor | None, ...]:
        """For each stretch the slots [end] of all its sequence's tokens; None where it is the beginning."""
        return tuple(to_device(slots_of(s.table, 0, s.end), self.device) if s.start else None for s in self.stretches)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """For each stretch its first row and the row after its last."""
        edges, at = [], 0
        for stretch in self.stretches:
            edges.append((at, at + stretch.count))
            at += stretch.count
        return tuple(edges)


def slots_of(table: Sequence[int], start: int, end: int) -> Tensor:
    """Slots [end - start] of these positions of a sequence."""
    first = start // BLOCK
    blocks = torch.tensor(table[first : -(-end // BLOCK)], dtype=torch.int64)
    slots = (blocks[:, None] * BLOCK + torch.arange(BLOCK)).flatten()
    return slots[start - first * BLOCK : end - first * BLOCK]


def blocks_for(tokens: int) -> int:
    """How many blocks so many tokens take."""
    return -(-tokens // BLOCK)
