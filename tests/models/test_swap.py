"""Models that take turns in one arena compute what they compute alone."""

from __future__ import annotations

import pytest
import torch
from golden import Given, architecture, picture, tensors, whole

from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.model_swapping import SwappingEngine
from studio.engine.native.swap import Swap, _tensors
from studio.models.model import Model, from_source
from studio.models.tokenizer import bytes_only
from studio.protocol import Choose, Control, Done, Generate, ModelCard, Piece, Sampling, Scores, Text

CPU = torch.device("cpu")


def model(seed: int, **changes: object) -> Model:
    a = architecture(**changes)  # type: ignore[arg-type]
    return from_source(a, Given(tensors(a, seed)), CPU)


def logits(m: Model) -> torch.Tensor:
    with torch.inference_mode():
        x = m.decoder.embed(torch.tensor([1, 5, 9]))
        if m.tower:
            side = m.tower.vision.image
            x = torch.cat((x, m.tower(torch.full((1, 3, side, side), 0.3))[0]))
        return whole(m.decoder, x, [(3, x.shape[0])]).clone()


def test_every_turn_is_right_and_addresses_stay() -> None:
    models = [model(1), model(2, image=35), model(3, eyes=False)]
    alone = [logits(m) for m in models]
    swap = Swap(CPU)
    for m in models:
        swap.park(m)
        assert sum(t.untyped_storage().nbytes() for t in _tensors(m, CPU)) == 0  # the device's memory is free
    assert swap.bytes_on_host >= sum(m.architecture.parameters() * 4 for m in models)
    swap.open()
    addresses = [t.data_ptr() for m in models for t in _tensors(m, CPU)]
    arenas = {t.untyped_storage().data_ptr() for m in models for t in _tensors(m, CPU)}
    assert len(arenas) == 1
    for i in (0, 1, 2, 1, 1, 0, 2):
        swap.bring(models[i])
        assert torch.equal(logits(models[i]), alone[i])
    assert swap.turns == 6
    assert [t.data_ptr() for m in models for t in _tensors(m, CPU)] == addresses
    layer = models[0].decoder.layers[0]
    assert layer.w13.weight.shape[0] == 2 * models[0].architecture.ffn


def test_a_copy_that_fails_leaves_no_model_taken_for_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [model(1), model(2)]
    alone = [logits(m) for m in models]
    swap = Swap(CPU)
    for m in models:
        swap.park(m)
    swap.open()
    swap.bring(models[0])
    with monkeypatch.context() as patch:
        patch.setattr(torch, "inference_mode", lambda: (_ for _ in ()).throw(RuntimeError("CUDA error")))
        with pytest.raises(RuntimeError, match="CUDA error"):
            swap.bring(models[1])
    for i in (0, 1):
        swap.bring(models[i])
        assert torch.equal(logits(models[i]), alone[i])


def test_an_engine_in_turns_says_the_same() -> None:
    def engine() -> tuple[NativeEngine, dict[str, Model]]:
        executors = {}
        for seed, role in enumerate(("composer", "viewer")):
            m = model(seed, image=28 if role == "composer" else 35)
            card = ModelCard(role, "xcomposer2", ("en",), True, 256, beams=5)
            executors[role] = ModelExecutor(card, m, bytes_only(m.architecture.vocab), 9)
        return NativeEngine(executors), {role: executor.model for role, executor in executors.items()}

    prompt = (picture("teal"), Control("[UNUSED_TOKEN_146]"), Text("user\nHi"))
    calls = [
        Generate(role, prompt, Sampling(max_tokens=8, seed=seed)) for seed in (1, 2) for role in ("composer", "viewer")
    ]

    choices = [Choose(role, prompt, ("a", "b")) for role in ("composer", "viewer")]

    def said(e: NativeEngine | SwappingEngine) -> list[object]:
        """All calls submitted at once, the roles in turn; what each of them said."""
        found: dict[int, object] = {}
        everything: list[Generate | Choose] = [*calls, *choices]
        for number, call in enumerate(everything):
            e.submit(number, call)
        while e.busy:
            for number, event in e.step():
                if isinstance(event, Piece):
                    found[number] = str(found.get(number, "")) + event.text
                elif isinstance(event, Scores):
                    found[number] = event.values
        return [found[number] for number in sorted(found)]

    plain, _ = engine()
    expected = said(plain)
    other, models = engine()
    swap = Swap(CPU)
    for m in models.values():
        swap.park(m)
    swap.open()
    turns = SwappingEngine(other, swap, models)
    assert said(turns) == expected and len(set(map(str, expected))) == 6
    turns.submit(1, calls[0])
    turns.step()
    turns.submit(2, calls[1])  # held back
    turns.cancel(2)
    assert (2, Done("cancelled")) in turns.step()
    assert turns.memory()["main memory"] == swap.bytes_on_host and set(turns.cards) == {"composer", "viewer"}
    turns.close()
