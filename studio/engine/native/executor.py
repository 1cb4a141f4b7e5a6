"""Executes the requests of one loaded model: calls in, events out, a step at a time.

A step launches what the scheduler plans and then processes the output of the step before (asynchronous scheduling), so
that the device always has work while the host detokenizes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.engine.native.block_manager import BlockManager
from studio.engine.native.check.reference_loop import BeamSearch
from studio.engine.native.image_cache import ImageCache
from studio.engine.native.model_runner import DEFAULT_OPTIONS, ModelRunner, RunnerOptions, StepOutput
from studio.engine.native.out_of_memory import memory_error
from studio.engine.native.prompt_builder import PromptBuilder
from studio.engine.native.prompt_lookup import PromptLookup
from studio.engine.native.requests import ChoiceRequest, GenerationRequest
from studio.engine.native.scheduler import PrefillChunk, Scheduler, SchedulerOutput, Sequence
from studio.engine.native.speculative import MAX_DRAFT_TOKENS
from studio.errors import StudioError
from studio.models.async_copy import to_device
from studio.models.kv_cache import BLOCK, blocks_for
from studio.models.model import Model
from studio.models.tokenizer import Tokenizer
from studio.protocol import Choose, Done, Event, Failed, Generate, Image, ModelCard, Prompt, Result, Scores

TOKEN_BUDGET = 2048  # prompt tokens of a step: 0.04 s on an H200, and more at once are no faster
PREFILL_SECONDS = 0.045  # at most, on slower devices; a stream may pause 0.15 s
CPU_TOKEN_BUDGET = 512

Events = list[tuple[int, Event]]


class ModelExecutor:
    """The scheduler, the model runner and the requests of one model.

    `blocks` is the size of the KV cache in blocks, `batch` the most requests that run at once.
    """

    def __init__(
        self,
        card: ModelCard,
        model: Model,
        tokenizer: Tokenizer,
        blocks: int,
        batch: int = 1,
        options: RunnerOptions = DEFAULT_OPTIONS,
    ) -> None:
        self.card, self.model, self.tokenizer = card, model, tokenizer
        self.runner = ModelRunner(model.decoder, blocks, batch, options, tokenizer.stops)
        self.images = ImageCache(model.tower, self.runner.graphs) if model.tower else None
        self._prompt_builder = PromptBuilder(card, model, tokenizer, self.images, blocks)
        token_budget = TOKEN_BUDGET if self.runner.runs_ahead else CPU_TOKEN_BUDGET
        self.scheduler = Scheduler(BlockManager(blocks, BLOCK), batch, token_budget, reuse=not options.deterministic)
        self._requests: dict[int, GenerationRequest | ChoiceRequest] = {}
        self._searches: dict[int, BeamSearch] = {}
        self._pending: list[StepOutput] = []
        self._speculative = not options.deterministic

    def __len__(self) -> int:
        """Requests that wait or run."""
        return len(self._requests)

    @property
    def device(self) -> torch.device:
        """The device that the model computes on."""
        return self.model.decoder.device

    def warm_up(self) -> None:
        """Compile kernels, capture CUDA graphs, and set the token budget: two prefill chunks and two decode steps must
        fit into the pause that a stream may make."""
        self.runner.warm_up()
        if self.runner.runs_ahead and self.scheduler.reuse:
            affordable = int(self.runner.prefill_rate() * PREFILL_SECONDS) // 256 * 256
            self.scheduler.token_budget = max(256, min(TOKEN_BUDGET, affordable))

    def submit(self, number: int, call: Generate | Choose) -> None:
        """Queue a call. Raises ContextOverflow or ModelError before the model does anything."""
        builder = self._prompt_builder
        request = builder.generation(number, call) if isinstance(call, Generate) else builder.choice(number, call)
        request.sequence.stretched = request.sequence.num_prompt_tokens > self.model.architecture.trained
        for run in request.runs:
            if isinstance(run, Image) and self.images:
                self.images.prefetch(run)
        self._requests[number] = request
        self.scheduler.add(request.sequence)

    def count(self, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `studio.engine.base.Engine.count`."""
        builder = self._prompt_builder
        return tuple(len(builder.units(builder.encode(prompt))) for prompt in prompts)

    def cancel(self, number: int) -> Result | None:
        """End a request now. Returns its last event, or None for a number that is unknown or over."""
        request = self._requests.get(number)
        if request is None:
            return None
        end = request.cancelled()
        self._finish(request.sequence)
        return end

    def logits_after(self, prompt: Prompt) -> Tensor:
        """Logits [vocab] after a prompt that is prefilled in one go: for the self-test and tests."""
        runs = self._prompt_builder.encode(prompt)
        units = self._prompt_builder.units(runs)
        sequence = Sequence(0, "choice", units, 1, blocks_for(len(units)))
        allocation = self.scheduler.blocks.allocate([], sequence.num_blocks)
        assert allocation is not None
        sequence.block_table = allocation.block_table
        chunk = PrefillChunk(sequence, 0, len(units))
        part, spans = self._prompt_builder.embed_chunk(chunk, runs)
        logits = self.runner.logits(self.runner.prefill([chunk], [part], [spans]))[0]
        self.scheduler.blocks.release(allocation.block_table)
        return logits

    def step(self) -> Events:
        """Run one step: launch decoding and prefill, process output. Returns (call number, event) pairs."""
        events: Events = []
        while self._pending and (self._pending[0].values.ready or self._active_lookup()):
            events += self._process_output(self._pending.pop(0))
        plan = self.scheduler.schedule()
        launched: list[StepOutput] = []
        joined = plan.decoding if self.runner.joins_decode(plan.prefills) else ()
        if plan.decoding and not joined:
            launched.append(self._decode(plan))
            self._free_done_rows(plan.decoding)
        for sequence in plan.searching:
            events += self._advance_search(sequence)
        if plan.prefills:
            launched += self._prefill(list(plan.prefills), joined, events)
        due = [*self._pending, *([] if self.runner.runs_ahead else launched)]
        self._pending = launched if self.runner.runs_ahead else []
        for output in due:
            events += self._process_output(output)
        return events

    def fail(self, error: StudioError) -> Events:
        """End every running request with `error`, after a step that failed."""
        self._pending = []
        failed = self.scheduler.running
        for sequence in failed:
            self._finish(sequence)
        return [(sequence.number, Failed(error)) for sequence in failed]

    def memory(self) -> dict[str, int]:
        """Bytes of weights, KV cache and image embeddings."""
        seen = self.images.bytes if self.images else 0
        return {"weights": self.model.bytes, "cache": self.runner.kv_cache.bytes, "pictures": seen}

    def close(self) -> None:
        """Stop the image threads."""
        if self.images:
            self.images.close()

    # What a step does

    def _active_lookup(self) -> PromptLookup | None:
        """The prompt lookup of the one running request; None where several run or it has none."""
        if not self._speculative or len(self.scheduler.running) != 1:
            return None
        request = self._requests[self.scheduler.running[0].number]
        return request.lookup if isinstance(request, GenerationRequest) else None

    def _decode(self, plan: SchedulerOutput) -> StepOutput:
        """A decode step, speculative where prompt lookup proposes a draft. A draft needs the last token, so nothing is
        launched ahead of it."""
        sequence = plan.decoding[0]
        room = sequence.max_new_tokens - sequence.num_generated
        if (
            not plan.prefills
            and (lookup := self._active_lookup())
            and room >= MAX_DRAFT_TOKENS
            and (draft := lookup.propose(MAX_DRAFT_TOKENS))
        ):
            return self.runner.speculative_step(draft, sequence)
        return self.runner.decode(plan.decoding)

    def _prefill(self, prefills: list[PrefillChunk], joined: tuple[Sequence, ...], events: Events) -> list[StepOutput]:
        """Prefill chunks, with the decode rows `joined` in the same forward; a request whose prompt ends here starts.

        A picture that cannot be opened ends its own request only.
        """
        chunks, parts, spans = [], [], []
        for chunk in prefills:
            try:
                part, found = self._prompt_builder.embed_chunk(chunk, self._requests[chunk.sequence.number].runs)
            except StudioError as error:
                self._finish(chunk.sequence)
                events.append((chunk.sequence.number, Failed(error)))
                continue
            chunks.append(chunk)
            parts.append(part)
            spans.append(found)
        if not chunks:
            return self._decode_only(joined)
        try:
            hidden = self.runner.prefill(chunks, parts, spans, joined)
        except RuntimeError as error:
            if (out_of_memory := memory_error(error, self.device)) is None:
                raise
            for chunk in chunks:
                self._finish(chunk.sequence)
                events.append((chunk.sequence.number, Failed(out_of_memory)))
            return self._decode_only(joined)
        first = len(joined)
        ended = [first + i for i, chunk in enumerate(chunks) if chunk.last]
        if not ended and not joined:
            return []
        if first + len(ended) < len(hidden):
            hidden = hidden[to_device([*range(first), *ended], self.device)]
        logits = self.runner.logits(hidden)
        launched = [self.runner.sample_rows(joined, logits[:first])] if joined else []
        self._free_done_rows(joined)
        return launched + self._start([chunks[i - first].sequence for i in ended], logits[first:])

    def _decode_only(self, decoding: tuple[Sequence, ...]) -> list[StepOutput]:
        """The decode step of rows that were to join a prefill which did not take place."""
        launched = [self.runner.decode(decoding)] if decoding else []
        self._free_done_rows(decoding)
        return launched

    def _start(self, sequences: list[Sequence], logits: Tensor) -> list[StepOutput]:
        """Start requests whose prompts are prefilled from their logits [sequences, vocab]: sample the first token,
        score options, or begin a beam search."""
        launched = []
        streams = [i for i, sequence in enumerate(sequences) if sequence.kind == "stream"]
        for i, sequence in enumerate(sequences):
            self.scheduler.assign_row(sequence)
            request = self._requests[sequence.number]
            if isinstance(request, ChoiceRequest):
                launched.append(self.runner.score_options(sequence, request.tokens, logits[i]))
            elif sequence.kind == "search":
                stops = self.tokenizer.stops
                search = self.runner.start_beam_search(sequence, request.call.sampling, stops, logits[i])
                self._searches[sequence.number] = search
        if streams:
            starting = tuple(sequences[i] for i in streams)
            samplings = [self._requests[s.number].call.sampling for s in starting]  # type: ignore[union-attr]
            theirs = logits if len(streams) == len(sequences) else torch.stack([logits[i] for i in streams])
            launched.append(self.runner.start_rows(starting, samplings, theirs))
            self._free_done_rows(starting)
        return launched

    def _advance_search(self, sequence: Sequence) -> Events:
        search = self._searches[sequence.number]
        search.advance(last=search.rounds + 1 == sequence.max_new_tokens)
        if not search.beams.done and search.rounds < sequence.max_new_tokens:
            return []
        best, request = search.beams.best(), self._requests[sequence.number]
        assert isinstance(request, GenerationRequest)
        events = request.finish_beams(best.ids, best.ended)
        self._finish(sequence)
        return [(sequence.number, event) for event in events]

    def _process_output(self, output: StepOutput) -> Events:
        found = output.values.read()
        if output.speculative:
            return self._process_speculative(output.sequences[0], [int(n) for n in found])
        first = self._requests.get(output.sequences[0].number)
        if isinstance(first, ChoiceRequest):
            self._finish(first.sequence)
            return [(first.sequence.number, Scores(tuple(found)))]
        events: Events = []
        for sequence, token in zip(output.sequences, found, strict=True):
            request = self._requests.get(sequence.number)
            if not isinstance(request, GenerationRequest) or request.sequence is not sequence:
                continue  # it ended meanwhile
            appended = request.append_token(int(token))
            events += [(sequence.number, event) for event in appended]
            if appended and isinstance(appended[-1], Done):
                self._finish(sequence)
        return events

    def _process_speculative(self, sequence: Sequence, outcome: list[int]) -> Events:
        """Append the accepted tokens of a speculative step; the first was counted when it was scheduled."""
        count, *tokens = outcome
        sequence.num_generated += count - 1
        events: Events = []
        for token in tokens[:count]:
            request = self._requests.get(sequence.number)
            if not isinstance(request, GenerationRequest) or request.sequence is not sequence:
                break  # it ended with the token before, or meanwhile
            appended = request.append_token(token)
            events += [(sequence.number, event) for event in appended]
            if appended and isinstance(appended[-1], Done):
                self._finish(sequence)
        self._free_done_rows((sequence,))
        return events

    def _free_done_rows(self, sequences: tuple[Sequence, ...]) -> None:
        """Free the rows of sequences that have launched all tokens they may generate."""
        for sequence in sequences:
            if sequence.num_generated >= sequence.max_new_tokens and sequence.row >= 0:
                self.runner.drop_row(*self.scheduler.free_row(sequence))

    def _finish(self, sequence: Sequence) -> None:
        if sequence.row >= 0:
            self.runner.drop_row(*self.scheduler.free_row(sequence))
        self.scheduler.remove(sequence)
        self.runner.forget(sequence)
        self._searches.pop(sequence.number, None)
        del self._requests[sequence.number]
