"""Attacks on the worker with real processes: stopped, killed, deaf; with the page killed as well."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from studio.documents.conversation import Conversation
from studio.errors import EngineError, ModelError, WorkerDied
from studio.protocol import Done, Failed, Generate, Image, ModelCard, Piece, Queued, Started, Text
from studio.specs import GgufSpec, Reply, ScriptedSpec
from studio.tasks.chat import ChatAnswerer
from studio.tasks.progress import Stop
from studio.worker.client import WorkerClient
from studio.worker.request import Request
from studio.worker.timing import Timing

QUICK = Timing(beat=0.2, silence=2.0, deaf=4.0, first_pause=0.2, broken_pause=3600.0)
SLOW = Reply("slow " * 5000, match="slow", pace=0.01, times=0)
MEGABYTES_50 = Image("big", b"x" * 50_000_000)


@pytest.fixture
def clients() -> Iterator[list[WorkerClient]]:
    started: list[WorkerClient] = []
    yield started
    for client in started:
        client.close()


def start(clients: list[WorkerClient], spec: ScriptedSpec | GgufSpec, timing: Timing = QUICK) -> WorkerClient:
    client = WorkerClient(spec, timing)
    clients.append(client)
    client.start()
    return client


def ready(clients: list[WorkerClient], *replies: Reply, batch: int = 1) -> WorkerClient:
    client = start(clients, ScriptedSpec(replies, batch=batch))
    client.wait_ready(60)
    return client


def ask(client: WorkerClient, text: str) -> Request:
    return client.submit(Generate("composer", (Text(text),)), "me")


def until_piece(request: Request) -> None:
    assert any(isinstance(event, Piece) for event in request.events())


def send_signal(client: WorkerClient, number: signal.Signals) -> int:
    assert client.pid
    os.kill(client.pid, number)
    return client.pid


def wait_for(client: WorkerClient, state: str, but_pid: int | None = None) -> None:
    """Until the client says `state`, of another process than `but_pid`."""
    with client._changed:
        assert client._changed.wait_for(lambda: client.state == state and client.pid not in (None, but_pid), 60)


def is_dead(pid: int, timeout: float = 10.0) -> bool:
    """Whether the process is gone in time. What nobody waits for stays as a zombie: dead as well."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def test_a_stopped_worker_is_killed_and_replaced_and_its_call_told(clients: list[WorkerClient]) -> None:
    client = ready(clients, SLOW, Reply("back again"))
    request = ask(client, "slow")
    until_piece(request)
    pid = send_signal(client, signal.SIGSTOP)
    with pytest.raises(WorkerDied, match="no sign of life for [23] s"):
        request.result()
    assert is_dead(pid)
    assert "".join(e.text for e in ask(client, "x").events() if isinstance(e, Piece)) == "back again"
    assert client.restarts == client.stats.deaths == client.stats.hangs == 1
    assert client.stats.errors == {"worker_hung": 1}


def test_a_main_loop_that_hangs_behind_a_beating_heart_is_found(clients: list[WorkerClient]) -> None:
    client = ready(clients, Reply("", reason="hang"))
    with pytest.raises(WorkerDied, match="no sign of life"):
        ask(client, "x").result()
    assert client.stats.hangs == 1


def test_nothing_blocks_on_a_stopped_worker_with_a_large_question_in_the_pipe(clients: list[WorkerClient]) -> None:
    """The question was written under the client's lock: everything that asked for the state hung with it."""
    client = ready(clients, SLOW, batch=3)
    first = ask(client, "slow")
    until_piece(first)
    pid = send_signal(client, signal.SIGSTOP)
    began = time.monotonic()
    large = client.submit(Generate("composer", (MEGABYTES_50, Text("slow"))))
    small = ask(client, "slow")
    assert (client.state, client.waiting, client.running) == ("ready", 0, 3)
    large.cancel()
    assert large.result() == Done("cancelled")
    assert client.heartbeat_age is not None and client.memory["process"] > 0
    assert time.monotonic() - began < 1.0
    for request in (first, small):
        with pytest.raises(WorkerDied):
            request.result()
    assert is_dead(pid)
    wait_for(client, "ready", but_pid=pid)


def test_closing_a_stopped_worker_takes_no_time(clients: list[WorkerClient]) -> None:
    client = ready(clients, SLOW)
    request = client.submit(Generate("composer", (MEGABYTES_50, Text("slow"))))
    pid = send_signal(client, signal.SIGSTOP)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 2.0 and is_dead(pid)
    with pytest.raises(EngineError, match="closing"):
        request.result()


