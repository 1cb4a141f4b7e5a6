"""Launching the sampling kernels over the rows of a decode step."""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from studio.engine.native import sampling_kernels
from studio.engine.native.rows import MAX_TOP_K, DecodeBatch
from studio.models.kernels.launch import launch_options, supports_pdl

CHUNK = 4096  # ids of the vocabulary that one program looks through


def sample(logits: Tensor, rows: DecodeBatch, ids: Tensor) -> None:
    """See `sampler.sample`, for rows that want at most MAX_TOP_K of the vocabulary: ids [rows] are written."""
    count, vocab = logits.shape
    chunks = triton.cdiv(vocab, CHUNK)
    packed = torch.empty(count, chunks * MAX_TOP_K, device=logits.device, dtype=torch.int64)
    pdl = supports_pdl(logits.device)
    sampling_kernels.top_k_kernel[(count, chunks)](
        logits, rows.seen, rows.sampling, packed, vocab, rows.sampling.stride(0), CHUNK, MAX_TOP_K, pdl,
        num_warps=8, **launch_options(logits.device),
    )  # fmt: skip
    sampling_kernels.sample_kernel[(count,)](
        packed, rows.state, rows.sampling, rows.seen, ids, vocab, chunks * MAX_TOP_K, rows.state.stride(0),
        rows.sampling.stride(0), triton.next_power_of_2(chunks * MAX_TOP_K), MAX_TOP_K, pdl,
        num_warps=16, **launch_options(logits.device),
    )  # fmt: skip
