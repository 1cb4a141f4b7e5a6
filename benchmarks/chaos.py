"""A bad day, on purpose: kills, freezes, a full disk, a folder that vanishes or cannot be written. With figures.

    uv run benchmarks/chaos.py [--kills 200] [--page-kills 20] [--worker-kills 5] [--only NAME]

Real processes on a real folder: what was confirmed before each fault is looked for after it, and every answer of the
page during the fault must be an answer, not an error of the program. Faults that need a file system of their own (full,
read-only) are skipped with a sentence where this process may not mount one. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser"), str(ROOT / "tests")]

import psutil  # noqa: E402
from conftest import free_port  # noqa: E402
from gradio_client import Client  # noqa: E402
from storage.test_migrations import old_database  # noqa: E402
from storage.writer import kill_after, losses  # noqa: E402

from studio.storage.migrations import MIGRATIONS  # noqa: E402
from studio.storage.store import Store  # noqa: E402

KEY = "c4a05" + "0" * 27  # the browser that the benchmark is
PERSON = f"browser:{KEY}"
PACE = 0.02  # seconds a word of the scripted answer "slowly"
PATIENCE = 120.0  # seconds that something is waited for; a start on a busy machine gets twice that
Figures = dict[str, Any]


class Studio:
    """A page on the scripted engine, in a process of its own."""

    def __init__(self, data: Path) -> None:
        self.data, self.port = data, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        data.mkdir(parents=True, exist_ok=True)
        self.log = data.with_name("server.log")
        script = str(ROOT / "tests" / "browser" / "scripted.py")
        with self.log.open("ab") as log:
            command = [sys.executable, script, str(self.port), str(data)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def wait_ready(self) -> float:
        """Seconds until it can be used."""
        return until(lambda: b'"ready"' in (self.get("/healthz")[1]), 2 * PATIENCE)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; status 0 where nobody answers in five seconds."""
        asked = urllib.request.Request(self.url + path, headers={"Cookie": f"studio-person={KEY}"})
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return int(answer.status), answer.read()
        except urllib.error.HTTPError as e:
            return e.code, e.read()
        except OSError:
            return 0, b""

    def client(self) -> Client:
        """Somebody who calls the endpoints."""
        return Client(self.url, headers={"Cookie": f"studio-person={KEY}"}, verbose=False)

    def worker(self) -> psutil.Process:
        """The process that owns the models."""
        children = psutil.Process(self.process.pid).children()
        return next(c for c in children if "spawn_main" in " ".join(c.cmdline()))

    def kill(self) -> None:
        """-9, and its worker with it: a machine that lost its power."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        for child in family:
            with suppress(psutil.Error):
                child.kill()

    def close(self) -> None:
        """End in order, or not."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.kill() if self.process.poll() is None else None


@contextmanager
def studio(data: Path) -> Iterator[Studio]:
    """One that is ready, and ended afterwards."""
    running = Studio(data)
    try:
        running.wait_ready()
        yield running
    finally:
        running.close()


def until(holds: Callable[[], bool], patience: float = PATIENCE) -> float:
    """Seconds until it holds. Raises TimeoutError."""
    start = time.monotonic()
    while not holds():
        if time.monotonic() - start > patience:
            raise TimeoutError(holds)
        time.sleep(0.05)
    return time.monotonic() - start


def keeps(client: Client) -> str:
    """Write a short article; empty when it was kept, else what was said."""
    try:
        return "" if client.predict("Write about mountains", images=0, api_name="/write")["status"] == "done" else "?"
    except Exception as e:  # noqa: BLE001 - whatever the client makes of the answer is what is looked at
        return str(e)


def kill_the_store(folder: Path, count: int, chance: random.Random) -> Figures:
    """kill -9 at random points of writing, editing, chatting, filling tables and keeping pictures."""
    confirmed, lost = 0, []
    for number in range(count):
        data = folder / f"store-{number // 20}"  # some folders old, some new
        facts = kill_after(data, chance.randint(0, 40), chance.uniform(0.0, 0.02), number)
        confirmed += len(facts)
        lost += losses(data, facts)
    return {"kills": count, "confirmed": confirmed, "lost": len(lost), "first_loss": lost[:1]}


def _open(data: Path) -> None:
    Store(data).close()


