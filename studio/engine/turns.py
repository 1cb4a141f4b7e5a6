"""An engine whose models take turns on the device; see `studio.models.swap`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from studio.engine.base import Cancelled, Engine
from studio.models.swap import Swap
from studio.protocol import Choose, Done, Generate, ModelCard, Piece, Role


class TakingTurns:
    """Brings the model of each call to the device before the engine underneath does the call."""

    def __init__(self, engine: Engine, swap: Swap, models: Mapping[Role, object]) -> None:
        self._engine, self._swap, self._models = engine, swap, dict(models)

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded."""
        return self._engine.cards

    def generate(self, call: Generate, cancelled: Cancelled) -> Iterator[Piece | Done]:
        """See `Engine.generate`."""
        self._bring(call.role)
        yield from self._engine.generate(call, cancelled)

    def choose(self, call: Choose, cancelled: Cancelled) -> tuple[float, ...]:
        """See `Engine.choose`."""
        self._bring(call.role)
        return self._engine.choose(call, cancelled)

    def memory(self) -> Mapping[str, int]:
        """What the engine says, and main memory."""
        return {**self._engine.memory(), "main memory": self._swap.bytes_on_host}

    def close(self) -> None:
        """Free everything."""
        self._engine.close()

    def _bring(self, role: Role) -> None:
        if role in self._models:
            self._swap.bring(self._models[role])
