"""Keys and values of everything read so far: one cache of blocks, made once and never grown.

A block holds the keys and values of BLOCK consecutive tokens for all layers. A sequence owns a table of blocks, in the
order of its tokens; two sequences with the same beginning may share its blocks. Who owns what is not known here: see
`studio.engine.native.block_manager`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.models.async_copy import to_device

BLOCK = 32  # tokens
CHUNK_TILE = 16  # tokens of a chunk that one program of a kernel serves


class KVCache:
    """Keys and values, each [layers, slots, kv heads, head width], BLOCK slots a block. A token's heads lie together,
    so that gathering a sequence copies whole rows."""

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
class Chunk:
    """Consecutive tokens of one sequence that are read in one go: `count` of them, the first at position `start`.
    `prompt`: tokens of the whole prompt that they belong to; 0 for tokens behind it."""

    start: int
    count: int
    table: Sequence[int]
    prompt: int = 0

    @property
    def end(self) -> int:
        """The position after the last."""
        return self.start + self.count


@dataclass(frozen=True)
class BatchLayout:
    """Several chunks laid out one after another, as the decoder reads them. `fixed` metadata, of a captured forward,
    are filled in later and take the place of its own."""

    chunks: tuple[Chunk, ...]
    device: torch.device
    fixed: AttentionMetadata | None = None

    @property
    def tokens(self) -> int:
        """Of all chunks."""
        return sum(s.count for s in self.chunks)

    @cached_property
    def metadata(self) -> AttentionMetadata:
        """What kernels know of it."""
        if self.fixed:
            return self.fixed
        made = AttentionMetadata(MetadataShape.of(self.chunks), torch.empty(0, dtype=torch.int32))
        return replace(made, numbers=to_device(made.filled(self.chunks), self.device, torch.int32))

    @cached_property
    def behind(self) -> tuple[Tensor, ...]:
        """For each chunk the slots [end] of all its sequence's tokens."""
        return tuple(to_device(slots_of(s.table, 0, s.end), self.device) for s in self.chunks)

    @cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """For each chunk its first row and the row after its last."""
        edges, at = [], 0
        for chunk in self.chunks:
            edges.append((at, at + chunk.count))
            at += chunk.count
        return tuple(edges)


@dataclass(frozen=True)
class MetadataShape:
    """How much `AttentionMetadata` have room for."""

    tokens: int
    chunks: int
    tiles: int
    blocks: int  # of one chunk

    @classmethod
    def of(cls, chunks: Sequence[Chunk]) -> MetadataShape:
        """Just enough for these."""
        tiles = sum(-(-s.count // CHUNK_TILE) for s in chunks)
        tokens = sum(s.count for s in chunks)
        return cls(tokens, len(chunks), tiles, max(blocks_for(s.end) for s in chunks))


@dataclass(frozen=True)
class AttentionMetadata:
    """What kernels that read prompts know of a layout: parts of int32 `numbers`, copied to the device in one go."""

    size: MetadataShape
    numbers: Tensor

    @cached_property
    def positions(self) -> Tensor:
        """[tokens]: of each token in its sequence."""
        return self._part(0)

    @cached_property
    def slots(self) -> Tensor:
        """[tokens]: where each token's key and value go."""
        return self._part(1)

    @cached_property
    def ends(self) -> Tensor:
        """[chunks]: the row of each one's last token."""
        return self._part(2)

    @cached_property
    def chunks(self) -> Tensor:
        """[chunks, 3]: first row, tokens, position of the first."""
        return self._part(3).view(-1, 3)

    @cached_property
    def tiles(self) -> Tensor:
        """[tiles, 2]: up to CHUNK_TILE tokens of a chunk: which one, or -1, and their first. The longest work first."""
        return self._part(4).view(-1, 2)

    @cached_property
    def tables(self) -> Tensor:
        """[chunks, blocks]."""
        return self._part(5).view(-1, self.size.blocks)

    def filled(self, chunks: Sequence[Chunk]) -> Tensor:
        """The numbers for these chunks, on the host. Room that is left over is filled with tokens of block 0, which
        belongs to nobody."""
        made = AttentionMetadata(self.size, torch.zeros(sum(map(_aligned, self._lengths)), dtype=torch.int32))
        made.tiles[:, 0] = -1
        tiles = []
        at = 0
        for i, s in enumerate(chunks):
            made.positions[at : at + s.count] = torch.arange(s.start, s.end)
            made.slots[at : at + s.count] = slots_of(s.table, s.start, s.end)
            made.chunks[i] = torch.tensor((at, s.count, s.start))
            made.tables[i, : blocks_for(s.end)] = torch.tensor(s.table[: blocks_for(s.end)])
            tiles += [(i, first, s.start + first) for first in range(0, s.count, CHUNK_TILE)]
            at += s.count
            made.ends[i] = at - 1
        tiles.sort(key=lambda tile: -tile[2])
        if tiles:
            made.tiles[: len(tiles)] = torch.tensor([tile[:2] for tile in tiles])
        return made.numbers

    @property
    def _lengths(self) -> tuple[int, ...]:
        s = self.size
        return s.tokens, s.tokens, s.chunks, 3 * s.chunks, 2 * s.tiles, s.chunks * s.blocks

    def _part(self, i: int) -> Tensor:
        begin = sum(map(_aligned, self._lengths[:i]))
        return self.numbers[begin : begin + self._lengths[i]]


def _aligned(count: int) -> int:
    """So many numbers and a few more, up to 16 bytes: Triton compiles a kernel anew for pointers that are not."""
    return -(-count // 4) * 4


def slots_of(table: Sequence[int], start: int, end: int) -> Tensor:
    """Slots [end - start] of these positions of a sequence."""
    first = start // BLOCK
    blocks = torch.tensor(table[first : -(-end // BLOCK)], dtype=torch.int64)
    slots = (blocks[:, None] * BLOCK + torch.arange(BLOCK)).flatten()
    return slots[start - first * BLOCK : end - first * BLOCK]


def blocks_for(tokens: int) -> int:
    """How many blocks so many tokens take."""
    return -(-tokens // BLOCK)
