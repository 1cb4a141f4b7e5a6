"""Contexts far beyond 4,096 tokens: the same numbers, no call that hangs or fails for want of blocks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from golden import Given, architecture, picture, tensors, whole
from hypothesis import given
from hypothesis import strategies as st

from studio.engine.native.check.reference_loop import beam_search_blocks
from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.loading import num_kv_blocks
from studio.engine.native.prompt_builder import PromptBuilder
from studio.models.image_preprocessing import opened
from studio.models.kv_cache import BLOCK
from studio.models.model import Model, from_source
from studio.models.tokenizer import bytes_only
from studio.protocol import MIN_NEW_TOKENS, Choose, Done, Failed, Generate, ModelCard, Prompt, Sampling, Scores, Text
from studio.specs import MAX_BEAMS

CPU = torch.device("cpu")
A = architecture(image=70, context=16384, heads=2, kv_heads=1)  # a picture takes 100 tokens
CARD = ModelCard("tiny", "xcomposer2", ("en",), True, A.context, beams=5)
PICTURES = [picture(colour, (9, 9)) for colour in ("teal", "gold", "navy", "olive")]


@pytest.fixture(scope="module")
def model() -> Model:
    return from_source(A, Given(tensors(A)), CPU)


def executor(model: Model, blocks: int, batch: int = 8) -> ModelExecutor:
    return ModelExecutor(CARD, model, bytes_only(A.vocab), blocks, batch)


def embed_chunk(model: Model, made: ModelExecutor, prompt: Prompt) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    parts: list[torch.Tensor] = []
    spans: list[tuple[int, int]] = []
    for run in made.tokenizer.encode(prompt):
        at = sum(map(len, parts))
        if isinstance(run, list):
            parts.append(model.decoder.embed(torch.tensor(run)))
        else:
            assert model.tower is not None
            parts += model.tower.embed([model.tower.preprocess(opened(run.data))])
            spans.append((at, at + len(parts[-1])))
    return torch.cat(parts), spans


def test_a_choice_behind_six_thousand_tokens_is_what_one_forward_says(model: Model) -> None:
    made = executor(model, 600)
    engine = NativeEngine({"composer": made}, 8)
    prompt: Prompt = (Text("long " * 1000), *PICTURES, Text("Which? "))
    (event,) = engine.run(Choose("composer", prompt, ("A", "B", "C")))
    assert isinstance(event, Scores)
    x, spans = embed_chunk(model, made, prompt)
    assert len(x) > 5400
    logits = whole(model.decoder, x, spans)[-1].log_softmax(-1)
    ids = [made.tokenizer.encode_text(letter)[0] for letter in "ABC"]
    assert event.values == pytest.approx(logits[ids].tolist(), abs=1e-4)


def test_choices_behind_twelve_thousand_tokens_read_only_what_is_new(model: Model) -> None:
    made = executor(model, 1000)
    engine = NativeEngine({"composer": made}, 8)
    article: Prompt = (Text("a" * 6000), PICTURES[0], Text("b" * 5400))
    candidates: Prompt = (Text("? "), *PICTURES[1:], Text("! "))
    assert engine.count("composer", ((*article, *candidates),))[0] > 11_800
    sequences = []
    for growing in (article, (*article, PICTURES[1], Text("c" * 200))):
        engine.submit(1, Choose("composer", (*growing, *candidates), ("A", "B")))
        sequences.append(made._requests[1].sequence)
        while engine.busy:
            assert not any(isinstance(event, Failed) for _, event in engine.step())
    first, second = sequences
    assert first.num_cached == 0 and second.num_cached >= 11_501 - BLOCK
    assert second.num_prompt_tokens - second.num_cached < 700


def test_calls_that_want_more_than_the_cache_holds_wait_and_are_all_done(model: Model) -> None:
    made = executor(model, num_kv_blocks(A, 8, 0, 4))  # room for one whole context only
    engine = NativeEngine({"composer": made}, 8)
    for number in range(6):
        beams = 5 if number == 3 else 1
        size = 2500 + 100 * number  # each asks for the rest of the context, four at once would be too many
        engine.submit(number, Generate("composer", (Text("x" * size),), Sampling(max_tokens=4096, beams=beams)))
    done: dict[int, Any] = {}
    for _ in range(60):
        for number, event in engine.step():
            assert not isinstance(event, Failed)
            done |= {number: event} if isinstance(event, Done) else {}
        for sequence in made.scheduler.running:  # a few tokens each are enough: all of them would take minutes
            if sequence.kind == "stream" and sequence.num_generated > 2 or made._searches.get(sequence.number):
                engine.cancel(sequence.number)
    assert set(done) == set(range(6)) and not engine.busy
    assert made.scheduler.blocks.num_free == made.scheduler.blocks.count - 1


@given(prompt=st.integers(1, A.context - MIN_NEW_TOKENS), beams=st.integers(2, MAX_BEAMS), most=st.integers(1, 5000))
def test_a_search_fits_the_smallest_cache_and_has_the_room_that_was_promised(
    prompt: int, beams: int, most: int
) -> None:
    """It would wait for ever: five beams behind a long prompt want more blocks than one context has."""
    made = num_kv_blocks(A, 1, 0, 4)
    blind = SimpleNamespace(tower=None)
    builder = PromptBuilder(CARD, blind, bytes_only(A.vocab), None, made)  # type: ignore[arg-type]
    builder.units = lambda runs: [0] * prompt  # type: ignore[method-assign]
    call = Generate("composer", (), Sampling(max_tokens=most, beams=beams))
    sequence = builder.generation(1, call).sequence
    assert sequence.num_blocks == beam_search_blocks(prompt, sequence.max_new_tokens, beams) <= made - 1
    assert min(most, MIN_NEW_TOKENS) <= sequence.max_new_tokens <= min(most, A.context - prompt)
