"""An illustrated article as the original pipeline makes it, call by call, on the native engine.

    python benchmarks/pipeline.py [--device cuda] [--size 7b] [--repeat 3]

The shape is the one at which the original code was measured: an article of 1,200 tokens; the places, 1,400 + 40; six
captions of 265 … 1,565 + 30; six choices with 1,284 … 3,564 tokens of context and 4 … 9 pictures, by the letters'
logits. As in the real prompts, captions begin like the places' prompt, and each choice like the one before.
Random weights, pictures as JPEG files that nobody has opened before. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from common import SIZES, copy_rate, done, engine_of, environment, executor, photo, text, words

from studio.engine.native.engine import NativeEngine
from studio.engine.native.loading import parse_device
from studio.protocol import Choose, Generate, Sampling, Scores, Segment, Text

ORIGINAL = {"article": 62.1, "places": 2.0, "captions": 9.2, "choices": 4.4}  # seconds, one H200, original code
MUST, AIM = {"all": 7.5, "insertion": 1.5}, {"all": 6.2, "insertion": 0.7}
PLACES = 6


def run(engine: NativeEngine, round_: int, scale: float = 1.0) -> dict[str, float]:
    """One article; seconds by step. `scale` shortens everything for smoke tests."""

    def size(tokens: int) -> int:
        return max(4, int(tokens * scale))

    written = words(size(1400), 7 + round_)
    pictures = [photo(100 * round_ + i, (800, 600)) for i in range(4 * PLACES)]  # prepared: files are on disk

    def article() -> None:
        done(engine, text(60, round_, size(1200), "composer"))

    def places() -> None:
        _greedy(engine, written + words(10, 1), size(40))

    def captions() -> None:
        for i in range(PLACES):
            _greedy(engine, written[: size(250 + 260 * i)] + words(14, 2 + i), size(30))

    def choices() -> None:
        before: list[Segment] = []
        for i in range(PLACES):
            part = Text(written[size(200 * i) : size(200 * (i + 1))] + " ")
            candidates = pictures[4 * i : 4 * i + 4]
            prompt = (*before, part, *candidates, Text(words(30, 9)))
            (scores,) = engine.run(Choose("composer", prompt, ("A", "B", "C", "D")))
            assert isinstance(scores, Scores)
            before += [part, candidates[scores.values.index(max(scores.values))]]

    steps: dict[str, Callable[[], None]] = {
        "article": article,
        "places": places,
        "captions": captions,
        "choices": choices,
    }
    found = {}
    for name, step in steps.items():
        started = time.perf_counter()
        step()
        found[name] = time.perf_counter() - started
    return found | {"insertion": sum(found.values()) - found["article"], "all": sum(found.values())}


def _greedy(engine: NativeEngine, prompt: str, new: int) -> None:
    sampling = Sampling(temperature=0, repetition_penalty=1.0, max_tokens=new)
    done(engine, Generate("composer", (Text(prompt),), sampling))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", choices=sorted(SIZES), default="7b")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="shorten everything, for a smoke test")
    given = parser.parse_args(arguments)
    device = parse_device(given.device)
    result = {**environment(device), "copy_bytes_per_s": copy_rate(device, 1)}
    with engine_of({"composer": executor(given.size, device, 224, 8, 16 * 4096)}, 8) as engine, torch.inference_mode():
        run(engine, 0, given.scale)
        rounds = [run(engine, i, given.scale) for i in range(1, given.repeat + 1)]
    median = {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}
    original = ORIGINAL | {"insertion": 15.6, "all": sum(ORIGINAL.values())}
    print(f"{result['device']}, torch {result['torch']}, commit {result['commit']}")
    for name, seconds in median.items():
        target = f"  must {MUST[name]} aim {AIM[name]}" if name in MUST else ""
        print(
            f"{name:10} {seconds:8.3f} s   original {original[name]:5.1f} s, {original[name] / seconds:6.1f} ×{target}"
        )
    print(json.dumps(result | {f"{name}_s": seconds for name, seconds in median.items()}))


if __name__ == "__main__":
    main()
