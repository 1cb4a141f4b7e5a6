"""Run by test_kernels.py with TRITON_INTERPRET=1: the kernels on the CPU, beside the plain forward. A line a case."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from golden import Given, architecture, tensors, whole

from studio.engine.native import sampling_launch
from studio.engine.native.check.reference_loop import read_prompt, sample_ids, step
from studio.engine.native.decode_step import DecodeStep
from studio.engine.native.rows import DecodeBatch
from studio.engine.native.sampler import sample
from studio.models import ops
from studio.models.graphs import CudaGraphs
from studio.models.internlm2 import Decoder
from studio.models.kernels import launch
from studio.models.kv_cache import BatchLayout, Chunk
from studio.models.linear import image_rows
from studio.protocol import Sampling

CPU = torch.device("cpu")


ADAPTERS = {"write": ("sft", "dpo"), "web": ("web",)}
RANKS = {"sft": 7, "dpo": 6, "web": 12}


def compare(count: int, int8: bool, adapters: Sequence[int] = ()) -> None:
    """A step of `count` rows of all lengths: logits, what is drawn from them, and how the rows move on. Row i has the
    adapter of this number."""
    a = architecture(200, eyes=False, layers=1)
    if adapters:
        a = replace(a, adapters=ADAPTERS, lora_ranks=RANKS)
    whose = ["", *a.adapters]
    decoder = Decoder(a, Given(tensors(a)), CPU, int8)
    kv_cache, rows = decoder.new_kv_cache(40), DecodeBatch(count, 8, a.vocab, CPU)
    lengths = [5, 40, 33, 1, 64, 70, 31, 32, 100][:count]
    tables = [list(range(1 + 4 * i, 5 + 4 * i)) for i in range(count)]
    for i, (length, table) in enumerate(zip(lengths, tables, strict=True)):
        ids = torch.randint(3, a.vocab, (length,), generator=torch.Generator().manual_seed(i))
        adapter = whose[adapters[i]] if adapters else ""
        read_prompt(decoder, kv_cache, table, decoder.embed(ids), (), adapter)
        rows.set_row(
            i, length + 1, table, Sampling(top_k=5 + i, seed=i - 1, temperature=i % 3, repetition_penalty=1.2), 1
        )
        rows.state[i, 0] = 17 + i
        rows.adapter[i] = adapters[i] if adapters else 0
    chunks = [Chunk(n, 1, t) for n, t in zip(lengths, tables, strict=True)]
    expected = step(decoder, kv_cache, rows.tokens, chunks, [whose[number] for number in adapters])
    twin = DecodeBatch(count, 8, a.vocab, CPU)
    for name in ("state", "sampling", "seen"):
        getattr(twin, name).copy_(getattr(rows, name))
    moving = DecodeStep(decoder, kv_cache, rows, CudaGraphs())
    kernel, logits = moving.sample, torch.empty(0)

    def watch(found: torch.Tensor, some: DecodeBatch, ids: torch.Tensor, top_k_kernel: bool) -> None:
        nonlocal logits
        logits = found.clone()
        kernel(found, some, ids, top_k_kernel)

    moving.sample = watch  # type: ignore[method-assign, assignment]
    moving.run(count, True, tuple(sorted({*adapters} - {0})))
    torch.testing.assert_close(logits, expected, atol=4e-3 if int8 else 1e-5, rtol=1e-5)
    assert moving.ids.tolist() == sample(logits, twin).tolist()
    assert torch.equal(rows.state, twin.state) and torch.equal(rows.seen, twin.seen)


def trial() -> None:
    """A step with guesses, two of them right: the logits of every row, and what the text's row is afterwards."""
    a = architecture(200, eyes=False, layers=2)
    decoder = Decoder(a, Given(tensors(a)), CPU)
    prompt = torch.randint(3, a.vocab, (61,), generator=torch.Generator().manual_seed(0))
    table, sampling = [4, 2, 3, 6], Sampling(top_k=5, seed=3, temperature=0.8, repetition_penalty=1.3)
    kv_cache, rows = decoder.new_kv_cache(8), DecodeBatch(2, 8, a.vocab, CPU)
    logits = read_prompt(decoder, kv_cache, table, decoder.embed(prompt))
    ids = list(islice(sample_ids(decoder, kv_cache, table, len(prompt), logits, sampling), 6))
    rows.set_row(0, len(prompt), table, sampling, a.bos)
    first = rows.slice(0, 1)
    sample(logits[None], first)
    moving = DecodeStep(decoder, kv_cache, rows, CudaGraphs())
    moving.speculative_step.draft[:] = torch.tensor([*ids[1:3], 0, *ids[4:6], 7, 8])
    moving.speculative(top_k_kernel=True)
    assert moving.speculative_step.accepted.tolist()[:4] == [3, *ids[1:4]]
    twin = DecodeBatch(1, 8, a.vocab, CPU)
    twin.set_row(0, len(prompt), table, sampling, a.bos)
    for token in ids[:4]:
        twin.advance(torch.tensor([token]))
    assert torch.equal(first.state, twin.state) and torch.equal(first.seen, twin.seen)


