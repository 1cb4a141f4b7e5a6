from hypothesis import given
from hypothesis import strategies as st

from studio.worker.fair_queue import FairQueue

pushes = st.lists(st.tuples(st.sampled_from("abc"), st.integers()), max_size=30)


def test_persons_take_turns() -> None:
    turns: FairQueue[str] = FairQueue()
    for person, item in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")]:
        turns.push(person, item)
    assert [turns.pop() for _ in range(5)] == ["a1", "b1", "c1", "a2", "a3"]


@given(pushes)
def test_iteration_foretells_the_order(items: list[tuple[str, int]]) -> None:
    turns: FairQueue[tuple[int, int]] = FairQueue()
    for number, (person, item) in enumerate(items):
        turns.push(person, (number, item))
    foretold = list(turns)
    assert foretold == [turns.pop() for _ in range(len(turns))]
    assert len(foretold) == len(items)


@given(pushes)
def test_first_come_first_served_within_a_person(items: list[tuple[str, int]]) -> None:
    turns: FairQueue[tuple[str, int]] = FairQueue()
    for number, (person, _) in enumerate(items):
        turns.push(person, (person, number))
    order = [turns.pop() for _ in range(len(turns))]
    for person in "abc":
        mine = [number for who, number in order if who == person]
        assert mine == sorted(mine)


def test_removed_items_do_not_come() -> None:
    turns: FairQueue[int] = FairQueue()
    turns.push("a", 1)
    turns.push("a", 2)
    assert turns.remove(1) and not turns.remove(1)
    assert list(turns) == [2] and turns.pop() == 2 and not len(turns)
