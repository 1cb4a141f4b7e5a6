"""A studio in a process of its own gets a signal while forty people's articles are under way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from studio.storage.store import Store

SCRIPT = Path(__file__).parent / "stopping.py"
PEOPLE = [f"person {i}" for i in range(40)]


def begin(data: Path) -> tuple[subprocess.Popen[str], int, int]:
    """The process, once its articles are under way, the number of its worker, and its port."""
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(data)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    word, worker, port = process.stdout.readline().split()
    assert word == "ready"
    return process, int(worker), int(port)


def connect(port: int) -> socket.socket:
    """A connection, as soon as the server listens: it takes signals a moment before."""
    until = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            assert time.monotonic() < until, "it never listened"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_in_order_and_everything_can_be_gone_on_with(tmp_path: Path, sent: signal.Signals) -> None:
    process, worker, _ = begin(tmp_path)
    told = time.monotonic()
    process.send_signal(sent)
    assert process.wait(30) in (-sent, 128 + sent, 1)
    assert time.monotonic() - told < 15, "within some seconds"
    assert not psutil.pid_exists(worker)
    store = Store(tmp_path)
    assert store.mark_interrupted() == 0, "nothing was left to the next start"
    rows = [row for person in PEOPLE for row in store.list_articles(person)]
    assert len(rows) == len(PEOPLE), "accepted means kept"
    articles = [store.article(person, row.id) for person, row in zip(PEOPLE, rows, strict=True)]
    assert {(a.status, a.interrupted, a.error) for a in articles} == {("stopped", True, "")}
    assert any("Words come" in a.markdown for a in articles)
    turn = store.conversation("asker", store.list_conversations("asker")[0].id).turns[-1]
    assert turn.answer.startswith("Words come") and turn.finish == "cancelled"


def test_a_frozen_worker_does_not_keep_the_studio_from_ending(tmp_path: Path) -> None:
    process, worker, _ = begin(tmp_path)
    os.kill(worker, signal.SIGSTOP)
    process.send_signal(signal.SIGTERM)
    process.wait(40)
    store = Store(tmp_path)
    assert store.mark_interrupted() == 0
    assert all(store.article(p, store.list_articles(p)[0].id).interrupted for p in PEOPLE)
    if psutil.pid_exists(worker):
        os.kill(worker, signal.SIGKILL)
        pytest.fail("the worker outlived the page")


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    process, _, port = begin(tmp_path)
    with connect(port) as page:
        page.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")  # an open page: the orderly end gives it some time
        process.send_signal(signal.SIGINT)
        with pytest.raises(OSError, match="refused"):
            while True:  # nothing new is taken: the end has begun
                socket.create_connection(("127.0.0.1", port)).close()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 128 + signal.SIGINT
    store = Store(tmp_path)
    store.mark_interrupted()
    assert all(store.article(p, store.list_articles(p)[0].id).interrupted for p in PEOPLE)
