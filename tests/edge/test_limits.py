"""What is too large, too slow or too much at once is ended, with a sentence where somebody can read it."""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from edge.edge_server import Edge, Start, upload
from studio.ui.server.limits import Limits

ALICE, BOB = "a" * 32, "b" * 32
BOUNDARY = "xyz"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'.encode()
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@contextmanager
def connected(edge: Edge, sent: bytes) -> Iterator[socket.socket]:
    parts = urlsplit(edge.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=20) as link:
        link.sendall(sent)
        yield link


def begun(edge: Edge, path: str, length: int, kind: str = "application/json", key: str = ALICE) -> bytes:
    host = urlsplit(edge.url).netloc
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nContent-Type: {kind}\r\n"
    return f"{head}Cookie: studio-person={key}\r\n\r\n".encode()


def last(link: socket.socket) -> bytes:
    """What comes until the studio ends the connection."""
    received = b""
    while chunk := link.recv(65536):
        received += chunk
    return received


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: b", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"],
)
def test_heads_that_do_not_come_are_not_waited_for(start: Start, sent: bytes) -> None:
    edge = start(Limits(head_seconds=0.3))
    with connected(edge, sent) as link:
        began = time.monotonic()
        assert last(link) == b"" and time.monotonic() - began < 10


def test_the_second_head_of_a_connection_is_not_waited_for_either(start: Start) -> None:
    edge = start(Limits(head_seconds=0.3))
    host = urlsplit(edge.url).netloc
    with connected(edge, f"GET /page/dom.js HTTP/1.1\r\nHost: {host}\r\n\r\nGET / HT".encode()) as link:
        assert last(link).startswith(b"HTTP/1.1 200")


def test_a_head_that_came_is_left_in_peace(start: Start) -> None:
    """A stream goes on for longer than a head may take."""
    edge = start(Limits(head_seconds=0.2))
    with edge.client(ALICE) as client, client.stream("GET", "/gradio_api/heartbeat/hers", timeout=1) as answer:
        with pytest.raises(httpx.ReadTimeout):  # no end of the stream: only we are out of patience
            answer.read()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/gradio_api/queue/join", "application/json"),
        ("/gradio_api/call/ask", "application/json"),
        ("/login", "application/x-www-form-urlencoded"),
        ("/gradio_api/upload", f"multipart/form-data; boundary={BOUNDARY}"),
        ("/nothing", "text/plain"),
    ],
)
def test_bodies_that_do_not_come_are_not_waited_for(start: Start, path: str, kind: str) -> None:
    edge = start(Limits(body_seconds=0.3))
    with connected(edge, begun(edge, path, 1000, kind) + HEAD) as link:
        assert last(link).startswith((b"HTTP/1.1 408", b"HTTP/1.1 404", b"HTTP/1.1 405"))
    assert not [p for p in edge.uploads.incoming.rglob("*")] if edge.uploads.incoming.exists() else True


def test_a_body_that_drips_is_ended_and_one_that_flows_is_not(start: Start) -> None:
    edge = start(Limits(body_seconds=0.5, slowest=1000))
    with connected(edge, begun(edge, "/gradio_api/queue/join", 10_000)) as link, pytest.raises(OSError):
        for _ in range(100):  # 100 bytes a second
            link.sendall(b"x" * 10)
            time.sleep(0.1)
    with connected(edge, begun(edge, "/gradio_api/queue/join", 5000)) as link:
        for _ in range(10):  # 5,000 bytes a second for twice as long as a body may take at first
            link.sendall(b"[" * 500)
            time.sleep(0.1)
        assert link.recv(100).startswith(b"HTTP/1.1 422")


def test_a_hundred_that_never_finish_are_gone(start: Start) -> None:
    edge = start(Limits(head_seconds=1, body_seconds=1, uploads=200, uploads_each=200))
    with ExitStack() as stack:
        links = [stack.enter_context(connected(edge, b"GET / HTTP/1.1\r\nHost:")) for _ in range(50)]
        half = begun(edge, "/gradio_api/upload", 10_000, f"multipart/form-data; boundary={BOUNDARY}") + HEAD
        links += [stack.enter_context(connected(edge, half)) for _ in range(50)]
        with edge.client(BOB) as client:
            assert client.get("/page/dom.js").status_code == 200
        for link in links:
            last(link)  # ends


def test_a_body_that_is_too_large_is_refused_before_it_comes(edge: Edge) -> None:
    for path, size in (("/gradio_api/call/ask", 3 << 20), ("/gradio_api/upload", 202 << 20), ("/login", 3 << 20)):
        with connected(edge, begun(edge, path, size)) as link:
            answer = last(link)
            assert answer.startswith(b"HTTP/1.1 413") and b"Please send less at once" in answer


