"""Keys and values of the tokens read so far: one block of memory, made once and never grown.

Layout [layers, batch, kv heads, tokens, head width], so that one layer's filled part is a plain slice and kv heads are
never repeated. Growing by `cat` and repeating heads is what makes the original code slow.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.models.config import Architecture


class Cache:
    """`length` tokens are filled, of `capacity`."""

    def __init__(
        self, a: Architecture, capacity: int, device: torch.device, dtype: torch.dtype, batch: int = 1
    ) -> None:
        shape = (a.layers, batch, a.kv_heads, capacity, a.head_dim)
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.capacity = capacity
        self.length = 0

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put keys and values [batch, kv heads, new, head width] behind the filled part; returns all of this layer's.

        `length` stays: the decoder advances it once all layers have written.
        """
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def clear(self) -> None:
        """Forget all tokens; the memory stays."""
        self.length = 0

    def fill_from(self, other: Cache) -> None:
        """Take the filled part of a cache of one row into every row of this one."""
        self.length = other.length
        self.keys[:, :, :, : self.length] = other.keys[:, :, :, : self.length]
        self.values[:, :, :, : self.length] = other.values[:, :, :, : self.length]

    def reorder(self, rows: Tensor) -> None:
        """Row i becomes what row `rows[i]` was."""
        filled = slice(0, self.length)
        self.keys[:, :, :, filled] = self.keys[:, rows, :, filled]
        self.values[:, :, :, filled] = self.values[:, rows, :, filled]

    @property
    def bytes(self) -> int:
        """Memory it holds."""
        return 2 * self.keys.numel() * self.keys.element_size()
