"""The prompts of an article begin alike where they can, so that the engine reads only what is new (real tokenizer)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from golden import REAL_TOKENIZER, needs_tokenizer, picture

from studio.engine.native.block_manager import Unit
from studio.models.tokenizer import Tokenizer, from_file
from studio.prompts.xcomposer2 import XComposer2
from studio.protocol import Image, Prompt

pytestmark = needs_tokenizer
SIZE = 256  # positions of a picture
PARAGRAPHS = tuple(f"第{i}段。湖边的清晨很安静，远处的山在雾里，一个人在划船。" * 4 for i in range(8))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return from_file(REAL_TOKENIZER, 92544)


def units(tokenizer: Tokenizer, prompt: Prompt) -> list[Unit]:
    found: list[Unit] = []
    for run in tokenizer.encode(prompt):
        found += [(run.key, i) for i in range(SIZE)] if isinstance(run, Image) else run
    return found


def shared(a: list[Unit], b: list[Unit]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def test_captions_begin_with_what_the_places_prompt_has_read(tokenizer: Tokenizer) -> None:
    dialect = XComposer2()
    places = units(tokenizer, dialect.places(PARAGRAPHS, 3, ()))
    past: tuple[tuple[int, str], ...] = ()
    for place in (1, 3, 6):
        prompt = dialect.caption(PARAGRAPHS, place, past)
        assert prompt is not None
        caption = units(tokenizer, prompt)
        new = len(caption) - shared(places, caption)
        assert new < 40 + 30 * len(past)  # the question and the earlier titles; never the article
        assert shared(places, caption) > 0.9 * len(places) * (place + 2) / len(PARAGRAPHS) - 10
        past = (*past, (place, "湖上的小船"))


def test_each_choice_begins_with_the_context_of_the_one_before(tokenizer: Tokenizer) -> None:
    dialect = XComposer2()
    colours = iter(("red", "green", "blue", "navy", "teal", "gold", "pink", "plum", "linen", "lime", "gray", "tan"))
    chosen: tuple[tuple[int, Image], ...] = ()
    prompts = []
    for place in (1, 3, 6):
        candidates = tuple(picture(next(colours)) for _ in range(4))
        asked = dialect.choice(PARAGRAPHS[: place + 1], chosen, candidates)
        assert asked is not None
        prompts.append(units(tokenizer, asked[0]))
        chosen = (*chosen, (place, candidates[0]))
    paragraph = len(units(tokenizer, dialect.places(PARAGRAPHS, 3, ()))) // len(PARAGRAPHS)
    for before, after in pairwise(prompts):
        context = len(before) - 4 * SIZE - 40  # without the candidates and the question
        assert shared(before, after) > context
        assert len(after) - shared(before, after) < 5 * SIZE + 4 * paragraph + 60
