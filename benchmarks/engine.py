"""The native engine's speed at batch 1, beside the copy rate of the same device in the same run.

    python benchmarks/engine.py [--device cuda] [--size 7b] [--tokenizer FOLDER] [--repeat 5] [--new-tokens 256]

Random weights of the true shapes: nothing is downloaded, and the speed is that of a real checkpoint. Decoding cannot be
faster than its weights can be read, so it is also given as a fraction of that floor. Prints a table; the last line is
one JSON object.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run from a checkout that is not installed

import numpy as np
import torch
from PIL import Image as Picture

from studio.engine.loading import Planned, device_of, dtype_of, gib, seat_of
from studio.engine.native import NativeEngine
from studio.engine.seat import Prepared, Seat
from studio.models.config import Architecture, Vision, published
from studio.models.tokenizer import Run
from studio.protocol import Control, Done, Generate, Image, Sampling, Text

SAMPLING = Sampling(temperature=1.0, top_p=0.8, top_k=40, repetition_penalty=1.005)
PROMPTS = (60, 2048)  # tokens


def tiny() -> Architecture:
    """Small enough for a smoke test on a CPU."""
    eyes = Vision(70, 14, 64, 2, 4, 128, 26, 64, 96)
    base = published("7b", 490)
    ranks = dict.fromkeys(base.ranks, 8)
    return replace(
        base, vocab=1000, hidden=64, layers=2, heads=4, kv_heads=2, ffn=128, context=2304, ranks=ranks, vision=eyes
    )


SIZES: dict[str, Callable[[], Architecture]] = {"7b": lambda: published("7b", 490), "tiny": tiny}


def measure(size: str, device: torch.device, tokenizer: Path | None, repeat: int, new_tokens: int) -> dict[str, Any]:
    """All figures of one model; seconds, bytes, tokens a second."""
    started = time.perf_counter()
    seat = seat_of(Planned(SIZES[size](), tokenizer), device, dtype_of(device))
    result: dict[str, Any] = {"model": seat.card.name, "dtype": str(seat.model.decoder.dtype), **environment(device)}
    result["ready_s"] = time.perf_counter() - started
    result["copy_bytes_per_s"] = copy_rate(device, repeat)
    result["decode_bytes"] = decode_bytes(seat)
    floor = result["copy_bytes_per_s"] / result["decode_bytes"]
    result["decode_tokens_per_s"] = decode_rate(seat, repeat, new_tokens)
    result["engine_tokens_per_s"] = engine_rate(seat, new_tokens)
    result["decode_of_floor"] = result["decode_tokens_per_s"] / floor
    for tokens in PROMPTS:
        result[f"first_token_{tokens}_s"] = first_token(seat, [words(seat, tokens)], repeat)
    result["first_token_image_s"] = first_token(seat, [words(seat, 40), photo(), words(seat, 20)], repeat)
    result["memory"] = seat.memory()
    if device.type == "cuda":
        result["memory"]["peak"] = torch.cuda.max_memory_allocated(device)
    return result


def environment(device: torch.device) -> dict[str, str]:
    """What was measured on."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return {"device": card, "torch": torch.__version__, "commit": commit.strip() or "unknown"}


def copy_rate(device: torch.device, repeat: int) -> float:
    """Bytes read and written a second by copying a block that no cache holds."""
    block = torch.empty((1 << 31) if device.type == "cuda" else (1 << 26), dtype=torch.uint8, device=device)
    block.random_(0, 255)
    target = torch.empty_like(block)
    return 2 * block.numel() / timed(device, lambda: target.copy_(block), 4 * repeat)


def decode_bytes(seat: Seat) -> int:
    """Bytes of weights that one decoded token must read: neither PLoRA nor the embedding table nor the ViT."""
    read = (t for t in vars(seat.model.decoder).values() if isinstance(t, torch.Tensor))
    skipped = {id(t) for t in (seat.model.decoder.embedding, seat.model.decoder.cos, seat.model.decoder.sin)}
    total = sum(t.nbytes for t in read if id(t) not in skipped)
    for layer in seat.model.decoder.layers:
        total += layer.w13.nbytes + sum(linear.weight.nbytes for linear in (layer.wqkv, layer.wo, layer.w2))
    return total


