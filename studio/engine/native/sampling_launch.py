"""Launching the sampling kernels over the rows of a decode step."""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from studio.engine.native import sampling_kernels
from studio.engine.native.rows import KEPT, Rows
from studio.models.kernels.launch import early, options

CHUNK = 4096  # ids of the vocabulary that one program looks through


def draw(logits: Tensor, rows: Rows, ids: Tensor) -> None:
    """See `sampler.draw`, for rows that want at most KEPT of the vocabulary: ids [rows] are written."""
    count, vocab = logits.shape
    chunks = triton.cdiv(vocab, CHUNK)
    packed = torch.empty(count, chunks * KEPT, device=logits.device, dtype=torch.int64)
    pdl = early(logits.device)
    sampling_kernels.best_kernel[(count, chunks)](
        logits, rows.seen, rows.factors, packed, vocab, rows.factors.stride(0), CHUNK, KEPT, pdl,
        num_warps=8, **options(logits.device),
    )  # fmt: skip
    sampling_kernels.draw_kernel[(count,)](
        packed, rows.numbers, rows.factors, rows.seen, ids, vocab, chunks * KEPT, rows.numbers.stride(0),
        rows.factors.stride(0), triton.next_power_of_2(chunks * KEPT), KEPT, pdl,
        num_warps=16, **options(logits.device),
    )  # fmt: skip
