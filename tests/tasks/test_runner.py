"""The runner of tasks: order, fairness, limits, Stop, following, with works that wait for a test's word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
from event_loop import run_in_new_loop

from studio.errors import BusyError, EngineError, StudioError
from studio.protocol import Queued
from studio.tasks import runner as module
from studio.tasks.estimates import Estimates
from studio.tasks.progress import Stop
from studio.tasks.runner import Runner, UnderWay
from studio.tasks.task import Task


@dataclass(frozen=True)
class Count:
    n: int = 0
    waiting: Queued | None = None
    ended: bool = False
    error: StudioError | None = None

    def fail(self, error: StudioError) -> Count:
        return replace(self, ended=True, error=error)


class Gate:
    """A work that counts, and ends when the gate opens or it is stopped."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def work(self, stop: Stop) -> Iterator[Count]:
        yield Count(1)
        while not self.open.wait(0.005) and not stop.pressed:
            pass
        yield Count(2, ended=True)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def at_once(stop: Stop) -> Iterator[Count]:
    yield Count(5, ended=True)


def begin(
    runner: Runner, person: str, key: str, work: Callable[[Stop], Iterator[Count]], **more: object
) -> Task[Count]:
    with runner.admit(person):
        return runner.start(person, more.pop("kind", "write"), key, Count(), work, **more)  # type: ignore[arg-type]


def fill(runner: Runner, gate: Gate, persons: int = 12) -> list[Task[Count]]:
    """Long tasks on all the threads that they may hold."""
    tasks = [begin(runner, f"filler {i}", f"filler {i}", gate.work) for i in range(persons)]
    for task in tasks:
        next(s for s in task.updates() if s.n == 1)
    return tasks


def test_a_task_runs_and_its_last_state_is_read_by_everyone(gate: Gate) -> None:
    task = begin(Runner(), "ann", "a", gate.work)
    readers: list[list[Count]] = [[], []]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(task.updates())) for mine in readers]
    for thread in threads:
        thread.start()
    gate.open.set()
    for thread in threads:
        thread.join(5)
    assert all(states[-1] == Count(2, ended=True) for states in readers)
    assert list(task.updates()) == [Count(2, ended=True)], "who comes late gets the last state"


def test_no_more_threads_than_there_should_be_and_the_rest_waits_in_turn_by_person(gate: Gate) -> None:
    runner, order = Runner(), []
    fill(runner, gate)
    assert runner.running == 12, "long tasks leave a quarter of the threads to short ones"

    def noted(name: str) -> Callable[[Stop], Iterator[Count]]:
        def work(stop: Stop) -> Iterator[Count]:
            order.append(name)
            yield Count(5, ended=True)

        return work

    before = threading.active_count()
    waiting = [begin(runner, person, f"{person}{i}", noted(f"{person}{i}")) for person in "ab" for i in range(3)]
    assert threading.active_count() == before, "who waits has no thread"
    assert [t.now().waiting.position for t in waiting] == [12, 14, 16, 13, 15, 17]  # type: ignore[union-attr]
    module.THREADS, old = (1, 1), module.THREADS  # one after another, so that the order is seen
    try:
        gate.open.set()
        for task in waiting:
            task.wait(5)
    finally:
        module.THREADS = old
    assert order == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_question_does_not_wait_until_articles_are_done(gate: Gate) -> None:
    runner = Runner()
    fill(runner, gate)
    begin(runner, "late", "late", gate.work)
    question = begin(runner, "late", "question", at_once, kind="answer")
    assert list(question.updates())[-1].n == 5


def test_one_person_cannot_hold_all_threads(gate: Gate) -> None:
    runner = Runner()
    mine = [begin(runner, "greedy", f"{i}", gate.work) for i in range(12)]
    assert sum(task.waits for task in mine) == 4
    other = begin(runner, "other", "other", at_once)
    assert list(other.updates())[-1].n == 5


def test_too_many_waiting_are_refused_before_anything_is_kept(gate: Gate) -> None:
    runner = Runner(max_waiting=20)
    fill(runner, gate)
    for i in range(8):
        begin(runner, "ann", f"ann {i}", at_once)
    with pytest.raises(BusyError, match="8 tasks of yours are waiting"), runner.admit("ann"):
        pytest.fail("nothing may be kept")
    for i in range(12):
        begin(runner, f"person {i}", f"person {i}", at_once)
    with pytest.raises(BusyError, match="20 tasks are waiting"):
        begin(runner, "bob", "bob", at_once)


def test_many_at_the_same_moment_get_no_more_room_than_one_after_another(gate: Gate) -> None:
    runner, refused = Runner(), []
    fill(runner, gate)

    def one(i: int) -> None:
        try:
            begin(runner, "ann", f"{i}", at_once)
        except BusyError:
            refused.append(i)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(refused) >= 92 and runner.waiting <= 8


def test_a_refusal_says_when_to_come_back(gate: Gate) -> None:
    runner = Runner()
    for i in range(3):  # three short turns: it is known how long they take
        begin(runner, "x", f"{i}", at_once).wait(5)
    fill(runner, gate)
    for i in range(8):
        begin(runner, "ann", f"ann {i}", at_once)
    with pytest.raises(BusyError, match="begins in about 1 min"):
        begin(runner, "ann", "more", at_once)