def decode_rate(seat: Seat, repeat: int, new_tokens: int) -> float:
    """Tokens a second after the first, behind a short prompt; the median."""
    rates = []
    for _ in range(max(2, repeat // 2)):
        ids = seat.sampled(_read(seat, seat.embedded([words(seat, PROMPTS[0])], 1)), SAMPLING)
        next(ids)
        _settle(seat.device)
        started = time.perf_counter()
        count = sum(1 for _ in islice(ids, new_tokens))
        _settle(seat.device)
        rates.append(count / (time.perf_counter() - started))
    return statistics.median(rates[1:])


def engine_rate(seat: Seat, new_tokens: int) -> float:
    """Tokens a second as a person gets them: through the engine, with detokenising and stop tests."""
    prompt = (Control("[UNUSED_TOKEN_146]"), Text("user\nWrite about lakes."), Control("[UNUSED_TOKEN_145]"))
    call = Generate("viewer", prompt, replace(SAMPLING, max_tokens=new_tokens, stop=("</end>",)))
    *_, done = NativeEngine({"viewer": seat}).generate(call, lambda: False)
    assert isinstance(done, Done)
    return done.usage.tokens_per_second


def first_token(seat: Seat, runs: list[Run], repeat: int) -> float:
    """Seconds from the encoded prompt, pictures still as files, to the first id on the host; the median."""

    def once() -> None:
        seat.forget_pictures()
        next(seat.sampled(_read(seat, seat.embedded(runs, 1)), SAMPLING))

    return timed(seat.device, once, repeat)


def words(seat: Seat, count: int) -> list[int]:
    """So many random ids of ordinary text."""
    generator = torch.Generator().manual_seed(count)
    return torch.randint(3, seat.tokenizer.size - 200, (count,), generator=generator).tolist()


def photo() -> Image:
    """A JPEG of a camera's proportions."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    file = io.BytesIO()
    Picture.fromarray(noise).resize((1600, 1200)).save(file, "JPEG", quality=85)
    return Image("photo", file.getvalue())


def timed(device: torch.device, work: Callable[[], object], repeat: int) -> float:
    """Median seconds of `work`, after two rounds of warming up."""
    times = []
    for _ in range(2 + repeat):
        _settle(device)
        started = time.perf_counter()
        work()
        _settle(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times[2:])


def table(result: dict[str, Any]) -> str:
    """The figures for people."""
    floor = result["copy_bytes_per_s"] / result["decode_bytes"]
    rows = [
        ("model", f"{result['model']}, random weights, {result['dtype']}"),
        ("on", f"{result['device']}, torch {result['torch']}, commit {result['commit']}"),
        ("ready after", f"{result['ready_s']:.1f} s"),
        ("copy rate", f"{result['copy_bytes_per_s'] / 1e12:.2f} TB/s → floor {floor:.0f} tokens/s"),
        ("decode, batch 1", f"{result['decode_tokens_per_s']:.1f} tokens/s = {result['decode_of_floor']:.2f} of it"),
        ("through the engine", f"{result['engine_tokens_per_s']:.1f} tokens/s"),
        *((f"first token, {n} tokens", f"{result[f'first_token_{n}_s'] * 1000:.1f} ms") for n in PROMPTS),
        ("first token, one picture", f"{result['first_token_image_s'] * 1000:.1f} ms"),
        *((f"memory, {name}", gib(size)) for name, size in result["memory"].items()),
    ]
    return "\n".join(f"{name:26} {value}" for name, value in rows)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", choices=sorted(SIZES), default="7b")
    parser.add_argument("--tokenizer", type=Path, help="folder with tokenizer.model; without it, one id a byte")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--new-tokens", type=int, default=256)
    given = parser.parse_args(arguments)
    result = measure(given.size, device_of(given.device), given.tokenizer, given.repeat, given.new_tokens)
    print(table(result))
    print(json.dumps(result))


def _read(seat: Seat, prepared: Prepared) -> torch.Tensor:
    logits = seat.logits(prepared, lambda: False)
    assert logits is not None
    return logits


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