def kill_migrations(folder: Path, count: int, chance: random.Random) -> Figures:
    """kill -9 at random points of bringing an old database with 3,000 articles up to date."""
    whole = {"old": 0, "half_copied": 0, "new": 0, "broken": 0}
    takes = 0.0
    for number in range(count + 1):
        data = folder / f"migration-{number}"
        old_database(data, articles=3000)
        start = time.monotonic()
        process = multiprocessing.get_context("fork").Process(target=_open, args=(data,))
        process.start()
        if not takes:  # the first one is not killed, and says how long it takes
            process.join()
            takes = time.monotonic() - start
            continue
        time.sleep(chance.uniform(0.0, 1.1 * takes))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        whole["half_copied"] += (data / f"studio.sqlite3.before-{len(MIGRATIONS)}.half").exists()
        with closing(sqlite3.connect(data / "studio.sqlite3")) as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            (rows,) = connection.execute("SELECT count(*) FROM articles").fetchone()
            (answer,) = connection.execute("PRAGMA integrity_check").fetchone()
        state = "new" if found == len(MIGRATIONS) else "old"
        whole[state if rows == 3000 and answer == "ok" else "broken"] += 1
        _open(data)
        shutil.rmtree(data)
    return {"kills": count, **whole}


def kill_the_page(folder: Path, count: int, chance: random.Random) -> Figures:
    """kill -9 of page and worker while an article streams to a reader: what was shown and is not there."""
    data, seconds, lost, exports = folder / "page", [], [], 0
    for _ in range(count):
        running = Studio(data)
        seconds.append(running.wait_ready())
        client = running.client()
        done = client.predict("Write about mountains", images=0, api_name="/write")
        job = client.submit("Write slowly", images=0, api_name="/write")
        export = client.submit(done["id"], "html", api_name="/export")
        end = time.monotonic() + chance.uniform(0.5, 6)
        while time.monotonic() < end:
            time.sleep(0.02)
        shown = (job.outputs() or [{"id": 0, "sections": []}])[-1]
        exports += export.done()
        running.kill()
        with closing(Store(data)) as store:
            store.mark_interrupted()
            assert store.article(PERSON, done["id"]).status == "done", "a finished article is not there"
            if shown["id"]:
                kept = store.article(PERSON, shown["id"])
                lost.append(max(0, _words(shown) - sum(len(s.text.split()) for s in kept.sections)))
                assert kept.status == "stopped"
    seconds_lost = [words * PACE for words in lost]
    return {
        "kills": count,
        "exports_under_way_or_done": exports,
        "finished_lost": 0,
        "unconfirmed_lost_s_median": statistics.median(seconds_lost),
        "unconfirmed_lost_s_most": max(seconds_lost),
        "ready_again_s_median": statistics.median(seconds),
        "ready_again_s_most": max(seconds),
    }


def _words(article: dict[str, Any]) -> int:
    return sum(len(section["text"].split()) for section in article["sections"])


def hurt_the_worker(folder: Path, count: int, how: signal.Signals) -> Figures:
    """Kill or freeze the worker while it writes: until another one has written a whole article."""
    seconds, noticed = [], 0
    for number in range(count):
        with studio(folder / f"worker-{how.name}-{number}") as running:
            client = running.client()
            job = client.submit("Write slowly", images=0, api_name="/write")
            until(lambda job=job: len(job.outputs()) > 3)
            worker, start = running.worker(), time.monotonic()
            worker.send_signal(how)
            try:
                until(lambda w=worker: not w.is_running() or w.status() == psutil.STATUS_ZOMBIE)
                until(lambda r=running: b'"ready"' in r.get("/healthz")[1])
                if not keeps(client):
                    noticed += 1
                    seconds.append(time.monotonic() - start)
            except (TimeoutError, StopIteration):
                worker.send_signal(signal.SIGCONT)
    return {
        f"{'kills' if how == signal.SIGKILL else 'freezes'}": count,
        "noticed": noticed,
        "writes_again_s": [round(s, 1) for s in seconds] or f"not within {PATIENCE:.0f} s",
    }


def fault(running: Studio, begin: Callable[[], None], end: Callable[[], None]) -> Figures:
    """A fault of the folder: what is said while it lasts, and how soon work goes on after it."""
    client = running.client()
    done = client.predict("Write about mountains", images=1, api_name="/write")
    key = next(s["illustration"]["picture"]["key"] for s in done["sections"] if s.get("illustration"))
    begin()
    start = time.monotonic()
    said = keeps(client)
    told_after = time.monotonic() - start
    paths = ("/", "/healthz", f"/pictures/{key}", f"/thumbnails/{key}", "/gradio_api/info")
    statuses = {path.partition("/" + key)[0]: running.get(path)[0] for path in paths}
    end()
    start = time.monotonic()
    until(lambda: keeps(client) == "")
    again = time.monotonic() - start
    job = client.submit("Write slowly", images=0, api_name="/write")
    until(lambda: len(job.outputs()) > 3)
    begin()
    time.sleep(3)  # longer than between two saves
    end()
    until(job.done)
    shown = job.outputs()[-1]
    with closing(Store(running.data)) as store:
        there = store.article(PERSON, done["id"]).status == "done"
        kept = store.article(PERSON, shown["id"])
        whole = kept.status == shown["status"] and sum(len(s.text.split()) for s in kept.sections) == _words(shown)
    return {
        "said": said[:160] or "NOTHING: it said done",
        "said_after_s": round(told_after, 1),
        "statuses": statuses,
        "bare_500": sum(status in (0, 500) for status in statuses.values()),
        "writes_again_s": round(again, 1),
        "kept_before_is_there": there,
        "under_way_is_whole_after_another": whole,
    }


