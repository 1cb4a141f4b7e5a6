"""The whole studio on a GPU as a user has it: launch.py, driven through the page's own events by one and many people.

    python benchmarks/served.py [--people 16] [--tokens 3000] [--images 15] [--tokenizer FOLDER] [--models starter]

Without --models it runs `--random-weights 7b`: full size, real kernels, text that means nothing; --tokenizer names a
folder with the real tokenizer.model. Prints a table; the last line is one JSON object. Exit code 1 when an article
failed or anything else did not end well.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from page_client import EventError, PageSession

ROOT = Path(__file__).parents[1]
PICTURES = sorted((ROOT / "assets" / "pictures").glob("*.webp"))
EXPORTS = ("zip", "xlsx", "html", "docx", "pdf")
EDITS = ("rewrite", "expand", "shorten", "insert_after")
Result = dict[str, Any]


def write_form(subject: str, tokens: int, images: int, seed: int) -> list[Any]:
    """The values of the Write form."""
    return ["instruction", subject, "", "", [], [], images, {"seed": seed, "max_tokens": tokens}]


def write(page: PageSession, tokens: int, images: int, seed: int) -> Result:
    """One article: seconds to first text, to the whole text, to the end; how it ended."""
    started, first, text = time.perf_counter(), 0.0, 0.0
    document: Result = {}
    for document, *_ in page.stream("start", "click", write_form("Write about tea and travel.", tokens, images, seed)):
        now = time.perf_counter() - started
        if not first and document["sections"]:
            first = now
        if not text and any(s["state"] == "current" and "plac" in s["name"].lower() for s in document["steps"]):
            text = now
    total = time.perf_counter() - started
    whole = page.ask_component("paper", "act", {"kind": "show", "id": document["id"]})["doc"]
    placed = sum(bool(s["picture"]) for s in whole["sections"])
    return {
        "id": whole["id"],
        "first_text_s": first,
        "text_s": text or total,
        "article_s": total,
        "pictures": placed,
        "words": sum(len(s["markdown"].split()) for s in whole["sections"]),
        "failed": bool(document["warns"]) and "cut" not in json.dumps(document) and not whole["sections"],
        "sections": [s["id"] for s in whole["sections"] if s["markdown"]],
        "ended": whole.get("said") or "",
    }


def edits(page: PageSession, article: Result) -> Result:
    """Seconds of a model's edit of each kind and of one more picture."""
    found: Result = {}
    section = article["sections"][len(article["sections"]) // 2]
    for kind in EDITS:
        where = {"section": section} if kind.startswith("insert") else {"selected": [{"section": section}]}
        asked = {"kind": "propose", "id": article["id"], "edit": kind, "wish": "", **where}
        found[f"edit_{kind}_s"] = timed(lambda asked=asked: page.call("paper", "run", [], asked))  # type: ignore[misc]
    asked = {"kind": "illustrate", "id": article["id"], "section": section}
    found["edit_illustrate_s"] = timed(lambda: page.call("paper", "run", [], asked))
    return found


def exports(page: PageSession, article: Result, kinds: Sequence[str]) -> Result:
    """Seconds and kilobytes of every export."""
    found: Result = {}
    for kind in kinds:
        started = time.perf_counter()
        offered = page.ask_component("paper", "export", {"id": article["id"], "format": kind})
        if "error" in offered:
            raise EventError(offered["error"])
        size = len(page.fetch(offered["url"]))
        found[f"export_{kind}_s"] = time.perf_counter() - started
        found[f"export_{kind}_kb"] = size / 1e3
    return found


def ask(page: PageSession, pictures: int, seed: int) -> Result:
    """A question about pictures: seconds to the first words and to the end."""
    files = page.upload(*PICTURES[:pictures])
    started, first = time.perf_counter(), 0.0
    message = {"text": "What is in these pictures?", "files": files}
    for output in page.stream("question", "submit", [message, None, {"max_tokens": 128, "seed": seed}]):
        if not first and _answer(output):
            first = time.perf_counter() - started
    return {"answer_first_s": first, "answer_s": time.perf_counter() - started}


def _answer(output: list[Any]) -> str:
    """The words of the last answer that the Chatbot shows."""
    bubbles = output[0]["value"] if isinstance(output[0], dict) and "value" in output[0] else output[0]
    last = bubbles[-1] if isinstance(bubbles, list) and bubbles else {}
    return json.dumps(last.get("content", "")) if last.get("role") == "assistant" else ""


def web_page(page: PageSession) -> Result:
    """A web page by one sentence: seconds until its source is shown for the first time, and to the end."""
    asked = {"kind": "instruction", "text": "A page for a tea house in the mountains.", "screenshot": "", "files": []}
    started, first = time.perf_counter(), 0.0
    for (view,) in page.stream("web-page", "make", [], asked):
        if not first and view["at"] + len(view["source"]):
            first = time.perf_counter() - started
    return {
        "web_first_s": first,
        "web_s": time.perf_counter() - started,
        "web_characters": view["at"] + len(view["source"]),
    }


def table(page: PageSession, pictures: int, questions: int) -> Result:
    """A table of so many pictures and questions: seconds until it is full."""
    files = page.upload(*PICTURES[:pictures])
    asked = "\n".join(f"Question {i}: what is this?" for i in range(questions))
    return {"table_s": timed(lambda: page.call("table-start", "click", [files, asked]))}


def stop(page: PageSession) -> Result:
    """Seconds from Stop until the article under way has ended."""
    pressed = 0.0
    for document, *_ in page.stream("start", "click", write_form("Write about the sea.", 4096, 0, 1)):
        if document["sections"] and not pressed:
            pressed = time.perf_counter()
            page.ask_component("paper", "stop", {"id": document["id"]})
    if not pressed:
        raise EventError(f"nothing was written that could be stopped: {document.get('said')}")
    return {"stop_s": time.perf_counter() - pressed}


def timed(work: Callable[[], Any]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def one_person(url: str, tokens: int, images: int, kinds: Sequence[str], web: bool) -> Result:
    """Everything once, after one of each that warms up; medians of three where it is short."""
    page = PageSession(url)
    write(page, 64, 1, 0)
    ask(page, 1, 0)
    quick = [write(page, 64, 0, seed) for seed in range(3)]
    answers = [ask(page, 3, seed) for seed in range(3)]
    article = write(page, tokens, images, 7)
    result: Result = {k: article[k] for k in ("text_s", "article_s", "pictures", "words", "failed")}
    result["first_text_s"] = statistics.median(q["first_text_s"] for q in quick)
    for key in answers[0]:
        result[key] = statistics.median(a[key] for a in answers)
    result |= edits(page, article) | exports(page, article, kinds) | table(page, 20, 3) | stop(page)
    if web:
        result |= web_page(page)
    page.close()
    return result


def many_people(url: str, people: int, tokens: int, images: int) -> Result:
    """All write at once: whether all were done, and how fair it was."""
    ended: list[Result] = []
    errors: list[str] = []

    def person(number: int) -> None:
        page = PageSession(url)
        try:
            ended.append(write(page, tokens, images, number))
        except (EventError, OSError) as e:
            errors.append(str(e))
        finally:
            page.close()

    threads = [threading.Thread(target=person, args=(n,)) for n in range(people)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = [e["article_s"] for e in ended]
    return {
        "many_people": people,
        "many_done": sum(not e["failed"] and e["pictures"] == images for e in ended),
        "many_errors": errors,
        "many_s": time.perf_counter() - started,
        "many_first_text_max_s": max((e["first_text_s"] for e in ended), default=0.0),
        "many_unfair": max(seconds, default=0.0) / max(1e-9, min(seconds, default=1.0)),
    }


def memory(process: psutil.Process) -> Result:
    """Megabytes of the page and of its worker, and of the GPU where there is one."""
    children = process.children(recursive=True)
    workers = [c for c in children if "spawn_main" in " ".join(c.cmdline())]
    found: Result = {
        "page_mb": process.memory_info().rss / 1e6,
        "worker_mb": max((w.memory_info().rss for w in workers), default=0) / 1e6,
    }
    with suppress(FileNotFoundError):
        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        found["gpu_mb"] = float(subprocess.run(query, capture_output=True, text=True).stdout.split()[0])
    return found


def wait_ready(url: str, process: subprocess.Popen[bytes], timeout: float) -> float:
    """Seconds until the models answer."""
    started = time.perf_counter()
    while time.perf_counter() - started < timeout:
        if process.poll() is not None:
            raise RuntimeError(f"launch.py ended with {process.returncode}")
        try:
            if b'"ready"' in urllib.request.urlopen(f"{url}/healthz", timeout=5).read():
                return time.perf_counter() - started
        except (OSError, urllib.error.HTTPError):
            pass
        time.sleep(0.1)
    raise TimeoutError(url)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=3000)
    parser.add_argument("--images", type=int, default=15)
    parser.add_argument("--exports", default=",".join(EXPORTS))
    parser.add_argument("--web", action="store_true", help="also a web page, where the model makes them")
    parser.add_argument("--tokenizer", default="")
    parser.add_argument("--models", default="")
    parser.add_argument("--log", default="", help="file for launch.py's own words")
    given, more = parser.parse_known_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    models = ["--models", given.models] if given.models else ["--random-weights", "7b"]
    if given.tokenizer:
        models += ["--composer", given.tokenizer, "--vl", given.tokenizer]
    with tempfile.TemporaryDirectory() as data, open(given.log or os.devnull, "wb") as log:
        command = [sys.executable, str(ROOT / "launch.py"), "--port", str(port), "--data", data, *models, *more]
        process = subprocess.Popen(command, stderr=log)
        try:
            result: Result = {"ready_s": wait_ready(url, process, 400)}
            result |= one_person(url, given.tokens, given.images, given.exports.split(","), given.web)
            result |= many_people(url, given.people, min(given.tokens, 1000), 3)
            result |= memory(psutil.Process(process.pid))
            result["worker_deaths"] = json.loads(urllib.request.urlopen(f"{url}/healthz").read()).get("restarts", 0)
        finally:
            process.terminate()
            process.wait(30)
    for name, value in result.items():
        print(f"{name:24} {value:10.2f}" if isinstance(value, float) else f"{name:24} {value!s:>10}")
    print(json.dumps(result))
    whole = not result["failed"] and result["pictures"] == given.images and not result["many_errors"]
    sys.exit(0 if whole and result["many_done"] == given.people else 1)


if __name__ == "__main__":
    main()
