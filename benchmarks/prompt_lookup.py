"""Whether guessing ahead pays when a text repeats its prompt: what a step costs, and how many steps edits take.

    python benchmarks/prompt_lookup.py --tokenizer FOLDER [--device cuda] [--size 7b]

Random weights do not rewrite, so the two halves are measured apart. On the device: tokens a second of plain steps, of
steps that wait for each token because a guess needs it, and of steps with guesses. On the text: `edits.json` has
paragraphs with an edit of each, written for this benchmark by a language model (Claude); each is taken for what the
model draws, and the engine's own `PromptLookup` is asked at every step. Prompts are the real ones. Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import done, engine_of, environment, executor, settle, text

from studio.engine.native.loading import parse_device
from studio.engine.native.prompt_lookup import PromptLookup
from studio.engine.native.speculative import MAX_DRAFT_TOKENS
from studio.models.tokenizer import Tokenizer, from_file
from studio.prompts import dialect_of
from studio.protocol import ModelCard


def steps(tokenizer: Tokenizer, edit: dict[str, str]) -> tuple[int, int, int]:
    """Tokens of the new paragraph, steps that guess, steps that do not."""
    card = ModelCard("internlm-xcomposer2-7b", "xcomposer2", ("zh", "en"), True, 4096)
    prompt = dialect_of(card).edit(edit["edit"], edit["old"], edit["wish"], "")  # type: ignore[arg-type]
    units = [unit for run in tokenizer.encode(prompt) if isinstance(run, list) for unit in run]
    drawn = [*tokenizer.encode_text(edit["new"]), tokenizer.eos]
    guesses, at, guessing, plain = PromptLookup(units), 0, 0, 0
    while at < len(drawn):
        right = 0
        if guess := guesses.propose(MAX_DRAFT_TOKENS):
            guessing += 1
            while right < min(len(guess), len(drawn) - at - 1) and guess[right] == drawn[at + right]:
                right += 1
        else:
            plain += 1
        units += drawn[at : at + right + 1]
        at += right + 1
    return len(drawn), guessing, plain


def costs(size: str, name: str) -> dict[str, float]:
    """Milliseconds of a plain step, of one that waits, and of one with guesses."""
    device = parse_device(name)
    made = executor(size, device, 224, 8, 8 * 4096)
    with engine_of({"composer": made}, 8) as engine:
        found = {}
        for key, repeats in (("step", False), ("waiting_step", True)):  # random text is never guessed right or at all
            calls = [replace(text(300, seed, 256, "composer"), repeats=repeats) for seed in range(4)]
            found[key] = 1000 / statistics.median([done(engine, call).usage.tokens_per_second for call in calls][1:])
        engine.submit(1, text(300, 9, 2000, "composer"))
        for _ in range(3):
            engine.step()
        sequence = made.scheduler.running[0]
        times = []
        for _ in range(40):
            settle(device)
            started = time.perf_counter()
            made.scheduler.schedule()
            made._process_output(made.runner.speculative_step([5] * MAX_DRAFT_TOKENS, sequence))
            times.append(time.perf_counter() - started)
        found["guessing_step"] = 1000 * statistics.median(times)
    return {f"{key}_ms": value for key, value in found.items()} | environment(device)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizer", type=Path, required=True, help="a folder with tokenizer.model")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", default="7b")
    given = parser.parse_args()
    tokenizer = from_file(given.tokenizer / "tokenizer.model", 92544)
    result: dict[str, Any] = costs(given.size, given.device)
    print({key: round(value, 3) if isinstance(value, float) else value for key, value in result.items()})
    gains: dict[str, list[float]] = {}
    for edit in json.loads(Path(__file__).with_name("edits.json").read_text(encoding="utf-8")):
        tokens, guessing, plain = steps(tokenizer, edit)
        spent = guessing * result["guessing_step_ms"] + plain * result["waiting_step_ms"]
        gain = tokens * result["step_ms"] / spent
        gains.setdefault(edit["edit"], []).append(gain)
        print(
            f"{edit['edit']:8} {edit['wish'][:24]:26} {tokens:4} tokens in {guessing:3} + {plain:3} steps: {gain:.2f} ×"
        )
    result |= {f"gain_{edit}": statistics.median(found) for edit, found in gains.items()}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
