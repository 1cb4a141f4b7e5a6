"""Runs the model: prefills prompt chunks, launches decode steps, copies their output back.

Nothing here waits for the device, save `AsyncCopy.read`, which waits only for its own step.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from studio.engine.native.beam import BeamScorer
from studio.engine.native.block_manager import RESERVED
from studio.engine.native.check.reference_loop import BeamSearch, Span, step
from studio.engine.native.decode_step import DecodeStep
from studio.engine.native.prompt_graphs import SIZES, PromptGraphs
from studio.engine.native.rows import DecodeBatch, fits_top_k_kernel
from studio.engine.native.sampler import sample
from studio.engine.native.scheduler import PrefillChunk, Sequence
from studio.engine.native.speculative import MAX_DRAFT_TOKENS, SpeculativeStep
from studio.models import ops
from studio.models.async_copy import AsyncCopy, to_device
from studio.models.graphs import CudaGraphs
from studio.models.internlm2 import Decoder
from studio.models.kv_cache import BLOCK, BatchLayout, Chunk, blocks_for
from studio.models.linear import IMAGE, active_rows
from studio.protocol import Sampling


@dataclass(frozen=True)
class StepOutput:
    """Sampled ids, or scores, of these sequences, on their way to the host. Of a speculative step: the number of
    accepted tokens, then the tokens."""

    sequences: tuple[Sequence, ...]
    values: AsyncCopy
    speculative: bool = False


@dataclass(frozen=True)
class RunnerOptions:
    """`graphs` off runs every kernel by itself, for tests."""

    graphs: bool = True
    deterministic: bool = False  # every step at full batch size, so that sums are always added in the same order


DEFAULT_OPTIONS = RunnerOptions()


class ModelRunner:
    """One decoder, its KV cache of so many `blocks`, and a decode batch of `batch` rows."""

    def __init__(
        self,
        decoder: Decoder,
        blocks: int,
        batch: int,
        options: RunnerOptions = DEFAULT_OPTIONS,
        stops: Iterable[int] = (),
    ) -> None:
        self.decoder, self.kv_cache = decoder, decoder.new_kv_cache(blocks)
        self._options, self._stops = options, tuple(sorted(stops))
        a = decoder.architecture
        self._rows = DecodeBatch(batch, blocks_for(a.context), a.vocab, decoder.device)
        self.graphs = CudaGraphs()
        self._step: DecodeStep | None = None
        self._prompt_graphs: PromptGraphs | None = None
        if ops.use_kernels(decoder.embedding):
            self._step = DecodeStep(decoder, self.kv_cache, self._rows, self.graphs)
            self._prompt_graphs = PromptGraphs(decoder, self.kv_cache, self.graphs)
        self._speculative = self._step.speculative_step if self._step else SpeculativeStep(self._rows.slice(0, 1))
        self._samplings: dict[int, Sampling] = {}
        self._adapters = list(a.adapters)

    @property
    def runs_ahead(self) -> bool:
        """Whether a step is launched before the output of the last one is processed. On a CPU it would waste work."""
        return self.decoder.device.type == "cuda"

    def warm_up(self) -> None:
        """Run every batch size once on empty rows, which compiles kernels and captures graphs. Weights must not move
        afterwards."""
        self.graphs.enabled = self._options.graphs
        if self._step is None or self._prompt_graphs is None:
            return
        sizes = {self._step.size(count) for count in range(1, len(self._rows) + 1)}
        for rows in sorted(sizes):
            for adapters in self._step.adapter_sets:
                self._step(rows, top_k_kernel=True, adapters=adapters)
            self.logits(self.decoder.embedding[:rows])
        if not self._options.deterministic:
            for adapters in self._step.adapter_sets:
                self._step.speculative(top_k_kernel=True, adapters=adapters[:1])
        self._prompt_graphs.warm_up()

    def prefill_rate(self, tokens: int = 1024) -> float:
        """Prefilled tokens a second, measured on free blocks."""
        device = self.decoder.device
        tokens = min(tokens, (self.kv_cache.blocks - RESERVED) * BLOCK, self.decoder.architecture.context)
        layout = BatchLayout((Chunk(0, tokens, range(RESERVED, self.kv_cache.blocks)),), device)
        seconds = 0.0
        for _ in range(2):  # the first time warms up
            x = self.decoder.embed(torch.zeros(tokens, dtype=torch.int64, device=device))
            started = time.perf_counter()
            float(self.decoder.forward(x, self.kv_cache, layout, output_rows=layout.metadata.ends)[-1, 0])  # waits
            seconds = time.perf_counter() - started
        return tokens / seconds

    def joins_decode(self, prefills: Iterable[PrefillChunk]) -> bool:
        """Whether decode rows share the forward of these prefill chunks: if these are long, the weights are read once
        for both."""
        tokens = sum(chunk.count for chunk in prefills)
        return self._step is not None and not self._options.deterministic and tokens > SIZES[-1]

    @torch.inference_mode()
    def prefill(
        self,
        prefills: list[PrefillChunk],
        parts: list[Tensor],
        spans: list[list[Span]],
        decoding: tuple[Sequence, ...] = (),
    ) -> Tensor:
        """Prefill chunks in one forward. `parts` are their embeddings [count, hidden], `spans` the image positions in
        each, counted from its first token; `decoding` are the sequences of the first rows, which process their last
        token in the same forward. Returns the hidden states of the last token of each [decoding + prefills, hidden]."""
        chunks = tuple(self._next(s) for s in decoding)
        chunks += tuple(Chunk(r.start, r.count, r.sequence.block_table, r.sequence.num_prompt_tokens) for r in prefills)
        if decoding:
            parts = [self.decoder.embed(self._rows.slice(0, len(decoding)).tokens), *parts]
        layout = BatchLayout(chunks, self.decoder.device)
        edges = layout.edges[len(decoding) :]
        moved = [(a + first, b + first) for (first, _), found in zip(edges, spans, strict=True) for a, b in found]
        x = torch.cat(parts) if len(parts) > 1 else parts[0]
        adapters = [sequence.adapter for sequence in (*decoding, *(r.sequence for r in prefills))]
        if self._prompt_graphs and not moved and len({*adapters}) == 1 and self._prompt_graphs.fits(layout):
            return self._prompt_graphs(x, layout, adapters[0])
        theirs = {name: [e for e, of in zip(layout.edges, adapters, strict=True) if of == name] for name in {*adapters}}
        active = active_rows(theirs | {IMAGE: moved}, self.decoder.device, self.decoder.dtype)
        return self.decoder.forward(x, self.kv_cache, layout, active, layout.metadata.ends)

    def logits(self, hidden: Tensor) -> Tensor:
        """[rows, hidden] → [rows, vocab]."""
        return self.decoder.logits(hidden)

    @torch.inference_mode()
    def start_rows(self, sequences: tuple[Sequence, ...], samplings: list[Sampling], logits: Tensor) -> StepOutput:
        """Fill the next rows with these sequences, in order, and sample their first tokens from logits
        [sequences, vocab]."""
        first = sequences[0].row
        rows = self._rows.slice(first, first + len(sequences))
        for i, (sequence, sampling) in enumerate(zip(sequences, samplings, strict=True)):
            rows.set_row(
                i,
                sequence.num_prompt_tokens,
                sequence.block_table,
                sampling,
                self.decoder.architecture.bos,
                self._stops,
            )
            rows.adapter[i] = self._number_of(sequence)
            self._samplings[sequence.number] = sampling
        return self._sample(sequences, rows, logits)

    @torch.inference_mode()
    def sample_rows(self, sequences: tuple[Sequence, ...], logits: Tensor) -> StepOutput:
        """Sample for the sequences of the first rows, whose last tokens were processed with a prefill."""
        return self._sample(sequences, self._rows.slice(0, len(sequences)), logits)

    @torch.inference_mode()
    def decode(self, sequences: tuple[Sequence, ...]) -> StepOutput:
        """One decode step of these sequences, which hold the first rows in order."""
        count = len(sequences)
        if self._step is None:
            rows = self._rows.slice(0, count)
            adapters = [s.adapter for s in sequences]
            logits = step(self.decoder, self.kv_cache, rows.tokens, [self._next(s) for s in sequences], adapters)
            return self._sample(sequences, rows, logits)
        size = len(self._rows) if self._options.deterministic else self._step.size(count)
        self._step(size, self._all_fit_top_k_kernel(sequences), tuple(sorted({*map(self._number_of, sequences)} - {0})))
        return StepOutput(sequences, AsyncCopy(self._step.ids[:count]))

    @torch.inference_mode()
    def speculative_step(self, draft: list[int], sequence: Sequence) -> StepOutput:
        """One speculative step of a sequence alone, in the first row, with at most MAX_DRAFT_TOKENS draft tokens."""
        speculative = self._speculative
        speculative.draft.copy_(
            to_device((draft + [0] * MAX_DRAFT_TOKENS)[:MAX_DRAFT_TOKENS], self.decoder.device), non_blocking=True
        )
        if self._step:
            adapters = (self._number_of(sequence),) if sequence.adapter else ()
            self._step.speculative(self._all_fit_top_k_kernel((sequence,)), adapters)
        else:
            speculative.prepare()
            at = self._next(sequence)
            layout = BatchLayout((Chunk(at.start, len(speculative.rows), at.table),), self.decoder.device)
            x = self.decoder.embed(speculative.rows.tokens)
            active = active_rows({sequence.adapter: [(0, len(x))]}, self.decoder.device, self.decoder.dtype)
            hidden = self.decoder.forward(x, self.kv_cache, layout, active)
            speculative.ids.copy_(sample(self.decoder.logits(hidden), speculative.rows))
            speculative.accept()
        return StepOutput((sequence,), AsyncCopy(speculative.accepted), speculative=True)

    def _next(self, sequence: Sequence) -> Chunk:
        """The token that a scheduled decode step processes."""
        return Chunk(sequence.num_prompt_tokens + sequence.num_generated - 2, 1, sequence.block_table)

    def _number_of(self, sequence: Sequence) -> int:
        """Its adapter as rows know it: 0 for none."""
        return 1 + self._adapters.index(sequence.adapter) if sequence.adapter else 0

    def _all_fit_top_k_kernel(self, sequences: Iterable[Sequence]) -> bool:
        return all(fits_top_k_kernel(self._samplings[s.number]) for s in sequences)

    def _sample(self, sequences: tuple[Sequence, ...], rows: DecodeBatch, logits: Tensor) -> StepOutput:
        if self._step is None:
            return StepOutput(sequences, AsyncCopy(sample(logits, rows)))
        ids = torch.empty(len(sequences), dtype=torch.int32, device=logits.device)
        self._step.sample(logits, rows, ids, self._all_fit_top_k_kernel(sequences))
        return StepOutput(sequences, AsyncCopy(ids))

    @torch.inference_mode()
    def drop_row(self, source: int, target: int) -> None:
        """Row `source` moves to `target` and becomes empty."""
        if source != target:
            self._rows.move_row(source, target)
        self._rows.clear_row(source)

    def forget(self, sequence: Sequence) -> None:
        """Drop what is kept of a finished sequence."""
        self._samplings.pop(sequence.number, None)

    @torch.inference_mode()
    def score_options(self, sequence: Sequence, tokens: tuple[int, ...], logits: Tensor) -> StepOutput:
        """Log-probabilities of these tokens under logits [vocab]."""
        return StepOutput((sequence,), AsyncCopy(logits.log_softmax(-1)[to_device(tokens, logits.device)]))

    def start_beam_search(
        self, sequence: Sequence, sampling: Sampling, stops: frozenset[int], logits: Tensor
    ) -> BeamSearch:
        """A beam search after a prefilled prompt; logits [vocab] of its last token."""
        a, count = self.decoder.architecture, sampling.beams
        beams = BeamScorer(count, stops, sampling.repetition_penalty, a.bos, self.decoder.device)
        return BeamSearch(
            self.decoder,
            self.kv_cache,
            sequence.block_table,
            sequence.num_prompt_tokens,
            logits,
            beams,
            count,
            sequence.adapter,
        )
