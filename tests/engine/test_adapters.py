"""Adapters: calls with different ones run together over one copy of the weights, and know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from golden import Given, architecture, picture, tensors

from studio.checkpoints.architecture import LINEARS, Architecture
from studio.checkpoints.memory_plan import model_sizes
from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.models.model import Model, from_source
from studio.models.tokenizer import bytes_only
from studio.protocol import Adapter, Choose, Generate, ModelCard, Prompt, Sampling, Scores, Text

CPU = torch.device("cpu")
ADAPTERS = {"write": ("sft", "dpo"), "web": ("web",)}
A = architecture(adapters=ADAPTERS, lora_ranks={"sft": 5, "dpo": 4, "web": 12})
WEIGHTS = tensors(A)
GREEDY = Sampling(temperature=0, repetition_penalty=1.0, max_tokens=10)
CARD = ModelCard("tiny", "xcomposer2.5", ("en",), True, A.context, beams=5)
LONG = "The same beginning of everything, which is longer than a block of the cache. "


def merged(adapter: str) -> Model:
    """The model with an adapter added to its matrices: what a model without adapters must say."""
    weights = dict(WEIGHTS)
    for i in range(A.layers):
        for name in (f"model.layers.{i}.{linear}" for linear in LINEARS):
            for part in ADAPTERS.get(adapter, ()):
                pair = WEIGHTS[f"{name}.lora_{part}_B.weight"] @ WEIGHTS[f"{name}.lora_{part}_A.weight"]
                weights[f"{name}.weight"] = weights[f"{name}.weight"] + pair
    return from_source(replace(A, adapters={}, lora_ranks={}), Given(weights), CPU)


def executor(model: Model, batch: int = 8) -> ModelExecutor:
    card = replace(CARD, adapters=tuple(model.architecture.adapters))
    return ModelExecutor(card, model, bytes_only(A.vocab), 60, batch)


def ids_of(made: ModelExecutor, calls: list[Generate]) -> list[list[int]]:
    """What each call drew, all of them together."""
    engine = NativeEngine({"composer": made}, made.scheduler.batch)
    for number, call in enumerate(calls):
        engine.submit(number, call)
    sequences = [made._requests[number].sequence for number in range(len(calls))]
    while engine.busy:
        engine.step()
    return [[u for u in s.units[s.num_prompt_tokens :] if isinstance(u, int)] for s in sequences]


@pytest.fixture(scope="module")
def model() -> Model:
    return from_source(A, Given(WEIGHTS), CPU)


@pytest.fixture(scope="module")
def expected() -> Callable[[Generate], list[int]]:
    models = {adapter: merged(adapter) for adapter in ("", *ADAPTERS)}

    def ids(call: Generate) -> list[int]:
        adapter = next((s.name for s in call.prompt if isinstance(s, Adapter)), "")
        return ids_of(executor(models[adapter], 1), [call])[0]

    return ids


def prompts() -> list[Prompt]:
    """The same text with every adapter and with none, some with a picture."""
    made: list[Prompt] = []
    for text in ("a", LONG, LONG + "b"):
        for adapter in ("write", "", "web"):
            seen = (picture("teal"),) if text == LONG else ()
            made.append((*((Adapter(adapter),) if adapter else ()), *seen, Text(text)))
    return made


def test_calls_of_all_adapters_in_one_batch_say_what_each_says_alone(
    model: Model, expected: Callable[[Generate], list[int]]
) -> None:
    calls = [Generate("composer", prompt, GREEDY) for prompt in prompts()]
    wanted = [expected(call) for call in calls]
    made = executor(model)
    for _ in range(2):  # the second time with everything known
        assert ids_of(made, calls) == wanted
    assert len({tuple(ids) for ids in wanted}) > 6  # they do differ


def test_beams_and_choices_use_their_adapter(model: Model, expected: Callable[[Generate], list[int]]) -> None:
    prompt: Prompt = (Adapter("write"), Text(LONG))
    beams = Generate("composer", prompt, replace(GREEDY, beams=3))
    made = executor(model)
    texts = [
        "".join(str(e) for e in _events(made, beams)),
        "".join(str(e) for e in _events(executor(merged("write")), beams)),
    ]
    assert texts[0].split("Done")[0] == texts[1].split("Done")[0]
    scores = [_events(m, Choose("composer", prompt, ("x", "y")))[-1] for m in (made, executor(merged("write")))]
    assert isinstance(scores[0], Scores) and isinstance(scores[1], Scores)
    assert scores[0].values == pytest.approx(scores[1].values, abs=1e-4)
    (plain,) = _events(made, Choose("composer", prompt[1:], ("x", "y")))
    assert isinstance(plain, Scores) and plain.values != pytest.approx(scores[0].values, abs=1e-3)


def test_a_draft_from_the_prompt_changes_nothing(model: Model) -> None:
    prompt: Prompt = (Adapter("web"), Text("What was said before is said again. What was said before "))
    sampling = replace(GREEDY, max_tokens=40)
    plain, drafted = (
        ids_of(executor(model, 1), [Generate("composer", prompt, sampling, repeats)])[0] for repeats in (False, True)
    )
    assert plain == drafted


def test_the_prefix_cache_keeps_adapters_apart(model: Model) -> None:
    made = executor(model)
    engine = NativeEngine({"composer": made}, 8)
    cached = []
    for prompt in ((Text(LONG),), (Adapter("write"), Text(LONG)), (Adapter("write"), Text(LONG)), (Text(LONG),)):
        *_, end = engine.run(Generate("composer", prompt, GREEDY))
        cached.append(end.usage.prompt_cached)  # type: ignore[union-attr]
    assert cached == [0, 0, 64, 64]


def test_a_model_without_the_adapter_answers_with_its_own_weights(expected: Callable[[Generate], list[int]]) -> None:
    made = executor(merged(""))
    call = Generate("composer", (Adapter("write"), Text("a")), GREEDY)
    assert ids_of(made, [call])[0] == expected(Generate("composer", (Text("a"),), GREEDY))


def test_adapters_take_no_room_and_count_as_weights(model: Model) -> None:
    made = executor(model)
    with_it, without = made.count(((Adapter("write"), Text("abc")), (Text("abc"),)))
    assert with_it == without == 4
    sizes, bare = model_sizes(A), model_sizes(replace(A, adapters={}, lora_ranks={}))
    lora = sum(t.numel() for name, t in WEIGHTS.items() if ".lora_" in name)
    assert sizes.plora - bare.plora == lora > 0 and sizes.linears == bare.linears
    base, write = model.decoder.bytes_per_token(), model.decoder.bytes_per_token("write")
    assert write > base == from_source(replace(A, adapters={}), Given(WEIGHTS), CPU).decoder.bytes_per_token()


def _events(made: ModelExecutor, call: Generate | Choose) -> list[object]:
    return list(NativeEngine({"composer": made}, 8).run(call))


def test_long_prompts_beyond_the_trained_positions_share_no_keys_with_others() -> None:
    short: Architecture = replace(architecture(eyes=False), trained=70, rope_factor=2.0, context=140)
    weights = tensors(short)
    made = ModelExecutor(
        replace(CARD, context=140), from_source(short, Given(weights), CPU), bytes_only(short.vocab), 60, 4
    )
    calls = [Generate("composer", (Text("z" * length),), GREEDY) for length in (40, 68, 69, 75, 80, 80)]
    alone = [
        ids_of(
            ModelExecutor(made.card, from_source(short, Given(weights), CPU), bytes_only(short.vocab), 60, 1), [call]
        )[0]
        for call in calls
    ]
    for budget in (512, 33):  # whole, and in chunks
        made.scheduler.token_budget = budget
        assert ids_of(made, calls) == alone
    *_, end = NativeEngine({"composer": made}, 4).run(Generate("composer", (Text("z" * 75),), GREEDY))
    assert end.usage.prompt_cached == 64  # type: ignore[union-attr]
    *_, end = NativeEngine({"composer": made}, 4).run(Generate("composer", (Text("z" * 77),), GREEDY))
    assert end.usage.prompt_cached == 0  # type: ignore[union-attr]
