"""From logits to a token: repetition penalty, temperature, top-k, top-p, a draw with random numbers of its own.

The order is transformers': the penalty first, then temperature, then top-k, then top-p. A random number depends on the
call's seed, on how many tokens the call has drawn, and on the token it is for; so a call draws the same whatever else
runs beside it. All of it stays on the device; nothing here waits for it. On a GPU two kernels do the same
(kernels/draw.py), for calls that want few of the vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.engine.native.rows import PENALTY, SEED, STEP, TEMPERATURE, TOP_K, TOP_P, Rows


@torch.inference_mode()
def draw(logits: Tensor, rows: Rows) -> Tensor:
    """Logits [rows, vocab] in float32 → each row's next id [rows] int32; the rows move on."""
    logits = penalised(logits, rows.seen != 0, rows.factors[:, PENALTY, None])
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    temperature = rows.factors[:, TEMPERATURE, None]
    scaled = (ordered - ordered[:, :1]) / torch.where(temperature > 0, temperature, 1.0)
    staying = kept(scaled, rows.numbers[:, TOP_K, None], rows.factors[:, TOP_P, None])
    uniform = noise(rows.numbers[:, SEED, None], rows.numbers[:, STEP, None], order)
    race = (scaled - (-uniform.log()).log()).masked_fill(~staying, -torch.inf)  # Gumbel-max: a draw as a maximum
    winner = torch.where(temperature > 0, race.argmax(-1, keepdim=True), 0)
    ids = order.gather(1, winner)[:, 0].int()
    rows.advance(ids)
    return ids


def penalised(logits: Tensor, seen: Tensor, penalty: Tensor | float) -> Tensor:
    """Ids in `seen` (bool, like logits) become less likely by the factor `penalty` (arXiv:1909.05858); 1 is none."""
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def kept(ordered: Tensor, most: Tensor, share: Tensor) -> Tensor:
    """Which of the logits [rows, n], in falling order, stay: the `most` [rows, 1] best (more where several tie with the
    last), and of those the fewest that hold a probability of `share` [rows, 1] together (arXiv:1904.09751); always
    the best one."""
    last = ordered.gather(1, most.long().clamp(1, ordered.shape[1]) - 1)
    staying = ordered >= last
    chances = ordered.masked_fill(~staying, -torch.inf).softmax(-1)
    staying &= chances.cumsum(-1) - chances < share  # what stands before it does not yet hold the share
    staying[:, 0] = True
    return staying


def noise(seed: Tensor, step: Tensor, ids: Tensor) -> Tensor:
    """Uniform numbers in (0, 1) that depend on these three alone; the twin of `kernels.draw.noise`."""
    h = _mixed((seed.long() & _BITS) ^ ((step.long() * 0x9E3779B1) & _BITS))
    h = _mixed(h ^ ids.long())
    h = _mixed((h + 0x85EBCA6B) & _BITS)
    return ((h >> 9).float() + 0.5) * 2.0**-23


_BITS = 0xFFFFFFFF


def _mixed(h: Tensor) -> Tensor:
    h = ((h ^ (h >> 16)) * 0x7FEB352D) & _BITS
    h = ((h ^ (h >> 15)) * 0x846CA68B) & _BITS
    return h ^ (h >> 16)