@pytest.mark.parametrize("path", ["/gradio_api/call/ask", "/gradio_api/upload"])
def test_a_body_without_a_length_is_counted(start: Start, path: str) -> None:
    edge = start(Limits(json=10_000, upload=10_000))

    def chunks() -> Iterator[bytes]:
        yield HEAD
        for _ in range(200):
            yield b"x" * 1000

    with edge.client(ALICE, headers=FORM) as client:
        try:
            assert client.post(path, content=chunks()).status_code == 413
        except httpx.TransportError:
            pass  # the connection was ended while we were still sending


@pytest.mark.parametrize("length", ["-1", "x", "1e9", "99999999999999999999"])
def test_lengths_that_are_none(edge: Edge, length: str) -> None:
    host = urlsplit(edge.url).netloc
    head = f"POST /gradio_api/call/ask HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode()
    with connected(edge, head) as link:
        assert last(link)[9:12] in (b"400", b"413")


def test_a_read_with_a_body_is_refused(edge: Edge) -> None:
    host = urlsplit(edge.url).netloc
    with connected(edge, f"GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000000\r\n\r\nx".encode()) as link:
        assert last(link).startswith(b"HTTP/1.1 400")


def test_uploads_at_once_are_limited_for_one_and_for_all(start: Start) -> None:
    edge = start(Limits(uploads_each=2, uploads=3))
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    with ExitStack() as stack:
        for key in (ALICE, ALICE, BOB):
            stack.enter_context(connected(edge, begun(edge, "/gradio_api/upload", 10_000, kind, key) + HEAD))
        with edge.client("c" * 32) as carol, edge.client(ALICE) as alice:
            answers = [client.post("/gradio_api/upload", files={"files": ("a", b"x")}) for client in (alice, carol)]
            for answer in answers:
                assert answer.status_code == 429 and "Wait until one is done" in answer.json()["error"]
                assert answer.headers["retry-after"]
    with edge.client(ALICE) as alice:  # those that broke off have made room
        give_up = time.monotonic() + 10
        while alice.post("/gradio_api/upload", files={"files": ("a", b"x")}).status_code == 429:
            assert time.monotonic() < give_up
    assert not list(edge.uploads.incoming.iterdir())


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        (FORM["Content-Type"], b"no form"),
        (FORM["Content-Type"], HEAD + b"broken off"),
        (FORM["Content-Type"], b""),
        (FORM["Content-Type"], f"--{BOUNDARY}\r\nX: y\r\n\r\nz\r\n--{BOUNDARY}--\r\n".encode()),
        (FORM["Content-Type"], b"\r\n".join([b"--xyz"] + [b"A: b"] * 100 + [b"", b"z", b"--xyz--"])),
        ("text/plain; boundary=" + "x" * 4000, HEAD),
    ],
)
def test_forms_that_are_none(edge: Edge, kind: str, body: bytes) -> None:
    with edge.client(ALICE) as client:
        answer = client.post("/gradio_api/upload", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400 and "Please choose the file again" in answer.json()["error"]
    assert not list(edge.uploads.incoming.iterdir())


def test_several_files_come_in_order_under_their_names(edge: Edge) -> None:
    given = [("猫.png", b"1"), ("../b.png", b""), ("c.png", b"3" * 300_000), ("", b"4"), ("猫.png", b"5")]
    with edge.client(ALICE) as client:
        files = [("files", (name, data, "image/png")) for name, data in given if name]
        paths = [Path(p) for p in client.post("/gradio_api/upload", files=files, params={"upload_id": "u"}).json()]
        assert [p.name for p in paths] == ["猫.png", "b.png", "c.png", "猫.png"]
        assert [p.read_bytes() for p in paths] == [b"1", b"", b"3" * 300_000, b"5"]
        assert "done" in client.get("/gradio_api/upload_progress", params={"upload_id": "u"}).text


def test_a_full_disk_is_a_sentence(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with edge.client(ALICE) as client:
        for place in ("tempfile.NamedTemporaryFile", "os.replace", "pathlib.Path.mkdir"):
            with monkeypatch.context() as patch:
                patch.setattr(place, full)
                answer = client.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 100)})
            assert answer.status_code == 507 and "is full" in answer.json()["error"], place
        id = _article(client)
        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.write_bytes", full)
            began = client.post("/gradio_api/call/export", json={"data": [id, "md"]}).json()
            assert "is full" in client.get(f"/gradio_api/call/export/{began['event_id']}").text
        assert upload(client, ("a.png", b"x"))


def _article(client: httpx.Client) -> int:
    began = client.post("/gradio_api/call/write", json={"data": ["Write about peaks", "", 0]}).json()
    told = client.get(f"/gradio_api/call/write/{began['event_id']}").text
    final = [line for line in told.splitlines() if line.startswith("data: [")][-1]
    return int(json.loads(final.removeprefix("data: "))[0]["id"])


def test_connections_beyond_the_limit_are_told_so(start: Start) -> None:
    edge = start(Limits(connections=20))
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(connected(edge, b"GET"))
        with edge.client() as client:
            assert client.get("/page/dom.js").status_code == 503
