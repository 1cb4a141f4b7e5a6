"""The worker's process: builds the engine, takes calls from the pipe, sends events back.

It is spawned, so nothing of the page's process leaks in, and it may be killed at any time: it holds nothing that needs
an orderly end. Its messages are in `studio.worker.messages`. The engine steps in the main thread; describing pictures
and embedding texts, which run on the CPU, and counting tokens have a thread each, so that none waits for a text or for
another.

It ends with the page's process, however that ends: the pipe closes, and on Linux the kernel kills it (also when it is
stopped). Signals that a terminal or a service manager sends to the whole group are left to the page.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import queue
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from studio.engine.base import AuxiliaryModels, Engine
from studio.engine.build import build_auxiliary, build_engine
from studio.engine.serial import as_studio_error
from studio.errors import StudioError
from studio.protocol import (
    Choose,
    Count,
    Counts,
    Describe,
    Done,
    Embed,
    Encode,
    Event,
    Failed,
    Generate,
    Result,
    Started,
    Vectors,
)
from studio.specs import EngineSpec
from studio.worker.heartbeat import HeartbeatSender
from studio.worker.messages import Broken, CallEvent, Cancel, Crashed, FromWorker, Ready, Run

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(spec: EngineSpec, pipe: Connection, beat: float) -> None:
    """The process's life: until the pipe closes. A heartbeat every `beat` seconds."""
    _end_with_the_page()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: on busy cores its threads wait 10 times longer
    with suppress(BrokenPipeError):  # the page has closed the pipe; nobody is left to be told
        _Worker(spec, pipe, beat).run()


def _end_with_the_page() -> None:
    """Not covered: a process that is stopped before it gets here, a moment after its start, and then left behind."""
    if sys.platform == "linux":
        # The signal comes when the *thread* that started this process ends: the client's own, which outlives it.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent and os.getppid() != parent.pid:  # it died before it could be watched
        os._exit(0)
    for terminal in (signal.SIGINT, signal.SIGTERM):  # they go to the whole group: the page decides
        signal.signal(terminal, signal.SIG_IGN)


Auxiliary = Describe | Embed | Count | Encode  # what does not wait for a text


class _Worker:
    """What the threads share."""

    def __init__(self, spec: EngineSpec, pipe: Connection, beat: float) -> None:
        self._spec, self._pipe = spec, pipe
        self._auxiliary: AuxiliaryModels = build_auxiliary(spec)
        self._engine: Engine | None = None
        self._heartbeats = HeartbeatSender(self._tell, beat)
        self._sending = threading.Lock()
        self._calls: queue.SimpleQueue[tuple[int, Generate | Choose]] = queue.SimpleQueue()
        self._describes: queue.SimpleQueue[tuple[int, Auxiliary]] = queue.SimpleQueue()
        self._embeds: queue.SimpleQueue[tuple[int, Auxiliary]] = queue.SimpleQueue()
        self._counts: queue.SimpleQueue[tuple[int, Auxiliary]] = queue.SimpleQueue()
        self._known: set[int] = set()  # calls that have not ended
        self._cancelled: set[int] = set()

    def run(self) -> None:
        """Load, then step for ever. Raises BrokenPipeError when the page is gone."""
        self._heartbeats.advance("load")
        self._heartbeats.start()
        threading.Thread(target=self._listen, name="listen", daemon=True).start()
        for loop, calls in (("describe", self._describes), ("embed", self._embeds), ("count", self._counts)):
            threading.Thread(target=self._serve, args=(loop, calls), name=loop, daemon=True).start()
        try:  # after the threads have begun: the engine may lower the priority of this one
            engine = self._engine = build_engine(self._spec)
        except Exception as e:  # noqa: BLE001 - the edge of the process: whatever it is, people must read it
            self._tell(Broken(as_studio_error(e)))
            return
        self._heartbeats.rest("load")
        self._tell(Ready(dict(engine.cards), dict(engine.memory()), engine.batch))
        while True:
            self._step(engine)

    def _listen(self) -> None:
        """Sort what comes through the pipe."""
        while True:
            try:
                message: Run | Cancel = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(0)  # the page is gone; a call under way has nobody to answer
            match message:
                case Cancel(number):
                    self._cancel(number)
                case Run(number, Describe() as call):
                    self._known.add(number)
                    self._describes.put((number, call))
                case Run(number, Embed() as call):
                    self._known.add(number)
                    self._embeds.put((number, call))
                case Run(number, Count() | Encode() as call):
                    self._known.add(number)
                    self._counts.put((number, call))
                case Run(number, Generate() | Choose() as call):
                    self._known.add(number)
                    self._calls.put((number, call))

    def _cancel(self, number: int) -> None:
        if number in self._known:
            self._cancelled.add(number)
            if self._engine:
                self._engine.cancel(number)

    def _step(self, engine: Engine) -> None:
        """Take new calls, waiting for one when there is nothing else to do; then let the engine work a little."""
        while not (engine.busy and self._calls.empty()):
            if not engine.busy:
                self._heartbeats.rest("engine")
            number, call = self._calls.get()
            self._heartbeats.advance("engine")
            self._begin(engine, number, call)
        try:
            events = engine.step()
        except Exception as e:  # noqa: BLE001 - an engine that cannot go on ends this process, and another is started
            self._tell(Crashed(f"{type(e).__name__}: {e}"))
            raise SystemExit(f"the engine failed: {type(e).__name__}: {e}") from e
        self._heartbeats.advance("engine")
        for number, event in events:
            self._send(number, event)

    def _begin(self, engine: Engine, number: int, call: Generate | Choose) -> None:
        self._send(number, Started())
        if number in self._cancelled:
            self._send(number, Done("cancelled"))
            return
        try:
            engine.submit(number, call)
        except StudioError as e:
            self._send(number, Failed(e))
        except Exception as e:  # noqa: BLE001 - a call that cannot even begin must not end the process
            self._send(number, Failed(as_studio_error(e)))

    def _serve(self, loop: str, calls: queue.SimpleQueue[tuple[int, Auxiliary]]) -> None:
        """Do the calls of one of the auxiliary models, or count tokens, one after another."""
        while True:
            number, call = calls.get()
            self._heartbeats.advance(loop)
            self._send(number, Started())
            self._send(number, self._serve_one(number, call))
            self._heartbeats.rest(loop)

    def _serve_one(self, number: int, call: Auxiliary) -> Event:
        if number in self._cancelled:
            return Done("cancelled")
        try:
            if isinstance(call, Describe):
                return self._auxiliary.describe(call.image)
            if isinstance(call, Count):
                assert self._engine is not None, "calls come when it is ready"
                return Counts(self._engine.count(call.role, call.prompts))
            if isinstance(call, Encode):
                assert self._engine is not None, "calls come when it is ready"
                return self._engine.encode(call.role, call.prompt)
            return Vectors(tuple(self._auxiliary.embed(call.texts)))
        except Exception as e:  # noqa: BLE001 - a failed call must not end the thread
            return Failed(as_studio_error(e))

    def _send(self, number: int, event: Event) -> None:
        self._tell(CallEvent(number, event))
        if isinstance(event, Result):
            self._known.discard(number)
            self._cancelled.discard(number)

    def _tell(self, message: FromWorker) -> None:
        with self._sending:
            self._pipe.send(message)
