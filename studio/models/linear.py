"""A matrix of the decoder: 16-bit or int8, with the low-rank partners (PLoRA) that act at image positions only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.models.async_copy import to_device


@dataclass(frozen=True)
class PartialLoRA:
    """A PLoRA pair (arXiv:2401.16420): at image rows, x Aᵀ Bᵀ · scale is added to the outputs from `first` on."""

    a: Tensor  # [rank, in]
    b: Tensor  # [out, rank]
    scale: float = 1.0
    first: int = 0


@dataclass(frozen=True)
class ImageRows:
    """Which rows of an input stand at image positions: those from `first` to `last` where `mask` is 1 (None: all)."""

    first: int
    last: int
    mask: Tensor | None = None  # [last - first, 1]

    def among(self, rows: Tensor) -> ImageRows:
        """The same for an input of these rows [n] only."""
        inside = (rows >= self.first) & (rows < self.last)
        if self.mask is not None:
            inside &= self.mask[(rows - self.first).clamp(0, len(self.mask) - 1), 0] > 0
        return ImageRows(0, len(rows), inside[:, None])


@dataclass(frozen=True)
class Linear:
    """y = x Wᵀ, and at image rows the partial LoRAs. No biases anywhere in this family."""

    weight: Tensor  # [out, in]; int8 where `scales` are given
    loras: tuple[PartialLoRA, ...] = ()
    scales: Tensor | None = None  # [out] float32: row i of the matrix is weight[i] · scales[i]

    def __call__(self, x: Tensor, image: ImageRows | None = None) -> Tensor:
        """x [tokens, in] → [tokens, out]."""
        if self.scales is None:
            y = F.linear(x, self.weight)
        else:
            y = F.linear(x, self.weight.to(x.dtype)).mul_(self.scales.to(x.dtype))
        if image is not None:
            seen = x[image.first : image.last]
            for lora in self.loras:
                low = F.linear(seen, lora.a)
                if image.mask is not None:
                    low *= image.mask
                target = y[image.first : image.last, lora.first : lora.first + lora.b.shape[0]]
                target.addmm_(low, lora.b.T, alpha=lora.scale)
        return y

    def quantised(self) -> Linear:
        """With its matrix in int8, each row scaled so that its largest number becomes 127."""
        wide = self.weight.float()
        scales = wide.abs().amax(1).clamp(min=1e-12) / 127
        weight = (wide / scales[:, None]).round_().to(torch.int8)
        return replace(self, weight=weight, scales=scales)

    @property
    def bytes(self) -> int:
        """Bytes of the matrix, which every decoded token reads."""
        return self.weight.nbytes + (0 if self.scales is None else self.scales.nbytes)


def image_rows(spans: list[tuple[int, int]], device: torch.device, dtype: torch.dtype) -> ImageRows | None:
    """The rows in these spans (first, after the last), which come in order."""
    spans = [span for span in spans if span[0] < span[1]]
    if not spans:
        return None
    first, last = spans[0][0], spans[-1][1]
    if sum(b - a for a, b in spans) == last - first:
        return ImageRows(first, last)
    mask = torch.zeros(last - first, 1, dtype=dtype)
    for a, b in spans:
        mask[a - first : b - first] = 1
    return ImageRows(first, last, to_device(mask, device, dtype))
