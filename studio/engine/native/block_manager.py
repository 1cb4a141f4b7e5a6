"""Who owns which block of the cache, and what is in it. Knows neither torch nor models.

A full block is known by a key: a hash of its tokens and of the key of the block before it, so that equal keys mean
equal beginnings. A new prompt takes over the blocks that are known already, and reads only the rest. Blocks that nobody
uses keep their contents until their place is needed; the one unused longest goes first, the end of a text before its
beginning.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass

Unit = int | tuple[str, int]  # what stands at a position: a token's id, or a picture's key and the place in it
RESERVED = 1  # block 0 belongs to the empty rows of a decoding step


@dataclass(frozen=True)
class Taken:
    """Blocks given to a sequence; the first `known` of them hold its beginning already."""

    table: list[int]
    known: int


class Blocks:
    """`count` blocks of `size` tokens each."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size
        self._free = deque(range(RESERVED, count))
        self._users = [0] * count
        self._key_of: dict[int, bytes] = {}
        self._block_of: dict[bytes, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()  # known and without users, unused longest first

    @property
    def available(self) -> int:
        """Blocks that could be given away now."""
        return len(self._free) + len(self._idle)

    @property
    def known(self) -> int:
        """Blocks whose contents could be taken over."""
        return len(self._key_of)

    def keys(self, units: Sequence[Unit], before: Sequence[bytes] = ()) -> list[bytes]:
        """One key for each full block of these units; `before` are keys already made of their beginning."""
        keys = list(before)
        for i in range(len(keys), len(units) // self.size):
            inside = repr(units[i * self.size : (i + 1) * self.size]).encode()
            keys.append(hashlib.blake2b((keys[-1] if keys else b"") + inside, digest_size=16).digest())
        return keys

    def take(self, keys: Sequence[bytes], total: int) -> Taken | None:
        """`total` blocks, the first of them by their keys as far as these are known. None when there are too few."""
        shared: list[int] = []
        for key in keys[:total]:
            if (block := self._block_of.get(key)) is None:
                break
            shared.append(block)
        idle = sum(not self._users[block] for block in shared)
        if total - len(shared) > self.available - idle:
            return None
        for block in shared:
            self._idle.pop(block, None)
            self._users[block] += 1
        return Taken(shared + [self._fresh() for _ in range(total - len(shared))], len(shared))

    def publish(self, table: Sequence[int], keys: Sequence[bytes]) -> None:
        """The blocks of this table are filled with what the keys say: others may use them from now on."""
        for block, key in zip(table, keys, strict=False):
            if key not in self._block_of and block not in self._key_of:
                self._block_of[key] = block
                self._key_of[block] = key

    def release(self, table: Sequence[int]) -> None:
        """A sequence is over."""
        for block in reversed(table):
            self._users[block] -= 1
            if self._users[block]:
                continue
            if block in self._key_of:
                self._idle[block] = None
            else:
                self._free.append(block)

    def forget(self) -> None:
        """Make everything that nobody uses unknown."""
        while self._idle:
            self._free.append(self._evicted())

    def _fresh(self) -> int:
        block = self._free.popleft() if self._free else self._evicted()
        self._users[block] = 1
        return block

    def _evicted(self) -> int:
        block, _ = self._idle.popitem(last=False)
        del self._block_of[self._key_of.pop(block)]
        return block
