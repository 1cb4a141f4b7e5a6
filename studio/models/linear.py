"""A matrix of the decoder, 16-bit or int8, with its low-rank partners: sets of LoRA matrices that act on some rows.

A set is known by its name. `IMAGE` is the partial LoRA of the XComposer2 family, which acts at image positions; the
other names are adapters, which act on all rows of a request that asked for them, generated tokens included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.models.async_copy import to_device

IMAGE = "image"  # the set that acts at image positions (PLoRA, arXiv:2401.16420)


@dataclass(frozen=True)
class LowRank:
    """A LoRA pair: y += x Aᵀ Bᵀ · scale. Of several `parts`, each of the equal parts of the outputs has its own A and
    B: those of gate and up, which are one matrix here."""

    a: Tensor  # [parts · rank, in]
    b: Tensor  # [out, rank]
    scale: float = 1.0

    @property
    def parts(self) -> int:
        """Equal parts of the outputs, each with a rank of its own."""
        return self.a.shape[0] // self.b.shape[1]

    def add_to(self, y: Tensor, x: Tensor, mask: Tensor | None = None) -> None:
        """y [rows, out] becomes y + x Aᵀ Bᵀ · scale where `mask` [rows, 1] is 1 (None: everywhere)."""
        low = F.linear(x, self.a)
        if mask is not None:
            low *= mask
        outs = y.chunk(self.parts, dim=1)
        for out, part, b in zip(outs, low.chunk(self.parts, dim=1), self.b.chunk(self.parts), strict=True):
            out.addmm_(part, b.T, alpha=self.scale)


@dataclass(frozen=True)
class AdapterStack:
    """The matrices of all adapters of one linear, for kernels that serve rows of several at once. All have the same
    rank, a power of two: smaller ones are filled up with zeros."""

    a: Tensor  # [adapters, parts · rank, in]
    b: Tensor  # [adapters, out, rank]

    @classmethod
    def of(cls, loras: Sequence[LowRank]) -> AdapterStack:
        """Adapter number i + 1 is `loras[i]`."""
        rank = 1 << (max(lora.b.shape[1] for lora in loras) - 1).bit_length()
        parts, width = loras[0].parts, loras[0].a.shape[1]
        a = loras[0].a.new_zeros(len(loras), parts, max(16, rank), width)
        b = loras[0].b.new_zeros(len(loras), loras[0].b.shape[0], max(16, rank))
        for i, lora in enumerate(loras):
            own = lora.b.shape[1]
            a[i, :, :own] = lora.a.view(parts, own, width)
            b[i, :, :own] = lora.b
        return cls(a.flatten(1, 2), b)

    def lora(self, number: int) -> LowRank:
        """The matrices of an adapter, by its number from 1 on."""
        return LowRank(self.a[number - 1], self.b[number - 1])


@dataclass(frozen=True)
class RowAdapters:
    """The adapters in use by the rows of a decoding step: `count` of them from number `first` on; each row's is in
    `rows` [rows] int32, 0 for none."""

    first: int
    count: int
    rows: Tensor


@dataclass(frozen=True)
class RowSpans:
    """Some rows of an input: those from `first` to `last` where `mask` is 1 (None: all)."""

    first: int
    last: int
    mask: Tensor | None = None  # [last - first, 1]

    def among(self, rows: Tensor) -> RowSpans:
        """The same for an input of these rows [n] only."""
        inside = (rows >= self.first) & (rows < self.last)
        if self.mask is not None:
            inside &= self.mask[(rows - self.first).clamp(0, len(self.mask) - 1), 0] > 0
        return RowSpans(0, len(rows), inside[:, None])


ActiveRows = Mapping[str, RowSpans]  # which rows of an input each set of LoRA matrices acts on


@dataclass(frozen=True)
class Linear:
    """y = x Wᵀ + bias, and the low-rank sets on their rows."""

    weight: Tensor  # [out, in]; int8 where `scales` are given
    loras: Mapping[str, LowRank] = field(default_factory=dict)
    scales: Tensor | None = None  # [out] float32: row i of the matrix is weight[i] · scales[i]
    bias: Tensor | None = None  # [out]
    adapters: AdapterStack | None = None  # those of `loras` that are no PLoRA

    def __call__(self, x: Tensor, active: ActiveRows | None = None) -> Tensor:
        """x [tokens, in] → [tokens, out]."""
        if self.scales is None:
            y = F.linear(x, self.weight)
        else:
            y = F.linear(x, self.weight.to(x.dtype)).mul_(self.scales.to(x.dtype))
        if self.bias is not None:
            y += self.bias
        for name, rows in active.items() if active else ():
            if lora := self.loras.get(name):
                lora.add_to(y[rows.first : rows.last], x[rows.first : rows.last], rows.mask)
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

    def lora_bytes(self, name: str) -> int:
        """Bytes of a low-rank set."""
        lora = self.loras.get(name)
        return lora.a.nbytes + lora.b.nbytes if lora else 0


def row_spans(spans: Sequence[tuple[int, int]], device: torch.device, dtype: torch.dtype) -> RowSpans | None:
    """The rows in these spans (first, after the last), which come in order; None where there are none."""
    spans = [span for span in spans if span[0] < span[1]]
    if not spans:
        return None
    first, last = spans[0][0], spans[-1][1]
    if sum(b - a for a, b in spans) == last - first:
        return RowSpans(first, last)
    mask = torch.zeros(last - first, 1, dtype=dtype)
    for a, b in spans:
        mask[a - first : b - first] = 1
    return RowSpans(first, last, to_device(mask, device, dtype))


def active_rows(spans: Mapping[str, Sequence[tuple[int, int]]], device: torch.device, dtype: torch.dtype) -> ActiveRows:
    """The rows of each set from its spans; sets without any, or without a name, are left out."""
    found = {name: row_spans(some, device, dtype) for name, some in spans.items()}
    return {name: rows for name, rows in found.items() if rows and name}


def image_rows(spans: Sequence[tuple[int, int]], device: torch.device, dtype: torch.dtype) -> ActiveRows:
    """Pictures in these spans."""
    return active_rows({IMAGE: spans}, device, dtype)
