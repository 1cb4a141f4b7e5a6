"""XComposer2.5 on one device: decoding in each mode beside its own floor, pictures of many tiles, memory.

    python benchmarks/xcomposer2d5.py [--device cuda] [--quick] [--int8]

Random weights of the true shapes. A mode reads its LoRA matrices for each token on top of the base weights, so each has
a floor of its own: those bytes at the copy rate of the same device, measured in the same run. Prints a table; the last
line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from common import copy_rate, done, engine_of, environment, executor, photo, settle, text, timed, together, words

from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.loading import parse_device
from studio.models.image_preprocessing import opened
from studio.prompts.xcomposer2d5 import XComposer2d5
from studio.protocol import Adapter, Choose, Generate, Prompt, Sampling, Text

PLACES = 6
GREEDY = Sampling(temperature=0)
MODES = ("", "write", "web")
SIZES = {"1_tile": (500, 400), "6_tiles": (1680, 1120), "12_tiles": (2240, 1680), "24_tiles": (3360, 2240)}


def in_mode(call: Generate, mode: str) -> Generate:
    """The call in a mode."""
    return replace(call, prompt=(Adapter(mode), *call.prompt)) if mode else call


def decoding(engine: NativeEngine, made: ModelExecutor, copied: float, new: int, repeat: int) -> dict[str, float]:
    """Tokens a second of one stream in each mode, as a fraction of its floor, and a step beside a base step."""
    found: dict[str, float] = {}
    for mode in MODES:
        done(engine, in_mode(text(60, 1, 16), mode))
        rates = [
            done(engine, in_mode(text(60, seed, new), mode)).usage.tokens_per_second for seed in range(2, 2 + repeat)
        ]
        name, rate = mode or "base", statistics.median(rates)
        found[f"decode_{name}_tokens_per_s"] = rate
        found[f"decode_{name}_of_floor"] = rate * made.model.decoder.bytes_per_token(mode) / copied
        found[f"step_{name}_of_base"] = found["decode_base_tokens_per_s"] / rate
    return found


def batches(engine: NativeEngine, made: ModelExecutor, count: int, new: int) -> dict[str, float]:
    """Tokens a second of `count` streams in one mode, and in all modes at once."""
    found = {}
    for name, modes in (*((mode or "base", (mode,)) for mode in MODES), ("mixed", MODES)):
        runs = []
        for run in range(2):
            made.scheduler.blocks.clear_cache()
            calls = [in_mode(text(64, 100 * run + i, new), modes[i % len(modes)]) for i in range(count)]
            result = together(engine, calls)
            runs.append(result["tokens"] / result["seconds"])
        found[f"total_{count}_{name}_tokens_per_s"] = max(runs)
    return found


def pictures(engine: NativeEngine, made: ModelExecutor, repeat: int) -> dict[str, float]:
    """Milliseconds to the first token behind a picture (a JPEG) and 60 tokens, and of the vision tower alone."""
    found: dict[str, float] = {}
    tower = made.model.tower
    assert tower is not None
    for name, size in SIZES.items():
        times = []
        for seed in range(repeat + 1):
            image = photo(seed + 10 * size[0], size)
            call = Generate("viewer", (image, Text(words(60, seed))), Sampling(temperature=0, max_tokens=2))
            end = done(engine, call)
            times.append(end.usage.first_token)
        found[f"first_token_{name}_ms"] = 1000 * statistics.median(times[1:])
        found[f"prompt_{name}_tokens"] = end.usage.prompt_tokens
        seen = tower.preprocess(opened(photo(1, size).data))
        found[f"tower_{name}_ms"] = 1000 * timed(made.device, partial(tower.embed, [seen]), repeat)
    return found


def work(engine: NativeEngine, made: ModelExecutor, scale: float) -> dict[str, float]:
    """Seconds of an illustrated article and of an answer about three photos, by the same model: 1,200 tokens, the
    places, six captions and six choices of one in four pictures; 128 tokens behind three pictures of 1600 × 1200."""
    dialect = XComposer2d5()

    def size(count: int) -> int:
        return max(4, int(count * scale))

    def timed_run(*calls: Generate | Choose) -> float:
        started = time.perf_counter()
        for call in calls:
            *_, _end = engine.run(call)
        return time.perf_counter() - started

    def write(prompt: Prompt, new: int, sampling: Sampling = GREEDY) -> Generate:
        return Generate("composer", prompt, replace(sampling, max_tokens=size(new)))

    found = {}
    for run in range(2):  # the first warms up
        made.scheduler.blocks.clear_cache()
        text = tuple(words(size(200), 50 * run + i) for i in range(PLACES))
        candidates = [photo(500 + 100 * run + i, (800, 600)) for i in range(4 * PLACES)]
        photos = tuple(photo(900 + 100 * run + i, (1600, 1200)) for i in range(3))
        article = timed_run(write(dialect.article(words(60, run), ()), 1200, dialect.writing))
        places = timed_run(write(dialect.places(text, PLACES, ()), 40))
        captions = timed_run(*(write(dialect.caption(text, i, ()), 30) for i in range(PLACES)))
        choices = 0.0
        for i in range(PLACES):
            chosen = tuple((j, candidates[4 * j]) for j in range(i))
            asked = dialect.choice(text[: i + 1], chosen, tuple(candidates[4 * i : 4 * i + 4]))
            assert asked
            choices += timed_run(Choose("composer", *asked))
        call = Generate(
            "viewer", dialect.chat(((words(60, run), photos, ""),)), replace(dialect.answering, max_tokens=128)
        )
        end = done(engine, call)
        found = {"article_s": article, "places_s": places, "captions_s": captions, "choices_s": choices}
        found |= {"chat_3_photos_first_s": end.usage.first_token, "chat_3_photos_s": end.usage.total}
        found |= {"chat_3_photos_prompt": end.usage.prompt_tokens}
    return found


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", default="2.5-7b", help="2.5-7b, or 2.5-tiny for a smoke test")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    parser.add_argument("--int8", action="store_true", help="with int8 weights")
    given = parser.parse_args(arguments)
    device = parse_device(given.device)
    repeat, new = (1, 16) if given.quick else (3, 256)
    copied = copy_rate(device, repeat)
    made = executor(given.size, device, 560, 8, 60_000, "int8" if given.int8 else "none", context=24576)
    settle(device)
    result: dict[str, Any] = {**environment(device), "model": made.card.name, "copy_bytes_per_s": copied}
    with engine_of({"composer": made, "viewer": made}, 8) as engine:
        result |= decoding(engine, made, copied, new, repeat)
        result |= batches(engine, made, 8, new // 2)
        result |= pictures(engine, made, repeat)
        result |= work(engine, made, 0.05 if given.quick else 1.0)
        result["memory"] = made.memory()
        result["bytes_per_token"] = {mode or "base": made.model.decoder.bytes_per_token(mode) for mode in MODES}
        if device.type == "cuda":
            result["device_bytes"] = torch.cuda.memory_reserved(device)
    for name, value in result.items():
        print(f"{name:36} {value:,.3f}" if isinstance(value, float) else f"{name:36} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
