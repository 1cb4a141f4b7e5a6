"""On a GPU: rows with different adapters in one step; every choice is one of the best under the merged model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from golden import Given, architecture, tensors, whole

from studio.checkpoints.architecture import LINEARS
from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.models.model import Model, from_source
from studio.models.tokenizer import bytes_only
from studio.protocol import Adapter, Generate, ModelCard, Prompt, Sampling, Text

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]
GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
ADAPTERS = {"write": ("sft", "dpo"), "web": ("web",)}
A = architecture(1000, hidden=256, heads=4, kv_heads=2, ffn=448, layers=3, context=1024)
A = replace(A, adapters=ADAPTERS, lora_ranks={"sft": 32, "dpo": 32, "web": 64})
GREEDY = Sampling(temperature=0, repetition_penalty=1.0, max_tokens=24)
CARD = ModelCard("tiny", "xcomposer2.5", ("en",), True, A.context, beams=5, adapters=tuple(ADAPTERS))
WEIGHTS = {name: (t if "norm" in name else t * 0.6).bfloat16().float() for name, t in tensors(A).items()}


def exact(adapter: str) -> Model:
    """Float32 on the CPU, with the adapter added to the matrices."""
    weights = dict(WEIGHTS)
    for name in (f"model.layers.{i}.{linear}" for i in range(A.layers) for linear in LINEARS):
        for part in ADAPTERS.get(adapter, ()):
            pair = WEIGHTS[f"{name}.lora_{part}_B.weight"] @ WEIGHTS[f"{name}.lora_{part}_A.weight"]
            weights[f"{name}.weight"] = weights[f"{name}.weight"] + pair
    return from_source(replace(A, adapters={}, lora_ranks={}), Given(weights), CPU)


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {adapter: exact(adapter) for adapter in ("", *ADAPTERS)}


def on_gpu(int8: bool) -> Model:
    class There(Given):
        def __call__(self, name: str) -> torch.Tensor:
            return super().__call__(name).to(GPU)

    return from_source(A, There(WEIGHTS, torch.bfloat16), GPU, int8)


def calls(modes: tuple[str, ...]) -> list[Generate]:
    made: list[Generate] = []
    for i, mode in enumerate(modes):
        text = Text("The same beginning of everything, long enough for a block. " + "x" * (7 * i))
        prompt: Prompt = (Adapter(mode), text) if mode else (text,)
        made.append(Generate("composer", prompt, GREEDY, repeats=i == 2))
    return made


def losses(model: Model, made: ModelExecutor, prompt: Prompt, ids: list[int]) -> float:
    """The largest gap between the best logit and the chosen one, in standard deviations."""
    (run,) = made.tokenizer.encode(prompt)
    assert isinstance(run, list)
    logits = whole(model.decoder, model.decoder.embed(torch.tensor(run + ids[:-1])))[len(run) - 1 :]
    gaps = logits.max(-1).values - logits[torch.arange(len(ids)), torch.tensor(ids)]
    return float(gaps.max() / logits.std())


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize(
    "modes",
    [("write",), ("web",), ("web", "write"), ("write", "", "web", "web"), ("", "write") * 4, ("web", "write", "") * 4],
    ids=lambda modes: f"{len(modes)} rows",
)
def test_every_greedy_choice_is_one_of_the_best(models: dict[str, Model], modes: tuple[str, ...], int8: bool) -> None:
    made = ModelExecutor(CARD, on_gpu(int8), bytes_only(A.vocab), 400, 16)
    made.runner.warm_up()
    some = calls(modes)
    for together in (True, False):
        for wave in [some] if together else [[call] for call in some]:
            engine = NativeEngine({"composer": made}, 16)
            for number, call in enumerate(wave):
                engine.submit(number, call)
            sequences = [made._requests[number].sequence for number in range(len(wave))]
            while engine.busy:
                engine.step()
            for call, s in zip(wave, sequences, strict=True):
                ids = [u for u in s.units[s.num_prompt_tokens :] if isinstance(u, int)]
                mode = call.prompt[0].name if isinstance(call.prompt[0], Adapter) else ""
                assert ids and losses(models[mode], made, call.prompt, ids) < (0.3 if int8 else 0.1)
