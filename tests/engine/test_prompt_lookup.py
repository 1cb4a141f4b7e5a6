"""Guessing what follows from where it stood before, and that a right guess changes nothing but the number of steps."""

from __future__ import annotations

import pytest
import torch
from golden import Given, architecture, tensors

from studio.engine.native.block_manager import Unit
from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.prompt_lookup import PromptLookup
from studio.models.model import from_source
from studio.models.tokenizer import bytes_only
from studio.protocol import Done, Generate, ModelCard, Sampling, Text

A = architecture()
CARD = ModelCard("tiny", "xcomposer2", ("en",), True, A.context)


def test_what_followed_the_last_words_follows_again() -> None:
    units: list[Unit] = [1, 2, 3, 4, 5, 6, 9, 2, 3]
    lookup = PromptLookup(units)
    assert lookup.propose(3) == [4, 5, 6]
    units += [4, 7]
    assert lookup.propose(3) == []  # 7 is new
    units += [1, 2]
    assert lookup.propose(9) == [3, 4, 5, 6, 9, 2, 3, 4, 7]
    assert lookup.propose(2) == [3, 4]


def test_the_longer_agreement_and_then_the_later_one_count() -> None:
    assert PromptLookup([2, 3, 50, 8, 3, 60, 2, 3]).propose(1) == [50]
    assert PromptLookup([3, 50, 3, 60, 4, 3]).propose(1) == [60]


def test_pictures_are_no_guess() -> None:
    assert PromptLookup([5, 6, 7, ("cat", 0), 5, 6]).propose(5) == [7]
    assert PromptLookup([("cat", 0), 8, ("cat", 0)]).propose(5) == [8]  # the same picture again
    assert PromptLookup([5, 6, ("cat", 0), 9, 5, 6]).propose(5) == []
    assert PromptLookup([]).propose(5) == [] and PromptLookup([1]).propose(5) == []


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=0, repetition_penalty=1.0, max_tokens=60),
        Sampling(repetition_penalty=0.3, top_k=5, max_tokens=120),
    ],
)
def test_the_same_text_in_fewer_steps(sampling: Sampling) -> None:
    """Wild weights soon say the same again and again, so most lookup are right."""
    model = from_source(A, Given(tensors(A)), torch.device("cpu"))
    texts, steps = [], []
    for repeats in (False, True):
        made = ModelExecutor(CARD, model, bytes_only(A.vocab), 40, 1)
        engine = NativeEngine({"composer": made}, 1)
        engine.submit(1, Generate("composer", (Text("over and over and over"),), sampling, repeats))
        sequence = made._requests[1].sequence
        events = []
        steps.append(0)
        while engine.busy:
            events += engine.step()
            steps[-1] += 1
        end = events[-1][1]
        assert isinstance(end, Done) and end.usage.new_tokens == len(sequence.units) - sequence.num_prompt_tokens
        texts.append(sequence.units)
    assert texts[0] == texts[1]
    assert steps[1] < 0.85 * steps[0], steps
