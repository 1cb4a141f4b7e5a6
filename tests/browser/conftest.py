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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = "--no-sandbox --disable-background-networking --disable-component-update --disable-sync --no-first-run".split()
WINDOW: dict[str, object] = {"viewport": {"width": 1280, "height": 860}, "locale": "en-US", "accept_downloads": True}

_windows: dict[tuple[Browser, str], list[Page]] = {}
"""Windows that tests have left, by their settings."""


@dataclass
class Server:
    """A studio in a process of its own."""

    url: str
    command: list[str]
    data: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with (self.data / "server.log").open("wb") as log:
            self.process = subprocess.Popen([sys.executable, *self.command], stdout=log, stderr=log)
        give_up = time.monotonic() + 90
        while True:
            try:
                if b'"ready"' in urllib.request.urlopen(f"{self.url}/healthz", timeout=5).read():
                    return
            except (urllib.error.URLError, OSError):
                pass
            if self.process.poll() is not None or time.monotonic() > give_up:
                raise AssertionError((self.data / "server.log").read_text())
            time.sleep(0.2)

    def end(self) -> None:
        """End it as an operator does."""
        self.process.terminate()
        self.process.wait(20)

    def worker(self) -> psutil.Process:
        """The process that owns the models."""
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):  # one that has ended meanwhile
                if "spawn_main" in " ".join(child.cmdline()):
                    return child
        raise LookupError("the studio has no worker just now")

    @contextmanager
    def loading(self) -> Iterator[None]:
        """The worker has died, and the one in its place is not ready before this ends."""
        dead = self.worker()
        dead.kill()
        worker = None
        while worker is None or worker == dead:
            time.sleep(0.01)
            with suppress(LookupError):
                worker = self.worker()
        worker.suspend()
        yield
        worker.resume()


def serve(command: list[str], port: int, data: Path) -> Iterator[Server]:
    """Run a studio until the tests are done with it."""
    server = Server(f"http://127.0.0.1:{port}", command, data)
    server.start()
    yield server
    server.end()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The studio as a person starts it, on the starter model."""
    port, data = free_port(), tmp_path_factory.mktemp("data")
    command = [str(ROOT / "launch.py"), "--port", str(port), "--data", str(data), "--models", "starter"]
    yield from serve(command, port, data)


@pytest.fixture(scope="session")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The studio on the scripted engine, see scripted.py."""
    port, data = free_port(), tmp_path_factory.mktemp("scripted")
    yield from serve([str(Path(__file__).parent / "scripted.py"), str(port), str(data)], port, data)


def chromium_path() -> str | None:
    """A Chromium that this machine has."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = chromium_path()
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
    page = chromium.new_context(**{**WINDOW, **settings}).new_page()  # type: ignore[arg-type]
    page.goto(server.url)
    opened(page)
    return page


def opened(page: Page) -> None:
    """Wait until the studio can be used."""
    page.wait_for_selector("#instruction textarea", timeout=60_000)
    page.wait_for_selector("#paper .empty", timeout=60_000)


def watched(server: Server, chromium: Browser, **settings: object) -> Iterator[Page]:
    """A page that must not ask any other host, for a person who has never been here.

    The window is one that an earlier test left: what it stored is forgotten, except the files of the page, which take
    most of the time of opening it.
    """
    given = {**WINDOW, **settings}
    left = _windows.setdefault((chromium, repr(sorted(given.items()))), [])
    page = left.pop() if left else chromium.new_context(**given).new_page()  # type: ignore[arg-type]
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    page.goto(server.url)
    opened(page)
    yield page
    page.remove_listener("request", note)
    page.unroute_all()
    page.emulate_media(reduced_motion="null")
    page.goto("about:blank")  # nothing is stored any more
    page.context.clear_cookies()
    page.context.clear_permissions()
    forget = {"origin": server.url, "storageTypes": "all"}
    page.context.new_cdp_session(page).send("Storage.clearDataForOrigin", forget)
    left.append(page)
    others = [url for url in asked if not url.startswith((server.url, "data:", "blob:"))]
    assert not others, f"the page asked other hosts: {others}"


@pytest.fixture
def page(scripted: Server, chromium: Browser) -> Iterator[Page]:
    """The studio on the scripted engine."""
    yield from watched(scripted, chromium)


@pytest.fixture
def starter_page(server: Server, chromium: Browser) -> Iterator[Page]:
    """The studio on the starter model, which takes its time."""
    yield from watched(server, chromium)


def begin(page: Page, instruction: str, images: str | None = "automatic") -> None:
    """Fill the form, start, and wait for the first words. `images` None leaves their number as it is."""
    page.fill("#instruction textarea", instruction)
    if images is not None:
        page.click("#images input")
        page.get_by_role("option", name=images, exact=True).click()
    page.click("#start")
    page.wait_for_selector("#paper section", timeout=120_000)


def ended(page: Page) -> None:
    """Wait until nothing is under way."""
    page.wait_for_selector("#paper .stop[hidden]", timeout=120_000, state="attached")