def vanish(folder: Path) -> Figures:
    """The folder is moved away and put back."""
    data, away = folder / "vanish" / "data", folder / "vanish" / "away"
    with studio(data) as running:
        return fault(running, lambda: data.rename(away) and None, lambda: away.rename(data) and None)


def fill_up(folder: Path) -> Figures:
    """The disk of the folder is full, and has room again."""
    disk = folder / "full"
    with mounted("tmpfs", disk, "-o", "size=64m"), studio(disk / "data") as running:
        filler = disk / "filler"

        def fill() -> None:
            with filler.open("wb") as file, suppress(OSError):
                while file.write(bytes(1 << 16)):
                    file.flush()
            with filler.open("ab", buffering=0) as file, suppress(OSError):
                while file.write(bytes(64)):
                    pass

        return fault(running, fill, filler.unlink)


def read_only(folder: Path) -> Figures:
    """In the folder's place there is one that cannot be written (a copy, mounted over it), and then its own again."""
    data, copy = folder / "readonly" / "data", folder / "readonly" / "copy"
    with studio(data) as running:

        def begin() -> None:
            shutil.copytree(data, copy, dirs_exist_ok=True)
            subprocess.run(["mount", "--bind", str(copy), str(data)], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", str(data)], check=True)
            old = time.time() - 60
            os.utime(copy / "studio.sqlite3", (old, old))

        def end() -> None:
            subprocess.run(["umount", "-l", str(data)], check=True)

        return fault(running, begin, end)


@contextmanager
def mounted(kind: str, at: Path, *options: str) -> Iterator[None]:
    """A file system of our own."""
    at.mkdir(parents=True)
    subprocess.run(["mount", "-t", kind, *options, "chaos", str(at)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def two_studios(folder: Path) -> Figures:
    """A second page on the folder of the first: what it says, and how soon it has ended."""
    data, flags = folder / "two", ["--models", "starter"]

    def command() -> list[str]:
        return [sys.executable, str(ROOT / "launch.py"), "--port", str(free_port()), "--data", str(data), *flags]

    with (folder / "first.log").open("wb") as log:
        first = subprocess.Popen(command(), stdout=log, stderr=log)
    try:
        until(lambda: b"http://" in (folder / "first.log").read_bytes(), 2 * PATIENCE)
        start = time.monotonic()
        second = subprocess.run(command(), capture_output=True, text=True, timeout=PATIENCE)
    finally:
        first.terminate()
        first.wait(20)
    said = second.stderr.strip().splitlines()[-1].replace(str(data), "FOLDER")
    return {"exit": second.returncode, "said": said, "ended_after_s": round(time.monotonic() - start, 1)}


def may_mount() -> bool:
    """Whether this process may mount a file system."""
    with tempfile.TemporaryDirectory() as at:
        done = subprocess.run(["mount", "-t", "tmpfs", "none", at], capture_output=True)
        if not done.returncode:
            subprocess.run(["umount", at], check=True)
        return not done.returncode


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="of the process that writes into the store")
    parser.add_argument("--migrations", type=int, default=50, help="kills of migrations")
    parser.add_argument("--page-kills", type=int, default=20)
    parser.add_argument("--worker-kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="the scenarios whose name contains this")
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    scenarios: dict[str, Callable[[Path], Figures]] = {
        "kill the store": lambda folder: kill_the_store(folder, asked.kills, chance),
        "kill migrations": lambda folder: kill_migrations(folder, asked.migrations, chance),
        "kill the page": lambda folder: kill_the_page(folder, asked.page_kills, chance),
        "kill the worker": lambda folder: hurt_the_worker(folder, asked.worker_kills, signal.SIGKILL),
        "freeze the worker": lambda folder: hurt_the_worker(folder, min(asked.worker_kills, 2), signal.SIGSTOP),
        "folder vanishes": vanish,
        "disk full": fill_up,
        "read-only": read_only,
        "two studios": two_studios,
    }
    figures: dict[str, Figures] = {}
    for name, scenario in scenarios.items():
        if asked.only not in name:
            continue
        if name in ("disk full", "read-only") and not may_mount():
            figures[name] = {"skipped": "this process may not mount a file system; run it as root"}
        else:
            with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
                figures[name] = scenario(Path(folder))
        print(f"{name}:", *(f"{k} {v}" for k, v in figures[name].items()), sep="\n  ", flush=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
