"""Many people wait and some read a growing text at the same time: does the page still open at once?

    uv run benchmarks/crowd.py [--waiting 500] [--streaming 50] [--seconds 60]

A scripted engine writes endless articles, so that only the page's own work is measured, with its client on the same
machine. Everybody presses Start on the Write tab; while they wait and read, a stranger opens the page, looks for
pictures and edits. Prints a table; the last line is one JSON object. Exit code 1 when an opening took a second or more,
or somebody got another person's words.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
from served import wait_ready

Result = dict[str, Any]
MARK = re.compile(r"K\d+QX")
BATCH = 64


def serve(port: int, data: Path) -> None:
    """The studio on the scripted engine, until a signal."""
    from studio.app import Studio
    from studio.protocol import ModelCard
    from studio.settings import Settings
    from studio.specs import Reply, ScriptedSpec
    from studio.ui.server import application
    from studio.ui.shutdown import Server

    card = ModelCard("scripted model", "starter", ("en",), sees=False, context=65536)
    spec = ScriptedSpec((Reply("Words come one by one. " * 4000, pace=0.002, times=0),), card, batch=BATCH)
    with Studio(Settings(port=port, data=str(data)), spec) as studio:
        Server(studio, application(studio), port=port).run()


class Person:
    """Someone who pressed Start, and what came to them."""

    def __init__(self, http: httpx.AsyncClient, number: int, ids: Result) -> None:
        self.mark = f"K{number}QX"
        self.place = ""  # the line under the document
        self.text = False
        self.updates = 0
        self.longest = 0.0  # seconds between two updates of a text that grows
        self.foreign: set[str] = set()
        self._http, self._ids = http, ids
        self._session = f"crowd{number}"
        self._cookie = {"cookie": f"studio-person={number:032x}"}

    async def start(self) -> None:
        """Press Start. Raises httpx.HTTPStatusError."""
        values = ["title", "", f"Title {self.mark}", "", [], [], 0, {"max_tokens": 4096}]
        body = {
            "fn_index": self._ids["fn"],
            "data": values,
            "session_hash": self._session,
            "trigger_id": self._ids["start"],
        }
        (await self._http.post("/gradio_api/queue/join", json=body, headers=self._cookie)).raise_for_status()

    async def read(self) -> None:
        """Follow what comes, for ever."""
        params, last = {"session_hash": self._session}, 0.0
        async with self._http.stream("GET", "/gradio_api/queue/data", params=params, headers=self._cookie) as lines:
            async for line in lines.aiter_lines():
                if "process_generating" not in line:
                    continue
                self.updates += 1
                self.foreign |= set(MARK.findall(line)) - {self.mark}
                if place := re.search(r"\d+ ahead of you[^\"]*", line):
                    self.place = place[0]
                if "Words" in line or self.text:
                    now = time.perf_counter()
                    self.longest = max(self.longest, now - last) if self.text and last else 0.0
                    self.text, last = True, now


async def openings(http: httpx.AsyncClient, ids: Result, seconds: float) -> Result:
    """A stranger opens the page, its settings, a script, and searches, again and again."""
    search = {"data": {"search": "cow", "offset": 0}, "component_id": ids["shelf"], "fn_name": "list"}
    steps = {
        "page": lambda: http.get("/"),
        "config": lambda: http.get("/config"),
        "script": lambda: http.get("/page/paper.js"),
        "search": lambda: http.post("/gradio_api/component_server", json={**search, "session_hash": "stranger"}),
    }
    times: dict[str, list[float]] = {name: [] for name in steps}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for name, step in steps.items():
            started = time.perf_counter()
            (await step()).raise_for_status()
            times[name].append(time.perf_counter() - started)
        await asyncio.sleep(0.2)
    found: Result = {"openings": len(times["page"])}
    for name, values in times.items():
        found |= {f"{name}_median_s": statistics.median(values), f"{name}_max_s": max(values)}
    return found


async def measure(url: str, given: argparse.Namespace, page: psutil.Process) -> Result:
    """Everything, against a studio that is ready."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    headers = {"origin": url, "accept-language": "en"}
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=600, headers=headers) as http:
        config = (await http.get("/config")).json()
        elements = {c["props"].get("elem_id"): c["id"] for c in config["components"]}
        fn = next(d["id"] for d in config["dependencies"] if [elements["start"], "click"] in map(list, d["targets"]))
        ids = {"fn": fn, "start": elements["start"], "shelf": elements["library-shelf"]}
        quiet = await openings(http, ids, 5)
        people = [Person(http, n, ids) for n in range(given.waiting + given.streaming)]
        started = time.perf_counter()
        for person in people:
            await person.start()
        accepted = time.perf_counter() - started
        reading = [asyncio.create_task(person.read()) for person in people]
        while sum(person.updates > 0 for person in people) < len(people):
            await asyncio.sleep(0.2)
        told = time.perf_counter() - started
        before, cpu = [person.updates for person in people], sum(page.cpu_times()[:2])
        found = await openings(http, ids, given.seconds)
        spent = sum(page.cpu_times()[:2]) - cpu
        texts = [person for person in people if person.text]
        memory = {"threads": page.num_threads(), "page_mb": page.memory_info().rss / 1e6, "fds": page.num_fds()}
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    return {
        "streaming": len(texts),
        "waiting_told": sum(bool(person.place) and not person.text for person in people),
        "accept_all_s": accepted,
        "tell_all_s": told,
        "quiet_page_s": quiet["page_median_s"],
        **found,
        "updates_per_s": sum(p.updates - b for p, b in zip(people, before, strict=True)) / given.seconds,
        "longest_pause_s": max((person.longest for person in texts), default=0.0),
        "cpu_of_page": spent / given.seconds,
        **memory,
        "mixed_up": sum(bool(person.foreign) for person in people),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--waiting", type=int, default=500)
    parser.add_argument("--streaming", type=int, default=48, help="at most 48 articles are written at once")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--serve", nargs=2, metavar=("PORT", "DATA"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(int(given.serve[0]), Path(given.serve[1]))
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        process = subprocess.Popen([sys.executable, __file__, "--serve", str(port), data])
        try:
            wait_ready(f"http://127.0.0.1:{port}", process, 120)
            result = asyncio.run(measure(f"http://127.0.0.1:{port}", given, psutil.Process(process.pid)))
            started = time.perf_counter()
        finally:
            process.terminate()
            process.wait(60)
        result["end_s"] = time.perf_counter() - started
    for name, value in result.items():
        print(f"{name:24} {value:10.2f}" if isinstance(value, float) else f"{name:24} {value!s:>10}")
    print(json.dumps(result))
    sys.exit(0 if result["page_max_s"] < 1 and not result["mixed_up"] else 1)


if __name__ == "__main__":
    main()
