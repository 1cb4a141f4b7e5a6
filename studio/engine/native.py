"""XComposer2 and InternLM2-Chat on torch: the native engine.

Plain and right: one call at a time, each prompt read from its beginning. The parts are cut so that speed can be put in
underneath without a change here: the loops in models/loop.py own the decoding step, the seat owns cache and pictures.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch

from studio.engine import loading
from studio.engine.base import Cancelled, Engine
from studio.engine.seat import LEAST_ROOM, Seat
from studio.engine.stopping import StopText
from studio.engine.turns import TakingTurns
from studio.errors import InputError, ModelError, OutOfMemory
from studio.models.machine import gib
from studio.models.tokenizer import TextStream
from studio.protocol import Choose, Done, Generate, ModelCard, Piece, Reason, Role, Sampling, Usage
from studio.specs import NativeSpec

MOST_BEAMS = 5


def load(spec: NativeSpec) -> Engine:
    """The engine that `spec` describes, its models loaded and tested. Raises ModelError with the reason."""
    loaded = loading.load(spec)
    engine = NativeEngine(loaded.seats)
    if loaded.swap is None:
        return engine
    return TakingTurns(engine, loaded.swap, {role: seat.model for role, seat in loaded.seats.items()})


@dataclass
class _Clock:
    """Times and counts of one generation."""

    prompt_tokens: int
    started: float
    first: float = 0.0
    new_tokens: int = 0

    def tick(self, tokens: int = 1) -> None:
        """So many tokens more."""
        self.first = self.first or time.perf_counter() - self.started
        self.new_tokens += tokens

    def done(self, reason: Reason) -> Done:
        """The last event."""
        total = time.perf_counter() - self.started
        return Done(reason, Usage(self.prompt_tokens, 0, self.new_tokens, self.first, total))


class NativeEngine:
    """One or two models on one device; see `studio.engine.base.Engine`."""

    def __init__(self, seats: Mapping[Role, Seat]) -> None:
        self._seats = dict(seats)

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded."""
        return {role: seat.card for role, seat in self._seats.items()}

    def generate(self, call: Generate, cancelled: Cancelled) -> Iterator[Piece | Done]:
        """See `Engine.generate`. A prompt that leaves less room than asked for is answered up to the context's end."""
        seat, sampling = self._seat(call.role), call.sampling
        _check(sampling)
        with memory_errors(seat.device):
            started = time.perf_counter()
            prepared = seat.prepare(call.prompt, min(sampling.max_tokens, LEAST_ROOM))
            most = min(sampling.max_tokens, seat.card.context - prepared.tokens)
            clock = _Clock(prepared.tokens, started)
            logits = seat.logits(prepared, cancelled)
            if logits is None:
                yield clock.done("cancelled")
            elif sampling.beams > 1:
                yield from _beams(seat, logits, sampling, most, clock, cancelled)
            else:
                yield from _stream(seat, logits, sampling, most, clock, cancelled)

    def choose(self, call: Choose, cancelled: Cancelled) -> tuple[float, ...]:
        """See `Engine.choose`; -inf for all when cancelled."""
        seat = self._seat(call.role)
        if not call.options:
            return ()
        with memory_errors(seat.device):
            return seat.scores(call.prompt, call.options, cancelled)

    def memory(self) -> Mapping[str, int]:
        """Bytes by model and purpose; on a GPU also what torch holds of it in all."""
        found: dict[str, int] = {}
        for seat in {id(seat): seat for seat in self._seats.values()}.values():
            found |= {f"{seat.card.name} {name}": size for name, size in seat.memory().items()}
            if seat.device.type == "cuda":
                found[str(seat.device)] = torch.cuda.memory_reserved(seat.device)
        return found

    def close(self) -> None:
        """Free everything."""
        self._seats.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _seat(self, role: Role) -> Seat:
        if role not in self._seats:
            raise ModelError(f"{role}_missing")
        return self._seats[role]


def _stream(
    seat: Seat, logits: torch.Tensor, sampling: Sampling, most: int, clock: _Clock, cancelled: Cancelled
) -> Iterator[Piece | Done]:
    """Sample token by token; whole characters go out as soon as they cannot belong to a stop string."""
    characters, text = TextStream(seat.tokenizer), StopText(sampling.stop)
    reason: Reason = "length"
    for token in seat.sampled(logits, sampling):
        clock.tick()
        if token in seat.tokenizer.stops:
            reason = "stop"
        elif shown := text.add(characters.add(token)):
            yield Piece(shown)
        if text.stopped:
            reason = "stop"
        elif cancelled():
            reason = "cancelled"
        if reason != "length" or clock.new_tokens == most:
            break
    if shown := text.add(characters.end()) + text.end():
        yield Piece(shown)
    yield clock.done(reason)


def _beams(
    seat: Seat, logits: torch.Tensor, sampling: Sampling, most: int, clock: _Clock, cancelled: Cancelled
) -> Iterator[Piece | Done]:
    """Beam search: the text is known only at the end, so it comes in one piece."""
    winner = seat.searched(logits, sampling, most, cancelled)
    if winner is None:
        yield clock.done("cancelled")
        return
    clock.tick(len(winner.ids))
    text = StopText(sampling.stop)
    if shown := text.add(seat.tokenizer.decode(winner.ids)) + text.end():
        yield Piece(shown)
    yield clock.done("stop" if winner.ended or text.stopped else "length")


def _check(sampling: Sampling) -> None:
    limits: dict[str, tuple[float, float]] = {
        "beams": (1, MOST_BEAMS),
        "max_tokens": (1, 1 << 20),
        "top_k": (0, 1 << 20),
        "top_p": (0, 1),
        "temperature": (0, 10),
        "repetition_penalty": (0.1, 10),
    }
    for name, (low, high) in limits.items():
        value = getattr(sampling, name)
        if not low <= value <= high:
            raise InputError("number_out_of_range", name=name, value=value, low=low, high=high)


@contextmanager
def memory_errors(device: torch.device) -> Iterator[None]:
    """Out of memory, in torch's words, becomes OutOfMemory with the numbers; torch's reserve is given back."""
    try:
        yield
    except torch.OutOfMemoryError as e:
        asked = re.search(r"Tried to allocate ([\d.]+ \w+)", str(e))
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(device) if device.type == "cuda" else (0, 0)
        needed = asked[1] if asked else "?"
        raise OutOfMemory("out_of_memory_call", device=str(device), needed=needed, free=gib(free)) from e
    except RuntimeError as e:
        asked = re.search(r"tried to allocate (\d+) bytes", str(e))  # the CPU's way to say it
        if asked is None:
            raise
        free = psutil.virtual_memory().available
        raise OutOfMemory("out_of_memory_call", device="CPU", needed=gib(int(asked[1])), free=gib(free)) from e
