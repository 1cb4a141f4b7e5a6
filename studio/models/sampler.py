"""From logits to a token: repetition penalty, temperature, top-k, top-p, a draw with a seed of its own.

The order is transformers': the penalty first, then temperature, then top-k, then top-p. All of it stays on the device;
nothing here waits for it. The penalty looks at BOS and what was generated, never at the prompt (REFERENCE.md, golden
notes): XComposer2 was always called with embeddings, where the original library knows no prompt ids.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.protocol import Sampling


class Sampler:
    """Draws the tokens of one call."""

    def __init__(self, sampling: Sampling, vocab: int, bos: int, device: torch.device) -> None:
        self._sampling = sampling
        self._seen = torch.zeros(vocab, dtype=torch.bool, device=device)
        self._seen[bos] = True
        self._generator = torch.Generator(device).manual_seed(sampling.seed % 2**63)

    @torch.inference_mode()
    def __call__(self, logits: Tensor) -> Tensor:
        """Logits [vocab] in float32 → the next id [1], on the device."""
        s = self._sampling
        logits = penalised(logits, self._seen, s.repetition_penalty)
        if s.temperature <= 0:
            token = logits.argmax(-1, keepdim=True)
        else:
            logits = nucleus(top(logits / s.temperature, s.top_k), s.top_p)
            token = drawn(logits.softmax(-1), self._generator)
        self._seen.index_fill_(0, token, True)
        return token


def drawn(chances: Tensor, generator: torch.Generator) -> Tensor:
    """One id by its chance [vocab] → [1]: the first arrival of an exponential race.

    torch.multinomial does the same inside, but makes the host wait for the device.
    """
    arrivals = torch.empty_like(chances).exponential_(generator=generator).clamp_(min=1e-30)
    return (chances / arrivals).argmax(-1, keepdim=True)


def penalised(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Ids in `seen` (bool, like logits) become less likely by the factor `penalty` (arXiv:1909.05858); 1 is none."""
    if penalty == 1.0:
        return logits
    return torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)


def top(logits: Tensor, k: int) -> Tensor:
    """Only the k best stay (more where several tie with the last); k 0 keeps all."""
    if not 0 < k < logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits.topk(k).values[..., -1:], -torch.inf)


def nucleus(logits: Tensor, p: float) -> Tensor:
    """Only the fewest that hold a probability of p together stay (arXiv:1904.09751), and always the best one."""
    if p >= 1.0:
        return logits
    ordered, order = logits.sort(descending=True, dim=-1)
    chances = ordered.softmax(-1)
    beyond = chances.cumsum(-1) - chances >= p  # what stands before it already holds p
    beyond[..., 0] = False
    return logits.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), -torch.inf)
