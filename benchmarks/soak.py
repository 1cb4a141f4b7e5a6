"""Many people use the whole studio on the starter model at once, for a while.

    uv run benchmarks/soak.py [--people 50] [--minutes 10]

Each person writes, asks, searches, exports and looks into History over HTTP, by the page's own events, with pauses in
between. Everything a person sends carries a mark, and everything that comes back is searched for others' marks. Prints
how long people waited and how unequally, what was told about it, what failed, how fast the page opened, and what page
and worker held at the beginning and at the end. The last line is one JSON object. Exit code 1 when something was mixed
up, or failed otherwise than by a polite refusal.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
from page_client import EventError, PageSession
from served import ROOT, wait_ready

MARK = re.compile(r"K\d+QX")
PLACE = re.compile(r"(\d+) ahead of you(?:, about (\d+) s)?")
REFUSED = ("tasks of yours are waiting", "tasks are waiting")
Result = dict[str, Any]


@dataclass
class Notes:
    """What one person met."""

    waits: list[float] = field(default_factory=list)  # seconds from Start to the first words of an article
    whole: list[float] = field(default_factory=list)  # … to its end
    answers: list[float] = field(default_factory=list)  # from a question to the first words of its answer
    quick: dict[str, list[float]] = field(default_factory=dict)  # searches, exports, History
    told: list[tuple[float, float]] = field(default_factory=list)  # seconds told and seconds waited then
    silent: int = 0  # waits of more than five seconds without a word of the place
    refused: int = 0
    errors: list[str] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)


class Person:
    """Someone with a browser tab, until `over`."""

    def __init__(self, url: str, number: int, over: float) -> None:
        self.mark = f"K{number}QX"
        self.notes = Notes()
        self._url, self._over = url, over
        self._random = random.Random(number)
        self._articles: list[int] = []

    def live(self) -> None:
        """Do this and that."""
        acts = (self._write, self._write, self._ask, self._ask, self._search, self._look, self._export)
        page = PageSession(self._url)
        time.sleep(self._random.uniform(0, 5))
        while time.monotonic() < self._over:
            try:
                self._random.choice(acts)(page)
            except EventError as e:
                refused = any(words in str(e) for words in REFUSED)
                self.notes.refused += refused
                if not refused:
                    self.notes.errors.append(str(e)[:200])
            except (httpx.HTTPError, ValueError, KeyError) as e:
                self.notes.errors.append(f"{type(e).__name__}: {e}"[:200])
            time.sleep(self._random.uniform(0.5, 3))
        page.close()

    def _write(self, page: PageSession) -> None:
        settings = {"seed": self._random.randrange(10**6), "max_tokens": 128}
        form = ["title", "", f"The sea of {self.mark}", "", [], [], 1, settings]
        started, first, told = time.monotonic(), 0.0, None
        document: Result = {}
        for (document,) in page.stream("start", "click", form):
            self._look_for_others(document)
            now = time.monotonic() - started
            if not first and document["sections"]:
                first = now
            if not first and (place := PLACE.search(document["said"])):
                told = told or (now, float(place[2] or -1))
            if now > 600:
                break
        self.notes.waits.append(first or time.monotonic() - started)
        self.notes.whole.append(time.monotonic() - started)
        self.notes.silent += bool(first > 5 and told is None)
        if told and told[1] >= 0 and first:
            self.notes.told.append((told[1], first - told[0]))
        if document["warns"] and "length" not in document["said"]:
            self.notes.errors.append(document["said"][:200])
        if self.mark not in document["title"]:
            self.notes.errors.append(f"an article without its title: {document['title']!r}")
        self._articles.append(document["id"])

    def _ask(self, page: PageSession) -> None:
        started, first = time.monotonic(), 0.0
        message = {"text": f"I am {self.mark}. What is the sea?", "files": []}
        for output in page.stream("question", "submit", [message, None, {"max_tokens": 48}]):
            self._look_for_others(output)
            if not first and '"finish"' not in json.dumps(output) and _answer(output):
                first = time.monotonic() - started
        self.notes.answers.append(first or time.monotonic() - started)

    def _search(self, page: PageSession) -> None:
        self._timed("search", lambda: page.ask_component("library-shelf", "list", {"search": "cow", "offset": 0}))

    def _look(self, page: PageSession) -> None:
        listed = self._timed(
            "history", lambda: page.ask_component("history-shelf", "list", {"search": "", "offset": 0})
        )
        strange = [i["title"] for i in listed["items"] if self.mark not in i["title"]]
        self.notes.errors += [f"not mine: {title}" for title in strange]

    def _export(self, page: PageSession) -> None:
        if self._articles:
            asked = {"id": self._random.choice(self._articles), "format": "html"}
            offered = self._timed("export", lambda: page.ask_component("paper", "export", asked))
            if "error" in offered:
                raise EventError(offered["error"])
            text = page.fetch(offered["url"]).decode()
            self._look_for_others(text)
            if self.mark not in text:
                self.notes.errors.append("an export without its title")

    def _timed(self, name: str, work: Any) -> Any:
        started = time.monotonic()
        result = work()
        self.notes.quick.setdefault(name, []).append(time.monotonic() - started)
        self._look_for_others(result)
        return result

    def _look_for_others(self, received: Any) -> None:
        words = received if isinstance(received, str) else json.dumps(received)
        self.notes.foreign |= set(MARK.findall(words)) - {self.mark}


def _answer(output: list[Any]) -> bool:
    """Whether the Chatbot shows the beginning of an answer, and not the place in the queue."""
    bubbles = output[0].get("value") if isinstance(output[0], dict) else output[0]
    last = bubbles[-1] if bubbles else {}
    words = json.dumps(last.get("content", ""))
    return last.get("role") == "assistant" and not PLACE.search(words) and "being loaded" not in words


def watch(url: str, page: psutil.Process, over: float) -> tuple[list[Result], list[float]]:
    """What page and worker hold, every five seconds, and how long a stranger waits for the page."""
    held, openings = [], []
    while time.monotonic() < over:
        started = time.monotonic()
        urllib.request.urlopen(url, timeout=60).read()
        openings.append(time.monotonic() - started)
        workers = [c for c in page.children() if "spawn_main" in " ".join(c.cmdline())]
        held.append(
            {
                "page_mb": page.memory_info().rss / 1e6,
                "worker_mb": sum(w.memory_info().rss for w in workers) / 1e6,
                "fds": page.num_fds(),
                "threads": page.num_threads(),
            }
        )
        time.sleep(max(0.0, 5 - (time.monotonic() - started)))
    return held, openings


def summary(people: list[Person], held: list[Result], openings: list[float], minutes: float) -> Result:
    """The figures."""
    notes = [person.notes for person in people]
    waits, answers = [w for n in notes for w in n.waits], [a for n in notes for a in n.answers]
    means = [statistics.mean(n.waits) for n in notes if n.waits]
    whole, told = [w for n in notes for w in n.whole], [t for n in notes for t in n.told]
    after = held[len(held) // 10] if held else {}
    found: Result = {
        "people": len(people),
        "minutes": minutes,
        "articles": len(whole),
        "answers": len(answers),
        "refused": sum(n.refused for n in notes),
        "errors": sum(len(n.errors) for n in notes),
        "mixed_up": sum(bool(n.foreign) for n in notes),
        "article_wait_mean_s": statistics.mean(waits or [0]),
        "article_wait_max_s": max(waits, default=0.0),
        "article_wait_person_max_over_mean": max(means, default=0.0) / max(1e-9, statistics.mean(means or [1])),
        "article_whole_median_s": statistics.median(whole or [0]),
        "answer_wait_mean_s": statistics.mean(answers or [0]),
        "answer_wait_max_s": max(answers, default=0.0),
        "waits_without_a_word": sum(n.silent for n in notes),
        "told_s_median": statistics.median([t for t, _ in told] or [0]),
        "then_waited_s_median": statistics.median([w for _, w in told] or [0]),
        "page_median_s": statistics.median(openings or [0]),
        "page_max_s": max(openings, default=0.0),
    }
    for name in ("search", "history", "export"):
        times = [t for n in notes for t in n.quick.get(name, ())]
        found |= {f"{name}_median_s": statistics.median(times or [0]), f"{name}_max_s": max(times, default=0.0)}
    for name in after:
        found |= {
            f"{name}_after_a_tenth": after[name],
            f"{name}_end": held[-1][name],
            f"{name}_max": max(h[name] for h in held),
        }
    return found


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--log", default=os.devnull, help="file for launch.py's own words")
    given, more = parser.parse_known_args()  # what is left is for launch.py
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as data, open(given.log, "wb") as log:
        command = [sys.executable, str(ROOT / "launch.py"), "--port", str(port), "--data", data]
        command += more or ["--models", "starter"]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_ready(url, process, 180)
            over = time.monotonic() + 60 * given.minutes
            people = [Person(url, number, over) for number in range(given.people)]
            threads = [threading.Thread(target=person.live, daemon=True) for person in people]
            for thread in threads:
                thread.start()
            held, openings = watch(url, psutil.Process(process.pid), over)
            late = time.monotonic() + 300
            for thread in threads:
                thread.join(max(0.0, late - time.monotonic()))
            unended = sum(thread.is_alive() for thread in threads)
        finally:
            process.terminate()
            process.wait(60)
    result = summary(people, held, openings, given.minutes) | {"people_still_waiting_after_5_min": unended}
    for name, value in result.items():
        print(f"{name:34} {value:10.2f}" if isinstance(value, float) else f"{name:34} {value!s:>10}")
    for sentence, count in Counter(e for p in people for e in p.notes.errors).most_common(10):
        print(f"{count:4} × {sentence}")
    print(json.dumps(result))
    sys.exit(0 if not result["mixed_up"] and not result["errors"] else 1)


if __name__ == "__main__":
    main()
