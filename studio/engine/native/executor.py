"""One loaded model at work: calls in, events out, a step at a time.

A step launches what the scheduler plans and then reads the results of the step before, so that the device always has
work while the host turns ids into text.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.engine.native.block_manager import Blocks
from studio.engine.native.check.reference_loop import Search
from studio.engine.native.image_cache import Pictures
from studio.engine.native.model_runner import PLAIN, Numbers, Options, Runner
from studio.engine.native.out_of_memory import memory_error
from studio.engine.native.prompt_builder import Intake
from studio.engine.native.prompt_lookup import Guesses
from studio.engine.native.requests import Choice, Generation
from studio.engine.native.scheduler import Plan, Reading, Scheduler, Sequence
from studio.engine.native.speculative import GUESSES
from studio.errors import StudioError
from studio.models.async_copy import to_device
from studio.models.kv_cache import BLOCK, blocks_for
from studio.models.model import Model
from studio.models.tokenizer import Tokenizer
from studio.protocol import Choose, Done, Event, Failed, Generate, Image, ModelCard, Prompt, Result, Scores

BUDGET = 2048  # prompt tokens a step reads at most: 0.04 s on an H200, and more at once are no faster
READING_SECONDS = 0.045  # on slower devices it reads no longer than this; a stream may pause 0.15 s
PLAIN_BUDGET = 512  # on a CPU

Events = list[tuple[int, Event]]


class Seat:
    """See above. `blocks` of cache, at most `batch` calls at once."""

    def __init__(
        self, card: ModelCard, model: Model, tokenizer: Tokenizer, blocks: int, batch: int = 1, options: Options = PLAIN
    ) -> None:
        self.card, self.model, self.tokenizer = card, model, tokenizer
        self.runner = Runner(model.decoder, blocks, batch, options, tokenizer.stops)
        self.pictures = Pictures(model.tower, self.runner.graphs) if model.tower else None
        self._intake = Intake(card, model, tokenizer, self.pictures, blocks)
        budget = BUDGET if self.runner.ahead else PLAIN_BUDGET
        self.scheduler = Scheduler(Blocks(blocks, BLOCK), batch, budget, reuse=not options.deterministic)
        self._calls: dict[int, Generation | Choice] = {}
        self._searches: dict[int, Search] = {}
        self._pending: list[Numbers] = []
        self._guessing = not options.deterministic

    def __len__(self) -> int:
        """Calls that wait or run."""
        return len(self._calls)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.model.decoder.device

    def warm(self) -> None:
        """Compile kernels, capture graphs, and find out how much a step may read: two stretches and two steps must fit
        into the pause that a stream may make."""
        self.runner.warm()
        if self.runner.ahead and self.scheduler.reuse:
            paced = int(self.runner.pace() * READING_SECONDS) // 256 * 256
            self.scheduler.budget = max(256, min(BUDGET, paced))

    def submit(self, number: int, call: Generate | Choose) -> None:
        """Take a call. ContextOverflow and ModelError come before the model does anything."""
        intake = self._intake
        made = intake.generation(number, call) if isinstance(call, Generate) else intake.choice(number, call)
        for run in made.runs:
            if isinstance(run, Image) and self.pictures:
                self.pictures.open(run)
        self._calls[number] = made
        self.scheduler.add(made.sequence)

    def count(self, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `studio.engine.base.Engine.count`."""
        return tuple(len(self._intake.units(self.tokenizer.encode(prompt))) for prompt in prompts)

    def cancel(self, number: int) -> Result | None:
        """End a call now; its last event, or None when it is not here (any more)."""
        call = self._calls.get(number)
        if call is None:
            return None
        end = call.cancelled()
        self._finish(call.sequence)
        return end

    def logits_after(self, prompt: Prompt) -> Tensor:
        """Logits [vocab] after a prompt, read at once and without any call; for tests, its own at the start too."""
        runs = self.tokenizer.encode(prompt)
        units = self._intake.units(runs)
        sequence = Sequence(0, "choice", units, 1, blocks_for(len(units)))
        taken = self.scheduler.blocks.take([], sequence.blocks)
        assert taken is not None
        sequence.table = taken.table
        reading = Reading(sequence, 0, len(units))
        part, spans = self._intake.embedded(reading, runs)
        logits = self.runner.logits(self.runner.read([reading], [part], [spans]))[0]
        self.scheduler.blocks.release(taken.table)
        return logits

    def step(self) -> Events:
        """Work a little. Each event with the number of its call."""
        events: Events = []
        while self._pending and (self._pending[0].coming.ready or self._guesser()):
            events += self._harvested(self._pending.pop(0))
        plan = self.scheduler.plan()
        launched: list[Numbers] = []
        joined = plan.stepping if self.runner.joins(plan.reading) else ()
        if plan.stepping and not joined:
            launched.append(self._stepped(plan))
            self._leave(plan.stepping)
        for sequence in plan.searching:
            events += self._search(sequence)
        if plan.reading:
            launched += self._read(list(plan.reading), joined, events)
        due = [*self._pending, *([] if self.runner.ahead else launched)]
        self._pending = launched if self.runner.ahead else []
        for numbers in due:
            events += self._harvested(numbers)
        return events

    def fail(self, error: StudioError) -> Events:
        """A step went wrong: the calls under way cannot go on."""
        self._pending = []
        failed = [sequence for sequence in self.scheduler.running]
        for sequence in failed:
            self._finish(sequence)
        return [(sequence.number, Failed(error)) for sequence in failed]

    def memory(self) -> dict[str, int]:
        """Bytes by name."""
        seen = self.pictures.bytes if self.pictures else 0
        return {"weights": self.model.bytes, "cache": self.runner.pool.bytes, "pictures": seen}

    def close(self) -> None:
        """End its threads."""
        if self.pictures:
            self.pictures.close()

    # What a step does

    def _guesser(self) -> Guesses | None:
        """Of the call that runs alone, if what follows in it can be guessed."""
        if not self._guessing or len(self.scheduler.running) != 1:
            return None
        call = self._calls[self.scheduler.running[0].number]
        return call.guesses if isinstance(call, Generation) else None

    def _stepped(self, plan: Plan) -> Numbers:
        """A decoding step, with guesses where there are some: those must know the last token, so nothing is launched
        ahead of them."""
        sequence = plan.stepping[0]
        room = sequence.most - sequence.drawn
        if not plan.reading and (guesser := self._guesser()) and room >= GUESSES and (some := guesser.next(GUESSES)):
            return self.runner.step_with(some, sequence)
        return self.runner.step(plan.stepping)

    def _read(self, readings: list[Reading], joined: tuple[Sequence, ...], events: Events) -> list[Numbers]:
        """Read stretches of prompts, and a token of those that step along; where a prompt ends, its call begins. A
        picture that cannot be opened ends its own."""
        kept, parts, spans = [], [], []
        for reading in readings:
            try:
                part, found = self._intake.embedded(reading, self._calls[reading.sequence.number].runs)
            except StudioError as error:
                self._finish(reading.sequence)
                events.append((reading.sequence.number, Failed(error)))
                continue
            kept.append(reading)
            parts.append(part)
            spans.append(found)
        if not kept:
            return self._alone(joined)
        try:
            hidden = self.runner.read(kept, parts, spans, joined)
        except RuntimeError as error:
            if (told := memory_error(error, self.device)) is None:
                raise
            for reading in kept:
                self._finish(reading.sequence)
                events.append((reading.sequence.number, Failed(told)))
            return self._alone(joined)
        first = len(joined)
        ended = [first + i for i, reading in enumerate(kept) if reading.last]
        if not ended and not joined:
            return []
        if first + len(ended) < len(hidden):
            hidden = hidden[to_device([*range(first), *ended], self.device)]
        logits = self.runner.logits(hidden)
        launched = [self.runner.stepped(joined, logits[:first])] if joined else []
        self._leave(joined)
        return launched + self._begin([kept[i - first].sequence for i in ended], logits[first:])

    def _alone(self, stepping: tuple[Sequence, ...]) -> list[Numbers]:
        """A step of those that were to step along with prompts, but these were not read."""
        launched = [self.runner.step(stepping)] if stepping else []
        self._leave(stepping)
        return launched

    def _begin(self, sequences: list[Sequence], logits: Tensor) -> list[Numbers]:
        """What comes after a prompt: the first token, the scores of options, or the first round of a search."""
        launched = []
        streams = [i for i, sequence in enumerate(sequences) if sequence.kind == "stream"]
        for i, sequence in enumerate(sequences):
            self.scheduler.seat(sequence)
            call = self._calls[sequence.number]
            if isinstance(call, Choice):
                launched.append(self.runner.scores(sequence, call.tokens, logits[i]))
            elif sequence.kind == "search":
                stops = self.tokenizer.stops
                search = self.runner.search(sequence, call.call.sampling, stops, logits[i])
                self._searches[sequence.number] = search
        if streams:
            starting = tuple(sequences[i] for i in streams)
            samplings = [self._calls[s.number].call.sampling for s in starting]  # type: ignore[union-attr]
            theirs = logits if len(streams) == len(sequences) else torch.stack([logits[i] for i in streams])
            launched.append(self.runner.begin(starting, samplings, theirs))
            self._leave(starting)
        return launched

    def _search(self, sequence: Sequence) -> Events:
        search = self._searches[sequence.number]
        search.advance(last=search.rounds + 1 == sequence.most)
        if not search.beams.done and search.rounds < sequence.most:
            return []
        best, call = search.beams.best(), self._calls[sequence.number]
        assert isinstance(call, Generation)
        events = call.written(best.ids, best.ended)
        self._finish(sequence)
        return [(sequence.number, event) for event in events]

    def _harvested(self, numbers: Numbers) -> Events:
        found = numbers.coming.read()
        if numbers.trial:
            return self._tried(numbers.sequences[0], [int(n) for n in found])
        first = self._calls.get(numbers.sequences[0].number)
        if isinstance(first, Choice):
            self._finish(first.sequence)
            return [(first.sequence.number, Scores(tuple(found)))]
        events: Events = []
        for sequence, token in zip(numbers.sequences, found, strict=True):
            call = self._calls.get(sequence.number)
            if not isinstance(call, Generation) or call.sequence is not sequence:
                continue  # it ended meanwhile
            made = call.add(int(token))
            events += [(sequence.number, event) for event in made]
            if made and isinstance(made[-1], Done):
                self._finish(sequence)
        return events

    def _tried(self, sequence: Sequence, outcome: list[int]) -> Events:
        """The tokens of a trial; the first was counted when it was planned."""
        count, *tokens = outcome
        sequence.drawn += count - 1
        events: Events = []
        for token in tokens[:count]:
            call = self._calls.get(sequence.number)
            if not isinstance(call, Generation) or call.sequence is not sequence:
                break  # it ended with the token before, or meanwhile
            made = call.add(token)
            events += [(sequence.number, event) for event in made]
            if made and isinstance(made[-1], Done):
                self._finish(sequence)
        self._leave((sequence,))
        return events

    def _leave(self, sequences: tuple[Sequence, ...]) -> None:
        """Those that have launched all that they may write need no row any more."""
        for sequence in sequences:
            if sequence.drawn >= sequence.most and sequence.row >= 0:
                self.runner.drop(*self.scheduler.unseat(sequence))

    def _finish(self, sequence: Sequence) -> None:
        if sequence.row >= 0:
            self.runner.drop(*self.scheduler.unseat(sequence))
        self.scheduler.remove(sequence)
        self.runner.forget(sequence)
        self._searches.pop(sequence.number, None)
        del self._calls[sequence.number]