def test_stop_works_at_once_and_the_place_is_free_when_the_worker_is(clients: list[WorkerClient]) -> None:
    client = ready(clients, SLOW, Reply("next", match="next"))
    stopped, waiting = ask(client, "slow"), ask(client, "next")
    until_piece(stopped)
    send_signal(client, signal.SIGSTOP)
    began = time.monotonic()
    stopped.cancel()
    assert stopped.result() == Done("cancelled")
    assert time.monotonic() - began < 1.0
    assert client.running == 1 and client.waiting == 1
    assert "".join(e.text for e in waiting.events() if isinstance(e, Piece)) == "next"
    assert client.stats.hangs == 1 and client.stats.cancelled == 1


def test_what_a_worker_still_says_after_stop_is_dropped(clients: list[WorkerClient]) -> None:
    client = ready(clients, SLOW, Reply("next", match="next"))
    stopped = ask(client, "slow")
    until_piece(stopped)
    stopped.cancel()
    assert isinstance(ask(client, "next").result(), Done)
    rest = list(stopped.events())
    assert isinstance(rest[-1], Done) and [isinstance(e, Piece) for e in rest[:-1]] == [True] * (len(rest) - 1)
    assert stopped._inbox.empty() and client.running == 0


def test_stop_during_loading(clients: list[WorkerClient]) -> None:
    client = start(clients, ScriptedSpec(load=60.0), Timing())
    request = ask(client, "x")
    wait_for(client, "starting")
    began = time.monotonic()
    request.cancel()
    assert request.result() == Done("cancelled") and client.waiting == 0
    client.close()
    assert time.monotonic() - began < 2.0


def test_a_question_asked_while_the_worker_is_replaced_can_be_stopped(clients: list[WorkerClient]) -> None:
    client = start(clients, ScriptedSpec(), Timing())
    client.wait_ready(60)
    client.spec = ScriptedSpec(load=60.0)
    pid = send_signal(client, signal.SIGKILL)
    wait_for(client, "starting", but_pid=pid)
    stop = Stop()
    states = ChatAnswerer(client, lambda key: b"").ask(Conversation().ask("x"), "me", stop)
    assert any(state.waiting for state in states)
    began = time.monotonic()
    stop.press()
    *_, last = states
    assert last.ended and last.conversation.turns[-1].finish == "cancelled" and time.monotonic() - began < 1.0


def test_three_deaths_while_loading_make_a_pause_and_not_an_end(clients: list[WorkerClient]) -> None:
    timing = replace(QUICK, silence=60.0, first_pause=30.0)
    client = start(clients, ScriptedSpec((Reply("at last"),), load=60.0), timing)
    waiting, pid = ask(client, "x"), None
    for _ in range(3):
        wait_for(client, "starting", but_pid=pid)
        pid = send_signal(client, signal.SIGKILL)
    with pytest.raises(EngineError, match="SIGKILL.*started again in 30 s"):
        waiting.result()
    assert client.state == "failed" and client.restarts == 3
    assert client.retry_in is not None and 20 < client.retry_in <= 30
    refused = ask(client, "x")
    (event,) = refused.events()
    assert isinstance(event, Failed) and event.error.key == "worker_unstartable"
    assert 20 < int(str(event.error.facts["seconds"])) <= 30
    with pytest.raises(EngineError, match="SIGKILL"):
        client.wait_ready(60)
    client.spec = ScriptedSpec((Reply("at last"),))  # whatever killed it is over
    client.retry()
    with client._changed:
        assert client._changed.wait_for(lambda: client.state == "ready", 60)
    assert isinstance(ask(client, "x").result(), Done) and client.error is None and client.retry_in is None


def test_the_pause_ends_by_itself(clients: list[WorkerClient]) -> None:
    client = start(clients, ScriptedSpec((Reply("at last"),), load=60.0), replace(QUICK, silence=60.0))
    pid = None
    for attempt in range(3):
        wait_for(client, "starting", but_pid=pid)
        if attempt == 2:
            client.spec = ScriptedSpec((Reply("at last"),))
        pid = send_signal(client, signal.SIGKILL)
    wait_for(client, "ready", but_pid=pid)


