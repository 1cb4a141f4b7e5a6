"""What the benchmarks share: the models, the inputs, the clocks."""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run from a checkout that is not installed

import numpy as np
import torch
from PIL import Image as Picture

from studio.checkpoints.architecture import Architecture, Vision
from studio.checkpoints.families import published, published_chat
from studio.engine.native.block_manager import RESERVED
from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.loading import PlannedModel, default_dtype, load_executor
from studio.models.kv_cache import blocks_for
from studio.protocol import Choose, Done, Generate, Image, Piece, Sampling, Text
from studio.specs import NativeSpec

SAMPLING = Sampling(temperature=1.0, top_p=0.8, top_k=40, repetition_penalty=1.005)


def tiny(pixels: int = 490) -> Architecture:
    """Small enough for a smoke test on a CPU."""
    eyes = Vision(70, 14, 64, 2, 4, 128, 26, 64, 96)
    base = published("7b", pixels)
    ranks = dict.fromkeys(base.ranks, 8)
    return replace(base, vocab=1000, hidden=64, layers=2, heads=4, kv_heads=2, ffn=128, ranks=ranks, vision=eyes)


def tiny_2d5(pixels: int = 560) -> Architecture:
    """The same of XComposer2.5."""
    base = published("2.5-7b", pixels)
    eyes = Vision(560, 14, 64, 2, 4, 128, 1601, 256, 96)
    ranks = {"ranks": dict.fromkeys(base.ranks, 16), "lora_ranks": {"sft": 16, "dpo": 16, "web": 32}}
    return replace(base, vocab=1000, hidden=64, layers=2, heads=4, kv_heads=2, ffn=128, vision=eyes, **ranks)


def tiny_chat() -> Architecture:
    """The same of InternLM2-Chat."""
    base = published_chat("chat-1.8b")
    return replace(base, vocab=1000, hidden=64, layers=2, heads=4, kv_heads=2, ffn=128)


SIZES: dict[str, Callable[[int], Architecture]] = {
    "7b": lambda pixels: published("7b", pixels),
    "2.5-7b": lambda pixels: published("2.5-7b", pixels),
    "tiny": tiny,
    "2.5-tiny": tiny_2d5,
    "chat-1.8b": lambda pixels: published_chat("chat-1.8b"),
    "chat-7b": lambda pixels: published_chat("chat-7b"),
    "chat-tiny": lambda pixels: tiny_chat(),
}


def executor(
    size: str, device: torch.device, pixels: int, batch: int, tokens: int, quantize: str = "none", context: int = 16384
) -> ModelExecutor:
    """A model with random weights, and a cache for so many tokens of all calls together."""
    spec = NativeSpec(quantize=quantize, batch=batch)
    plan = PlannedModel(replace(SIZES[size](pixels), context=context), None)
    made = load_executor(plan, device, default_dtype(device), RESERVED + blocks_for(tokens), spec)
    made.warm_up()
    return made


def environment(device: torch.device) -> dict[str, str]:
    """What was measured on."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {"device": card, "torch": torch.__version__, "commit": commit.strip() or "unknown"}


def settle(device: torch.device) -> None:
    """Wait until the device is idle."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(device: torch.device, work: Callable[[], object], repeat: int) -> float:
    """Median seconds of `work`, after two rounds of warming up."""
    times = []
    for _ in range(2 + repeat):
        settle(device)
        started = time.perf_counter()
        work()
        settle(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times[2:])


def copy_rate(device: torch.device, repeat: int) -> float:
    """Bytes read and written a second by copying a block that no cache holds."""
    block = torch.empty((1 << 31) if device.type == "cuda" else (1 << 26), dtype=torch.uint8, device=device)
    block.random_(0, 255)
    target = torch.empty_like(block)
    return 2 * block.numel() / timed(device, lambda: target.copy_(block), 4 * repeat)


def words(tokens: int, seed: int) -> str:
    """Random letters: so many tokens under the tokenizer of random weights, which has one id a byte."""
    return "".join(map(chr, np.random.default_rng(seed).integers(97, 123, tokens)))


def photo(seed: int, size: tuple[int, int] = (1600, 1200)) -> Image:
    """A JPEG of a camera's proportions."""
    noise = np.random.default_rng(seed).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    file = io.BytesIO()
    Picture.fromarray(noise).resize(size).save(file, "JPEG", quality=85)
    return Image(f"photo {seed}", file.getvalue())


def text(tokens: int, seed: int, new: int, role: Any = "viewer", **sampling: Any) -> Generate:
    """A call of random words (BOS makes one token)."""
    return Generate(role, (Text(words(tokens - 1, seed)),), replace(SAMPLING, max_tokens=new, seed=seed, **sampling))


def done(engine: NativeEngine, call: Generate) -> Done:
    """Run a call alone; its last event."""
    *_, end = engine.run(call)
    assert isinstance(end, Done)
    return end


def together(engine: NativeEngine, calls: Sequence[Generate | Choose]) -> dict[str, float]:
    """All calls submitted at once: new tokens, seconds, and the longest pause of any stream."""
    last: dict[int, float] = {}
    new, pause = 0, 0.0
    started = time.perf_counter()
    for number, call in enumerate(calls):
        engine.submit(number, call)
    while engine.busy:
        for number, event in engine.step():
            now = time.perf_counter()
            if isinstance(event, Piece):
                pause = max(pause, now - last.get(number, now))
                last[number] = now
            elif isinstance(event, Done):
                new += event.usage.new_tokens
    return {"tokens": new, "seconds": time.perf_counter() - started, "longest_pause": pause}


@contextmanager
def engine_of(executors: dict[Any, ModelExecutor], batch: int) -> Iterator[NativeEngine]:
    """An engine that is closed, and its memory given back."""
    engine = NativeEngine(executors, batch)
    try:
        yield engine
    finally:
        engine.close()
