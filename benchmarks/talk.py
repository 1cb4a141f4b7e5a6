"""Talking: the share of the copy floor that decoding reaches, and the first token of a turn whose beginning is cached.

    python benchmarks/talk.py [--device cuda] [--sizes chat-1.8b,chat-7b] [--context 2000] [--quick]

Random weights of InternLM2-Chat's shapes. A turn must begin within 1.3 decode steps and what reading its new text
takes, which is measured as the first token of the same text alone, with nothing cached. Where a turn's time goes is
told: `submit` is reading the prompt into tokens and hashes, `launch` the first step until the device has its work,
`wait` the rest. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from typing import Any

import torch
from common import copy_rate, done, engine_of, environment, executor, settle, text, words

from studio.engine.native.engine import NativeEngine
from studio.engine.native.executor import ModelExecutor
from studio.engine.native.loading import parse_device
from studio.protocol import Done, Generate, Sampling, Text
from studio.roles import TALK

NEW = (1, 16, 64)  # tokens of the new text
MUST, AIM, STEPS = 0.75, 0.90, 1.3


def measure(size: str, device: torch.device, context: int, quick: bool) -> dict[str, Any]:
    """All figures of one model; milliseconds, tokens a second, bytes."""
    repeat, new = (1, 16) if quick else (11, 256)
    result: dict[str, Any] = {**environment(device), "copy_bytes_per_s": copy_rate(device, 1 if quick else 5)}
    made = executor(size, device, 0, 4, 4 * (context + 512), context=max(4096, 2 * context))
    settle(device)
    result |= {"model": made.card.name, "decode_bytes": made.model.decoder.bytes_per_token()}
    with engine_of({TALK.name: made}, 4) as engine:
        done(engine, text(60, 1, 16, TALK.name))
        for name, prompt in (("decode", 60), ("decode_in_context", max(60, context - new))):
            rates = [done(engine, text(prompt, seed, new, TALK.name)).usage.tokens_per_second for seed in (2, 3, 4)]
            result[f"{name}_tokens_per_s"] = statistics.median(rates)
        for tokens in NEW:
            result[f"turn_{tokens}"] = turn(engine, made, context, tokens, repeat)
    return result


def turn(engine: NativeEngine, made: ModelExecutor, context: int, new: int, repeat: int) -> dict[str, float]:
    """A turn of `new` tokens behind a cached conversation of `context` tokens, and the same text alone; medians in
    milliseconds. The conversation's length differs from run to run, as its last block is rarely full."""
    turns, alone, cached = [], [], []
    for seed in range(repeat + 1):
        made.scheduler.blocks.clear_cache()
        said, asked = words(context - 5 * seed, seed), words(new, 1000 + seed)
        alone.append(_first_token(engine, asked)["first_token"])
        made.scheduler.blocks.clear_cache()
        done(engine, Generate(TALK.name, (Text(said),), Sampling(max_tokens=1)))
        turns.append(_first_token(engine, said + asked))
        cached.append(turns[-1]["cached"])
    found = {name: statistics.median(run[name] for run in turns[1:]) for name in turns[0]}
    return {**found, "alone": statistics.median(alone[1:]), "cached": statistics.median(cached[1:])}


def _first_token(engine: NativeEngine, prompt: str) -> dict[str, float]:
    """Milliseconds of a call until its first token is on the host, and where they went; the tokens that were cached."""
    call = Generate(TALK.name, (Text(prompt),), Sampling(temperature=0, max_tokens=2))
    times = [time.perf_counter()]
    engine.submit(1, call)
    times.append(time.perf_counter())
    events = engine.step()
    times.append(time.perf_counter())
    while engine.busy:
        events += engine.step()
    usage = next(event.usage for _, event in events if isinstance(event, Done))
    submit, launch = 1000 * (times[1] - times[0]), 1000 * (times[2] - times[1])
    first = 1000 * usage.first_token
    return {
        "first_token": first,
        "submit": submit,
        "launch": launch,
        "wait": max(0.0, first - submit - launch),
        "cached": usage.prompt_cached,
    }


def table(result: dict[str, Any]) -> str:
    """The figures for people, with the targets."""
    floor = result["copy_bytes_per_s"] / result["decode_bytes"]
    step = 1000 / result["decode_in_context_tokens_per_s"]
    lines = [
        f"{result['model']}, random weights; {result['device']}, torch {result['torch']}, commit {result['commit']}",
        f"copy rate {result['copy_bytes_per_s'] / 1e12:.3f} TB/s, so at most {floor:.0f} tokens/s of one stream",
    ]
    for name in ("decode", "decode_in_context"):
        share = result[f"{name}_tokens_per_s"] / floor
        lines.append(f"{name:18} {share * floor:7.1f} tokens/s, {share:.3f} of the floor (must {MUST}, aim {AIM})")
    lines.append(f"a decode step in context {step:.2f} ms, times {STEPS}: {STEPS * step:.2f} ms")
    for new in NEW:
        t = result[f"turn_{new}"]
        allowed = STEPS * step + t["alone"]
        verdict = "met" if t["first_token"] <= allowed else "MISSED"
        parts = ", ".join(f"{name} {t[name]:.2f}" for name in ("submit", "launch", "wait"))
        lines.append(
            f"turn of {new:2} tokens {t['first_token']:7.2f} ms ({parts}), {t['first_token'] / step:.2f} steps; "
            f"alone {t['alone']:.2f}, allowed {allowed:.2f}: {verdict}; {t['cached']:.0f} cached"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sizes", default="chat-1.8b,chat-7b")
    parser.add_argument("--context", type=int, default=2000, help="tokens of the conversation")
    parser.add_argument("--quick", action="store_true", help="few repetitions: a smoke test")
    given = parser.parse_args(arguments)
    device, results = parse_device(given.device), {}
    for size in given.sizes.split(","):
        results[size] = measure(size, device, given.context, given.quick)
        print(table(results[size]), flush=True)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    print(json.dumps(results))


if __name__ == "__main__":
    main()
