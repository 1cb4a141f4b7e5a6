"""What waits for what, without a process."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from studio.errors import WorkerDied
from studio.protocol import Call, Describe, Done, Embed, Failed, Generate, Image, Piece, Started, Text, Usage, Vectors
from studio.worker.channel import AUXILIARY, Channels
from studio.worker.request import Request

TEXT, SEARCH, PICTURE = Generate("composer", (Text("x"),)), Embed(("x",)), Describe(Image("k", b""))


CALLS: list[Call] = [TEXT, SEARCH, PICTURE]


def push(channels: Channels, number: int, call: Call, person: str = "") -> Request:
    request = Request(number, call, person, lambda r: None)
    channels.of(call).waiting.push(person, request)
    return request


def admitted(channels: Channels) -> list[int]:
    return [request.number for channel in channels.all() for request in channel.admit()]


def test_searches_and_descriptions_do_not_count_as_texts() -> None:
    channels = Channels()
    calls: list[Call] = [TEXT, TEXT, SEARCH, PICTURE, SEARCH, SEARCH]
    for number, call in enumerate(calls):
        push(channels, number, call)
    assert sorted(admitted(channels)) == [0, 2, 3, 4] and AUXILIARY == 2
    freed = channels.deliver(2, Vectors(()))
    assert freed is channels.embed and admitted(channels) == [5]


def test_searches_come_in_turn_by_person() -> None:
    channels = Channels()
    for number in range(6):
        push(channels, number, SEARCH, "busy")
    push(channels, 6, SEARCH, "other")
    order = []
    while new := admitted(channels):
        order += new
        for number in new:
            channels.deliver(number, Vectors(()))
    assert order.index(6) == 1


def test_a_cancelled_request_has_its_end_at_once_and_keeps_its_place_until_the_worker_is_done() -> None:
    channels = Channels()
    running, waiting = push(channels, 0, TEXT), push(channels, 1, TEXT)
    assert admitted(channels) == [0]
    assert channels.cancel(running) and not channels.cancel(running)
    assert running.result() == Done("cancelled") and admitted(channels) == []
    assert channels.deliver(0, Piece("late")) is None
    assert channels.deliver(0, Done("cancelled", Usage(new_tokens=7))) is channels.generate
    assert admitted(channels) == [1]
    assert channels.deliver(0, Done("stop")) is None  # nobody it belongs to
    assert not channels.cancel(push(channels, 2, TEXT)) and len(channels.generate.waiting) == 0
    stats = channels.counters.stats()
    assert (stats.requests, stats.cancelled, stats.new_tokens) == ({"generate": 2}, 2, 7)
    assert waiting.number == 1


def test_after_a_death_those_who_were_shown_nothing_run_once_more_in_their_order() -> None:
    channels = Channels()
    channels.generate.limit = 4
    requests = [push(channels, number, TEXT, str(number)) for number in range(5)]
    assert admitted(channels) == [0, 1, 2, 3]
    channels.deliver(1, Piece("shown"))
    channels.cancel(requests[3])
    death = WorkerDied("worker_died", cause="SIGKILL")
    channels.end_running(death, again=True)
    assert isinstance(list(requests[1].events())[-1], Failed)
    assert admitted(channels) == [0, 2, 4]
    channels.end_running(death, again=True)  # a second death is told
    assert [requests[number].ended for number in (0, 2, 4)] == [True, True, False]
    assert admitted(channels) == [4]
    channels.end_running(death, again=False)
    assert requests[4].ended
    assert channels.counters.stats().errors == {"worker_died": 4}


@given(st.lists(st.sampled_from(["submit", "admit", "piece", "end", "cancel", "die", "hang"]), max_size=60), st.data())
def test_every_request_ends_exactly_once_whatever_happens(steps: list[str], data: st.DataObject) -> None:
    requests: list[Any] = []
    channels = Channels()
    for step in steps:
        running = [n for channel in channels.all() for n in channel.running]
        match step:
            case "submit":
                call: Call = data.draw(st.sampled_from(CALLS))
                requests.append(push(channels, len(requests), call, data.draw(st.sampled_from("ab"))))
            case "admit":
                admitted(channels)
            case "piece" if running:
                channels.deliver(data.draw(st.sampled_from(running)), Piece("x"))
            case "end" if running:
                channels.deliver(data.draw(st.sampled_from(running)), Done("stop"))
            case "cancel" if requests:
                channels.cancel(data.draw(st.sampled_from(requests)))
            case "die" | "hang":
                channels.end_running(WorkerDied("worker_died", cause="x"), again=step == "die")
        assert all(len(channel.running) <= channel.limit for channel in channels.all())
    channels.end_all(WorkerDied("worker_died", cause="x"))
    for request in requests:
        events = list(request.events())
        assert sum(isinstance(event, Done | Failed) for event in events) == 1 and request._inbox.empty()
        assert not any(isinstance(event, Started) for event in events)  # nobody said so
    assert sum(channels.counters.stats().requests.values()) == len(requests)
