"""Speculative decoding (arXiv:2211.17192) with a draft from prompt lookup (arXiv:2304.04487), for one sequence.

The draft tokens are processed as further rows of the decode step, each after the one before, and each row samples with
the random number that its token would have had anyway. So the first sample is what an ordinary step would have given;
the second is, if the first draft token was right; and so on up to the first wrong one. The distribution is unchanged,
and so is the text for a seed, up to the rounding of sums.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.engine.native.rows import BLOCK_TABLE, POSITION, STEP, TOKEN, DecodeBatch
from studio.models.kv_cache import BLOCK

MAX_DRAFT_TOKENS = 7  # a step of up to 8 rows reads the weights once


class SpeculativeStep:
    """`rows` are the sequence's own row and its draft, filled by `prepare`; `accept` advances the sequence's own row.

    `accepted` [2 + MAX_DRAFT_TOKENS] int32: the number of accepted tokens, then the tokens.
    """

    def __init__(self, text: DecodeBatch) -> None:
        """`text`: the sequence's one row."""
        device = text.state.device
        self._text = text
        self.rows = text.empty_like(1 + MAX_DRAFT_TOKENS)
        self.draft = torch.zeros(MAX_DRAFT_TOKENS, dtype=torch.int64, device=device)
        self.ids = torch.zeros(1 + MAX_DRAFT_TOKENS, dtype=torch.int32, device=device)
        self.accepted = torch.zeros(2 + MAX_DRAFT_TOKENS, dtype=torch.int32, device=device)
        self._ahead = torch.arange(1 + MAX_DRAFT_TOKENS, dtype=torch.int32, device=device)
        self._behind = torch.tril_indices(
            1 + MAX_DRAFT_TOKENS, MAX_DRAFT_TOKENS, -1, device=device
        )  # (row, a draft token before it)

    def prepare(self) -> None:
        """Fill `rows` from the sequence's row and the draft."""
        rows, (row, index) = self.rows, self._behind
        rows.state.copy_(self._text.state)
        rows.state[:, POSITION : STEP + 1] += self._ahead[:, None]
        rows.state[1:, TOKEN] = self.draft.int()
        rows.sampling.copy_(self._text.sampling)
        rows.seen.copy_(self._text.seen)
        rows.adapter.copy_(self._text.adapter)
        rows.seen.view(-1).index_fill_(0, row * rows.seen.shape[1] + self.draft[index], 1)

    def slots(self) -> tuple[Tensor, Tensor]:
        """Positions and KV cache slots of the rows' tokens, int32 [rows]."""
        positions = self.rows.state[:, POSITION].contiguous()
        blocks = self.rows.state.gather(1, (BLOCK_TABLE + positions // BLOCK)[:, None].long())[:, 0]
        return positions, blocks * BLOCK + positions % BLOCK

    def accept(self) -> None:
        """Accept the sampled `ids` before which the whole draft was right, and advance the sequence's row."""
        right = (self.ids[:-1] == self.draft).int().cumprod(0).sum()
        kept = (self._ahead <= right).int()
        text = self._text.state[0]
        text[TOKEN : TOKEN + 1] = self.ids.gather(0, right[None])
        text[POSITION : STEP + 1] += right.int() + 1
        self._text.seen[0].index_fill_(0, torch.where(kept > 0, self.ids, self.ids[0]).long(), 1)
        self.accepted[0] = right + 1
        self.accepted[1:] = self.ids
