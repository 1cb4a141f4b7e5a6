"""The part of the engine that computes: prompts are read in stretches, decoding steps launched, and results read later.

Nothing here waits for the device save `Coming.read`, and that waits only for its own step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine.blocks import RESERVED
from studio.engine.scheduler import Reading, Sequence
from studio.models import ops
from studio.models.beam import Beams
from studio.models.cache import BLOCK, Layout, Stretch
from studio.models.decoder import Decoder
from studio.models.device import Coming, to_device
from studio.models.linear import image_rows
from studio.models.loop import Search, Span, step
from studio.models.rows import Rows, few
from studio.models.sampler import draw
from studio.models.step import Step
from studio.protocol import Sampling


@dataclass(frozen=True)
class Numbers:
    """Numbers on their way from the device, for these sequences."""

    sequences: tuple[Sequence, ...]
    coming: Coming


@dataclass(frozen=True)
class Options:
    """How the runner goes about it, for tests and for who wants the same numbers whatever else runs."""

    graphs: bool = True
    deterministic: bool = False  # every step at full size, so that sums are added in the same order always


PLAIN = Options()


class Runner:
    """One decoder, its pool, and the rows of its decoding step."""

    def __init__(self, decoder: Decoder, blocks: int, batch: int, options: Options = PLAIN) -> None:
        self.decoder, self.pool = decoder, decoder.pool(blocks)
        self._options = options
        a = decoder.architecture
        self._rows = Rows(batch, -(-a.context // BLOCK), a.vocab, decoder.device)
        self._step = Step(decoder, self.pool, self._rows, options.graphs) if ops.fused(decoder.embedding) else None
        self._samplings: dict[int, Sampling] = {}

    @property
    def ahead(self) -> bool:
        """Whether work is launched before the last results are read. On a CPU that would only waste work."""
        return self.decoder.device.type == "cuda"

    def warm(self) -> None:
        """Run every size of the step once, on empty rows: kernels are compiled and graphs captured."""
        if self._step is None:
            return
        sizes = {self._step.size(count) for count in range(1, len(self._rows) + 1)}
        for rows in sorted(sizes):
            self._step(rows, few=True)

    def pace(self, tokens: int = 1024) -> float:
        """Prompt tokens a second, measured on blocks that nobody has yet."""
        device = self.decoder.device
        tokens = min(tokens, (self.pool.blocks - RESERVED) * BLOCK, self.decoder.architecture.context)
        layout = Layout((Stretch(0, tokens, range(RESERVED, self.pool.blocks)),), device)
        seconds = 0.0
        for _ in range(2):  # the first time is a rehearsal
            x = self.decoder.embed(torch.zeros(tokens, dtype=torch.int64, device=device))
            started = time.perf_counter()
            float(self.decoder.forward(x, self.pool, layout)[-1, 0])  # waits until it is there
            seconds = time.perf_counter() - started
        return tokens / seconds

    def read(self, readings: list[Reading], parts: list[Tensor], spans: list[list[Span]]) -> Tensor:
        """Read stretches of prompts in one go. `parts` are their embeddings, `spans` the pictures in each, counted from
        its first token. Returns the hidden states after the last token of each [readings, hidden]."""
        stretches = tuple(Stretch(r.start, r.count, r.sequence.table) for r in readings)
        layout = Layout(stretches, self.decoder.device)
        moved = [
            (a + first, b + first) for (first, _), found in zip(layout.edges, spans, strict=True) for a, b in found
        ]
        image = image_rows(moved, self.decoder.device, self.decoder.dtype)
        hidden = self.decoder.forward(torch.cat(parts), self.pool, layout, image)
        return torch.stack([hidden[last - 1] for _, last in layout.edges])

    def logits(self, hidden: Tensor) -> Tensor:
        """[rows, hidden] → [rows, vocab]."""
        return self.decoder.logits(hidden)

    @torch.inference_mode()
    def begin(self, sequences: tuple[Sequence, ...], samplings: list[Sampling], logits: Tensor) -> Numbers:
        """Draw the first token of sequences whose rows are the next ones, in order; logits [sequences, vocab]."""
        first = sequences[0].row
        rows = self._rows.part(first, first + len(sequences))
        for i, (sequence, sampling) in enumerate(zip(sequences, samplings, strict=True)):
            rows.put(i, sequence.prompt, sequence.table, sampling, self.decoder.architecture.bos)
            self._samplings[sequence.number] = sampling
        if self._step is None:
            return Numbers(sequences, Coming(draw(logits, rows)))
        ids = torch.empty(len(sequences), dtype=torch.int32, device=logits.device)
        self._step.draw(logits, rows, ids, all(map(few, samplings)))
        return Numbers(sequences, Coming(ids))

    @torch.inference_mode()
    def step(self, sequences: tuple[Sequence, ...]) -> Numbers:
        """One decoding step of these sequences, which stand in the first rows in order."""
        count = len(sequences)
        if self._step is None:
            rows = self._rows.part(0, count)
            stretches = [Stretch(s.prompt + s.drawn - 2, 1, s.table) for s in sequences]
            return Numbers(sequences, Coming(draw(step(self.decoder, self.pool, rows.tokens, stretches), rows)))
        size = len(self._rows) if self._options.deterministic else self._step.size(count)
        self._step(size, all(few(self._samplings[s.number]) for s in sequences))
        return Numbers(sequences, Coming(self._step.ids[:count]))

    @torch.inference_mode()
    def drop(self, source: int, target: int) -> None:
        """Row `source` moves to `target` and becomes empty."""
        if source != target:
            self._rows.move(source, target)
        self._rows.clear(source)

    def forget(self, sequence: Sequence) -> None:
        """The sequence is over."""
        self._samplings.pop(sequence.number, None)

    @torch.inference_mode()
    def scores(self, sequence: Sequence, tokens: tuple[int, ...], logits: Tensor) -> Numbers:
        """Log-probabilities of these tokens under logits [vocab]."""
        return Numbers((sequence,), Coming(logits.log_softmax(-1)[to_device(tokens, logits.device)]))

    def search(self, sequence: Sequence, sampling: Sampling, stops: frozenset[int], logits: Tensor) -> Search:
        """A beam search behind a prompt that has been read; logits [vocab]."""
        a, count = self.decoder.architecture, sampling.beams
        beams = Beams(count, stops, sampling.repetition_penalty, a.bos, self.decoder.device)
        return Search(self.decoder, self.pool, sequence.table, sequence.prompt, logits, beams, count)