def prefill() -> None:
    """Two chunks read at once, one behind what its sequence has cached, pictures in both; logits of many rows."""
    a = architecture(200, layers=2)
    decoder = Decoder(a, Given(tensors(a)), CPU)
    x = decoder.embed(torch.randint(3, a.vocab, (60,), generator=torch.Generator().manual_seed(0)))
    expected = whole(decoder, x, [(5, 25), (30, 50)])
    kv_cache = decoder.new_kv_cache(6)
    ops.use_kernels = lambda x: True
    layout = BatchLayout((Chunk(0, 40, [3, 1]),), CPU)
    decoder.forward(x[:40].clone(), kv_cache, layout, image_rows([(5, 25), (30, 40)], CPU, x.dtype))
    layout = BatchLayout((Chunk(40, 20, [3, 1]), Chunk(0, 30, [5])), CPU)
    image = image_rows([(0, 10), (25, 45)], CPU, x.dtype)
    found = decoder.logits(decoder.forward(torch.cat((x[40:], x[:30])), kv_cache, layout, image))
    torch.testing.assert_close(found, torch.cat((expected[40:], expected[:30])), atol=1e-5, rtol=1e-5)


CASES = {
    "1 row": lambda: compare(1, int8=False),
    "9 rows": lambda: compare(9, int8=False),
    "1 row, int8": lambda: compare(1, int8=True),
    "3 rows, int8": lambda: compare(3, int8=True),
    "1 row, adapter": lambda: compare(1, int8=False, adapters=[2]),
    "1 row, adapter, int8": lambda: compare(1, int8=True, adapters=[1]),
    "4 rows, one adapter and none": lambda: compare(4, int8=False, adapters=[0, 2, 2, 0]),
    "6 rows, all adapters": lambda: compare(6, int8=False, adapters=[1, 0, 2, 2, 1, 0]),
    "9 rows, all adapters": lambda: compare(9, int8=False, adapters=[1, 0, 2, 2, 1, 0, 0, 1, 2]),
    "3 rows, adapters, int8": lambda: compare(3, int8=True, adapters=[1, 0, 2]),
    "guesses": trial,
    "prompts": prefill,  # the last: it leaves the plain code behind
}

if __name__ == "__main__":
    launch.supports_pdl = sampling_launch.supports_pdl = lambda device: False  # type: ignore[assignment, attr-defined]
    sampling_launch.CHUNK = 128  # the vocabulary in two parts; the interpreter sorts 4,096 numbers for seconds
    for name, case in CASES.items():
        try:
            case()
            said = "equal"
        except Exception:  # noqa: BLE001 - the test shows it
            said = traceback.format_exc()
        sys.stdout.write(json.dumps({name: said}) + "\n")
