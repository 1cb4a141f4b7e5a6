"""The worker as the page's process sees it: calls go in, events come out, and a dead process is replaced.

`WorkerClient.submit` gives a `Request`, whose `events()` begin with places in the queue and end with a result. Each of
the worker's loops has a `Channel`: a generation waits for generations only, a search for searches. A call under way
when the process dies ends in `WorkerDied`, or runs once more if it had shown nothing yet. A process that hangs (see
`studio.worker.watchdog`) is killed, and all calls that it had are told.

A process that dies while it loads is started again, from the third time on after a pause that doubles; while the pause
lasts, the state is "failed" and calls are refused with the reason. The one lock guards memory only: nothing is read,
written or waited for under it, so no method blocks for what the worker does.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal

import psutil

from studio.errors import EngineError, StudioError, WorkerDied
from studio.logs import log
from studio.protocol import Call, Failed, ModelCard, Role
from studio.specs import EngineSpec
from studio.worker.channel import Channel, Channels
from studio.worker.handle import WorkerHandle
from studio.worker.messages import Broken, CallEvent, Cancel, FromWorker, Ready, Run
from studio.worker.request import Request
from studio.worker.stats import Stats
from studio.worker.timing import PATIENT, Timing

State = Literal["starting", "ready", "failed", "closed"]


class WorkerClient:
    """Create it, `start` it, `close` it; all other methods may be called from any thread.

    `state` and `error` say how it stands, `pid` is the process that was started last, `batch` how many generations it
    works on at once, `restarts` how many processes died.
    """

    def __init__(self, spec: EngineSpec, timing: Timing = PATIENT, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec = spec
        self.state: State = "starting"
        self.cards: Mapping[Role, ModelCard] = {}
        self.batch = 1
        self.error: StudioError | None = None
        self.pid: int | None = None
        self.restarts = 0
        self._timing, self._clock = timing, clock
        self._changed = threading.Condition()  # the lock of everything here; told when state or pid change
        self._channels = Channels()
        self._count = 0
        self._memory: Mapping[str, int] = {}
        self._worker: WorkerHandle | None = None
        self._replaced: WorkerHandle | None = None  # the process that ends because other models are asked for
        self._died = ""  # why the last process did, while none is ready
        self._failures = 0  # deaths in a row before a process was ready
        self._retry_at: float | None = None
        self._began = 0.0
        self._loading: float | None = None  # how long loading took last
        self._thread = threading.Thread(target=self._supervise, name="worker client", daemon=True)

    def start(self) -> None:
        """Start the worker in the background; calls may be submitted at once."""
        atexit.register(self.close)  # before multiprocessing's own, which waits for a stopped process for ever
        self._thread.start()

    def wait_ready(self, timeout: float | None = None) -> Mapping[Role, ModelCard]:
        """The cards of the loaded models, once they are, or after `timeout` seconds what is known by then. Raises the
        error that keeps them from loading."""
        with self._changed:
            self._changed.wait_for(lambda: self.state != "starting", timeout)
            if self.state in ("failed", "closed"):
                raise self._refusal()
            return self.cards

    def submit(self, call: Call, person: str = "") -> Request:
        """Put a call into the queue. While the models cannot be loaded it fails at once, with the reason."""
        with self._changed:
            self._count += 1
            request = Request(self._count, call, person, self.cancel, self._clock)
            if self.state in ("failed", "closed"):
                self._channels.end(request, Failed(self._refusal()))
                return request
            channel = self._channels.of(call)
            channel.waiting.push(person, request)
            self._advance(channel)
        return request

    def cancel(self, request: Request) -> None:
        """See `Request.cancel`. Its place at the worker is free when the worker says so, or dies."""
        with self._changed:
            if self._channels.cancel(request) and self._worker:
                self._worker.send(Cancel(request.number))
            self._channels.of(request.call).send_positions(self._delay())

    def retry(self) -> None:
        """Start the worker again now, where a pause lasts."""
        with self._changed:
            self._retry_at = None
            self._changed.notify_all()

    def replace(self, spec: EngineSpec) -> None:
        """Load other models from now on. Calls that wait are for the new ones; those under way end in an error, so ask
        when there are none."""
        with self._changed:
            self.spec, self.cards, self._memory = spec, {}, {}
            self._failures, self._died, self._loading, self._retry_at = 0, "", None, None
            self._replaced = self._worker
            if self._worker:
                self._worker.kill()
            if self.state != "closed":
                self._settle("starting")

    def close(self) -> None:
        """End the worker; waiting and running calls fail."""
        atexit.unregister(self.close)
        with self._changed:
            if self.state == "closed":
                return
            self._settle("closed", EngineError("shutting_down"))
            if self._worker:
                self._worker.kill()
        if self._thread.is_alive():
            self._thread.join(2 * self._timing.kill)

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        with self._changed:
            return sum(len(channel.waiting) for channel in self._channels.all())

    @property
    def running(self) -> int:
        """How many calls the worker has."""
        with self._changed:
            return sum(len(channel.running) for channel in self._channels.all())

    @property
    def heartbeat_age(self) -> float | None:
        """Seconds since the worker's process was heard of; None when there is none."""
        worker = self._worker
        return worker.silent if worker else None

    @property
    def retry_in(self) -> float | None:
        """Seconds until the worker is started again; None when no pause lasts."""
        with self._changed:
            return None if self._retry_at is None else max(0.0, self._retry_at - self._clock())

    @property
    def memory(self) -> Mapping[str, int]:
        """Bytes by name: what the engine said when it was loaded, and of the process by now."""
        with suppress(psutil.Error):
            if self._worker:
                return {**self._memory, "process": psutil.Process(self._worker.pid).memory_info().rss}
        return self._memory

    @property
    def stats(self) -> Stats:
        """What has been counted by now."""
        with self._changed:
            return self._channels.counters.stats()

    # What follows is called under the lock.

    def _advance(self, channel: Channel) -> None:
        """Send what may begin, and tell the others their places."""
        if self.state == "ready" and self._worker:
            for request in channel.admit():
                self._worker.send(Run(request.number, request.call))
        channel.send_positions(self._delay())

    def _delay(self) -> float | None:
        """Seconds until the models are loaded; None when they have not been before."""
        if self.state == "ready":
            return 0.0
        return None if self._loading is None else max(0.0, self._loading - (self._clock() - self._began))

    def _refusal(self) -> StudioError:
        """Why no call is taken now."""
        if self.state == "failed" and self._died:
            seconds = 0.0 if self._retry_at is None else max(0.0, self._retry_at - self._clock())
            return EngineError("worker_unstartable", cause=self._died, seconds=round(seconds))
        return self.error or EngineError("shutting_down")

    def _settle(self, state: State, error: StudioError | None = None) -> None:
        """A new state. Those who wait for one are told; without a worker to come soon, all calls end in the error."""
        self.state, self.error = state, error
        if error:
            self._channels.end_all(error)
        self._changed.notify_all()

    # What follows runs in the client's own thread, except `_receive`.

    def _supervise(self) -> None:
        while self.state != "closed":
            try:
                worker = WorkerHandle(self.spec, self._timing, self._receive)
            except Exception as e:  # noqa: BLE001 - the edge of the thread: no memory, no process, whatever it is
                self._after_death(WorkerDied("worker_died", cause=f"{type(e).__name__}: {e}"))
            else:
                self._adopt(worker)
                self._after_death(worker.watch(self._tick))
            self._pause()

    def _adopt(self, worker: WorkerHandle) -> None:
        with self._changed:
            self._worker, self.pid, self._began = worker, worker.pid, self._clock()
            if self.state == "closed":
                worker.kill()
            self._changed.notify_all()

    def _tick(self) -> None:
        with self._changed:
            for channel in self._channels.all():
                channel.send_positions(self._delay())

    def _receive(self, worker: WorkerHandle, message: FromWorker) -> None:
        """For the thread that reads. What a process says that could not be killed and was given up is dropped."""
        with self._changed:
            if self.state == "closed" or worker is not self._worker:
                return
            match message:
                case Ready(cards, memory, batch):
                    self.cards, self._memory, self.batch = cards, memory, batch
                    self._failures, self._died = 0, ""
                    self._loading = self._clock() - self._began
                    self._channels.generate.limit = batch
                    self._settle("ready")
                    for channel in self._channels.all():
                        self._advance(channel)
                case Broken(error):
                    self._failures += 1
                    self._died = ""
                    self._retry_at = self._clock() + self._timing.pause(self._failures, broken=True)
                    self._settle("failed", error)
                case CallEvent(number, event):
                    if freed := self._channels.deliver(number, event):
                        self._advance(freed)

    def _after_death(self, death: WorkerDied) -> None:
        """The process is gone: settle the calls under way, and say how it goes on."""
        with self._changed:
            ended, self._worker = self._worker, None
            if self.state == "closed":
                return
            if ended is not None and ended is self._replaced:
                self._replaced = None
                self._channels.end_running(EngineError("model_replaced"), again=False)
                return
            hung = death.key == "worker_hung"
            self._channels.end_running(death, again=not hung)
            if self.state == "failed":  # the models are broken, and the process ended as it should
                return
            self.restarts += 1
            self._channels.counters.deaths += 1
            self._channels.counters.hangs += hung
            log("worker_died", error=death.key, pid=self.pid, restarts=self.restarts)
            self._failures += self.state == "starting"
            self._died = str(death.facts.get("cause") or f"no sign of life for {death.facts['seconds']} s")
            pause = self._timing.pause(self._failures, broken=False)
            if pause:
                self._retry_at = self._clock() + pause
                self._settle("failed", EngineError("worker_unstartable", cause=self._died, seconds=round(pause)))
            else:
                self._settle("starting")

    def _pause(self) -> None:
        """Until the next start is due."""
        with self._changed:
            while self.state == "failed" and self._retry_at is not None:
                remaining = self._retry_at - self._clock()
                if remaining <= 0:
                    break
                self._changed.wait(remaining)
            self._retry_at = None
            if self.state == "failed":
                self._settle("starting")
