"""The engine's contract: calls in, events out, a step at a time. Everything above the engine knows only this page.

An engine lives in the worker's process. One thread submits and steps; `cancel` may come from any thread. An engine
that works on one call at a time is written as two plain functions (`SingleCallEngine`) and made an `Engine` by
`studio.engine.serial`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from studio.protocol import Choose, Description, Done, Event, Generate, Image, ModelCard, Piece, Prompt, Role, TokenIds

Cancelled = Callable[[], bool]


class Engine(Protocol):
    """One or two loaded models that continue prompts."""

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """What is loaded, by role. A role may be missing; both may be one model."""
        ...

    @property
    def batch(self) -> int:
        """How many calls it works on at once."""
        ...

    @property
    def busy(self) -> bool:
        """Whether there is something to do for `step`."""
        ...

    def submit(self, number: int, call: Generate | Choose) -> None:
        """Take a call, under a number of its own.

        A Generate ends in Pieces of text and exactly one Done; the same seed gives the same text. A Choose ends in
        Scores: the log-probability of each option as the continuation of the prompt. Raises ContextOverflow before any
        work when the prompt does not fit, ModelError for a missing role or ability, InputError for what cannot be read.
        """
        ...

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """Tokens that each prompt takes in the context, counted as `submit` counts them. May be called from any thread.

        Raises ModelError for a missing role, or for a picture where the model takes none.
        """
        ...

    def encode(self, role: Role, prompt: Prompt) -> TokenIds:
        """The prompt's token ids, for people to read. May be called from any thread."""
        ...

    def step(self) -> list[tuple[int, Event]]:
        """Work a little, a decoded token for everybody or a stretch of a prompt; what came of it, by call number.

        A call whose work fails ends in Failed, and the engine goes on.
        """
        ...

    def cancel(self, number: int) -> None:
        """End a call within one step: its last event is then Done("cancelled"). Harmless when it is over."""
        ...

    def memory(self) -> Mapping[str, int]:
        """Bytes in use by name, for `studio doctor` and the About page."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class SingleCallEngine(Protocol):
    """An engine that does one call at a time, from beginning to end."""

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """See `Engine.cards`."""
        ...

    def generate(self, call: Generate, cancelled: Cancelled) -> Iterator[Piece | Done | None]:
        """Pieces of text as they are decoded, then exactly one Done; None where it gets on and has nothing to show, a
        long prompt for example. Asks `cancelled` before every token."""
        ...

    def choose(self, call: Choose, cancelled: Cancelled) -> tuple[float, ...]:
        """Log-probability of each option as the continuation of the prompt."""
        ...

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `Engine.count`."""
        ...

    def encode(self, role: Role, prompt: Prompt) -> TokenIds:
        """See `Engine.encode`."""
        ...

    def memory(self) -> Mapping[str, int]:
        """See `Engine.memory`."""
        ...

    def close(self) -> None:
        """Free everything."""
        ...


class AuxiliaryModels(Protocol):
    """Small models beside the engine, on the CPU: an image tagger and a text embedder. Loaded at first use."""

    def describe(self, image: Image) -> Description:
        """What is in the picture, with probabilities."""
        ...

    def embed(self, texts: tuple[str, ...]) -> list[tuple[float, ...]]:
        """One unit vector per text; the dot product says how near two are in meaning."""
        ...
