"""From logits to a token: repetition penalty, temperature, top-k, top-p, a sample with random numbers of its own.

The order is that of transformers: penalty, temperature, top-k, top-p. A random number depends on the request's seed, on
how many tokens it has sampled, and on the candidate token; so a request samples the same whatever runs beside it.
Everything stays on the device. On a GPU two kernels do the same (sampling_kernels.py), for a small top-k.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.engine.native.rows import PENALTY, SEED, STEP, TEMPERATURE, TOP_K, TOP_P, DecodeBatch


@torch.inference_mode()
def sample(logits: Tensor, rows: DecodeBatch) -> Tensor:
    """Logits [rows, vocab] in float32 → each row's next id [rows] int32; the rows advance."""
    logits = apply_repetition_penalty(logits, rows.seen != 0, rows.sampling[:, PENALTY, None])
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    temperature = rows.sampling[:, TEMPERATURE, None]
    scaled = (ordered - ordered[:, :1]) / torch.where(temperature > 0, temperature, 1.0)
    kept = top_k_top_p_mask(scaled, rows.state[:, TOP_K, None], rows.sampling[:, TOP_P, None])
    uniform = uniform_noise(rows.state[:, SEED, None], rows.state[:, STEP, None], order)
    race = (scaled - (-uniform.log()).log()).masked_fill(~kept, -torch.inf)  # Gumbel-max: a draw as a maximum
    winner = torch.where(temperature > 0, race.argmax(-1, keepdim=True), 0)
    ids = order.gather(1, winner)[:, 0].int()
    rows.advance(ids)
    return ids


def apply_repetition_penalty(logits: Tensor, seen: Tensor, penalty: Tensor | float) -> Tensor:
    """Ids in `seen` (bool, like logits) become less likely by the factor `penalty` (arXiv:1909.05858); 1 is none."""
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def top_k_top_p_mask(ordered: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """Which of the logits [rows, n], in falling order, stay: the `top_k` [rows, 1] best (more where some tie with the
    last), and of those the fewest that hold a probability of `top_p` [rows, 1] together (arXiv:1904.09751); always
    the best one."""
    last = ordered.gather(1, top_k.long().clamp(1, ordered.shape[1]) - 1)
    kept = ordered >= last
    chances = ordered.masked_fill(~kept, -torch.inf).softmax(-1)
    before = chances.cumsum(-1) - chances  # those before it do not yet hold top_p; its rounded sum may reach 1 early
    kept &= (before < top_p) | (top_p >= 1)
    kept[:, 0] = True
    return kept


def uniform_noise(seed: Tensor, step: Tensor, ids: Tensor) -> Tensor:
    """Uniform numbers in (0, 1) that depend on these three alone; the twin of `kernels.sample.noise`."""
    h = _mixed((seed.long() & _BITS) ^ ((step.long() * 0x9E3779B1) & _BITS))
    h = _mixed(h ^ ids.long())
    h = _mixed((h + 0x85EBCA6B) & _BITS)
    return ((h >> 9).float() + 0.5) * 2.0**-23


_BITS = 0xFFFFFFFF


def _mixed(h: Tensor) -> Tensor:
    h = ((h ^ (h >> 16)) * 0x7FEB352D) & _BITS
    h = ((h ^ (h >> 15)) * 0x846CA68B) & _BITS
    return h ^ (h >> 16)
