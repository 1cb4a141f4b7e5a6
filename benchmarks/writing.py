"""How well small models write: twenty instructions (`writing_tasks.py`), each an article with three pictures.

    uv run benchmarks/writing.py starter qwen2.5-coder-0.5b qwen2.5-coder-1.5b [--data FOLDER] [--tasks 20] [--out FILE]

Models are given as for --models. Prints a row a model; with --out the articles are kept beside it as Markdown, to be
read, since no number says whether a text is worth reading. The last line is one JSON object. Measure on a quiet
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # run from a checkout that is not installed

from writing_tasks import TASKS, Task

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.documents.article import Article, Brief
from studio.settings import Settings
from studio.tasks.progress import Progress, Stop

ENDS = tuple(".!?。！？…”\"')）】」』")
TOKENS_PER_LENGTH = {"zh": 1.1, "en": 1.8}  # the room that is given for a character or word that is asked for


@dataclass(frozen=True)
class Score:
    """What one article is worth: parts of 1, seconds, tokens a second."""

    finished: bool  # every section ends as a sentence does
    language: float  # the part of its letters that are of the language asked for
    outline: bool | None  # None: none was given
    headings: int
    repeated: float  # the part of its 4-grams that stood before
    length: float  # against what was asked for; 1 is exact
    fitting: int  # distinct pictures that suit it, of three
    seconds: float
    first_text: float
    speed: float


def units(text: str) -> list[str]:
    """Words of letters, and single Chinese characters."""
    return re.findall(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+(?:['’-][^\W\d_]+)*", text)


def repeated(text: str) -> float:
    """The part of the 4-grams that are not there for the first time."""
    found = units(text.lower())
    grams = Counter(zip(*(found[i:] for i in range(4)), strict=False))
    total = sum(grams.values())
    return sum(count - 1 for count in grams.values()) / total if total else 0.0


def in_language(text: str, language: str) -> float:
    """The part of the letters of one language; a Chinese character weighs as much as four Latin letters."""
    han = 4 * len(re.findall(r"[\u3400-\u9fff]", text))
    latin = len(re.findall(r"[A-Za-z]", text))
    return (han if language == "zh" else latin) / max(1, han + latin)


def obeyed(article: Article, outline: Sequence[str]) -> bool | None:
    """Whether the headings of an outline stand in the article in their order, each with text under it."""
    if not outline:
        return None
    texts = [s.text for s in article.sections]
    at = [next((i for i, text in enumerate(texts) if text.lstrip("# ") == line), -1) for line in outline]
    return -1 not in at and at == sorted(at) and all(i + 1 < len(texts) and texts[i + 1][:1] != "#" for i in at)


def score(article: Article, task: Task, names: dict[str, str], spent: tuple[float, float, float]) -> Score:
    """Of a finished article; `names` are the pictures' names by their keys, `spent` seconds, first text, speed."""
    texts = [s.text for s in article.sections if s.text and not s.is_heading]
    body = "\n\n".join(texts)
    pictures = {names.get(p.key, "") for p in article.pictures}
    return Score(
        bool(texts) and all(text.rstrip().endswith(ENDS) for text in texts) and article.status == "done",
        in_language(f"{article.title}\n{article.markdown}", task.language),
        obeyed(article, task.outline),
        sum(s.is_heading for s in article.sections),
        repeated(body),
        len(units(body)) / task.length,
        len(pictures & task.fitting),
        *spent,
    )


def write(studio: Studio, task: Task) -> tuple[Article, tuple[float, float, float]]:
    """One article; seconds in all, seconds to the first text, tokens a second."""
    room = int(task.length * TOKENS_PER_LENGTH[task.language]) + 64
    brief = Brief(task.instruction, task.outline, images=3, max_tokens=room).check()
    started, first, speed = time.perf_counter(), 0.0, 0.0
    progress = Progress(Article(brief), "writing")
    for progress in studio.composer.write(Article(brief), "benchmark", Stop()):
        if progress.article.sections and not first:
            first = time.perf_counter() - started
        speed = progress.speed or speed
        if progress.error:
            raise progress.error
    return progress.article, (time.perf_counter() - started, first, speed)


