"""The one runner of everything that takes a model: articles, tables, answers, edits, outlines.

Work is a plain generator, see `task`. A bounded number of threads run it; a task that waits for one costs no thread and
stands in a queue that goes in turn by person. Nobody, and neither the long kinds of tasks nor the short ones, can hold
all threads: a question never waits until sixteen articles are done. How many may wait is limited, for a person and in
all; who comes after that is refused before anything is kept.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from studio.errors import BusyError, EngineError
from studio.logs import log
from studio.protocol import Queued
from studio.tasks.estimates import Estimates
from studio.tasks.progress import StopReason
from studio.tasks.task import UPDATE_INTERVAL, Kind, S, State, Task, Work
from studio.worker.fair_queue import FairQueue

MAX_WAITING = 1000
MAX_WAITING_PER_PERSON = 8
THREADS = (16, 64)  # at least, at most; in between twice what the engine works on at once
UPDATES_PER_SECOND = 200.0  # states for all followers together: each costs the page's process some milliseconds
POSITIONS_PER_SECOND = 100.0  # … and places in the queue
POSITION_INTERVAL = 1.0  # seconds between two looks at a place in the queue, at least


class UnderWay(Exception):
    """A task with that key is under way already."""

    def __init__(self, task: Task[Any]) -> None:
        super().__init__(task.key)
        self.task = task


class Runner:
    """See the module. `at_once` says how many calls the engine works on at once."""

    def __init__(
        self,
        at_once: Callable[[], int] = lambda: 1,
        max_waiting: int = MAX_WAITING,
        max_per_person: int = MAX_WAITING_PER_PERSON,
    ) -> None:
        self._at_once, self._max_waiting, self._max_per_person = at_once, max_waiting, max_per_person
        self._lock = threading.RLock()
        self._tasks: dict[Hashable, Task[Any]] = {}  # all under way, by key
        self._queues: dict[bool, FairQueue[Task[Any]]] = {True: FairQueue(), False: FairQueue()}  # long and short ones
        self._running: set[Task[Any]] = set()
        self._ended_early: set[Task[Any]] = set()  # stopped while they waited: they only end
        self._admitted: Counter[str] = Counter()
        self._followers: Counter[bool] = Counter()  # by whether their task waits
        self._estimates = Estimates()
        self._positions: dict[Task[Any], Queued] = {}
        self._positions_until = 0.0
        self._between: Callable[[], None] | None = None
        self._closed = False

    @contextmanager
    def admit(self, person: str) -> Iterator[None]:
        """Room for one more task of this person, kept while the block stores what is to be done and starts it.

        Raises BusyError when too much waits already, for this person or in all, and EngineError when the studio ends.
        """
        with self._lock:
            self._check(person)
            self._admitted[person] += 1
        try:
            yield
        finally:
            with self._lock:
                self._admitted[person] -= 1

    def start(
        self,
        person: str,
        kind: Kind,
        key: Hashable,
        state: S,
        work: Work[S],
        pauses: Callable[[S], bool] = lambda state: False,
    ) -> Task[S]:
        """Run `work` as soon as a thread is free. Raises UnderWay when a task of that key is.

        `pauses` names the states after which the task may wait for another turn while others wait for theirs.
        """
        task = Task(self, person, kind, key, state, work, pauses)
        with self._lock:
            if self._closed:
                raise EngineError("shutting_down")
            if key in self._tasks:
                raise UnderWay(self._tasks[key])
            self._tasks[key] = task
            self._queues[task.is_long].push(person, task)
            self._dispatch()
        return task

    def get(self, person: str, key: Hashable) -> Task[Any] | None:
        """The task of that key, if it is under way and this person's."""
        task = self._tasks.get(key)
        return task if task and task.person == person else None

    @property
    def waiting(self) -> int:
        """How many tasks wait for a thread."""
        with self._lock:
            return sum(map(len, self._queues.values()))

    @property
    def running(self) -> int:
        """How many tasks have a thread."""
        with self._lock:
            return len(self._running)

    def between_tasks(self, action: Callable[[], None]) -> None:
        """Call `action` as soon as no task runs; none begins until it has returned. Of two, the later one is called."""
        with self._lock:
            self._between = action
        self._pass_between()

    def close(self, patience: float = 5.0, reason: StopReason = "interrupted") -> bool:
        """Take nothing more, stop everything, and wait for the ends; whether all ended in `patience` seconds."""
        with self._lock:
            self._closed = True
            under_way = list(self._tasks.values())
        for task in under_way:
            task.stop.press(reason)
        until = time.monotonic() + patience
        return all([task.wait(max(0.0, until - time.monotonic())) for task in under_way])

    # For tasks

    def end_early(self, task: Task[Any]) -> None:
        """A task was stopped: if it waits, it needs no turn to end."""
        with self._lock:
            if self._queues[task.is_long].remove(task):
                self._ended_early.add(task)
                if len(self._ended_early) == 1:
                    threading.Thread(target=self._finish_ended_early, name="stopped tasks", daemon=True).start()

    def position(self, task: Task[Any]) -> Queued | None:
        """How many tasks go first, and about how long that takes; None when it does not wait."""
        with self._lock:
            now = time.monotonic()
            if now > self._positions_until:
                self._positions, self._positions_until = dict(self._all_positions()), now + POSITION_INTERVAL / 2
            if task not in self._positions:
                self._positions |= dict(self._all_positions())
            return self._positions.get(task) if task.waits else None

    @contextmanager
    def following(self) -> Iterator[Callable[[bool], float]]:
        """For a follower: a function that gives the seconds until its next look, by whether its task waits."""
        counted: list[bool] = []

        def interval(waits: bool) -> float:
            if counted != [waits]:
                with self._lock:
                    self._followers.subtract(counted)
                    self._followers[waits] += 1
                counted[:] = [waits]
            count = self._followers[waits]
            if waits:
                return max(POSITION_INTERVAL, count / POSITIONS_PER_SECOND)
            return max(UPDATE_INTERVAL, count / UPDATES_PER_SECOND)

        try:
            yield interval
        finally:
            with self._lock:
                self._followers.subtract(counted)

    # With the lock held

    def _check(self, person: str) -> None:
        if self._closed:
            raise EngineError("shutting_down")
        own = self._admitted[person] + sum(queue.count(person) for queue in self._queues.values())
        if own >= self._max_per_person:
            raise self._busy("own_queue_full", own, person)
        if (count := self.waiting + sum(self._admitted.values())) >= self._max_waiting:
            raise self._busy("queue_full", count)

    def _busy(self, key: str, count: int, person: str = "") -> BusyError:
        places = [place for task, place in self._all_positions() if not person or task.person == person]
        seconds = [place.seconds for place in places if place.seconds is not None]
        if not seconds:
            return BusyError("own_queue_full_unknown" if person else "queue_full_unknown", count=count)
        return BusyError(key, count=count, minutes=max(1, round(min(seconds) / 60)))

    def _all_positions(self) -> Iterator[tuple[Task[Any], Queued]]:
        for long, queue in self._queues.items():
            under_way = [(t.kind, t.began) for t in self._running if t.is_long == long]
            waits = self._estimates.waits(under_way, [task.kind for task in queue])
            for ahead, (task, seconds) in enumerate(zip(queue, waits, strict=True)):
                yield task, Queued(ahead + len(self._running), seconds)

    def _dispatch(self) -> None:
        """Give free threads to those whose turn it is."""
        while (task := self._next()) is not None:
            self._running.add(task)
            self._positions.pop(task, None)
            self._estimates.running(len(self._running), self._at_once())
            task.began = self._estimates.spent()
            threading.Thread(target=self._turn, args=(task,), name=f"{task.kind} {task.key}", daemon=True).start()

    def _next(self) -> Task[Any] | None:
        if self._between:
            return None
        fewest, most = THREADS
        threads = min(most, max(fewest, 2 * self._at_once()))
        if len(self._running) >= threads:
            return None
        held = Counter(task.is_long for task in self._running)
        persons = Counter(task.person for task in self._running)
        sated = {person for person, count in persons.items() if count >= threads // 2}
        for long in sorted(self._queues, key=lambda long: held[long]):
            if held[long] < threads - threads // 4:
                try:
                    return self._queues[long].pop(sated)
                except IndexError:
                    continue
        return None

    # On a task's thread

    def _turn(self, task: Task[Any]) -> None:
        task.begin()
        last = task.advance(lambda: self.waiting > 0 and not task.stop.pressed and not self._between)
        with self._lock:
            self._estimates.add(task.kind, task.began)
            self._running.discard(task)
            self._estimates.running(len(self._running), self._at_once())
            if last is None:
                task.waits = True
                self._queues[task.is_long].push(task.person, task)
                if task.stop.pressed:  # in this very moment
                    self.end_early(task)
            else:
                self._tasks.pop(task.key, None)  # first out of the list, then told: a reader may start the next at once
            self._dispatch()
        if last is not None:
            self._log(task, last)
            task.publish(last, ended=True)
        self._pass_between()

    def _pass_between(self) -> None:
        with self._lock:
            if self._between and not self._running:
                action, self._between = self._between, None
                try:
                    action()
                finally:
                    self._dispatch()

    def _log(self, task: Task[Any], last: State) -> None:
        """A task ended."""
        error = last.error
        log(
            "task",
            kind=task.kind,
            seconds=round(time.monotonic() - task.created, 3),
            stopped=task.stop.pressed,
            error=error.key if error else "",
            number=error.number if error else "",
        )

    def _finish_ended_early(self) -> None:
        while True:
            with self._lock:
                if not self._ended_early:
                    return
                task = next(iter(self._ended_early))
            task.begin()
            last = task.advance(lambda: False)
            with self._lock:
                self._ended_early.discard(task)
                self._tasks.pop(task.key, None)
            if last is not None:
                task.publish(last, ended=True)
