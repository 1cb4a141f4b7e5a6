"""On a GPU: the kernels, the graphs and the engine on top of them say what the plain model says on the CPU.

16-bit sums depend on their order, so ids need not be equal between kernels of different shapes. What must hold: the
same kernels give the same ids, and every id that was chosen is one of the best under the exact model, up to rounding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from golden import GOLDEN, Given, architecture, picture, tensors, whole

from studio.engine.native.check.reference_loop import read_prompt, step
from studio.engine.native.decode_step import DecodeStep
from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.model_runner import DEFAULT_OPTIONS, RunnerOptions
from studio.engine.native.rows import DecodeBatch
from studio.engine.native.sampler import sample
from studio.engine.native.swap import Swap
from studio.models.graphs import CudaGraphs
from studio.models.kv_cache import BatchLayout, Chunk
from studio.models.model import Model, from_folder, from_source
from studio.models.tokenizer import bytes_only
from studio.protocol import Control, Done, Generate, ModelCard, Prompt, Sampling, Text

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]
GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
A = architecture(1000, hidden=256, heads=4, kv_heads=2, ffn=448, layers=3, context=1024)
GREEDY = Sampling(temperature=0, repetition_penalty=1.0, max_tokens=24)
CARD = ModelCard("tiny", "xcomposer2", ("en",), True, A.context, beams=5)


def weights() -> dict[str, torch.Tensor]:
    """Of a size that keeps logits apart; rounded to bf16, so that both sides compute with the same numbers."""
    return {name: (t if "norm" in name else t * 0.6).bfloat16().float() for name, t in tensors(A).items()}


def on(device: torch.device, dtype: torch.dtype, int8: bool = False) -> Model:
    class There(Given):
        def __call__(self, name: str) -> torch.Tensor:
            return super().__call__(name).to(device)

    return from_source(A, There(weights(), dtype), device, int8)


@pytest.fixture(scope="module")
def exact() -> Model:
    return on(CPU, torch.float32)


@pytest.fixture(scope="module")
def fast() -> Model:
    return on(GPU, torch.bfloat16)


def executor(model: Model, batch: int, options: RunnerOptions = DEFAULT_OPTIONS, blocks: int = 300) -> ModelExecutor:
    made = ModelExecutor(CARD, model, bytes_only(A.vocab), blocks, batch, options)
    made.runner.warm_up()
    return made


def prompts(count: int) -> list[Prompt]:
    """Some share a beginning, some have pictures, lengths differ."""
    u = Control("[UNUSED_TOKEN_146]")
    made: list[Prompt] = []
    for i in range(count):
        start = (u, Text("The same beginning of everything, long enough for a block. " * (1 + i % 3)))
        made.append((*start, picture("teal"), Text(f"Which {i}?")) if i % 2 else (*start, Text("x" * (7 * i))))
    return made


def ids_of(made: ModelExecutor, calls: list[Generate], together: bool) -> list[list[int]]:
    """What each call drew."""
    engine = NativeEngine({"composer": made}, 8)
    drawn: dict[int, list[int]] = {}
    waves = [calls] if together else [[call] for call in calls]
    number = 0
    for wave in waves:
        sequences = []
        for call in wave:
            engine.submit(number, call)
            sequences.append((number, made._requests[number].sequence))
            number += 1
        while engine.busy:
            engine.step()
        drawn |= {n: [u for u in s.units[s.num_prompt_tokens :] if isinstance(u, int)] for n, s in sequences}
    return [drawn[n] for n in sorted(drawn)]


def losses(exact: Model, made: ModelExecutor, prompt: Prompt, ids: list[int]) -> float:
    """The largest gap between the best logit and the chosen one under the exact model, in standard deviations."""
    parts, spans, at = [], [], 0
    for run in made.tokenizer.encode(prompt):
        if isinstance(run, list):
            parts.append(exact.decoder.embed(torch.tensor(run)))
        else:
            from studio.models.image_preprocessing import opened

            assert exact.tower is not None
            parts += exact.tower.embed([exact.tower.preprocess(opened(run.data))])
            spans.append((at, at + len(parts[-1])))
        at += len(parts[-1])
    x = torch.cat([*parts, exact.decoder.embed(torch.tensor(ids[:-1], dtype=torch.long))])
    logits = whole(exact.decoder, x, spans)[at - 1 :]
    gaps = logits.max(-1).values - logits[torch.arange(len(ids)), torch.tensor(ids)]
    return float(gaps.max() / logits.std())


@pytest.mark.parametrize("graphs", [True, False])
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("budget", [4096, 48])
def test_every_greedy_choice_is_one_of_the_best(
    exact: Model, fast: Model, graphs: bool, together: bool, budget: int
) -> None:
    made = executor(fast, 8, RunnerOptions(graphs=graphs))
    made.scheduler.token_budget = budget
    calls = [Generate("composer", prompt, GREEDY) for prompt in prompts(8)]
    for _ in range(2):  # the second time with everything known
        for call, ids in zip(calls, ids_of(made, calls, together), strict=True):
            assert ids and losses(exact, made, call.prompt, ids) < 0.1


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(max_tokens=24), Sampling(top_k=0, top_p=0.9, max_tokens=24)])
def test_graphs_change_nothing_and_determinism_keeps_its_word(fast: Model, sampling: Sampling) -> None:
    calls = [Generate("composer", prompt, replace(sampling, seed=i)) for i, prompt in enumerate(prompts(8))]
    for together in (True, False):
        with_graphs, without = (
            ids_of(executor(fast, 8, RunnerOptions(graphs=graphs)), calls, together) for graphs in (True, False)
        )
        assert with_graphs == without
    made = executor(fast, 8, RunnerOptions(deterministic=True))
    assert ids_of(made, calls, True) == ids_of(made, calls, False) == ids_of(made, calls, True)


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5, 8, 16, 33])
@torch.inference_mode()
def test_the_step_computes_what_the_plain_forward_does(int8: bool, count: int) -> None:
    model, plain = on(GPU, torch.bfloat16, int8), on(CPU, torch.float32, int8)
    size = 1 << (count - 1).bit_length()
    rows, kv_cache, ref_pool = (
        DecodeBatch(size, 32, A.vocab, GPU),
        model.decoder.new_kv_cache(300),
        plain.decoder.new_kv_cache(300),
    )
    lengths = [1 + 37 * i % 200 for i in range(count)]
    tables = [list(range(1 + 8 * i, 9 + 8 * i)) for i in range(count)]
    for i, (length, table) in enumerate(zip(lengths, tables, strict=True)):
        ids = torch.randint(3, A.vocab, (length,), generator=torch.Generator().manual_seed(i))
        read_prompt(model.decoder, kv_cache, table, model.decoder.embed(ids.to(GPU)))
        read_prompt(plain.decoder, ref_pool, table, plain.decoder.embed(ids))
        rows.set_row(i, length + 1, table, Sampling(top_k=7, seed=i), 1)
        rows.state[i, 0] = 17 + i
    expected = step(plain.decoder, ref_pool, torch.arange(17, 17 + count),
                    [Chunk(n, 1, t) for n, t in zip(lengths, tables, strict=True)])  # fmt: skip
    moving = DecodeStep(model.decoder, kv_cache, rows, CudaGraphs())
    seen: dict[str, object] = {}
    kernel = moving.sample

    def watch(logits: torch.Tensor, some: DecodeBatch, ids: torch.Tensor, top_k_kernel: bool) -> None:
        twin = DecodeBatch(len(some), 32, A.vocab, GPU)
        for name in ("state", "sampling", "seen"):
            getattr(twin, name).copy_(getattr(some, name))
        seen["logits"], seen["ids"], seen["rows"] = logits.clone(), sample(logits, twin), twin
        kernel(logits, some, ids, top_k_kernel)

    moving.sample = watch  # type: ignore[method-assign, assignment]
    moving.run(size, top_k_kernel=True)
    logits, twin = seen["logits"], seen["rows"]
    assert isinstance(logits, torch.Tensor) and isinstance(twin, DecodeBatch)
    error = (logits[:count].cpu() - expected).norm() / expected.norm()
    assert float(error) < 0.03
    assert moving.ids[:count].tolist() == seen["ids"][:count].tolist()  # type: ignore[index]
    assert torch.equal(rows.state[:count], twin.state[:count])
    assert torch.equal(rows.seen[:count], twin.seen[:count])


@torch.inference_mode()
def test_the_recorded_results_in_float16() -> None:
    from safetensors.torch import load_file

    io = load_file(GOLDEN / "io.safetensors")
    model = from_folder(GOLDEN, GPU, torch.float16)
    assert model.tower is not None
    embeds = model.tower(io["pixel_values"].to(GPU)).float().cpu()
    assert float((embeds - io["image_embeds"]).norm() / io["image_embeds"].norm()) < 0.01
    found = whole(model.decoder, model.decoder.embed(io["text_ids"].flatten().to(GPU))).cpu()
    expected = io["text_logits"].view_as(found)
    assert float((found - expected).norm() / expected.norm()) < 0.01


@torch.inference_mode()
def test_prefill_behind_a_prefix_equals_reading_it_whole(exact: Model, fast: Model) -> None:
    ids = torch.randint(3, A.vocab, (150,), generator=torch.Generator().manual_seed(0))
    expected = whole(exact.decoder, exact.decoder.embed(ids), [(20, 60), (70, 90)])
    kv_cache, table = fast.decoder.new_kv_cache(12), [9, 2, 7, 4, 5]
    from studio.models.linear import image_rows

    for start, end in ((0, 50), (50, 150)):
        spans = [(max(a, start) - start, min(b, end) - start) for a, b in ((20, 60), (70, 90))]
        image = image_rows([s for s in spans if s[0] < s[1]], GPU, torch.bfloat16)
        layout = BatchLayout((Chunk(start, end - start, table),), GPU)
        hidden = fast.decoder.forward(fast.decoder.embed(ids[start:end].to(GPU)), kv_cache, layout, image)
        found = torch.cat([fast.decoder.logits(part) for part in torch.split(hidden, 64)]).cpu()
        assert float((found - expected[start:end]).norm() / expected[start:end].norm()) < 0.03


@pytest.mark.parametrize(
    "sampling", [GREEDY, Sampling(max_tokens=60, temperature=0.2), Sampling(top_k=0, max_tokens=60)]
)
def test_guesses_save_steps_and_every_token_is_one_of_the_best(exact: Model, fast: Model, sampling: Sampling) -> None:
    sampling = replace(sampling, max_tokens=120)
    prompt: Prompt = (Text("What was said before is said again. What was said before "),)
    steps: list[int] = []
    ids: list[list[int]] = []
    for repeats in (False, True):
        made = executor(fast, 1)
        engine = NativeEngine({"composer": made}, 1)
        engine.submit(0, Generate("composer", prompt, sampling, repeats))
        sequence = made._requests[0].sequence
        steps.append(0)
        while engine.busy:
            engine.step()
            steps[-1] += 1
        ids.append([u for u in sequence.units[sequence.num_prompt_tokens :] if isinstance(u, int)])
    assert len(ids[1]) == 120 or ids[1][-1] in made.tokenizer.stops
    if not sampling.temperature:
        assert losses(exact, made, prompt, ids[1]) < 0.1
        assert steps[1] < steps[0]  # wild weights repeat themselves


def test_streams_go_on_while_a_long_prompt_is_read_along_with_them(exact: Model, fast: Model) -> None:
    made = executor(fast, 8, blocks=400)
    assert made.scheduler.token_budget > 600
    calls = [Generate("composer", prompt, replace(GREEDY, max_tokens=60)) for prompt in prompts(4)]
    long = Generate("composer", (Text("z" * 700),), GREEDY)
    engine, sequences = NativeEngine({"composer": made}, 8), {}
    joined: list[int] = []
    read = made.runner.prefill

    def watched(prefills: Any, parts: Any, spans: Any, decoding: Any = ()) -> torch.Tensor:
        joined.append(len(decoding))
        return read(prefills, parts, spans, decoding)

    made.runner.prefill = watched  # type: ignore[method-assign]
    for number, call in enumerate([*calls, long]):
        if call is long:
            for _ in range(9):
                engine.step()
        engine.submit(number, call)
        sequences[number] = made._requests[number].sequence
    while engine.busy:
        engine.step()
    assert joined[-1] == 4
    for number, call in enumerate([*calls, long]):
        units = sequences[number].units
        ids = [u for u in units[sequences[number].num_prompt_tokens :] if isinstance(u, int)]
        assert len(ids) == call.sampling.max_tokens or ids[-1] in made.tokenizer.stops
        assert losses(exact, made, call.prompt, ids) < 0.1


def test_graphs_find_weights_that_moved_after_the_self_test(exact: Model) -> None:
    """Loading tests a model before it is parked: what was captured then would replay freed memory."""
    model, other = on(GPU, torch.bfloat16), on(GPU, torch.bfloat16)
    made = ModelExecutor(CARD, model, bytes_only(A.vocab), 300, 8)
    made.logits_after(prompts(2)[1])
    swap = Swap(GPU)
    swap.park(model)
    swap.park(other)
    swap.open()
    made.runner.warm_up()
    for _ in range(2):
        swap.bring(other)
        swap.bring(model)
        calls = [Generate("composer", prompt, GREEDY) for prompt in prompts(4)]
        for call, ids in zip(calls, ids_of(made, calls, together=False), strict=True):
            assert losses(exact, made, call.prompt, ids) < 0.1


def test_beams_and_long_runs_end(fast: Model) -> None:
    made = executor(fast, 4)
    engine = NativeEngine({"composer": made}, 4)
    *_, end = engine.run(Generate("composer", prompts(2)[1], Sampling(beams=3, max_tokens=40)))
    assert isinstance(end, Done) and end.usage.new_tokens
    *_, end = engine.run(Generate("composer", (Text("a" * 500),), Sampling(temperature=2.0, max_tokens=4096)))
    assert isinstance(end, Done) and end.usage.new_tokens <= A.context - 501
    assert made.scheduler.blocks.num_free == 299
