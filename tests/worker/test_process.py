"""The worker's own side, in this process: what it says when its engine fails for good."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from studio.protocol import Done, Event, Generate, Prompt, Started, Text, TokenIds
from studio.specs import ScriptedSpec
from studio.worker.messages import CallEvent, Cancel, Crashed, Run
from studio.worker.process import _Worker


class Engine:
    """Busy once it has a call; a step does what the test says."""

    batch = 1
    cards: Mapping[Any, Any] = {}

    def __init__(self, outcome: list[tuple[int, Event]] | Exception) -> None:
        self.outcome = outcome
        self.busy = False

    def submit(self, number: int, call: object) -> None:
        self.busy = True

    def cancel(self, number: int) -> None: ...

    def count(self, role: str, prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        return (0,) * len(prompts)

    def encode(self, role: str, prompt: Prompt) -> TokenIds:
        return TokenIds(())

    def close(self) -> None: ...

    def memory(self) -> Mapping[str, int]:
        return {}

    def step(self) -> list[tuple[int, Event]]:
        self.busy = False
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def test_an_engine_that_cannot_go_on_says_why_before_the_process_ends() -> None:
    ours, theirs = multiprocessing.Pipe()
    worker = _Worker(ScriptedSpec(), theirs, 60.0)
    worker._calls.put((1, Generate("composer", (Text("x"),))))
    with pytest.raises(SystemExit, match="the device is lost"):
        worker._step(Engine(RuntimeError("the device is lost")))
    assert ours.recv() == CallEvent(1, Started())
    assert ours.recv() == Crashed("RuntimeError: the device is lost")


def test_nothing_is_remembered_of_calls_that_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = multiprocessing.Pipe()
    worker = _Worker(ScriptedSpec(), theirs, 60.0)
    engine = worker._engine = Engine([(1, Done("cancelled"))])
    monkeypatch.setattr("os._exit", sys.exit)  # of the thread, then

    def listen() -> None:
        with suppress(SystemExit):
            worker._listen()

    listening = threading.Thread(target=listen, daemon=True)
    listening.start()
    call = Generate("composer", (Text("x"),))
    ours.send(Run(1, call))
    worker._begin(engine, *worker._calls.get())
    ours.send(Cancel(1))
    ours.send(Run(2, call))
    worker._calls.get()  # so the one before it has been taken
    assert worker._cancelled == {1} and worker._known == {1, 2}
    worker._step(engine)
    ours.send(Cancel(1))  # too late
    ours.send(Run(3, call))
    worker._calls.get()
    assert worker._cancelled == set() and worker._known == {2, 3}
    assert [ours.recv().event for _ in range(2)] == [Started(), Done("cancelled")]
    ours.close()  # the page is gone
    listening.join(10)
    assert not listening.is_alive()
