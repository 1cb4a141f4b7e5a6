"""A studio on the scripted engine, served as `serve` does it, for attacks over HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import uvicorn
from starlette.routing import Mount

from studio.app import Studio
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.ui.identity import COOKIE
from studio.ui.server import application
from studio.ui.server.gate import Gate
from studio.ui.server.limits import Limits
from studio.ui.server.listen import server_options
from studio.ui.uploads import Uploads, uploads_of

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
CARD = ModelCard("scripted model", "starter", ("en", "zh"), sees=False, context=65536, beams=5)
SPEC = ScriptedSpec((Reply("A mountain.\n\nA path.", "", times=0),), CARD)


@dataclass
class Edge:
    """A running studio."""

    url: str
    studio: Studio
    blocks: gr.Blocks
    uploads: Uploads

    def client(self, key: str = "", **options: Any) -> httpx.Client:
        """Somebody; with a `key` the person whom that names."""
        cookies = {COOKIE: key} if key else None
        return httpx.Client(base_url=self.url, timeout=30, cookies=cookies, **options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(studio: Studio, limits: Limits) -> Iterator[Edge]:
    """Serve in a thread until the test is done."""
    app = application(studio, limits)
    options = {"log_level": "warning", "timeout_graceful_shutdown": 1, **server_options(studio.settings, limits)}
    server = uvicorn.Server(uvicorn.Config(app, **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    gate = next(route.app for route in app.routes if isinstance(route, Mount) and isinstance(route.app, Gate))
    root = studio.settings.root_path
    yield Edge(f"http://127.0.0.1:{studio.settings.port}{root}", studio, gate._blocks, uploads_of(studio))
    server.should_exit = True
    thread.join(20)


Start = Callable[..., Edge]


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """A studio that answers."""
    settings = Settings(port=free_port(), data=str(tmp_path_factory.mktemp("edge")))
    with Studio(settings, SPEC) as studio:
        yield from run(studio, Limits())


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a studio with other settings or limits; its models are not loaded."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))  # each studio sets it: afterwards it is the session's again
    with ExitStack() as stack:

        def start(limits: Limits | None = None, **settings: Any) -> Edge:
            chosen = replace(Settings(port=free_port(), data=str(tmp_path)), **settings)
            studio = Studio(chosen, SPEC)
            stack.callback(studio.store.close)
            running = run(studio, limits or Limits())
            stack.callback(lambda: next(running, None))
            return next(running)

        yield start


def upload(client: httpx.Client, path: Path | tuple[str, bytes]) -> str:
    """Upload a file; gives its path."""
    name, data = path if isinstance(path, tuple) else (path.name, path.read_bytes())
    answer = client.post("/gradio_api/upload", files={"files": (name, data)})
    assert answer.status_code == 200, answer.text
    return str(answer.json()[0])


def reference(path: object) -> dict[str, Any]:
    """A file as Gradio's clients name it."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}
