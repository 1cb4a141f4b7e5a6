"""The engine under everything that people do to it at once, against the plainest way to compute the same."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from golden import Given, architecture, picture, tensors, whole
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.rows import DecodeBatch
from studio.engine.native.sampler import sample
from studio.models.image_preprocessing import opened
from studio.models.model import Model, from_source
from studio.models.tokenizer import bytes_only
from studio.protocol import Choose, Done, Failed, Generate, ModelCard, Prompt, Sampling, Scores, Text

CPU = torch.device("cpu")
A = architecture()
CARD = ModelCard("tiny", "xcomposer2", ("en",), True, A.context, beams=5)
PICTURES = [picture(colour, (9, 9)) for colour in ("teal", "gold")]
BEGINNINGS = ("", "A beginning that several share, " * 2)


@pytest.fixture(scope="module")
def model() -> Model:
    return from_source(A, Given(tensors(A)), CPU)


segments = st.lists(
    st.one_of(st.sampled_from(PICTURES), st.text("ab ", min_size=1, max_size=9).map(Text)), min_size=1, max_size=3
)
prompts = st.tuples(st.sampled_from(BEGINNINGS), segments).map(lambda p: (Text(p[0]), *p[1]) if p[0] else tuple(p[1]))
samplings = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 0.7, 1.5]),
    top_p=st.sampled_from([0.5, 1.0]),
    top_k=st.sampled_from([0, 1, 20]),
    repetition_penalty=st.sampled_from([1.0, 1.3]),
    seed=st.integers(0, 3),
    max_tokens=st.integers(1, 9) | st.just(30),
)


Scene = tuple[Prompt, Sampling, int, int, bool]


@st.composite
def scenes(draw_: st.DrawFn) -> list[Scene]:
    """Calls: prompt, sampling, the step at which it comes, the one at which it is cancelled (far off: never), and
    whether what it says is guessed at."""
    call = st.tuples(prompts, samplings, st.integers(0, 6), st.sampled_from([999, 999, 999, 3, 8]), st.booleans())
    return draw_(st.lists(call, min_size=1, max_size=5))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scene=scenes(), batch=st.integers(1, 4), budget=st.sampled_from([7, 40, 512]), blocks=st.sampled_from([12, 40]))
def test_every_call_gets_what_it_would_get_alone(
    model: Model, scene: list[Scene], batch: int, budget: int, blocks: int
) -> None:
    made = ModelExecutor(CARD, model, bytes_only(A.vocab), blocks, batch)
    made.scheduler.token_budget = budget
    engine = NativeEngine({"composer": made}, batch)
    drawn: dict[int, list[Any]] = {i: [] for i in range(len(scene))}
    ended: dict[int, Done] = {}
    for turn in range(2000):
        for i, (prompt, sampling, at, end, repeats) in enumerate(scene):
            if at == turn:
                engine.submit(i, Generate("composer", prompt, sampling, repeats))
                units = made._requests[i].sequence.units
                drawn[i] = units
            if turn == max(end, at + 1):
                engine.cancel(i)
        for number, event in engine.step():
            assert not isinstance(event, Failed) and number not in ended
            if isinstance(event, Done):
                ended[number] = event
        if len(ended) == len(scene):
            break
    assert not engine.busy and made.scheduler.blocks.num_free == blocks - 1
    for i, (prompt, sampling, *_) in enumerate(scene):
        done = ended[i]
        found = [unit for unit in drawn[i][done.usage.prompt_tokens :] if isinstance(unit, int)]
        assert len(found) == done.usage.new_tokens
        assert found == alone(model, made, prompt, sampling, len(found))
        if done.reason == "length":
            assert len(found) == sampling.max_tokens
        if done.reason == "cancelled":
            assert scene[i][3] < 999


def alone(model: Model, made: ModelExecutor, prompt: Prompt, sampling: Sampling, count: int) -> list[int]:
    """So many ids, each from a forward over everything before it."""
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
    x = torch.cat(parts)
    rows = DecodeBatch(1, 1, A.vocab, CPU)
    rows.set_row(0, len(x), [], sampling, 1)
    ids: list[int] = []
    for _ in range(count):
        ids += sample(whole(model.decoder, x, spans)[-1:], rows).tolist()
        x = torch.cat((x, model.decoder.embed(torch.tensor(ids[-1:]))))
    return ids


def test_choices_reuse_the_growing_context(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    made = ModelExecutor(CARD, model, bytes_only(A.vocab), 40, 2)
    engine = NativeEngine({"composer": made}, 2)
    read: list[int] = []
    forward = type(model.decoder).forward

    def note(self: Any, x: Any, *rest: Any) -> Any:
        read.append(len(x))
        return forward(self, x, *rest)

    monkeypatch.setattr(type(model.decoder), "forward", note)
    context: Prompt = (Text("x" * 70),)
    scores = []
    for _ in range(2):
        (event,) = engine.run(Choose("composer", (*context, PICTURES[0], Text("?")), ("a", "b")))
        assert isinstance(event, Scores)
        scores.append(event.values)
        context = (*context, PICTURES[0], Text("? and more"))
    assert read == [88, 88 + 10 + 17 - 64 - 1] or read[1] < 60
    fresh = NativeEngine({"composer": ModelExecutor(CARD, model, bytes_only(A.vocab), 40, 2)}, 2)
    (event,) = fresh.run(Choose("composer", (Text("x" * 70), PICTURES[0], Text("? and more"), PICTURES[0], Text("?")),
                                ("a", "b")))  # fmt: skip
    assert isinstance(event, Scores) and scores[1] == pytest.approx(event.values, abs=1e-4)


def test_the_pace_is_measured_without_a_trace(model: Model) -> None:
    made = ModelExecutor(CARD, model, bytes_only(A.vocab), 5, 1)
    assert made.runner.prefill_rate() > 0
    assert (made.scheduler.blocks.num_cached, made.scheduler.blocks.num_free) == (0, 4)


def test_a_picture_that_cannot_be_opened_ends_its_own_call_only(model: Model) -> None:
    from dataclasses import replace

    made = ModelExecutor(CARD, model, bytes_only(A.vocab), 40, 3)
    engine = NativeEngine({"composer": made}, 3)
    good = Generate("composer", (Text("hello"),), Sampling(max_tokens=3))
    engine.submit(1, good)
    engine.submit(2, Generate("composer", (replace(PICTURES[0], key="bad", data=b"no picture"),), Sampling()))
    engine.submit(3, good)
    ends: dict[int, Any] = {}
    while engine.busy:
        ends |= {number: event for number, event in engine.step() if isinstance(event, Done | Failed)}
    assert isinstance(ends[2], Failed) and ends[2].error.key == "picture_unreadable"
    assert isinstance(ends[1], Done) and isinstance(ends[3], Done)
    assert made.scheduler.blocks.num_free == 39
