"""Several tokens of one text in one decoding step: the last one drawn, and guesses at what follows (speculative
decoding, arXiv:2211.17192, with guesses that come from the text itself, arXiv:2304.04487).

The guessed tokens are read as further rows of the step, each behind the one before, and each row draws the token after
its own, with the random number that this token would have had anyway. So the first draw is what an ordinary step
would have drawn; the second is, if the first guess was right; and so on up to the first wrong guess. What comes out has
the same distribution as without guesses, and even the same tokens for the same seed, up to the rounding of sums.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.engine.native.rows import HEAD, POSITION, STEP, TOKEN, Rows
from studio.models.kv_cache import BLOCK

GUESSES = 7  # a step of up to 8 rows reads the weights once


class Trial:
    """`rows` are the text's own row and its guesses, as `prepare` makes them; `settle` moves the text's own row on.

    `outcome` [2 + GUESSES] int32: how many tokens were drawn for good, and the tokens.
    """

    def __init__(self, text: Rows) -> None:
        """`text`: the one row of the text."""
        device = text.numbers.device
        self._text = text
        self.rows = text.like(1 + GUESSES)
        self.guesses = torch.zeros(GUESSES, dtype=torch.int64, device=device)
        self.ids = torch.zeros(1 + GUESSES, dtype=torch.int32, device=device)
        self.outcome = torch.zeros(2 + GUESSES, dtype=torch.int32, device=device)
        self._ahead = torch.arange(1 + GUESSES, dtype=torch.int32, device=device)
        self._behind = torch.tril_indices(1 + GUESSES, GUESSES, -1, device=device)  # (row, a guess that it has read)

    def prepare(self) -> None:
        """The rows from the text's row and the guesses."""
        rows, (row, guess) = self.rows, self._behind
        rows.numbers.copy_(self._text.numbers)
        rows.numbers[:, POSITION : STEP + 1] += self._ahead[:, None]
        rows.numbers[1:, TOKEN] = self.guesses.int()
        rows.factors.copy_(self._text.factors)
        rows.seen.copy_(self._text.seen)
        rows.seen.view(-1).index_fill_(0, row * rows.seen.shape[1] + self.guesses[guess], 1)

    def slots(self) -> tuple[Tensor, Tensor]:
        """Positions and slots of the rows' tokens, int32 [rows]."""
        positions = self.rows.numbers[:, POSITION].contiguous()
        blocks = self.rows.numbers.gather(1, (HEAD + positions // BLOCK)[:, None].long())[:, 0]
        return positions, blocks * BLOCK + positions % BLOCK

    def settle(self) -> None:
        """`ids` have been drawn: keep those before which all guesses were right."""
        right = (self.ids[:-1] == self.guesses).int().cumprod(0).sum()
        kept = (self._ahead <= right).int()
        text = self._text.numbers[0]
        text[TOKEN : TOKEN + 1] = self.ids.gather(0, right[None])
        text[POSITION : STEP + 1] += right.int() + 1
        self._text.seen[0].index_fill_(0, torch.where(kept > 0, self.ids, self.ids[0]).long(), 1)
        self.outcome[0] = right + 1
        self.outcome[1:] = self.ids