def test_who_is_stopped_while_waiting_ends_at_once(gate: Gate) -> None:
    runner = Runner()
    fill(runner, gate)
    waiting = [begin(runner, f"p{i}", f"p{i}", gate.work) for i in range(50)]
    for task in waiting:
        task.stop.press()
    assert all(task.wait(5) for task in waiting)
    assert runner.waiting == 0 and runner.running == 12
    assert runner.get("p1", "p1") is None


def test_closing_stops_everything_with_the_reason_and_takes_no_more(gate: Gate) -> None:
    runner = Runner()
    tasks = [*fill(runner, gate), *(begin(runner, f"p{i}", f"p{i}", gate.work) for i in range(30))]
    assert runner.close(5)
    assert all(task.ended and task.stop.reason == "interrupted" for task in tasks)
    with pytest.raises(EngineError, match="closing"):
        begin(runner, "late", "late", at_once)


def test_a_key_is_worked_on_once_and_belongs_to_its_person(gate: Gate) -> None:
    runner = Runner()
    task = begin(runner, "ann", "a", gate.work)
    with pytest.raises(UnderWay) as under_way:
        begin(runner, "ann", "a", gate.work)
    assert under_way.value.task is task
    assert runner.get("ann", "a") is task and runner.get("bob", "a") is None
    gate.open.set()
    for state in task.updates():
        if state.ended:
            begin(runner, "ann", "a", at_once)  # whoever reads the last state may start the next


@pytest.mark.parametrize("error", [EngineError("shutting_down"), ValueError("a fault of ours")])
def test_an_error_is_told_and_frees_the_thread(error: Exception) -> None:
    runner = Runner()

    def work(stop: Stop) -> Iterator[Count]:
        yield Count(1)
        raise error

    *_, last = begin(runner, "ann", "a", work).updates()
    assert last.ended and last.n == 1 and isinstance(last.error, EngineError)
    assert begin(runner, "ann", "a", at_once).wait(5)


def test_a_long_task_gives_way_between_its_steps(gate: Gate) -> None:
    """Regression in thought: sixteen tables of a thousand pictures would let nobody else begin for hours."""
    runner = Runner()

    def table(stop: Stop) -> Iterator[Count]:
        n = 0
        while not gate.open.is_set() and not stop.pressed:
            yield Count(n := n + 1)
        yield Count(n, ended=True)

    tables = [begin(runner, f"t{i}", f"t{i}", table, kind="table", pauses=lambda s: True) for i in range(16)]
    assert begin(runner, "ann", "ann", at_once).wait(5), "an article"
    before = [t.state.n for t in tables]
    for task, n in zip(tables, before, strict=True):
        next(s for s in task.updates() if s.n > n)  # all go on
    gate.open.set()
    assert all(t.wait(5) for t in tables)


def test_followers_hold_no_thread_and_miss_only_what_is_old(gate: Gate) -> None:
    runner = Runner()
    fill(runner, gate)

    async def follow(task: Task[Count]) -> list[Count]:
        return [state async for state in task.follow()]

    async def all_of_them() -> list[list[Count]]:
        tasks = [begin(runner, f"p{i}", f"p{i}", at_once) for i in range(300)]
        following = [asyncio.create_task(follow(task)) for task in tasks]
        await asyncio.sleep(0)
        before = threading.active_count()
        await asyncio.sleep(0.05)
        assert threading.active_count() <= before
        gate.open.set()
        return await asyncio.gather(*following)

    states = run_in_new_loop(asyncio.wait_for(all_of_them(), 30))
    assert all(mine[-1] == Count(5, ended=True) for mine in states)
    assert all(mine[0].waiting for mine in states), "their places"


def test_a_follower_that_goes_away_leaves_nothing_behind(gate: Gate) -> None:
    runner = Runner()
    task = begin(runner, "ann", "a", gate.work)

    async def leave() -> None:
        states = task.follow()
        await anext(states)
        waits = asyncio.ensure_future(anext(states))
        await asyncio.sleep(0.1)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits

    run_in_new_loop(leave())
    assert not task._listeners and not runner._followers.total()
    gate.open.set()
    assert task.wait(5)


def test_an_estimate_tells_what_will_happen() -> None:
    """Eight articles of 10 s each on an engine that writes one at a time, four threads: the truth by simulation."""
    time = [0.0]
    estimates = Estimates(lambda: time[0])
    estimates.running(1, 1)
    time[0] = 10.0
    estimates.add("write", 0.0)
    estimates.running(4, 1)  # four begin together: each goes at a quarter, all end after 40 s
    began = estimates.spent()
    assert list(estimates.waits([("write", began)] * 4, ["write"] * 5)) == [40.0] * 4 + [80.0]
    time[0] = 30.0
    assert list(estimates.waits([("write", began)] * 4, ["write"])) == [20.0]


def test_estimates_know_nothing_until_something_has_ended() -> None:
    assert list(Estimates().waits([("write", 0.0)], ["write", "answer"])) == [None, None]
