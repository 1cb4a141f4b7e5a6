from collections.abc import Iterator

import pytest

from studio.embedding import REMEMBERED, Embedder
from studio.protocol import Call, Embed
from studio.specs import ScriptedSpec
from studio.worker.lane import Lane, Ticket


class CountingLane(Lane):
    """Keeps the calls it was given."""

    def __init__(self) -> None:
        super().__init__(ScriptedSpec())
        self.calls: list[Call] = []

    def submit(self, call: Call, person: str = "") -> Ticket:
        self.calls.append(call)
        return super().submit(call, person)


@pytest.fixture
def lane() -> Iterator[CountingLane]:
    lane = CountingLane()
    lane.start()
    yield lane
    lane.close()


def test_many_texts_are_one_call_and_known_ones_none(lane: CountingLane) -> None:
    embed = Embedder(lane)
    first = embed(("tea", "coffee", "tea"))
    assert lane.calls == [Embed(("tea", "coffee"))]
    assert first[0] == first[2] != first[1]
    assert embed(("coffee",)) == (first[1],)
    assert len(lane.calls) == 1
    assert embed(("tea", "milk"))[0] == first[0]
    assert lane.calls[1] == Embed(("milk",))


def test_nothing_is_no_call(lane: CountingLane) -> None:
    assert Embedder(lane)(()) == () and lane.calls == []


def test_only_the_texts_of_late_are_remembered(lane: CountingLane) -> None:
    embed = Embedder(lane)
    embed(("old",))
    assert len(embed(tuple(map(str, range(REMEMBERED + 50))))) == REMEMBERED + 50  # more than is remembered
    embed(("old",))
    assert lane.calls[-1] == Embed(("old",))
