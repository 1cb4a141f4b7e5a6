"""The running calls as the device knows them: one row a call, with all that a decoding step needs to go on alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.models.async_copy import to_device
from studio.protocol import Sampling

TOKEN, POSITION, STEP, TOP_K, SEED, STOPS = range(6)  # columns of `numbers`
HEAD = 8  # the first block's column
TEMPERATURE, TOP_P, PENALTY = range(3)  # columns of `factors`
KEPT = 64  # the largest top-k that the kernels serve


class Rows:
    """numbers [rows, HEAD + blocks] int32: the token to read next, the position it will stand at, how many were drawn,
    top-k (0: the row is empty or has stopped), seed, up to three stop tokens, and from HEAD on the blocks; factors
    [rows, 4] float32; seen [rows, vocab] int8: BOS and the tokens drawn.

    The penalty looks at BOS and what was generated, never at the prompt (REFERENCE.md, golden notes): XComposer2 was
    always called with embeddings, where the original library knows no prompt ids.
    """

    def __init__(self, count: int, blocks: int, vocab: int, device: torch.device) -> None:
        self.numbers = torch.zeros(count, HEAD + -(-blocks // 8) * 8, dtype=torch.int32, device=device)
        self.factors = torch.ones(count, 4, device=device)
        self.seen = torch.zeros(count, vocab, dtype=torch.int8, device=device)

    def __len__(self) -> int:
        return self.numbers.shape[0]

    @property
    def tokens(self) -> Tensor:
        """[rows] int32: what each row reads next."""
        return self.numbers[:, TOKEN]

    def part(self, first: int, last: int) -> Rows:
        """Rows `first` to `last` as views."""
        part = object.__new__(Rows)
        part.numbers, part.factors, part.seen = (t[first:last] for t in (self.numbers, self.factors, self.seen))
        return part

    def like(self, count: int) -> Rows:
        """Other rows of the same kind."""
        made = object.__new__(Rows)
        made.numbers, made.factors, made.seen = (
            torch.zeros(count, *t.shape[1:], dtype=t.dtype, device=t.device)
            for t in (self.numbers, self.factors, self.seen)
        )
        return made

    def put(
        self, row: int, prompt: int, table: Sequence[int], sampling: Sampling, bos: int, stops: Sequence[int] = ()
    ) -> None:
        """A call whose prompt of so many tokens has been read: the first draw makes its first token. A row that draws
        one of the first three `stops` stands still from then on."""
        vocab = self.seen.shape[1]
        most = sampling.top_k if 0 < sampling.top_k < vocab else vocab
        numbers = [0] * self.numbers.shape[1]
        three = (*stops, -1, -1, -1)[: HEAD - STOPS]
        numbers[: HEAD + len(table)] = [0, prompt - 1, 0, most, _folded(sampling.seed), *three, *table]
        device = self.numbers.device
        self.numbers[row] = to_device(numbers, device, torch.int32)
        factors = [max(0.0, sampling.temperature), sampling.top_p, sampling.repetition_penalty, 0.0]
        self.factors[row] = to_device(factors, device, torch.float32)
        self.seen[row] = 0
        self.seen[row, bos] = 1

    def move(self, source: int, target: int) -> None:
        """Row `target` becomes what row `source` is."""
        for t in (self.numbers, self.factors, self.seen):
            t[target] = t[source]

    def clear(self, row: int) -> None:
        """An empty row: it reads token 0 at position 0 of block 0 for ever, which nobody else uses."""
        self.numbers[row] = 0

    def advance(self, ids: Tensor) -> None:
        """Each row has drawn its token [rows]; those with top-k 0 stay where they are."""
        self.numbers[:, TOKEN] = ids.int()
        self.numbers[:, POSITION : STEP + 1] += (self.numbers[:, TOP_K, None] > 0).int()
        self.numbers[:, TOP_K] *= (self.numbers[:, STOPS:HEAD] != ids[:, None]).all(-1).int()
        self.seen.scatter_(1, ids[:, None].long(), 1)


def few(sampling: Sampling) -> bool:
    """Whether the KEPT best of the vocabulary are enough for this sampling."""
    return sampling.temperature <= 0 or 0 < sampling.top_k <= KEPT


def _folded(seed: int) -> int:
    """Any seed as a signed 32-bit number."""
    seed &= 2**64 - 1
    folded = (seed ^ (seed >> 32)) & 0xFFFFFFFF
    return folded - 2**32 if folded >= 2**31 else folded
