"""The agent on a real small model: `STUDIO_LARGE=FOLDER pytest -m large tests/tasks/test_agent_large.py`.

FOLDER is a data folder with qwen2.5-coder-1.5b (`studio models download qwen2.5-coder-1.5b`). The requests are those of
benchmarks/agent.py; here are the three that the course of this studio shows, and one of the library.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.settings import Settings

pytestmark = [pytest.mark.large, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    file = Path(__file__).parents[2] / "benchmarks" / "agent.py"
    spec = importlib.util.spec_from_file_location("benchmark_agent", file)
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def studio(benchmark: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    data = tmp_path_factory.mktemp("data")
    models = Path(os.environ.get("STUDIO_LARGE", "~/.xcomposer-studio")).expanduser() / "models"
    (data / "models").symlink_to(models)
    server = ThreadingHTTPServer(("127.0.0.1", 0), benchmark.Arxiv)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    settings = Settings(data=str(data), models="qwen2.5-coder-1.5b", threads=1, arxiv=address)
    with Studio(settings, plan(settings)) as studio:
        yield studio
    server.shutdown()


@pytest.mark.parametrize("number", [0, 1, 4, 7, 9])
def test_the_agent_does_what_it_is_asked(benchmark: ModuleType, studio: Studio, number: int) -> None:
    request = benchmark.REQUESTS[number]
    turn, _ = benchmark.ask(studio, request)
    assert request.right(turn), f"{request.question}: {turn.answer}"
