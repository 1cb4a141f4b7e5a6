"""Allocation of KV cache blocks, and the prefix cache. Knows neither torch nor models.

A full block has a hash of its tokens and of the hash of the block before it, so that equal hashes mean equal prefixes
(as in vLLM). A new prompt shares the cached blocks of its prefix and prefills only the rest. Blocks without users keep
their contents until they are needed; the least recently used is evicted first, the end of a text before its beginning.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

Unit = int | tuple[str, int]  # of a prompt: a token id, or a picture's key and the index of one of its positions
RESERVED = 1  # block 0 belongs to the empty rows of a decode batch


@dataclass(frozen=True)
class Allocation:
    """The blocks of a sequence; the first `num_cached_blocks` of them hold its prefix already."""

    block_table: list[int]
    num_cached_blocks: int


class BlockManager:
    """`count` blocks of `size` tokens each."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size
        self._free = deque(range(RESERVED, count))
        self._ref_counts = [0] * count
        self._hash_of: dict[int, bytes] = {}
        self._block_of: dict[bytes, int] = {}
        self._evictable: OrderedDict[int, None] = OrderedDict()  # cached, without users, least recently used first

    @property
    def num_free(self) -> int:
        """Blocks that can be allocated now, cached ones without users included."""
        return len(self._free) + len(self._evictable)

    @property
    def num_cached(self) -> int:
        """Blocks in the prefix cache."""
        return len(self._hash_of)

    def hash_blocks(self, units: Sequence[Unit], before: Sequence[bytes] = (), salt: bytes = b"") -> list[bytes]:
        """The hash of each full block of these units; `before` are the hashes of their first blocks, where known. Units
        whose keys and values are computed in another way have another `salt`."""
        hashes = list(before)
        for i in range(len(hashes), len(units) // self.size):
            inside = repr(units[i * self.size : (i + 1) * self.size]).encode()
            hashes.append(hashlib.blake2b((hashes[-1] if hashes else salt) + inside, digest_size=16).digest())
        return hashes

    def allocate(self, hashes: Sequence[bytes], total: int) -> Allocation | None:
        """`total` blocks, the first of them shared as far as their hashes are cached. None when too few are free."""
        shared: list[int] = []
        for block_hash in hashes[:total]:
            if (block := self._block_of.get(block_hash)) is None:
                break
            shared.append(block)
        evictable = sum(not self._ref_counts[block] for block in shared)
        if total - len(shared) > self.num_free - evictable:
            return None
        for block in shared:
            self._evictable.pop(block, None)
            self._ref_counts[block] += 1
        return Allocation(shared + [self._pop_free() for _ in range(total - len(shared))], len(shared))

    def cache_blocks(self, block_table: Sequence[int], hashes: Sequence[bytes]) -> None:
        """Put blocks into the prefix cache, once their keys and values are written (or launched)."""
        for block, block_hash in zip(block_table, hashes, strict=False):
            if block_hash not in self._block_of and block not in self._hash_of:
                self._block_of[block_hash] = block
                self._hash_of[block] = block_hash

    def release(self, block_table: Sequence[int]) -> None:
        """Give back the blocks of a finished sequence."""
        for block in reversed(block_table):
            self._ref_counts[block] -= 1
            if self._ref_counts[block]:
                continue
            if block in self._hash_of:
                self._evictable[block] = None
            else:
                self._free.append(block)

    def clear_cache(self) -> None:
        """Evict all cached blocks without users."""
        while self._evictable:
            self._free.append(self._evict())

    def _pop_free(self) -> int:
        block = self._free.popleft() if self._free else self._evict()
        self._ref_counts[block] = 1
        return block

    def _evict(self) -> int:
        block, _ = self._evictable.popitem(last=False)
        del self._block_of[self._hash_of.pop(block)]
        return block