def test_pauses_double_up_to_a_minute() -> None:
    pauses = [Timing().pause(failures, broken=False) for failures in range(1, 12)]
    assert pauses == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert Timing().pause(10**6, broken=False) == 60 and Timing().pause(1, broken=True) == 60


def test_models_that_cannot_be_loaded_are_tried_again_on_request(clients: list[WorkerClient]) -> None:
    client = start(clients, GgufSpec("/nowhere/model.gguf", ModelCard("x", "starter", ("en",), False, 512)))
    with pytest.raises(ModelError, match="/nowhere/model.gguf"):
        client.wait_ready(60)
    with pytest.raises(ModelError, match="/nowhere/model.gguf"):
        ask(client, "x").result()
    assert client.restarts == client.stats.deaths == 0 and client.retry_in is not None
    client.spec = ScriptedSpec((Reply("mended"),))
    client.retry()
    with client._changed:
        assert client._changed.wait_for(lambda: client.state == "ready", 60)
    assert isinstance(ask(client, "x").result(), Done)


def test_signals_for_the_page_do_not_end_the_worker(clients: list[WorkerClient]) -> None:
    client = ready(clients, SLOW)
    request = ask(client, "slow")
    until_piece(request)
    send_signal(client, signal.SIGINT)
    send_signal(client, signal.SIGTERM)
    until_piece(request)
    assert client.restarts == 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_the_worker_inherits_no_socket_of_the_page(clients: list[WorkerClient]) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.set_inheritable(True)  # as a server does that hands its socket on
        client = ready(clients)
        mine = os.readlink(f"/proc/self/fd/{listening.fileno()}")
        theirs = {os.readlink(file.path) for file in os.scandir(f"/proc/{client.pid}/fd")}
        assert mine not in theirs


PAGE = """
import sys
from studio.protocol import Generate, Piece, Text
from studio.specs import Reply, ScriptedSpec
from studio.worker.client import WorkerClient
if __name__ == "__main__":
    client = WorkerClient(ScriptedSpec((Reply("slow " * 5000, pace=0.01),), load=float(sys.argv[1])))
    client.start()
    if sys.argv[1] == "0":
        request = client.submit(Generate("composer", (Text("x"),)))
        any(isinstance(event, Piece) for event in request.events())
    else:
        with client._changed:
            client._changed.wait_for(lambda: client.pid)
    print(client.pid, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def page(tmp_path) -> Iterator[list[str]]:  # type: ignore[no-untyped-def]
    (tmp_path / "page.py").write_text(PAGE)
    yield [sys.executable, str(tmp_path / "page.py")]


def start_page(page: list[str], load: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen([*page, load], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    return process, int(process.stdout.readline())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a stopped process with its parent")
@pytest.mark.parametrize("load", ["0", "60"])
@pytest.mark.parametrize("stopped", [True, False])
def test_no_worker_outlives_a_page_that_is_killed(page: list[str], load: str, stopped: bool) -> None:
    process, worker = start_page(page, load)
    if load != "0":  # it has set its signals when it ignores this one
        while not _ignores(worker, signal.SIGTERM):
            time.sleep(0.01)
    if stopped:
        os.kill(worker, signal.SIGSTOP)
    process.kill()
    process.wait(10)
    assert is_dead(worker)


def test_a_page_that_ends_without_closing_takes_a_stopped_worker_along(page: list[str]) -> None:
    """multiprocessing asks its children to end and waits for them, which a stopped one never does."""
    process, worker = start_page(page, "0")
    os.kill(worker, signal.SIGSTOP)
    process.communicate("\n", timeout=15)
    assert process.returncode == 0 and is_dead(worker)


def _ignores(pid: int, number: signal.Signals) -> bool:
    with open(f"/proc/{pid}/status") as status:
        mask = next(int(line.split()[1], 16) for line in status if line.startswith("SigIgn"))
    return bool(mask >> (number - 1) & 1)


def test_who_waits_is_told_how_it_goes_on_while_nothing_changes(clients: list[WorkerClient]) -> None:
    """The first text that comes lets the wait be told, though nobody came or went since."""
    client = ready(clients, SLOW, Reply("next", match="next"))
    ask(client, "slow")
    waiting = ask(client, "next")
    told = []
    for event in waiting.events():
        assert not isinstance(event, Started)
        told.append(event)
        if isinstance(event, Queued) and event.seconds is not None:
            break
    assert told[0] == Queued(1, None)
