"""A request's other side: token ids in, events out. Knows no torch."""

from __future__ import annotations

import time
from typing import Protocol

from studio.engine.native.prompt_lookup import PromptLookup
from studio.engine.native.scheduler import Sequence
from studio.engine.native.stop_strings import StopStringFilter
from studio.models.tokenizer import Run, TextStream, Tokenizer
from studio.protocol import Choose, Done, Event, Generate, Piece, Reason, Result, Usage


class Request(Protocol):
    """A call under way: its prompt as runs of ids and images, and its sequence."""

    runs: list[Run]
    sequence: Sequence

    def cancelled(self) -> Result:
        """The event that ends it when it is cancelled."""
        ...


class RequestTimer:
    """Times and counts of one generation, from its submission on."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first = 0.0
        self.new_tokens = 0

    def tick(self, tokens: int = 1) -> None:
        """Count `tokens` more."""
        self._first = self._first or time.perf_counter() - self._started
        self.new_tokens += tokens

    def done(self, reason: Reason, sequence: Sequence) -> Done:
        """The last event."""
        total = time.perf_counter() - self._started
        return Done(reason, Usage(sequence.num_prompt_tokens, sequence.num_cached, self.new_tokens, self._first, total))


class GenerationRequest:
    """A text that streams. Whole characters go out as soon as they cannot belong to a stop string."""

    def __init__(self, call: Generate, runs: list[Run], sequence: Sequence, tokenizer: Tokenizer) -> None:
        self.call, self.runs, self.sequence = call, runs, sequence
        self.lookup = PromptLookup(sequence.units) if call.repeats else None
        self._tokenizer = tokenizer
        self._characters = TextStream(tokenizer, call.keep_controls)
        self._text = StopStringFilter(call.sampling.stop)
        self._timer = RequestTimer()

    def append_token(self, token: int) -> list[Event]:
        """The events of one more token. A Done, always the last, ends the request."""
        self._timer.tick()
        self.sequence.units.append(token)
        events: list[Event] = []
        stopped = token in self._tokenizer.stops
        if not stopped and (text := self._text.add(self._characters.add(token))):
            events.append(Piece(text))
        stopped = stopped or self._text.stopped
        if stopped or self._timer.new_tokens == self.sequence.max_new_tokens:
            if text := self._text.add(self._characters.end()) + self._text.end():
                events.append(Piece(text))
            events.append(self._timer.done("stop" if stopped else "length", self.sequence))
        return events

    def finish_beams(self, ids: tuple[int, ...], ended: bool) -> list[Event]:
        """The events of a whole text at once (beam search)."""
        self._timer.tick(len(ids))
        events: list[Event] = []
        whole = "".join([*map(self._characters.add, ids), self._characters.end()])
        if text := self._text.add(whole) + self._text.end():
            events.append(Piece(text))
        return [*events, self._timer.done("stop" if ended or self._text.stopped else "length", self.sequence)]

    def cancelled(self) -> Result:
        """See `Request.cancelled`."""
        return self._timer.done("cancelled", self.sequence)


class ChoiceRequest:
    """Options to be scored: `tokens` has, for each, the first id in which the options differ."""

    def __init__(self, call: Choose, runs: list[Run], sequence: Sequence, tokens: tuple[int, ...]) -> None:
        self.call, self.runs, self.sequence, self.tokens = call, runs, sequence, tokens

    def cancelled(self) -> Result:
        """See `Request.cancelled`."""
        return Done("cancelled", Usage(self.sequence.num_prompt_tokens, self.sequence.num_cached))
