"""The decode batch on the device: one row per running sequence, with all the state that a decode step needs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.models.async_copy import to_device
from studio.protocol import Sampling

TOKEN, POSITION, STEP, TOP_K, SEED, STOP_IDS = range(6)  # columns of `state`
BLOCK_TABLE = 8  # first column of the block table
TEMPERATURE, TOP_P, PENALTY = range(3)  # columns of `sampling`
MAX_TOP_K = 64  # the largest top-k that the kernels serve


class DecodeBatch:
    """state [rows, BLOCK_TABLE + blocks] int32: the token to process next, its position, the number of sampled tokens,
    top-k (0: the row is empty or has stopped), seed, up to three stop ids, then the block table. sampling [rows, 4]
    float32: temperature, top-p, repetition penalty. seen [rows, vocab] int8: 1 for BOS and every sampled token. adapter
    [rows] int32: the number of the adapter that a row is processed with, from 1 on; 0: none.

    The penalty looks at BOS and what was generated, never at the prompt: XComposer2 always called transformers'
    `generate` with embeddings (modeling_internlm_xcomposer2.py), where it knows no prompt ids.
    """

    def __init__(self, count: int, blocks: int, vocab: int, device: torch.device) -> None:
        self.state = torch.zeros(count, BLOCK_TABLE + -(-blocks // 8) * 8, dtype=torch.int32, device=device)
        self.sampling = torch.ones(count, 4, device=device)
        self.seen = torch.zeros(count, vocab, dtype=torch.int8, device=device)
        self.adapter = torch.zeros(count, dtype=torch.int32, device=device)

    def __len__(self) -> int:
        return self.state.shape[0]

    @property
    def tokens(self) -> Tensor:
        """[rows] int32: the token that each row processes next."""
        return self.state[:, TOKEN]

    def slice(self, first: int, last: int) -> DecodeBatch:
        """Rows `first` to `last`, as views."""
        part = object.__new__(DecodeBatch)
        part.state, part.sampling, part.seen, part.adapter = (t[first:last] for t in self._tensors)
        return part

    def empty_like(self, count: int) -> DecodeBatch:
        """A batch of `count` empty rows of the same width."""
        batch = object.__new__(DecodeBatch)
        batch.state, batch.sampling, batch.seen, batch.adapter = (
            torch.zeros(count, *t.shape[1:], dtype=t.dtype, device=t.device) for t in self._tensors
        )
        return batch

    def set_row(
        self, row: int, prompt: int, table: Sequence[int], sampling: Sampling, bos: int, stops: Sequence[int] = ()
    ) -> None:
        """A sequence whose prompt of `prompt` tokens is prefilled; the first sample is its first token. A row that
        samples one of the first three `stops` stands still from then on."""
        vocab = self.seen.shape[1]
        top_k = sampling.top_k if 0 < sampling.top_k < vocab else vocab
        state = [0] * self.state.shape[1]
        three = (*stops, -1, -1, -1)[: BLOCK_TABLE - STOP_IDS]
        state[: BLOCK_TABLE + len(table)] = [0, prompt - 1, 0, top_k, _fold_seed(sampling.seed), *three, *table]
        device = self.state.device
        self.state[row] = to_device(state, device, torch.int32)
        top_p = sampling.top_p if sampling.top_p < 1 else 2.0  # all: a rounded sum of probabilities may reach 1 early
        factors = [max(0.0, sampling.temperature), top_p, sampling.repetition_penalty, 0.0]
        self.sampling[row] = to_device(factors, device, torch.float32)
        self.seen[row] = 0
        self.seen[row, bos] = 1

    def move_row(self, source: int, target: int) -> None:
        """Row `target` becomes what row `source` is."""
        for t in self._tensors:
            t[target] = t[source]

    def clear_row(self, row: int) -> None:
        """An empty row: it processes token 0 at position 0 of block 0, which belongs to nobody."""
        self.state[row] = 0
        self.adapter[row] = 0

    def advance(self, ids: Tensor) -> None:
        """Each row has sampled its token `ids` [rows]; rows with top-k 0 stay where they are."""
        self.state[:, TOKEN] = ids.int()
        self.state[:, POSITION : STEP + 1] += (self.state[:, TOP_K, None] > 0).int()
        self.state[:, TOP_K] *= (self.state[:, STOP_IDS:BLOCK_TABLE] != ids[:, None]).all(-1).int()
        self.seen.scatter_(1, ids[:, None].long(), 1)

    @property
    def _tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.state, self.sampling, self.seen, self.adapter


def fits_top_k_kernel(sampling: Sampling) -> bool:
    """Whether the top-k kernel serves this sampling: greedy, or a top-k of at most MAX_TOP_K."""
    return sampling.temperature <= 0 or 0 < sampling.top_k <= MAX_TOP_K


def _fold_seed(seed: int) -> int:
    """Any seed as a signed 32-bit number."""
    seed &= 2**64 - 1
    folded = (seed ^ (seed >> 32)) & 0xFFFFFFFF
    return folded - 2**32 if folded >= 2**31 else folded
