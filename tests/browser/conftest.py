"""A running studio and a real Chromium. Without one these tests are skipped, except in CI, where they must run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = "--no-sandbox --disable-background-networking --disable-component-update --disable-sync --no-first-run".split()


@dataclass
class Server:
    """A studio in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]

    def worker(self) -> psutil.Process:
        """The process that owns the models."""
        children = psutil.Process(self.process.pid).children()
        return next(c for c in children if "spawn_main" in " ".join(c.cmdline()))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = tmp_path_factory.mktemp("data")
    log = (data / "server.log").open("wb")
    command = [sys.executable, str(ROOT / "launch.py"), "--port", str(port), "--data", str(data), "--models", "starter"]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    give_up = time.monotonic() + 90
    while True:
        try:
            if b'"ready"' in urllib.request.urlopen(f"{url}/healthz", timeout=5).read():
                break
        except (urllib.error.URLError, OSError):
            pass
        if process.poll() is not None or time.monotonic() > give_up:
            raise AssertionError(Path(log.name).read_text())
        time.sleep(0.2)
    yield Server(url, process)
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        if os.environ.get("CI"):
            pytest.fail("CI needs a Chromium: .ci/run installs one")
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def open_page(chromium: Browser, server: Server, **settings: object) -> Page:
    """The studio in a browser window of its own: another person than in any other."""
    given = {"viewport": {"width": 1280, "height": 860}, "locale": "en-US", "accept_downloads": True, **settings}
    page = chromium.new_context(**given).new_page()  # type: ignore[arg-type]
    page.goto(server.url)
    page.wait_for_selector("#instruction textarea", timeout=60_000)
    page.wait_for_selector("#paper .empty", timeout=60_000)
    return page


@pytest.fixture
def page(server: Server, chromium: Browser) -> Iterator[Page]:
    page = open_page(chromium, server)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("#paper .empty", timeout=60_000)
    yield page
    page.context.close()
    others = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
    assert not others, f"the page asked other hosts: {others}"