def run(model: str, data: str, tasks: Sequence[Task], threads: int, out: Path | None) -> dict[str, Any]:
    """A row of the table; each article is added to `out` as it is ready."""
    settings = Settings(data=data, models=model, threads=threads)
    scores = []
    with tempfile.TemporaryDirectory() as own, Studio(Settings(data=own, threads=threads), plan(settings)) as studio:
        names = {hit.picture.key: hit.picture.title for hit in studio.library.browse(limit=1000)}
        files = {title: Path(path).stem for title, path in _files().items()}
        names = {key: files.get(title, title) for key, title in names.items()}
        studio.worker.wait_ready()
        for task in tasks:
            article, spent = write(studio, task)
            scores.append(score(article, task, names, spent))
            if out:
                with out.open("a", encoding="utf-8") as file:
                    file.write(f"<!-- {model} {scores[-1]} -->\n\n{_markdown(article)}\n\n---\n\n")
            print(f"{model}: {task.instruction[:40]} {scores[-1]}", file=sys.stderr, flush=True)
        memory = max(studio.worker.memory.values(), default=0)
    return row(model, scores, memory)


def row(model: str, scores: Sequence[Score], memory: int) -> dict[str, Any]:
    """What many articles of one model come to."""
    asked = [s.outline for s in scores if s.outline is not None]
    return {
        "model": model,
        "articles": len(scores),
        "finished": sum(s.finished for s in scores),
        "language": round(statistics.mean(s.language for s in scores), 3),
        "outline": f"{sum(asked)}/{len(asked)}",
        "with_headings": sum(s.headings >= 2 for s in scores),
        "repeated_4grams": round(statistics.mean(s.repeated for s in scores), 3),
        "length_within_25": sum(0.75 <= s.length <= 1.25 for s in scores),
        "fitting_pictures": f"{sum(s.fitting for s in scores)}/{3 * len(scores)}",
        "seconds": round(statistics.median(s.seconds for s in scores), 1),
        "slowest": round(max(s.seconds for s in scores), 1),
        "first_text": round(statistics.median(s.first_text for s in scores), 1),
        "tokens_per_s": round(statistics.median(s.speed for s in scores), 1),
        "memory_mb": memory // 1_000_000,
    }


def _files() -> dict[str, str]:
    """The files of the starter set by their English titles."""
    folder = Path(__file__).parents[1] / "assets" / "pictures"
    entries = [entry for file in folder.glob("catalog*.json") for entry in json.loads(file.read_text())]
    return {entry["title"]["en"]: entry["file"] for entry in entries}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--data", default=Settings().data, help="data folder with the downloaded models")
    parser.add_argument(
        "--tasks", type=int, default=len(TASKS), help="so many of the instructions, from both languages"
    )
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file for the articles, Markdown")
    given = parser.parse_args()
    half = len(TASKS) // 2
    tasks = [TASKS[i // 2 + half * (i % 2)] for i in range(min(given.tasks, len(TASKS)))]
    rows = []
    for model in given.models:
        rows.append(run(model, given.data, tasks, given.threads, given.out))
        print("\n".join(f"{name:18} {value}" for name, value in rows[-1].items()), flush=True)
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    print(json.dumps({"machine": machine, "load": os.getloadavg()[0], "models": rows}, ensure_ascii=False))


def _markdown(article: Article) -> str:
    """Its text with the pictures' captions."""
    lines = [f"# {article.title}", f"({article.brief.instruction})"]
    for section in article.sections:
        lines.append(section.text)
        if section.illustration:
            lines.append(f"> [{section.illustration.picture.title}] {section.illustration.caption}")
    return "\n\n".join(filter(None, lines))


if __name__ == "__main__":
    main()
