"""XComposer2 and InternLM2-Chat on torch: the native engine.

Calls go to the seat of their role; a step is a step of every seat that has calls. docs/engine.md explains the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

import torch

from studio.engine.base import Cancelled, Engine
from studio.engine.native import loading
from studio.engine.native.executor import Events, Seat
from studio.engine.native.model_swapping import TakingTurns
from studio.engine.native.out_of_memory import memory_error
from studio.engine.serial import as_studio_error
from studio.errors import InputError, ModelError, StudioError
from studio.protocol import Choose, Event, Failed, Generate, ModelCard, Prompt, Result, Role, Sampling, Scores
from studio.specs import MOST_BEAMS, NativeSpec


def load(spec: NativeSpec) -> Engine:
    """The engine that `spec` describes, its models loaded and tested. Raises ModelError with the reason."""
    loaded = loading.load(spec)
    engine = NativeEngine(loaded.seats, spec.batch)
    if loaded.swap is None:
        return engine
    return TakingTurns(engine, loaded.swap, {role: seat.model for role, seat in loaded.seats.items()})


class NativeEngine:
    """One or two models on one device; see `studio.engine.base.Engine`."""

    def __init__(self, seats: Mapping[Role, Seat], batch: int = 1) -> None:
        self.batch = batch
        self._seats = dict(seats)
        self._cancelled: set[int] = set()
        self._ready: Events = []

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded."""
        return {role: seat.card for role, seat in self._seats.items()}

    @property
    def busy(self) -> bool:
        """See `Engine.busy`."""
        return bool(self._ready) or any(map(len, self._seats.values()))

    def submit(self, number: int, call: Generate | Choose) -> None:
        """See `Engine.submit`. A prompt that leaves less room than asked for is answered up to the context's end."""
        seat = self._seat(call.role)
        if isinstance(call, Generate):
            _check(call.sampling)
        elif not call.options:
            self._ready.append((number, Scores(())))
            return
        seat.submit(number, call)

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `Engine.count`."""
        return self._seat(role).count(prompts)

    def cancel(self, number: int) -> None:
        """See `Engine.cancel`."""
        self._cancelled.add(number)

    def step(self) -> list[tuple[int, Event]]:
        """See `Engine.step`."""
        events, self._ready = self._ready, []
        while self._cancelled:
            number = self._cancelled.pop()
            ends = (seat.cancel(number) for seat in self._distinct())
            events += [(number, end) for end in ends if end]
        for seat in self._distinct():
            if len(seat):
                events += self._stepped(seat)
        return events

    def run(self, call: Generate | Choose, cancelled: Cancelled = lambda: False) -> Iterator[Event]:
        """One call alone, from beginning to end; raises the error it fails with."""
        number = next(_NUMBERS)
        self.submit(number, call)
        while True:
            if cancelled():
                self.cancel(number)
            for who, event in self.step():
                if who != number:
                    continue
                if isinstance(event, Failed):
                    raise event.error
                yield event
                if isinstance(event, Result):
                    return

    def memory(self) -> Mapping[str, int]:
        """Bytes by model and purpose; on a GPU also what torch holds of it in all."""
        found: dict[str, int] = {}
        for seat in self._distinct():
            found |= {f"{seat.card.name} {name}": size for name, size in seat.memory().items()}
            if seat.device.type == "cuda":
                found[str(seat.device)] = torch.cuda.memory_reserved(seat.device)
        return found

    def close(self) -> None:
        """Free everything."""
        for seat in self._distinct():
            seat.close()
        self._seats.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _seat(self, role: Role) -> Seat:
        if role not in self._seats:
            raise ModelError(f"{role}_missing")
        return self._seats[role]

    def _distinct(self) -> list[Seat]:
        return list({id(seat): seat for seat in self._seats.values()}.values())

    def _stepped(self, seat: Seat) -> Events:
        try:
            return seat.step()
        except (RuntimeError, StudioError) as e:  # torch's errors, out of memory among them
            return seat.fail(memory_error(e, seat.device) or as_studio_error(e))


_NUMBERS = count(-1, -1)  # of calls that run alone: never those of the worker


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
