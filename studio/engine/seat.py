"""One loaded model with what it needs to work: tokenizer, cache, the pictures it has seen lately.

The seat turns a prompt of segments into embeddings and runs the loops; the engine on top of it gives roles, pieces of
text and timings.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine.base import Cancelled
from studio.errors import ContextOverflow, ModelError
from studio.models.beam import Beams, Hypothesis
from studio.models.image import opened
from studio.models.loop import Span, read_prompt, sampled, searched
from studio.models.model import Model
from studio.models.sampler import Sampler
from studio.models.tokenizer import Run, Tokenizer
from studio.protocol import Image, ModelCard, Prompt, Sampling, Text

LEAST_ROOM = 128  # a prompt must leave room for so many new tokens (or for all that are asked for)
SEEN_BYTES = 256 << 20  # embeddings of pictures that are kept: 25 of 490 px, 120 of 224 px


@dataclass(frozen=True)
class Prepared:
    """A prompt as the model reads it."""

    x: Tensor  # embeddings [1, tokens, hidden]
    spans: tuple[Span, ...]  # where the pictures stand

    @property
    def tokens(self) -> int:
        """Length of the prompt."""
        return self.x.shape[1]


class Seat:
    """See above. One call at a time."""

    def __init__(self, card: ModelCard, model: Model, tokenizer: Tokenizer) -> None:
        self.card, self.model, self.tokenizer = card, model, tokenizer
        self.cache = model.decoder.cache(card.context)
        self._seen: OrderedDict[str, Tensor] = OrderedDict()

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.model.decoder.device

    def prepare(self, prompt: Prompt, room: int) -> Prepared:
        """Encode a prompt that must leave `room` tokens free. ContextOverflow comes before the model does anything."""
        return self.embedded(self.tokenizer.encode(prompt), room)

    def embedded(self, runs: list[Run], room: int) -> Prepared:
        """Runs of ids and pictures as the model reads them; see `prepare`."""
        self._check_room(runs, room)
        parts: list[Tensor] = []
        spans: list[Span] = []
        at = 0
        for run in runs:
            if isinstance(run, Image):
                part = self._look(run)
                spans.append((at, at + part.shape[0]))
            else:
                part = self._words(run)
            parts.append(part)
            at += part.shape[0]
        return Prepared(torch.cat(parts)[None], tuple(spans))

    def logits(self, prepared: Prepared, cancelled: Cancelled) -> Tensor | None:
        """Read the prompt into the empty cache; the logits [vocab] after it, or None when cancelled."""
        self.cache.clear()
        return read_prompt(self.model.decoder, self.cache, prepared.x, prepared.spans, cancelled)

    def sampled(self, logits: Tensor, sampling: Sampling) -> Iterator[int]:
        """Ids after the prompt that was read last."""
        a = self.model.architecture
        return sampled(self.model.decoder, self.cache, logits, Sampler(sampling, a.vocab, a.bos, self.device))

    def searched(self, logits: Tensor, sampling: Sampling, most: int, cancelled: Cancelled) -> Hypothesis | None:
        """The best of `sampling.beams` beams; None when cancelled."""
        stops, penalty = self.tokenizer.stops, sampling.repetition_penalty
        beams = Beams(sampling.beams, stops, penalty, self.model.architecture.bos, self.device)
        for _ in searched(self.model.decoder, self.cache, logits, beams, sampling.beams, most):
            if cancelled():
                return None
        return beams.best()

    def scores(self, prompt: Prompt, options: Sequence[str], cancelled: Cancelled) -> tuple[float, ...]:
        """Log-probability of the token at which the options begin to differ, in one forward pass.

        Prompt and option are encoded together, since the characters where they meet may share a token. Options that
        agree in that token share its score.
        """
        runs = [self.tokenizer.encode((*prompt, Text(option))) for option in options]
        ends = [run[-1] for run in runs if isinstance(run[-1], list)]
        shared = 0
        while shared < min(map(len, ends)) - 1 and len({end[shared] for end in ends}) == 1:
            shared += 1
        context: list[Run] = [*runs[0][:-1], ends[0][:shared]]
        logits = self.logits(self.embedded([run for run in context if run != []], 1), cancelled)
        if logits is None:
            return (-torch.inf,) * len(options)
        chances = logits.log_softmax(-1)[torch.tensor([end[shared] for end in ends], device=self.device)]
        return tuple(chances.tolist())

    def forget_pictures(self) -> None:
        """Drop the embeddings of pictures seen lately."""
        self._seen.clear()

    def memory(self) -> dict[str, int]:
        """Bytes by name."""
        decoder = self.model.decoder
        seen = sum(map(_bytes, self._seen.values()))
        weights = self.model.architecture.parameters() * decoder.embedding.element_size()
        return {"weights": weights, "cache": self.cache.bytes, "pictures": seen}

    def _check_room(self, runs: list[Run], room: int) -> None:
        tower = self.model.tower
        needed = room
        for run in runs:
            if isinstance(run, list):
                needed += len(run)
            elif tower is None:
                raise ModelError("cannot_see", model=self.card.name)
            else:
                needed += tower.tokens(*opened(run.data).size) if tower.tiled else tower.vision.grid**2
        if needed > self.card.context:
            raise ContextOverflow("context_overflow", needed=needed, model=self.card.name, limit=self.card.context)

    @torch.inference_mode()
    def _words(self, ids: list[int]) -> Tensor:
        return self.model.decoder.embed(torch.tensor(ids, device=self.device))

    def _look(self, image: Image) -> Tensor:
        """Embeddings of a picture [positions, hidden]; those seen lately are kept by their key."""
        assert self.model.tower is not None
        if image.key in self._seen:
            self._seen.move_to_end(image.key)
            return self._seen[image.key]
        embeddings = self.model.tower.see(opened(image.data))
        self._seen[image.key] = embeddings
        while len(self._seen) > 1 and sum(map(_bytes, self._seen.values())) > SEEN_BYTES:
            self._seen.popitem(last=False)
        return embeddings


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
