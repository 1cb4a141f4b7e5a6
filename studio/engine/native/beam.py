"""Beam search as the original library does it: the mathematics of the beams, apart from the model that scores them.

Each round every live beam proposes, the best continuations are looked at in order, those that end become hypotheses,
the first n others live on. A finished hypothesis is scored by its mean log-probability over BOS and its tokens. The
search ends when no live beam can beat the worst of n hypotheses any more.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine.native.sampler import apply_repetition_penalty


@dataclass(frozen=True)
class Hypothesis:
    """A finished text. `ended` by a stop id, or else cut where the search was."""

    ids: tuple[int, ...]
    score: float
    ended: bool


class BeamScorer:
    """The live beams and the hypotheses of one search."""

    def __init__(self, count: int, stops: frozenset[int], penalty: float, bos: int, device: torch.device) -> None:
        self._count, self._stops, self._penalty, self._bos = count, stops, penalty, bos
        self._sums = torch.full((count,), -1e9, device=device)
        self._sums[0] = 0.0  # all beams start equal: only the first counts, or all would stay the same
        self.ids: list[list[int]] = [[] for _ in range(count)]
        self._finished: list[Hypothesis] = []
        self.done = False

    def advance(self, logits: Tensor) -> tuple[list[int], list[int]]:
        """Logits [beams, vocab] → for each new beam its parent and its new id."""
        scores = logits.log_softmax(-1)
        scores = apply_repetition_penalty(scores, self._seen(scores), self._penalty) + self._sums[:, None]
        vocab = scores.shape[-1]
        proposals = self._count * max(2, 1 + len(self._stops))  # enough to live on though every stop is among them
        best, where = scores.flatten().topk(min(proposals, scores.numel()))
        sums, places = best.tolist(), where.tolist()
        live = self._sort_out(sums, [(place // vocab, place % vocab) for place in places])
        parents, ids = [parent for _, parent, _ in live], [token for _, _, token in live]
        self._sums = best[torch.tensor([rank for rank, _, _ in live], device=best.device)]
        length = len(self.ids[0]) + 1
        self.ids = [[*self.ids[parent], token] for _, parent, token in live]
        self.done = self._cannot_improve(sums[0], length)
        return parents, ids

    def best(self) -> Hypothesis:
        """The winner: the live beams count as finished where the search was cut."""
        if not self.done:
            for total, ids in zip(self._sums.tolist(), self.ids, strict=True):
                self._finish(total, ids, ended=False)
        return max(self._finished, key=lambda h: h.score)

    def _sort_out(self, sums: list[float], candidates: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
        """(rank, parent, id) of those that live on; those that end become hypotheses if they are among the best n."""
        live: list[tuple[int, int, int]] = []
        for rank, (parent, token) in enumerate(candidates):
            if token not in self._stops:
                live.append((rank, parent, token))
            elif rank < self._count:
                self._finish(sums[rank], self.ids[parent], ended=True)
            if len(live) == self._count:
                break
        return live

    def _finish(self, total: float, ids: list[int], ended: bool) -> None:
        self._finished.append(Hypothesis(tuple(ids), total / (1 + len(ids)), ended))
        self._finished = sorted(self._finished, key=lambda h: -h.score)[: self._count]

    def _cannot_improve(self, best_sum: float, length: int) -> bool:
        if len(self._finished) < self._count:
            return False
        return self._finished[-1].score >= best_sum / (1 + length)

    def _seen(self, scores: Tensor) -> Tensor:
        seen = torch.zeros_like(scores, dtype=torch.bool)
        seen[:, self._bos] = True
        if self.ids[0]:
            seen.scatter_(1, torch.tensor(self.ids, device=scores.device), True)
        return seen
