"""Estimates, with a clock that the test moves."""

import heapq
import random
from collections.abc import Iterator

import pytest

from studio.errors import EngineError
from studio.protocol import Choose, Done, Embed, Failed, Generate, Piece, Queued, Sampling, Started
from studio.worker.channel import Channel
from studio.worker.durations import CallProgress, Durations
from studio.worker.request import Request

TITLE, ARTICLE = (Generate("composer", (), Sampling(max_tokens=count)) for count in (24, 640))


def test_a_title_does_not_tell_how_long_an_article_takes() -> None:
    known = Durations()
    assert known.typical(TITLE) is known.typical(ARTICLE) is known.typical(Embed(())) is None
    known.add(TITLE, Done("stop"), CallProgress(0.5))
    for seconds in (30.0, 40.0, 90.0):
        known.add(ARTICLE, Done("length"), CallProgress(seconds))
    known.add(TITLE, Done("cancelled"), CallProgress(0.1))
    known.add(TITLE, Failed(EngineError("shutting_down")), CallProgress(0.1))
    assert known.typical(TITLE) == 0.5
    assert known.typical(Generate("composer", (), Sampling(max_tokens=700))) == 40.0
    assert known.typical(Embed(("a",))) is None


def test_a_kind_that_never_ended_is_told_by_the_speed_of_others_at_its_longest() -> None:
    known = Durations()
    assert known.typical(ARTICLE, speed=0.1) == 64.0
    known.add(TITLE, Done("stop"), CallProgress(2.0, pieces=10))
    assert known.typical(ARTICLE) == 640 * 0.2
    assert known.typical(Choose("composer", (), ("a", "b"))) is None


def test_a_text_under_way_is_told_by_its_own_speed() -> None:
    known = Durations()
    assert known.left(ARTICLE, CallProgress(5.0)) is None  # nothing known, and no text yet
    half = CallProgress(33.0, pieces=321, decoding=32.0)
    assert known.left(ARTICLE, half) == pytest.approx(319 * 0.1)  # at most to its limit
    for pieces in (100, 400, 500, 600):
        known.add(ARTICLE, Done("stop"), CallProgress(pieces / 10, pieces))
    assert known.left(ARTICLE, half) == pytest.approx((500 - 321) * 0.1)  # as those that were longer


def test_a_call_that_outlasts_all_others_is_not_told_to_end_at_once() -> None:
    known = Durations()
    for seconds in (3.0, 4.0, 9.0):
        known.add(ARTICLE, Done("stop"), CallProgress(seconds))
    assert known.left(ARTICLE, CallProgress(1.0)) == 3.0
    assert known.left(ARTICLE, CallProgress(5.0)) == 4.0
    assert known.left(ARTICLE, CallProgress(20.0)) == 20.0


class Machine:
    """A worker that decodes `batch` texts at `speed` seconds a piece, in a time of its own."""

    def __init__(self, batch: int, speed: float) -> None:
        self.now = 0.0
        self.channel = Channel(batch)
        self.speed = speed
        self.begun: dict[int, float] = {}
        self._next: list[tuple[float, int, Iterator[Piece]]] = []
        self._count = 0

    def submit(self, call: Generate, person: str, pieces: int) -> Request:
        self._count += 1
        request = Request(self._count, call, person, lambda r: None, lambda: self.now)
        request.length = pieces  # type: ignore[attr-defined]
        self.channel.waiting.push(person, request)
        return request

    def run_until(self, end: float) -> None:
        self._admit()
        while self._next and self._next[0][0] <= end:
            self.now, number, pieces = heapq.heappop(self._next)
            request = self.channel.running[number]
            if piece := next(pieces, None):
                request.put(piece)
                heapq.heappush(self._next, (self.now + self.speed, number, pieces))
                continue
            self.channel.durations.add(request.call, Done("stop"), request.progress())
            del self.channel.running[number]
            self._admit()
        self.now = end

    def _admit(self) -> None:
        for request in self.channel.admit():
            request.put(Started())
            self.begun[request.number] = self.now
            pieces = iter([Piece("x")] * request.length)  # type: ignore[attr-defined]
            heapq.heappush(self._next, (self.now + self.speed, request.number, pieces))


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_estimates_come_true_within_a_third(batch: int, seed: int) -> None:
    """Forty texts of 200 to 400 pieces after a while in which the machine got to know such texts. What everybody in the
    queue is told, at a dozen moments, against when it begins: in the mean, and never worse than one text's length."""
    chance = random.Random(seed)
    machine = Machine(batch, 0.05)
    for person in range(20):
        machine.submit(ARTICLE, str(person), chance.randint(200, 400))
    machine.run_until(1e4)
    for person in range(40):
        machine.submit(ARTICLE, str(person), chance.randint(200, 400))
    start, told = machine.now, []
    for moment in range(12):
        machine.run_until(start + 3.7 + 9 * moment)
        told += [(r.number, machine.now, q) for r, q in machine.channel.positions(0.0)]
    machine.run_until(1e6)
    errors, waits = [], []
    for number, when, queued in told:
        assert queued.seconds is not None
        wait = machine.begun[number] - when
        errors.append(abs(queued.seconds - wait))
        waits.append(wait)
    assert sum(errors) / sum(waits) < 1 / 3
    assert max(e - 0.2 * w for e, w in zip(errors, waits, strict=True)) < 400 * 0.05


def test_the_first_ever_are_told_an_upper_bound_as_soon_as_text_comes() -> None:
    machine = Machine(1, 0.1)
    machine.submit(ARTICLE, "a", 100)
    waiting = machine.submit(ARTICLE, "b", 100)
    machine.run_until(0.15)
    assert list(machine.channel.positions(0.0)) == [
        (waiting, Queued(1, None))
    ]  # nothing is known, and nothing invented
    machine.run_until(2.05)
    ((_, queued),) = machine.channel.positions(0.0)
    assert queued.seconds is not None and 8 < queued.seconds <= 64


def test_who_waits_is_told_again_only_when_it_goes_otherwise_than_told() -> None:
    machine = Machine(1, 0.1)
    request = machine.submit(ARTICLE, "a", 1)
    events = request.events()
    request.set_position(Queued(3, 30.0))
    machine.now = 10.0
    request.set_position(Queued(3, 20.0))  # as told
    request.set_position(Queued(3, 31.0))
    request.set_position(Queued(2, 31.0))
    machine.now = 500.0
    request.set_position(Queued(2, 0.5))  # as told
    request.put(Started())
    assert [next(events) for _ in range(4)] == [Queued(3, 30.0), Queued(3, 31.0), Queued(2, 31.0), Started()]


def test_before_the_models_are_loaded_the_loading_counts() -> None:
    machine = Machine(2, 0.1)
    machine.submit(ARTICLE, "a", 1)
    assert [q for _, q in machine.channel.positions(7.5)] == [Queued(0, 7.5)]
    assert [q for _, q in machine.channel.positions(None)] == [Queued(0, None)]
