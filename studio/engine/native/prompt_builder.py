"""From a call to a request, and from a chunk of its prompt to embeddings: what comes before the decoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from studio.engine.native.block_manager import RESERVED, Unit
from studio.engine.native.check.reference_loop import Span, beam_search_blocks, beam_search_tokens
from studio.engine.native.image_cache import ImageCache
from studio.engine.native.requests import ChoiceRequest, GenerationRequest
from studio.engine.native.scheduler import Kind, PrefillChunk, Sequence
from studio.errors import ContextOverflow, ModelError
from studio.models.async_copy import to_device
from studio.models.image_preprocessing import size_of
from studio.models.kv_cache import blocks_for
from studio.models.model import Model
from studio.models.tokenizer import Run, Tokenizer
from studio.protocol import MIN_NEW_TOKENS, Adapter, Choose, Generate, Image, ModelCard, Prompt, Text


class PromptBuilder:
    """For one model whose KV cache has so many `blocks`."""

    def __init__(
        self, card: ModelCard, model: Model, tokenizer: Tokenizer, pictures: ImageCache | None, blocks: int
    ) -> None:
        self._card, self._model, self._tokenizer, self._pictures = card, model, tokenizer, pictures
        self._blocks = blocks - RESERVED

    def generation(self, number: int, call: Generate) -> GenerationRequest:
        """Raises ContextOverflow when the prompt leaves too little room. A beam search that would need more blocks than
        there are ends sooner, like one that reaches the end of the context."""
        runs, sampling = self.encode(call.prompt), call.sampling
        units = self._fitting(runs, min(sampling.max_tokens, MIN_NEW_TOKENS))
        max_new = min(sampling.max_tokens, self._card.context - len(units))
        if sampling.beams > 1:
            max_new = min(max_new, beam_search_tokens(len(units), self._blocks, sampling.beams))
            blocks = beam_search_blocks(len(units), max_new, sampling.beams)
            sequence = self._sequence(number, "search", units, max_new, blocks, call.prompt, runs)
        else:
            blocks = blocks_for(len(units) + max_new)
            sequence = self._sequence(number, "stream", units, max_new, blocks, call.prompt, runs)
        return GenerationRequest(call, runs, sequence, self._tokenizer)

    def choice(self, number: int, call: Choose) -> ChoiceRequest:
        """Scores are those of the token at which the options begin to differ, in one forward pass.

        Prompt and option are encoded together, since the characters where they meet may share a token. Options that
        agree in that token share its score.
        """
        encoded = [self.encode((*call.prompt, Text(option))) for option in call.options]
        ends = [runs[-1] for runs in encoded if isinstance(runs[-1], list)]
        shared = 0
        while shared < min(map(len, ends)) - 1 and len({end[shared] for end in ends}) == 1:
            shared += 1
        runs: list[Run] = [run for run in (*encoded[0][:-1], ends[0][:shared]) if run != []]
        units = self._fitting(runs, 1)
        sequence = self._sequence(number, "choice", units, 1, blocks_for(len(units)), call.prompt, runs)
        return ChoiceRequest(call, runs, sequence, tuple(end[shared] for end in ends))

    def encode(self, prompt: Prompt) -> list[Run]:
        """The prompt as runs of ids with the images between them, each with the most tiles that it is cut into."""
        runs, pictures = self._tokenizer.encode(prompt), sum(isinstance(s, Image) for s in prompt)
        if not pictures or not (tower := self._model.tower):
            return runs
        most = tower.tiles_for(pictures)
        return [replace(run, tiles=most and (run.tiles or most)) if isinstance(run, Image) else run for run in runs]

    def units(self, runs: list[Run]) -> list[Unit]:
        """What stands at each position of a prompt. Raises ModelError for a picture where the model takes none."""
        tower = self._model.tower
        units: list[Unit] = []
        for run in runs:
            if isinstance(run, list):
                units += run
            elif tower is None:
                raise ModelError("cannot_see", model=self._card.name)
            else:
                count = tower.tokens(*size_of(run.data), run.tiles) if tower.tiled else tower.tokens(0, 0)
                units += [(run.cache_key, i) for i in range(count)]
        return units

    def _fitting(self, runs: list[Run], room: int) -> list[Unit]:
        """The same; raises ContextOverflow where fewer than `room` tokens of the context are left."""
        units = self.units(runs)
        if (needed := len(units) + room) > self._card.context:
            raise ContextOverflow("context_overflow", needed=needed, model=self._card.name, limit=self._card.context)
        return units

    def _sequence(
        self, number: int, kind: Kind, units: list[Unit], new: int, blocks: int, prompt: Prompt, runs: list[Run]
    ) -> Sequence:
        wanted = next((segment.name for segment in prompt if isinstance(segment, Adapter)), "")
        adapter = wanted if wanted in self._card.adapters else ""
        return Sequence(number, kind, units, new, blocks, self._images_ready(runs), adapter=adapter)

    def _images_ready(self, runs: list[Run]) -> ImagesReady:
        return ImagesReady(self._pictures, [run for run in runs if isinstance(run, Image)])

    def embed_chunk(self, chunk: PrefillChunk, runs: list[Run]) -> tuple[Tensor, list[Span]]:
        """Embeddings of a chunk [count, hidden], and the spans of image positions in it."""
        first, last = chunk.start, chunk.start + chunk.count
        pieces = list(_overlapping(runs, chunk.sequence.units, first, last))
        images = [run for run, *_ in pieces if isinstance(run, Image)]
        embeddings = iter(self._pictures.embed(images) if self._pictures and images else ())
        parts, spans, at = [], [], 0
        for run, begin, end in pieces:
            if isinstance(run, Image):
                spans.append((at, at + end - begin))
                parts.append(next(embeddings)[begin:end])
            else:
                parts.append(self._model.decoder.embed(to_device(run[begin:end], self._model.decoder.device)))
            at += end - begin
        return torch.cat(parts), spans


class ImagesReady:
    """Call it to know whether all these pictures are opened."""

    def __init__(self, pictures: ImageCache | None, images: list[Image]) -> None:
        self._pictures, self._images = pictures, images

    def __call__(self) -> bool:
        return all(self._pictures.ready(image) for image in self._images) if self._pictures else True


def _overlapping(runs: list[Run], units: list[Unit], first: int, last: int) -> Iterator[tuple[Run, int, int]]:
    """The runs that reach into positions first … last, each with the part of it that does."""
    at = 0
    for run in runs:
        if isinstance(run, list):
            length = len(run)
        else:
            length = 1
            while at + length < len(units) and units[at + length] == (run.cache_key, length):
                length += 1
        begin, end = max(first - at, 0), min(last - at, length)
        if begin < end:
            yield run, begin, end
        at += length
