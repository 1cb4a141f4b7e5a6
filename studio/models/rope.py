"""Rotary position embedding (arXiv:2104.09864): the angles of each position, beyond the trained positions with a base
that grows (dynamic NTK).

Behind a prompt, a token that stands at position p is rotated as in a text of p + 1 tokens, so the table serves every
decoding step. A prompt longer than the trained positions is rotated as a whole for its own length.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.models.kv_cache import BatchLayout

Angles: TypeAlias = tuple[Tensor, Tensor, Tensor | None]  # cos, sin [rows, head width]; the row of each token, or None


class RopeTables:
    """cos and sin [context, head width] in float32."""

    def __init__(self, a: Architecture, device: torch.device) -> None:
        self._a, self._device = a, device
        positions = torch.arange(a.context)
        self.table = self._rotations(positions.to(device), positions + 1)

    def angles(self, layout: BatchLayout) -> Angles:
        """The table; or, where a chunk belongs to a prompt beyond the trained positions, rows made for these tokens."""
        if not any(chunk.prompt > self._a.trained for chunk in layout.chunks):
            return *self.table, None
        positions, device = layout.metadata.positions.long(), self._device
        lengths = torch.cat(
            [
                torch.full((c.count,), c.prompt) if c.prompt else torch.arange(c.start + 1, c.end + 1)
                for c in layout.chunks
            ]
        )
        return *self._rotations(positions, lengths), torch.arange(len(positions), device=device).int()

    def _rotations(self, positions: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """For tokens at these positions [n] of texts of so many tokens [n], which are on the host."""
        a = self._a
        exponents = torch.arange(0, a.head_dim, 2, device=self._device).float() / a.head_dim
        if int(lengths.max()) <= a.trained:
            angles = torch.outer(positions.float(), 1.0 / a.rope_theta**exponents)
        else:
            growth = (a.rope_factor * lengths.double() / a.trained) - (a.rope_factor - 1)
            bases = a.rope_theta * growth.clamp(min=1.0) ** (a.head_dim / (a.head_dim - 2))
            bases = bases.float().to(self._device)[:, None]
            angles = positions.float()[:, None] * (1.0 / bases**exponents)
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos(), angles.sin()
