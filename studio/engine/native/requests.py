"""What a call is to the engine besides a sequence: token ids in, events out. Knows no torch."""

from __future__ import annotations

import time
from typing import Protocol

from studio.engine.native.prompt_lookup import Guesses
from studio.engine.native.scheduler import Sequence
from studio.engine.native.stop_strings import StopText
from studio.models.tokenizer import Run, TextStream, Tokenizer
from studio.protocol import Choose, Done, Event, Generate, Piece, Reason, Result, Usage


class Call(Protocol):
    """A call under way: its prompt, and its place in the schedule."""

    runs: list[Run]
    sequence: Sequence

    def cancelled(self) -> Result:
        """The event that ends it before its time."""
        ...


class Clock:
    """Times and counts of one generation, from its submission on."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first = 0.0
        self.new_tokens = 0

    def tick(self, tokens: int = 1) -> None:
        """So many tokens more."""
        self._first = self._first or time.perf_counter() - self._started
        self.new_tokens += tokens

    def done(self, reason: Reason, sequence: Sequence) -> Done:
        """The last event."""
        total = time.perf_counter() - self._started
        return Done(reason, Usage(sequence.prompt, sequence.cached, self.new_tokens, self._first, total))


class Generation:
    """A text that streams. Whole characters go out as soon as they cannot belong to a stop string."""

    def __init__(self, call: Generate, runs: list[Run], sequence: Sequence, tokenizer: Tokenizer) -> None:
        self.call, self.runs, self.sequence = call, runs, sequence
        self.guesses = Guesses(sequence.units) if call.repeats else None
        self._tokenizer = tokenizer
        self._characters, self._text = TextStream(tokenizer), StopText(call.sampling.stop)
        self._clock = Clock()

    def add(self, token: int) -> list[Event]:
        """The events of one more token. The last of them ends the call, if it is a Done."""
        self._clock.tick()
        self.sequence.units.append(token)
        events: list[Event] = []
        stopped = token in self._tokenizer.stops
        if not stopped and (shown := self._text.add(self._characters.add(token))):
            events.append(Piece(shown))
        stopped = stopped or self._text.stopped
        if stopped or self._clock.new_tokens == self.sequence.most:
            if shown := self._text.add(self._characters.end()) + self._text.end():
                events.append(Piece(shown))
            events.append(self._clock.done("stop" if stopped else "length", self.sequence))
        return events

    def written(self, ids: tuple[int, ...], ended: bool) -> list[Event]:
        """The events of a whole text at once (beam search)."""
        self._clock.tick(len(ids))
        events: list[Event] = []
        if shown := self._text.add(self._tokenizer.decode(ids)) + self._text.end():
            events.append(Piece(shown))
        return [*events, self._clock.done("stop" if ended or self._text.stopped else "length", self.sequence)]

    def cancelled(self) -> Result:
        """See `Call.cancelled`."""
        return self._clock.done("cancelled", self.sequence)


class Choice:
    """Options to be scored: `tokens` has, for each, the id at which the options begin to differ."""

    def __init__(self, call: Choose, runs: list[Run], sequence: Sequence, tokens: tuple[int, ...]) -> None:
        self.call, self.runs, self.sequence, self.tokens = call, runs, sequence, tokens

    def cancelled(self) -> Result:
        """See `Call.cancelled`."""
        return Done("cancelled", Usage(self.sequence.prompt, self.sequence.cached))
