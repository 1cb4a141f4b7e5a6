"""The native engine's speed, beside the copy rate of the same device, and beside transformers, in the same run.

    python benchmarks/engine.py [--device cuda] [--size 7b] [--quick] [--peers] [--int8] [--calls 500]
    python benchmarks/engine.py --context-lengths 2048,4096,8192,16384     (these alone)

Random weights of the true shapes: nothing is downloaded, and the speed is that of a real checkpoint. Decoding cannot be
faster than its weights can be read, so it is also given as a fraction of that floor. Prints a table with the targets of
the project; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import threading
import time
from itertools import pairwise
from typing import Any

import psutil
import torch
from common import (
    SIZES,
    copy_rate,
    done,
    engine_of,
    environment,
    executor,
    photo,
    settle,
    text,
    together,
    words,
)

from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.loading import parse_device
from studio.protocol import Done, Generate, Piece, Sampling, Text

ROWS = (  # name, unit, must, aim, whether more is better
    ("decode_tokens_per_s", "tokens/s", 238, 266, True),
    ("decode_2k_tokens_per_s", "tokens/s", 238, 266, True),
    ("decode_int8_tokens_per_s", "tokens/s", 330, 420, True),
    ("total_8x512+256_tokens_per_s", "tokens/s", 1400, 1700, True),
    ("total_64x1500+128_tokens_per_s", "tokens/s", 2300, 2700, True),
    ("first_token_2048_ms", "ms", 55, 46, False),
    ("first_token_60_ms", "ms", 15, 10, False),
    ("first_token_image_ms", "ms", 60, 45, False),
)


def measure(size: str, device: torch.device, quick: bool, calls: int) -> dict[str, Any]:
    """All figures of the 16-bit model; tokens a second, milliseconds, bytes."""
    result: dict[str, Any] = {**environment(device), "copy_bytes_per_s": copy_rate(device, 1 if quick else 5)}
    started = time.perf_counter()
    tokens = 8 * 4096 if quick else 64 * 1700
    made = executor(size, device, 490, 64, tokens)
    settle(device)
    result |= {"model": made.card.name, "dtype": str(made.model.decoder.dtype)}
    result["built_s"] = time.perf_counter() - started
    result["decode_bytes"] = made.model.decoder.bytes_per_token()
    with engine_of({"viewer": made}, 64) as engine:
        result |= decoding(engine, 24 if quick else 512)
        result |= first_tokens(engine, made, 1 if quick else 7)
        if not quick:
            result |= throughput(engine, made) | scaling(engine, made)
        result |= beside_an_article(engine, made, 8 if quick else 200)
        result |= flat_memory(engine, made, calls)
        result["memory"] = made.memory()
    return result


def decoding(engine: NativeEngine, new: int) -> dict[str, float]:
    """One stream as a person gets it, detokenised: behind a short prompt, and up to 2,048 tokens of context."""
    done(engine, text(60, 1, 16))
    return {
        "decode_tokens_per_s": _rate(engine, 60, new),
        "decode_2k_tokens_per_s": _rate(engine, 2048 - new, new),
    }


def _rate(engine: NativeEngine, prompt: int, new: int) -> float:
    return statistics.median(done(engine, text(prompt, seed, new)).usage.tokens_per_second for seed in (2, 3, 4))


def first_tokens(engine: NativeEngine, made: ModelExecutor, repeat: int) -> dict[str, float]:
    """Milliseconds from the call, pictures still as files, to the first token on the host; nothing is reused."""
    found = {}
    for tokens in (60, 512, 2048):
        times = []
        for seed in range(repeat + 1):
            made.scheduler.blocks.clear_cache()
            times.append(done(engine, text(tokens, seed, 2)).usage.first_token)
        found[f"first_token_{tokens}_ms"] = 1000 * statistics.median(times[1:])
    for name, size in (("image", (490, 490)), ("photo", (1600, 1200))):
        times = []
        for seed in range(repeat + 1):
            picture, question = photo(seed + size[0], size), Text(words(60, seed))
            call = Generate("viewer", (picture, question), Sampling(temperature=0, max_tokens=2))
            times.append(done(engine, call).usage.first_token)
        found[f"first_token_{name}_ms"] = 1000 * statistics.median(times[1:])
    return found


def throughput(engine: NativeEngine, made: ModelExecutor) -> dict[str, float]:
    """Many calls at once, from submission to the last token of the last; the better of two runs."""
    found: dict[str, float] = {}
    for count, prompt, new in ((8, 512, 256), (64, 1500, 128)):
        runs = []
        for run in range(2):
            made.scheduler.blocks.clear_cache()
            runs.append(together(engine, [text(prompt, 1000 * run + i, new) for i in range(count)]))
        best = max(runs, key=lambda run: run["tokens"] / run["seconds"])
        name = f"{count}x{prompt}+{new}"
        found[f"total_{name}_tokens_per_s"] = best["tokens"] / best["seconds"]
        found[f"longest_pause_{name}_ms"] = 1000 * max(run["longest_pause"] for run in runs)
    return found


def scaling(engine: NativeEngine, made: ModelExecutor) -> dict[str, Any]:
    """Tokens a second of 1 … 64 calls of 128 + 128 tokens, prompts included."""
    rates = {}
    for count in (1, 2, 4, 8, 16, 32, 64):
        made.scheduler.blocks.clear_cache()
        run = together(engine, [text(128, 70 * count + i, 128) for i in range(count)])
        rates[str(count)] = run["tokens"] / run["seconds"]
    return {"scaling_tokens_per_s": rates}


def beside_an_article(engine: NativeEngine, made: ModelExecutor, answer: int) -> dict[str, float]:
    """A chat answer while an article is being written: its first token, and the time between its pieces."""
    made.scheduler.blocks.clear_cache()
    article, chat = text(100, 5, 8 * answer), text(600, 6, answer)
    engine.submit(1, article)
    for _ in range(answer // 2):
        engine.step()
    engine.submit(2, chat)
    times: list[float] = []
    first = 0.0
    while not first:
        for event in (event for number, event in engine.step() if number == 2):
            if isinstance(event, Piece):
                times.append(time.perf_counter())
            elif isinstance(event, Done):
                first = event.usage.first_token
    engine.cancel(1)
    while engine.busy:
        engine.step()
    gaps = sorted(b - a for a, b in pairwise(times)) or [0.0]
    name = "chat_beside_article"
    shares = {f"{name}_p{p}_ms": 1000 * gaps[min(len(gaps) - 1, len(gaps) * p // 100)] for p in (50, 99)}
    return {f"{name}_first_token_ms": 1000 * first} | shares


def flat_memory(engine: NativeEngine, made: ModelExecutor, calls: int) -> dict[str, int]:
    """Bytes of the device and of the process before and after many calls of many lengths."""
    if not calls:
        return {}
    found: dict[str, int] = {}
    for name, some in (("before", min(calls, 40)), ("after", calls)):
        together(engine, [text(20 + 37 * i % 900, i, 4) for i in range(some)])
        gc.collect()
        found[f"process_bytes_{name}"] = psutil.Process().memory_info().rss
        if made.device.type == "cuda":
            found[f"device_bytes_{name}"] = torch.cuda.memory_reserved(made.device)
    return {**found, "calls": calls, "threads": threading.active_count()}


def quantised(size: str, device: torch.device, quick: bool) -> dict[str, float]:
    """The same with int8 weights."""
    made = executor(size, device, 490, 8, 8 * 4096, "int8")
    with engine_of({"viewer": made}, 8) as engine:
        result = {f"int8_{name}": value for name, value in decoding(engine, 24 if quick else 512).items()}
        if not quick:
            run = together(engine, [text(512, i, 256) for i in range(8)])
            result["int8_total_8x512+256_tokens_per_s"] = run["tokens"] / run["seconds"]
    return {**result, "decode_int8_tokens_per_s": result["int8_decode_tokens_per_s"]} | {
        "int8_decode_bytes": made.model.decoder.bytes_per_token()
    }


def long_contexts(size: str, device: torch.device, lengths: list[int], quick: bool) -> dict[str, Any]:
    """By length of the context: tokens a second of one stream that ends there; milliseconds to the first token of a
    prompt that long, nothing known, and with all but 300 tokens known; the longest pause of a stream beside it."""
    made = executor(size, device, 490, 8, 3 * max(lengths), context=max(lengths))
    result: dict[str, Any] = {**environment(device), "model": made.card.name}
    new, repeat = (16, 1) if quick else (256, 3)
    with engine_of({"viewer": made}, 8) as engine:
        done(engine, text(60, 1, 16))
        for length in lengths:
            found = {"decode_tokens_per_s": _rate(engine, length - new, new)}
            for name, known in (("first_token_ms", 0), ("first_token_of_300_new_ms", length - 300)):
                times = [_first_token(engine, made, length - 2, known, seed) for seed in range(repeat + 1)]
                found[name] = 1000 * statistics.median(times[1:])
            found["longest_pause_beside_ms"] = 1000 * _pause_beside(engine, made, length)
            result[str(length)] = found
        result["memory"] = made.memory()
    return result


def _first_token(engine: NativeEngine, made: ModelExecutor, tokens: int, known: int, seed: int) -> float:
    made.scheduler.blocks.clear_cache()
    prompt = words(tokens - 1, seed)
    if known:
        done(engine, Generate("viewer", (Text(prompt[:known]),), Sampling(max_tokens=1)))
    return done(engine, Generate("viewer", (Text(prompt),), Sampling(temperature=0, max_tokens=2))).usage.first_token


def _pause_beside(engine: NativeEngine, made: ModelExecutor, tokens: int) -> float:
    """The longest pause of a stream while a prompt of so many tokens is read."""
    made.scheduler.blocks.clear_cache()
    engine.submit(1, text(60, 1, tokens // 4))
    last, longest, reading = 0.0, 0.0, False
    while engine.busy:
        for number, event in engine.step():
            now = time.perf_counter()
            if number == 1 and isinstance(event, Piece):
                if not reading:
                    engine.submit(2, text(tokens - 2, 2, 2))
                longest = max(longest, now - last) if reading else 0.0
                last, reading = now, True
            elif number == 2 and isinstance(event, Done):
                engine.cancel(1)
    return longest


def table_of_contexts(result: dict[str, Any]) -> str:
    """The figures of `long_contexts` for people."""
    rows = {int(name): found for name, found in result.items() if name.isdigit()}
    names = list(next(iter(rows.values())))
    lines = [f"{result['model']}, random weights; {result['device']}, torch {result['torch']}, {result['commit']}"]
    lines.append("context | " + " | ".join(names))
    lines += [f"{length:7,} | " + " | ".join(f"{found[name]:.1f}" for name in names) for length, found in rows.items()]
    return "\n".join(lines)


def table(result: dict[str, Any]) -> str:
    """The figures for people, with the targets."""
    floor = result["copy_bytes_per_s"] / result["decode_bytes"]
    lines = [
        f"{result['model']}, random weights, {result['dtype']}",
        f"{result['device']}, torch {result['torch']}, commit {result['commit']}",
        f"copy rate {result['copy_bytes_per_s'] / 1e12:.3f} TB/s, so at most {floor:.0f} tokens/s of one stream",
    ]
    for name, unit, must, aim, more in ROWS:
        if name in result:
            value = result[name]
            good = "aim" if (value >= aim if more else value <= aim) else "must" if _meets(value, must, more) else "-"
            share = f"  {value / floor:.3f} of the floor" if name.startswith("decode_") else ""
            lines.append(f"{name:32} {value:9.1f} {unit:9} must {must:5} aim {aim:5}  {good:4}{share}")
    known = {row[0] for row in ROWS}
    others = {k: v for k, v in result.items() if k not in known and isinstance(v, float | int | dict)}
    lines += [f"{name:32} {value if isinstance(value, dict) else f'{value:,.1f}'}" for name, value in others.items()]
    return "\n".join(lines)


def _meets(value: float, must: float, more: bool) -> bool:
    return value >= must if more else value <= must


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", choices=sorted(SIZES), default="7b")
    parser.add_argument("--quick", action="store_true", help="few repetitions, no throughput: a smoke test")
    parser.add_argument("--peers", action="store_true", help="also transformers' generate on a Llama of the same shape")
    parser.add_argument("--int8", action="store_true", help="also with int8 weights")
    parser.add_argument("--calls", type=int, default=0, help="calls after which memory is looked at")
    parser.add_argument("--context-lengths", default="", help="measure by length of the context, e.g. 2048,16384")
    given = parser.parse_args(arguments)
    device = parse_device(given.device)
    if given.context_lengths:
        result = long_contexts(given.size, device, list(map(int, given.context_lengths.split(","))), given.quick)
        print(table_of_contexts(result))
        print(json.dumps(result))
        return
    result = measure(given.size, device, given.quick, given.calls)
    for asked, more in ((given.int8, quantised), (given.peers, _peers)):
        if asked:
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()
            result |= more(given.size, device, given.quick)
    print(table(result))
    print(json.dumps(result))


def _peers(size: str, device: torch.device, quick: bool) -> dict[str, float]:
    from peers import generate

    return generate(SIZES[size](490), device, quick)


if __name__ == "__main__":
    main()
