"""An engine that replies from a list. It drives the fast tests and work on the page; the product never chooses it.

A reply answers the first prompt that contains its `match`, and is used up by it (or by its `times`th); replies without
a match answer anything. Images stand in the searched text as `{image}`. Tokens are counted and prompts that do not fit
are refused as by the native engine.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from studio.engine.base import Cancelled
from studio.errors import ContextOverflow, EngineError
from studio.models import tokenizer
from studio.protocol import (
    MIN_NEW_TOKENS,
    Choose,
    Control,
    Description,
    Done,
    Generate,
    Image,
    Label,
    ModelCard,
    Piece,
    Prompt,
    Role,
    Text,
    TokenIds,
    Usage,
)
from studio.roles import ROLES
from studio.specs import Reply, ScriptedSpec

WORDS = re.compile(r"[\u3000-\u9fff]|[^\s\u3000-\u9fff]+")  # what counts as a token where there is no tokenizer


def prompt_text(prompt: Prompt) -> str:
    """A prompt as one readable string."""
    parts = []
    for segment in prompt:
        match segment:
            case Text(text):
                parts.append(text)
            case Control(piece):
                parts.append(piece)
            case Image():
                parts.append("{image}")
    return "".join(parts)


class ScriptedEngine:
    """See the module."""

    def __init__(self, spec: ScriptedSpec) -> None:
        self._card = spec.card
        self._replies = list(spec.replies)
        time.sleep(spec.load)
        self._tokenizer_file = spec.tokenizer

    @property
    def cards(self) -> Mapping[Role, ModelCard]:
        """The same card for both roles."""
        return dict.fromkeys(ROLES, self._card)

    def generate(self, call: Generate, cancelled: Cancelled) -> Iterator[Piece | Done]:
        """The words of the next fitting reply. Raises ContextOverflow as the native engine does."""
        self._require_room(call.prompt, min(call.sampling.max_tokens, MIN_NEW_TOKENS))
        reply = self._take(prompt_text(call.prompt))
        started = time.monotonic()
        pieces = list(filter(None, re.findall(r"\S*\s*", reply.text)))
        cut, pieces = len(pieces) > call.sampling.max_tokens, pieces[: call.sampling.max_tokens]
        for count, piece in enumerate(pieces):
            if reply.pace:
                time.sleep(reply.pace)
            if cancelled():
                yield Done("cancelled", Usage(new_tokens=count))
                return
            yield Piece(piece)
        if reply.reason == "crash":
            os._exit(13)
        if reply.reason == "hang":
            threading.Event().wait()
        total = time.monotonic() - started
        yield Done("length" if cut or reply.reason == "length" else "stop", Usage(1, 0, len(pieces), 0.0, total))

    def choose(self, call: Choose, cancelled: Cancelled) -> tuple[float, ...]:
        """A reply naming an option makes it certain; without one the options are equal."""
        self._require_room(call.prompt, 1)
        try:
            wanted = self._take(prompt_text(call.prompt)).text
        except EngineError:
            return (math.log(1 / len(call.options)),) * len(call.options)
        return tuple(0.0 if option == wanted else -20.0 for option in call.options)

    def count(self, role: Role, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        """See `Engine.count`: BOS, the text by the tokenizer, `image_tokens` for each picture."""
        return tuple(map(self._count, prompts))

    def encode(self, role: Role, prompt: Prompt) -> TokenIds:
        """See `Engine.encode`; without a tokenizer the characters' numbers."""
        if self._tokenizer is None:
            return TokenIds(tuple(ord(c) for s in prompt if isinstance(s, Text) for c in s.text))
        runs = self._tokenizer.encode(prompt)
        return TokenIds(tuple(i for run in runs for i in (run if isinstance(run, list) else [None])), "<s>")

    def memory(self) -> Mapping[str, int]:
        """Nothing."""
        return {}

    def close(self) -> None:
        """Nothing to free."""

    def _count(self, prompt: Prompt) -> int:
        if self._tokenizer is None:
            texts = sum(len(WORDS.findall(s.text)) for s in prompt if isinstance(s, Text))
            controls = sum(isinstance(s, Control) for s in prompt)
            images = sum(isinstance(s, Image) for s in prompt)
            return 1 + texts + controls + images * self._card.image_tokens
        runs = self._tokenizer.encode(prompt)
        return sum(len(run) if isinstance(run, list) else self._card.image_tokens for run in runs)

    @cached_property
    def _tokenizer(self) -> tokenizer.Tokenizer | None:
        return tokenizer.from_file(Path(self._tokenizer_file)) if self._tokenizer_file else None

    def _require_room(self, prompt: Prompt, room: int) -> None:
        if (needed := self._count(prompt) + room) > self._card.context:
            raise ContextOverflow("context_overflow", needed=needed, model=self._card.name, limit=self._card.context)

    def _take(self, prompt: str) -> Reply:
        for i, reply in enumerate(self._replies):
            if reply.match in prompt:
                if reply.times == 1:
                    del self._replies[i]
                elif reply.times:
                    self._replies[i] = replace(reply, times=reply.times - 1)
                return reply
        raise EngineError("script_exhausted", prompt=prompt[-200:])


class ScriptedAuxiliaryModels:
    """Descriptions from a table; vectors that count words, so that texts sharing words are near."""

    def __init__(self, spec: ScriptedSpec) -> None:
        self._descriptions = dict(spec.descriptions)

    def describe(self, image: Image) -> Description:
        """From the table, else an uncertain guess."""
        return self._descriptions.get(image.key, Description((Label("shape", 0.1),)))

    def embed(self, texts: tuple[str, ...]) -> list[tuple[float, ...]]:
        """Hashed counts of words, 64 dimensions, length 1."""
        return [_word_counts(text) for text in texts]


def _word_counts(text: str) -> tuple[float, ...]:
    counts = [1e-6] * 64
    for word in re.findall(r"\w+", text.lower()):
        counts[hashlib.sha256(word.encode()).digest()[0] % 64] += 1.0
    norm = math.sqrt(sum(c * c for c in counts))
    return tuple(c / norm for c in counts)
