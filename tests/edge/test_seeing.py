"""What an operator sees: health, metrics, the log, and the number of a fault."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from edge.edge_server import Edge
from studio import logs
from studio.api.health import SILENT
from studio.errors import EngineError, InputError, StorageError, WorkerDied
from studio.ui.server.request_log import HEADER, route_of


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    logs.configure("file", tmp_path)
    yield tmp_path / "logs" / "studio.jsonl"
    logs.configure("off", tmp_path)


def test_health_is_200_with_what_it_rests_on(edge: Edge) -> None:
    edge.studio.worker.wait_ready(30)
    answer = httpx.get(f"{edge.url}/healthz")
    body = answer.json()
    assert answer.status_code == 200 and body["reason"] == ""
    assert body["models"]["composer"] == "scripted model" and body["storage"]["free_bytes"] > 0
    assert body["worker"]["heartbeat_age"] < SILENT and body["waiting"] == body["running"] == 0


@pytest.mark.parametrize(
    ("what", "value", "reason"),
    [
        ("state", "starting", "models_starting"),
        ("error", WorkerDied("worker_unstartable", cause="x", seconds=4), "worker_unstartable"),
        ("heartbeat_age", 21.0, "worker_hung"),
        ("heartbeat_age", None, "worker_hung"),
        ("health", StorageError("disk_full", path="/x"), "disk_full"),
    ],
)
def test_health_is_503_with_the_reason(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, what: str, value: object, reason: str
) -> None:
    edge.studio.worker.wait_ready(30)
    if what == "health":
        monkeypatch.setattr(edge.studio.store, "health", lambda: value)
    elif what == "heartbeat_age":
        monkeypatch.setattr(type(edge.studio.worker), "heartbeat_age", property(lambda self: value))
    else:
        monkeypatch.setattr(edge.studio.worker, "state", "failed" if what == "error" else value)
        monkeypatch.setattr(edge.studio.worker, what, value)
    answer = httpx.get(f"{edge.url}/healthz")
    assert (answer.status_code, answer.json()["reason"]) == (503, reason)
    assert "/x" not in answer.text


def test_metrics_count_what_was_done(edge: Edge) -> None:
    edge.studio.worker.wait_ready(30)
    with edge.client() as client:
        began = client.post("/gradio_api/call/write", json={"data": ["Write about peaks", "", 0]}).json()
        client.get(f"/gradio_api/call/write/{began['event_id']}")
        text = client.get("/metrics").text
    assert re.search(r'^studio_calls_total\{kind="generate"\} [1-9]', text, re.M)
    assert re.search(r'^studio_tokens_total\{kind="new"\} [1-9]', text, re.M)
    assert re.search(r"^studio_up 1\.0$", text, re.M)
    assert 'route="/gradio_api/call"' in text and "process_resident_memory_bytes" in text


def test_a_line_a_request_and_no_secret_in_it(edge: Edge, log_file: Path) -> None:
    with edge.client("ab" * 16) as client:
        answer = client.get("/pictures/" + "cd" * 32, params={"q": "my secret"})
        client.get("/gradio_api/file=/home/alice/diary.txt")
        began = client.post("/gradio_api/call/write", json={"data": ["Write about Alice's divorce", "", 0]}).json()
        client.get(f"/gradio_api/call/write/{began['event_id']}")
    text = log_file.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    first = next(line for line in lines if line.get("id") == answer.headers[HEADER])
    assert first["event"] == "request"
    assert (first["route"], first["status"], first["method"]) == ("/pictures", 404, "GET")
    assert [line["kind"] for line in lines if line["event"] == "task"] == ["write"]
    for secret in ("secret", "alice", "divorce", "ab" * 16, "cd" * 32, began["event_id"]):
        assert secret not in text.lower()


def test_a_fault_has_a_number_and_a_mistake_has_none() -> None:
    fault, mistake = EngineError("worker_unstartable", cause="x", seconds=1), InputError("question_empty")
    assert fault.number in fault.explain() and mistake.explain() == mistake.say()
    assert pickle.loads(pickle.dumps(fault)).number == fault.number  # noqa: S301 - our own


def test_the_number_on_the_page_is_the_one_in_the_log(
    edge: Edge, log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("disk_full", path="here")

    monkeypatch.setattr(edge.studio.store, "save_article", fail)
    with edge.client() as client:
        began = client.post("/gradio_api/call/write", json={"data": ["Write about peaks", "", 0]}).json()
        told = client.get(f"/gradio_api/call/write/{began['event_id']}").text
    logged = [json.loads(line) for line in log_file.read_text().splitlines()]
    numbers = [line["number"] for line in logged if line["event"] == "error"]
    assert len(numbers) == 1 and f"({numbers[0]})" in told


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("/pictures/abc", "/pictures"),
        ("/gradio_api/queue/join", "/gradio_api/queue/join"),
        ("/gradio_api/call/write/123", "/gradio_api/call"),
        ("/gradio_api/file=/etc/passwd", "/gradio_api/file"),
        ("/alice", "other"),
        ("/gradio_api/alice", "other"),
        ("/page/dom.js", "/page"),
        ("", "other"),
    ],
)
def test_a_route_is_only_what_is_ours(path: str, route: str) -> None:
    assert route_of(path) == route
