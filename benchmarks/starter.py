"""The studio on the starter model as a person meets it: from the start of the page to an article with pictures.

    uv run benchmarks/starter.py [--repeat 3] [--threads 0]

Starts the page as README says, drives it through its own API (`/write`), and reads the memory of its two processes.
Prints a table with medians; the last line is one JSON object. Measure on a quiet machine: llama.cpp's threads wait for
each other, and a second busy program slows them several times.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil
from gradio_client import Client

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.documents.article import Article, Brief
from studio.settings import Settings
from studio.tasks.progress import Stop

ROOT = Path(__file__).parents[1]
SUBJECTS = ("a day at the farm", "the sea in winter", "old trains", "bread", "a market in the morning")


def page(data: Path, threads: int) -> dict[str, float]:
    """One life of the page: seconds to ready, seconds to the first text after Submit, memory in MB."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    started = time.perf_counter()
    command = [
        sys.executable,
        str(ROOT / "launch.py"),
        "--port",
        str(port),
        "--data",
        str(data),
        "--threads",
        str(threads),
    ]
    process = subprocess.Popen([*command, "--models", "starter"], stderr=subprocess.DEVNULL)
    try:
        _wait(url, started)
        ready = time.perf_counter() - started
        client = Client(url, verbose=False)
        submitted = time.perf_counter()
        first = 0.0
        for article in client.submit("Write an article about a day at the farm", images=3, api_name="/write"):
            if not first and article["sections"]:
                first = time.perf_counter() - submitted
        own = psutil.Process(process.pid)
        workers = [c for c in own.children(recursive=True) if "spawn_main" in " ".join(c.cmdline())]
        return {
            "page_ready_s": ready,
            "first_text_s": first,
            "page_mb": own.memory_info().rss / 1e6,
            "worker_mb": sum(w.memory_info().rss for w in workers) / 1e6,
        }
    finally:
        process.terminate()
        process.wait(20)


def articles(data: Path, repeat: int, threads: int) -> dict[str, float]:
    """Articles of 400 tokens with three pictures, after one that warms up: medians of seconds and tokens a second."""
    settings = Settings(data=str(data), models="starter", threads=threads)
    spent, speeds = [], []
    with Studio(settings, plan(settings)) as studio:
        for number in range(repeat + 1):
            subject = SUBJECTS[number % len(SUBJECTS)]
            brief = Brief(f"Write an article about {subject}", images=3, max_tokens=400).check()
            started, speed = time.perf_counter(), 0.0
            for progress in studio.composer.write(Article(brief), "benchmark", Stop()):
                speed = progress.speed or speed
                if progress.error:
                    raise progress.error
            assert len(progress.article.pictures) == 3
            spent.append(time.perf_counter() - started)
            speeds.append(speed)
    return {"article_s": statistics.median(spent[1:]), "tokens_per_s": statistics.median(speeds[1:])}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        lives = [page(data, given.threads) for _ in range(given.repeat + 1)][1:]  # the first one warms the disk
        result: dict[str, Any] = {name: statistics.median(life[name] for life in lives) for name in lives[0]}
        result |= articles(data, given.repeat, given.threads)
    result |= {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "load": os.getloadavg()[0],
        "commit": _commit(),
    }
    for name, limit in LIMITS.items():
        print(f"{name:14} {result[name]:8.2f}   {limit}")
    print(json.dumps(result))


LIMITS = {
    "page_ready_s": "must be at most 15",
    "first_text_s": "must be at most 2",
    "tokens_per_s": "must be at least 80",
    "article_s": "must be at most 20",
    "page_mb": "must be at most 400",
    "worker_mb": "must be at most 2000",
}


def _wait(url: str, started: float) -> None:
    """Until the models are ready and the page is served."""
    while time.perf_counter() - started < 120:
        try:
            if b'"ready"' in urllib.request.urlopen(f"{url}/healthz", timeout=5).read():
                urllib.request.urlopen(url, timeout=30).read()
                return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(url)


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "BLOCK_TABLE"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
