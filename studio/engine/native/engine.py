"""XComposer2 and InternLM2-Chat on torch: the native engine.

Requests go to the executor of their role; a step is a step of every executor that has requests. See docs/engine.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

import torch

from studio.engine.base import Cancelled, Engine
from studio.engine.native import loading
from studio.engine.native.executor import Events, ModelExecutor
from studio.engine.native.model_swapping import SwappingEngine
from studio.engine.native.out_of_memory import memory_error
from studio.engine.serial import as_studio_error
from studio.errors import InputError, ModelError, StudioError
from studio.protocol import Choose, Event, Failed, Generate, ModelCard, Prompt, Result, Role, Sampling, Scores, TokenIds
from studio.specs import MAX_BEAMS, NativeSpec


def load(spec: NativeSpec) -> Engine:
    """The engine that `spec` describes, its models loaded and tested. Raises ModelError with the reason."""
    loaded = loading.load(spec)
    engine = NativeEngine(loaded.executors, spec.batch)
    if loaded.swap is None:
        return engine
    return SwappingEngine(engine, loaded.swap, {role: executor.model for role, executor in loaded.executors.items()})


class NativeEngine:
    """One or two models on one device; see `studio.engine.base.Engine`."""

    def __init__(self, executors: Mapping[Role, ModelExecutor], batch: int = 1) -> None:
        self.batch = batch
        self._executors = dict(executors)
        self._cancelled: set[int] = set()
        self._ready: Events = []

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded."""
        return {role: executor.card for role, executor in self._executors.items()}

    @property
    def busy(self) -> bool:
        """See `Engine.busy`."""
        return bool(self._ready) or any(map(len, self._executors.values()))

    def submit(self, number: int, call: Generate | Choose) -> None:
        """See `Engine.submit`. A prompt that leaves less room than asked for is answered up to the context's end."""
        executor = self._executor(call.role)
        if isinstance(call, Generate):
            _check(call.sampling)
        elif not call.options:
            self._ready.append((number, Scores(())))
            return
        executor.submit(number, call)

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `Engine.count`."""
        return self._executor(role).count(prompts)

    def encode(self, role: Role, prompt: Prompt) -> TokenIds:
        """See `Engine.encode`."""
        runs = self._executor(role).tokenizer.encode(prompt)
        return TokenIds(tuple(i for run in runs for i in (run if isinstance(run, list) else [None])), "<s>")

    def cancel(self, number: int) -> None:
        """See `Engine.cancel`."""
        self._cancelled.add(number)

    def step(self) -> list[tuple[int, Event]]:
        """See `Engine.step`."""
        events, self._ready = self._ready, []
        while self._cancelled:
            number = self._cancelled.pop()
            ends = (executor.cancel(number) for executor in self._distinct())
            events += [(number, end) for end in ends if end]
        for executor in self._distinct():
            if len(executor):
                events += self._stepped(executor)
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
        for executor in self._distinct():
            found |= {f"{executor.card.name} {name}": size for name, size in executor.memory().items()}
            if executor.device.type == "cuda":
                found[str(executor.device)] = torch.cuda.memory_reserved(executor.device)
        return found

    def close(self) -> None:
        """Free everything."""
        for executor in self._distinct():
            executor.close()
        self._executors.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _executor(self, role: Role) -> ModelExecutor:
        if role not in self._executors:
            raise ModelError(f"{role}_missing")
        return self._executors[role]

    def _distinct(self) -> list[ModelExecutor]:
        return list({id(executor): executor for executor in self._executors.values()}.values())

    def _stepped(self, executor: ModelExecutor) -> Events:
        try:
            return executor.step()
        except (RuntimeError, StudioError) as e:  # torch's errors, out of memory among them
            return executor.fail(memory_error(e, executor.device) or as_studio_error(e))


_NUMBERS = count(-1, -1)  # of calls that run alone: never those of the worker


def _check(sampling: Sampling) -> None:
    limits: dict[str, tuple[float, float]] = {
        "beams": (1, MAX_BEAMS),
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
