"""The engine's contract: a prompt and sampling in, events out. Everything above the engine knows only this page.

An engine lives in the worker's process and is called from one thread at a time. Its calls check `cancelled` before
every step (a decoded token, a chunk of prefill), so a call ends within one step of being cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from studio.protocol import Choose, Description, Done, Generate, Image, ModelCard, Piece, Role

Cancelled = Callable[[], bool]


class Engine(Protocol):
    """One or two loaded models that continue prompts."""

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded, by role. A role may be missing; both may be one model."""
        ...

    def generate(self, call: Generate, cancelled: Cancelled) -> Iterator[Piece | Done]:
        """Pieces of text as they are decoded, then exactly one Done.

        The same seed gives the same text. Raises ContextOverflow before any work when the prompt does not fit,
        ModelError for a missing role or ability, OutOfMemory and EngineError when the work fails.
        """
        ...

    def choose(self, call: Choose, cancelled: Cancelled) -> tuple[float, ...]:
        """Log-probability of each option as the continuation of the prompt."""
        ...

    def memory(self) -> Mapping[str, int]:
        """Bytes in use by name, for `studio doctor` and the About page."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class Senses(Protocol):
    """Small models beside the engine, on the CPU: eyes for captions, meaning for retrieval. Loaded at first use."""

    def describe(self, image: Image) -> Description:
        """What is in the picture, with its certainty."""
        ...

    def embed(self, texts: tuple[str, ...]) -> list[tuple[float, ...]]:
        """One unit vector per text; the dot product says how near two are in meaning."""
        ...
