"""What counts as dead: beats, ticks and effort, with no clock and no process."""

import os

import pytest

from studio.worker.timing import Timing
from studio.worker.watchdog import Effort, Watchdog, effort_of

TIMING = Timing(beat=1, silence=20, deaf=60, longest_step=600, longest_load=3600)


def seconds_until_hung(dog: Watchdog, beats: list[dict[str, int]], worked: bool, most: int = 5000) -> int | None:
    """A tick a second, with a beat from `beats` in each, in turn; none: no beat."""
    for second in range(1, most + 1):
        if beats:
            dog.beat(beats[second % len(beats)])
        if dog.tick(1.0, worked) is not None:
            return second
    return None


def ready() -> Watchdog:
    dog = Watchdog(TIMING)
    dog.beat({"load": 0})
    dog.beat({})
    dog.loading = False
    return dog


@pytest.mark.parametrize(
    ("what", "beats", "worked", "hung"),
    [
        ("stopped, or in a deadlock that keeps the interpreter's lock", [], False, 21),
        ("C code that keeps the interpreter's lock for ever", [], True, 61),
        ("idle", [{}], False, None),
        ("decoding, on a GPU with an idle CPU", [{"engine": 1}, {"engine": 2}], False, None),
        ("the main loop in a deadlock", [{"engine": 1}], False, 21),
        ("the main loop in a deadlock while searches go on", [{"engine": 1, "embed": 2}, {"engine": 1}], False, 21),
        ("a long prompt in one step, or an endless loop", [{"engine": 1}], True, 601),
    ],
)
def test_when_a_ready_worker_hangs(what: str, beats: list[dict[str, int]], worked: bool, hung: int | None) -> None:
    assert seconds_until_hung(ready(), beats, worked) == hung, what


@pytest.mark.parametrize(
    ("what", "beats", "worked", "hung"),
    [
        ("stopped before its first beat", [], False, 21),
        ("llama.cpp reading a file keeps the interpreter's lock", [], True, 3601),
        ("in a deadlock", [{"load": 0}], False, 21),
        ("loading for minutes", [{"load": 0}], True, 3601),
    ],
)
def test_when_a_loading_worker_hangs(what: str, beats: list[dict[str, int]], worked: bool, hung: int | None) -> None:
    assert seconds_until_hung(Watchdog(TIMING), beats, worked) == hung, what


def test_a_worker_that_works_now_and_then_lives() -> None:
    dog = ready()
    for second in range(500):
        dog.beat({"engine": 1})
        assert dog.tick(1.0, worked=second % 15 == 0) is None


def test_a_page_that_was_stopped_itself_does_not_count_its_own_pause() -> None:
    dog = ready()
    dog.beat({"engine": 1})
    assert dog.tick(3600.0, worked=False) is None
    dog.beat({"engine": 2})
    assert dog.tick(1.0, worked=False) is None


def test_a_new_call_does_not_inherit_the_time_of_the_last() -> None:
    dog = ready()
    for _ in range(19):
        dog.beat({"engine": 1})
        assert dog.tick(1.0, worked=False) is None
    dog.beat({})
    dog.beat({"engine": 2})
    assert not dog.suspicious
    assert seconds_until_hung(dog, [{"engine": 2}], False) == 21


def test_effort_is_what_the_kernel_accounts() -> None:
    before = effort_of(os.getpid())
    while not effort_of(os.getpid()).exceeds(before, 1.0):  # a twentieth of a second of work
        pass
    assert not effort_of(os.getpid()).exceeds(before, 1e6)
    assert Effort(0.0, 10**6).exceeds(Effort(), 1.0)
    assert effort_of(2**22 + 1) == Effort()  # nobody
