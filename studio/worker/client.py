"""The lane: one worker process, and the queue in front of it, as the page's process sees them.

`Lane.submit` gives a `Ticket`, whose `events()` begin with places in the queue and end with a result. One thread owns
the pipe and the process; it sends as many calls as the engine works on at once, in turn by person, and starts the
process again when it dies. A call under way then ends in `WorkerDied`, or runs once more if it had shown nothing yet.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Literal

from studio.errors import EngineError, StudioError, WorkerDied
from studio.protocol import Call, Done, Event, Failed, ModelCard, Piece, Queued, Result, Role, Started
from studio.specs import EngineSpec
from studio.worker import process
from studio.worker.durations import Durations
from studio.worker.fair_queue import Turns
from studio.worker.process import Broken, Cancel, Ready, Run

State = Literal["starting", "ready", "failed", "closed"]
MAX_STARTS = 3  # in a row without a worker becoming ready


class Ticket:
    """A submitted call."""

    def __init__(self, lane: Lane, number: int, call: Call, person: str) -> None:
        self.number = number
        self.call = call
        self.person = person
        self.shown = False  # a piece has come out: too late for a silent second try
        self.tries = 0
        self.started = 0.0
        self._lane = lane
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def events(self) -> Iterator[Event]:
        """Queued (each time the place changes), Started, Pieces, and one Result at the end. Blocks between them."""
        while True:
            event = self._inbox.get()
            yield event
            if isinstance(event, Result):
                return

    def result(self) -> Result:
        """Wait for the end. Raises the error of a call that failed."""
        for event in self.events():
            if isinstance(event, Failed):
                raise event.error
        assert isinstance(event, Result)
        return event

    def cancel(self) -> None:
        """End the call: at once while it waits, within one decode step while it runs. Harmless afterwards."""
        self._lane.cancel(self)

    def put(self, event: Event) -> None:
        """For the lane: hand an event to whoever reads `events`."""
        self.shown = self.shown or isinstance(event, Piece)
        self._inbox.put(event)


class Lane:
    """See the module. Create it, `start` it, `close` it; all other methods may be called from any thread."""

    def __init__(self, spec: EngineSpec) -> None:
        self.spec = spec
        self.state: State = "starting"
        self.cards: Mapping[Role, ModelCard] = {}
        self.memory: Mapping[str, int] = {}
        self.batch = 1  # calls under way at once; the engine says it when it is ready
        self.error: StudioError | None = None
        self.pid: int | None = None
        self.restarts = 0
        self._lock = threading.RLock()
        self._settled = threading.Event()  # ready or failed
        self._turns: Turns[Ticket] = Turns()
        self._running: dict[int, Ticket] = {}  # by number, in the order in which they began
        self._count = 0
        self._durations = Durations()
        self._wake_in, self._wake_out = multiprocessing.Pipe(duplex=False)
        self._woken = False
        self._pipe: Connection | None = None
        self._thread = threading.Thread(target=self._live, name="lane", daemon=True)

    def start(self) -> None:
        """Start the worker in the background; calls may be submitted at once."""
        self._thread.start()

    def wait_ready(self, timeout: float | None = None) -> Mapping[Role, ModelCard]:
        """The cards of the loaded models, once they are, or after `timeout` seconds what is known by then. Raises the
        error that keeps them from loading."""
        self._settled.wait(timeout)
        if self.error:
            raise self.error
        return self.cards

    def submit(self, call: Call, person: str = "") -> Ticket:
        """Put a call into the queue."""
        with self._lock:
            self._count += 1
            ticket = Ticket(self, self._count, call, person)
            if self.state in ("failed", "closed"):
                ticket.put(Failed(self.error or EngineError("shutting_down")))
                return ticket
            self._turns.push(person, ticket)
            self._announce()
        self._wake()
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """See `Ticket.cancel`."""
        with self._lock:
            if self._turns.remove(ticket):
                ticket.put(Done("cancelled"))
                self._announce()
            elif ticket.number in self._running and self._pipe:
                ticket.tries = 99  # never run again after a crash
                _send(self._pipe, Cancel(ticket.number))

    @property
    def _closed(self) -> bool:
        return self.state == "closed"

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        with self._lock:
            return len(self._turns)

    def close(self) -> None:
        """End the worker; waiting and running calls fail."""
        with self._lock:
            if self.state == "closed":
                return
            self.state = "closed"
        self._wake()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    # What follows runs in the lane's own thread.

    def _live(self) -> None:
        starts = 0
        while not self._closed:
            worker, pipe = self._spawn()
            starts += 1
            was_ready = self._serve(worker, pipe)
            pipe.close()
            worker.join(timeout=5)
            if worker.is_alive():
                worker.kill()
                worker.join()
            starts = 0 if was_ready else starts
            if not self._closed:
                self._after_death(worker, starts)
            if self.state == "failed":
                break
        self.error = self.error or EngineError("shutting_down")
        self._settled.set()
        self._fail_all(self.error)

    def _spawn(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        worker = context.Process(target=process.main, args=(self.spec, theirs), name="studio-worker", daemon=True)
        worker.start()
        theirs.close()
        with self._lock:
            self.pid = worker.pid
            self._pipe = ours
        return worker, ours

    def _serve(self, worker: BaseProcess, pipe: Connection) -> bool:
        """Pass messages until the worker ends or the lane closes. True if the worker had become ready."""
        was_ready = False
        while not self._closed:
            ready = wait([pipe, self._wake_in, worker.sentinel])
            if self._wake_in in ready:
                with self._lock:
                    self._wake_in.recv()
                    self._woken = False
            if pipe in ready:
                try:
                    was_ready = self._receive(pipe.recv()) or was_ready
                except (EOFError, OSError):
                    return was_ready
            elif worker.sentinel in ready:
                return was_ready
            self._dispatch(pipe)
            if self.state == "failed":
                return was_ready
        return was_ready

    def _receive(self, message: Ready | Broken | tuple[int, Event]) -> bool:
        with self._lock:
            match message:
                case Ready(cards, memory, batch):
                    self.cards, self.memory, self.batch, self.state = cards, memory, batch, "ready"
                    self._settled.set()
                    return True
                case Broken(error):
                    self.error, self.state = error, "failed"
                    self._settled.set()
                case (number, event):
                    ticket = self._running.get(number)
                    if ticket is None:
                        return False
                    if isinstance(event, Started):
                        ticket.started = time.monotonic()
                    if isinstance(event, Result):
                        self._durations.add(ticket.call, event, time.monotonic() - ticket.started)
                        del self._running[number]
                    ticket.put(event)
        return False

    def _dispatch(self, pipe: Connection) -> None:
        with self._lock:
            if self.state != "ready":
                return
            before = len(self._turns)
            while len(self._running) < self.batch and len(self._turns):
                ticket = self._turns.pop()
                self._running[ticket.number] = ticket
                ticket.tries += 1
                ticket.started = time.monotonic()
                _send(pipe, Run(ticket.number, ticket.call))
            if len(self._turns) < before:
                self._announce()

    def _after_death(self, worker: BaseProcess, starts: int) -> None:
        """The worker died unasked: settle the calls under way, and decide whether to start again."""
        cause = _cause(worker.exitcode)
        with self._lock:
            running, self._running, self._pipe = list(self._running.values()), {}, None
            for ticket in reversed(running):  # those that run again go first, in the order in which they had begun
                if not ticket.shown and ticket.tries == 1:
                    self._turns.push_front(ticket.person, ticket)
                else:
                    over = ticket.tries >= 99
                    ticket.put(Done("cancelled") if over else Failed(WorkerDied("worker_died", cause=cause)))
            if self.state == "failed":
                return
            self.restarts += 1
            if starts >= MAX_STARTS:
                self.error, self.state = EngineError("worker_unstartable", cause=cause), "failed"
                self._settled.set()
            else:
                self.state = "starting"
                self._settled.clear()

    def _fail_all(self, error: StudioError) -> None:
        with self._lock:
            for ticket in (*self._running.values(), *self._turns):
                ticket.put(Failed(error))
            self._running, self._turns = {}, Turns()

    def _announce(self) -> None:
        """Tell every waiting call its place and how long that will take, from the recent calls of each kind."""
        full = len(self._running) >= self.batch
        left = [self._left(ticket) for ticket in self._running.values()] if full else [0.0]
        ahead = None if None in left else min(left, key=lambda seconds: seconds or 0.0)
        for position, ticket in enumerate(self._turns):
            ticket.put(Queued(position + full, ahead))
            usual = self._durations.usual(ticket.call)
            ahead = None if ahead is None or usual is None else ahead + usual / self.batch

    def _left(self, ticket: Ticket) -> float | None:
        usual = self._durations.usual(ticket.call)
        return None if usual is None else max(0.0, usual - (time.monotonic() - ticket.started))

    def _wake(self) -> None:
        with self._lock:
            if not self._woken:  # one message is enough, and the pipe can never fill up
                self._woken = True
                _send(self._wake_out, None)


def _send(pipe: Connection, message: object) -> None:
    try:
        pipe.send(message)
    except (BrokenPipeError, OSError):
        pass  # the reader is gone; the thread that waits on its end finds out and settles the call


def _cause(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
    return f"exit code {exitcode}"
