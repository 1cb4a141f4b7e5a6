"""The part of the engine that computes: prompts are read in stretches, decoding steps launched, and results read later.

Nothing here waits for the device save `Coming.read`, and that waits only for its own step.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine.native.beam import Beams
from studio.engine.native.block_manager import RESERVED
from studio.engine.native.check.reference_loop import Search, Span, step
from studio.engine.native.decode_step import Step
from studio.engine.native.prompt_graphs import SIZES, Reader
from studio.engine.native.rows import Rows, few
from studio.engine.native.sampler import draw
from studio.engine.native.scheduler import Reading, Sequence
from studio.engine.native.speculative import GUESSES, Trial
from studio.models import ops
from studio.models.async_copy import Coming, to_device
from studio.models.graphs import Graphs
from studio.models.internlm2 import Decoder
from studio.models.kv_cache import BLOCK, Layout, Stretch, blocks_for
from studio.models.linear import image_rows
from studio.protocol import Sampling


@dataclass(frozen=True)
class Numbers:
    """Numbers on their way from the device, for these sequences; of a trial: how many tokens, and the tokens."""

    sequences: tuple[Sequence, ...]
    coming: Coming
    trial: bool = False


@dataclass(frozen=True)
class Options:
    """How the runner goes about it, for tests and for who wants the same numbers whatever else runs."""

    graphs: bool = True
    deterministic: bool = False  # every step at full size, so that sums are added in the same order always


PLAIN = Options()


class Runner:
    """One decoder, its pool, and the rows of its decoding step."""

    def __init__(
        self, decoder: Decoder, blocks: int, batch: int, options: Options = PLAIN, stops: Iterable[int] = ()
    ) -> None:
        self.decoder, self.pool = decoder, decoder.pool(blocks)
        self._options, self._stops = options, tuple(sorted(stops))
        a = decoder.architecture
        self._rows = Rows(batch, blocks_for(a.context), a.vocab, decoder.device)
        self.graphs = Graphs()
        self._step: Step | None = None
        self._reader: Reader | None = None
        if ops.fused(decoder.embedding):
            self._step = Step(decoder, self.pool, self._rows, self.graphs)
            self._reader = Reader(decoder, self.pool, self.graphs)
        self._trial = self._step.trial if self._step else Trial(self._rows.part(0, 1))
        self._samplings: dict[int, Sampling] = {}

    @property
    def ahead(self) -> bool:
        """Whether work is launched before the last results are read. On a CPU that would only waste work."""
        return self.decoder.device.type == "cuda"

    def warm(self) -> None:
        """The weights have got their places. Run every size of the step once, on empty rows: kernels are compiled and
        graphs captured."""
        self.graphs.open = self._options.graphs
        if self._step is None or self._reader is None:
            return
        sizes = {self._step.size(count) for count in range(1, len(self._rows) + 1)}
        for rows in sorted(sizes):
            self._step(rows, few=True)
            self.logits(self.decoder.embedding[:rows])
        if not self._options.deterministic:
            self._step.try_guesses(few=True)
        self._reader.warm()

    def pace(self, tokens: int = 1024) -> float:
        """Prompt tokens a second, measured on blocks that nobody has yet."""
        device = self.decoder.device
        tokens = min(tokens, (self.pool.blocks - RESERVED) * BLOCK, self.decoder.architecture.context)
        layout = Layout((Stretch(0, tokens, range(RESERVED, self.pool.blocks)),), device)
        seconds = 0.0
        for _ in range(2):  # the first time is a rehearsal
            x = self.decoder.embed(torch.zeros(tokens, dtype=torch.int64, device=device))
            started = time.perf_counter()
            float(self.decoder.forward(x, self.pool, layout, wanted=layout.marks.ends)[-1, 0])  # waits
            seconds = time.perf_counter() - started
        return tokens / seconds

    def joins(self, readings: Iterable[Reading]) -> bool:
        """Whether rows that step do so along with these stretches of prompts: if these are long, the weights are read
        once for both."""
        tokens = sum(reading.count for reading in readings)
        return self._step is not None and not self._options.deterministic and tokens > SIZES[-1]

    @torch.inference_mode()
    def read(
        self, readings: list[Reading], parts: list[Tensor], spans: list[list[Span]], stepping: tuple[Sequence, ...] = ()
    ) -> Tensor:
        """Read stretches of prompts in one go. `parts` are their embeddings, `spans` the pictures in each, counted from
        its first token; `stepping` are the sequences in the first rows, which read their last token along. Returns the
        hidden states after the last token of each [stepping + readings, hidden]."""
        stretches = tuple(self._next(s) for s in stepping)
        stretches += tuple(Stretch(r.start, r.count, r.sequence.table) for r in readings)
        if stepping:
            parts = [self.decoder.embed(self._rows.part(0, len(stepping)).tokens), *parts]
        layout = Layout(stretches, self.decoder.device)
        edges = layout.edges[len(stepping) :]
        moved = [(a + first, b + first) for (first, _), found in zip(edges, spans, strict=True) for a, b in found]
        x = torch.cat(parts) if len(parts) > 1 else parts[0]
        image = image_rows(moved, self.decoder.device, self.decoder.dtype)
        if self._reader and image is None and self._reader.serves(layout):
            return self._reader(x, layout)
        return self.decoder.forward(x, self.pool, layout, image, layout.marks.ends)

    def logits(self, hidden: Tensor) -> Tensor:
        """[rows, hidden] → [rows, vocab]."""
        return self.decoder.logits(hidden)

    @torch.inference_mode()
    def begin(self, sequences: tuple[Sequence, ...], samplings: list[Sampling], logits: Tensor) -> Numbers:
        """Draw the first token of sequences whose rows are the next ones, in order; logits [sequences, vocab]."""
        first = sequences[0].row
        rows = self._rows.part(first, first + len(sequences))
        for i, (sequence, sampling) in enumerate(zip(sequences, samplings, strict=True)):
            rows.put(i, sequence.prompt, sequence.table, sampling, self.decoder.architecture.bos, self._stops)
            self._samplings[sequence.number] = sampling
        return self._drawn(sequences, rows, logits)

    @torch.inference_mode()
    def stepped(self, sequences: tuple[Sequence, ...], logits: Tensor) -> Numbers:
        """Draw for the sequences in the first rows, whose last tokens were read along with prompts."""
        return self._drawn(sequences, self._rows.part(0, len(sequences)), logits)

    @torch.inference_mode()
    def step(self, sequences: tuple[Sequence, ...]) -> Numbers:
        """One decoding step of these sequences, which stand in the first rows in order."""
        count = len(sequences)
        if self._step is None:
            rows = self._rows.part(0, count)
            logits = step(self.decoder, self.pool, rows.tokens, [self._next(s) for s in sequences])
            return self._drawn(sequences, rows, logits)
        size = len(self._rows) if self._options.deterministic else self._step.size(count)
        self._step(size, self._few(sequences))
        return Numbers(sequences, Coming(self._step.ids[:count]))

    @torch.inference_mode()
    def step_with(self, guesses: list[int], sequence: Sequence) -> Numbers:
        """One step of a sequence alone, in the first row, with guesses at what follows; at most GUESSES."""
        trial = self._trial
        trial.guesses.copy_(to_device((guesses + [0] * GUESSES)[:GUESSES], self.decoder.device), non_blocking=True)
        if self._step:
            self._step.try_guesses(self._few((sequence,)))
        else:
            trial.prepare()
            at = self._next(sequence)
            layout = Layout((Stretch(at.start, len(trial.rows), at.table),), self.decoder.device)
            hidden = self.decoder.forward(self.decoder.embed(trial.rows.tokens), self.pool, layout)
            trial.ids.copy_(draw(self.decoder.logits(hidden), trial.rows))
            trial.settle()
        return Numbers((sequence,), Coming(trial.outcome), trial=True)

    def _next(self, sequence: Sequence) -> Stretch:
        """The token that a sequence reads in a step that is planned."""
        return Stretch(sequence.prompt + sequence.drawn - 2, 1, sequence.table)

    def _few(self, sequences: Iterable[Sequence]) -> bool:
        return all(few(self._samplings[s.number]) for s in sequences)

    def _drawn(self, sequences: tuple[Sequence, ...], rows: Rows, logits: Tensor) -> Numbers:
        if self._step is None:
            return Numbers(sequences, Coming(draw(logits, rows)))
        ids = torch.empty(len(sequences), dtype=torch.int32, device=logits.device)
        self._step.draw(logits, rows, ids, self._few(sequences))
        return Numbers(sequences, Coming(ids))

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
