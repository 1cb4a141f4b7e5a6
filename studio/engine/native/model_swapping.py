"""An engine whose models take turns on the device; see `studio.engine.native.swap`."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from studio.engine.base import Engine
from studio.engine.native.swap import Swap
from studio.engine.serial import as_studio_error
from studio.errors import StudioError
from studio.protocol import Choose, Done, Event, Failed, Generate, ModelCard, Prompt, Role, TokenIds


class SwappingEngine:
    """Brings the model of a call to the device before the engine underneath gets the call.

    Calls of the model that is there run together. The first call of another waits until they are over, and whatever
    comes after it waits behind it, so that nobody is overtaken for ever.
    """

    def __init__(self, engine: Engine, swap: Swap, models: Mapping[Role, object]) -> None:
        self._engine, self._swap, self._models = engine, swap, dict(models)
        self._held: deque[tuple[int, Generate | Choose]] = deque()
        self._cancelled: set[int] = set()
        self._here: object = None
        self.batch = engine.batch

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded."""
        return self._engine.cards

    @property
    def busy(self) -> bool:
        """See `Engine.busy`."""
        return bool(self._held) or self._engine.busy

    def submit(self, number: int, call: Generate | Choose) -> None:
        """See `Engine.submit`; the errors of a call that is held back come as its last event."""
        if self._held or not self._may_run(call):
            self._held.append((number, call))
        else:
            self._run(number, call)

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `Engine.count`; needs no model on the device."""
        return self._engine.count(role, prompts)

    def encode(self, role: Role, prompt: Prompt) -> TokenIds:
        """See `Engine.encode`."""
        return self._engine.encode(role, prompt)

    def cancel(self, number: int) -> None:
        """See `Engine.cancel`."""
        self._cancelled.add(number)
        self._engine.cancel(number)

    def step(self) -> list[tuple[int, Event]]:
        """See `Engine.step`."""
        events: list[tuple[int, Event]] = []
        while self._held and self._may_run(self._held[0][1]):
            number, call = self._held.popleft()
            if number in self._cancelled:
                events.append((number, Done("cancelled")))
                continue
            try:
                self._run(number, call)
            except (StudioError, RuntimeError) as e:
                events.append((number, Failed(as_studio_error(e))))
        gone = [(number, call) for number, call in self._held if number in self._cancelled]
        for held in gone:
            self._held.remove(held)
            events.append((held[0], Done("cancelled")))
        self._cancelled.clear()
        return events + self._engine.step()

    def memory(self) -> Mapping[str, int]:
        """What the engine says, and main memory."""
        return {**self._engine.memory(), "main memory": self._swap.bytes_on_host}

    def close(self) -> None:
        """Free everything."""
        self._engine.close()

    def _may_run(self, call: Generate | Choose) -> bool:
        return self._models.get(call.role) in (None, self._here) or not self._engine.busy

    def _run(self, number: int, call: Generate | Choose) -> None:
        if model := self._models.get(call.role):
            self._swap.bring(model)
            self._here = model
        self._engine.submit(number, call)
