"""The scheduler: order of admission, budgets, rows. No model anywhere."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.engine.native.block_manager import Blocks
from studio.engine.native.scheduler import Kind, Plan, Scheduler, Sequence

SIZE = 4


def scheduler(batch: int = 3, budget: int = 10, blocks: int = 100, reuse: bool = True) -> Scheduler:
    return Scheduler(Blocks(blocks, SIZE), batch, budget, reuse)


def sequence(number: int, prompt: int = 6, most: int = 3, kind: Kind = "stream", **more: object) -> Sequence:
    units = [(f"p{number}", i) for i in range(prompt)]
    return Sequence(number, kind, list(units), most, -(-(prompt + most) // SIZE), **more)  # type: ignore[arg-type]


def begin(s: Scheduler, plan: Plan) -> None:
    """What the seat does after reading."""
    for reading in plan.reading:
        if reading.last:
            s.seat(reading.sequence)


def numbers(plan: Plan) -> tuple[list[int], list[tuple[int, int, int]]]:
    return [x.number for x in plan.stepping], [(r.sequence.number, r.start, r.count) for r in plan.reading]


def test_prompts_are_read_in_order_within_the_budget_while_others_step() -> None:
    s = scheduler()
    for number in (1, 2, 3, 4):
        s.add(sequence(number, prompt=6 if number != 2 else 13))
    found = []
    for _ in range(4):
        plan = s.plan()
        begin(s, plan)
        found.append(numbers(plan))
    assert found == [
        ([], [(1, 0, 6), (2, 0, 4)]),
        ([1], [(2, 4, 9)]),  # a row takes the place of a token
        ([1, 2], [(3, 0, 6)]),
        ([1, 2, 3], []),  # the fourth waits for a place
    ]
    for done in list(s.running):
        s.unseat(done)
        s.remove(done)
    assert numbers(s.plan()) == ([], [(4, 0, 6)])


def test_far_behind_the_beginning_a_step_reads_less_where_others_would_wait() -> None:
    """Attention over 16k tokens makes a chunk twice as slow, and the pause of who is being answered twice as long."""
    for beside, expected in ((False, [2048] * 8), (True, [2047, 2047, 2047, 1638, 1412, 1262])):
        s = scheduler(budget=2048, blocks=20000)
        if beside:
            s.add(sequence(1, prompt=4, most=1000))
            begin(s, s.plan())
        s.add(sequence(2, prompt=16384, most=4))
        counts = [reading.count for _ in expected for reading in s.plan().reading]
        assert counts == expected


def test_nobody_overtakes_a_call_that_waits_for_blocks() -> None:
    s = scheduler(blocks=8)
    s.add(sequence(1, prompt=12, most=4))  # 4 of 7 blocks
    s.add(sequence(2, prompt=12, most=4))  # too many now
    s.add(sequence(3, prompt=2, most=1))
    assert [number for number, *_ in numbers(s.plan())[1]] == [1]
    s.remove(s.running[0])
    assert [number for number, *_ in numbers(s.plan())[1]] == [2]


def test_a_call_whose_pictures_are_not_open_yet_waits_only_while_others_run() -> None:
    s, opened = scheduler(), []
    s.add(sequence(1, ready=lambda: bool(opened)))
    assert [number for number, *_ in numbers(s.plan())[1]] == [1]  # nothing else to do: the seat waits for the file
    s.add(sequence(2, ready=lambda: bool(opened)))
    s.add(sequence(3))
    assert not s.plan().reading
    opened.append(True)
    assert [number for number, *_ in numbers(s.plan())[1]] == [2, 3]


def test_a_beginning_that_was_read_is_not_read_again() -> None:
    s = scheduler(budget=100)
    first = sequence(1, prompt=11, most=3)
    s.add(first)
    begin(s, s.plan())
    first.units += [7, 8, 9]  # it wrote three tokens, the last of which was never read itself
    s.unseat(first)
    s.remove(first)
    again = Sequence(2, "stream", [*first.units, 10, 11, 12], 3, 5)
    s.add(again)
    assert numbers(s.plan())[1] == [(2, 12, 5)] and again.cached == 12  # 13 of the 14 were read: three full blocks
    whole = Sequence(3, "stream", list(first.units[:8]), 3, 3)
    s.add(whole)
    assert numbers(s.plan())[1] == [(3, 4, 4)]  # at least one token must be read, to know what comes after it


def test_without_reuse_prompts_are_read_alone_and_cut_at_the_same_places() -> None:
    s = scheduler(reuse=False, budget=4)
    s.add(sequence(1, prompt=6))
    s.add(sequence(2, prompt=3))
    found = []
    for _ in range(3):
        plan = s.plan()
        begin(s, plan)
        found.append(numbers(plan)[1])
    assert found == [[(1, 0, 4)], [(1, 4, 2)], [(2, 0, 3)]]


def test_rows_stay_packed() -> None:
    s = scheduler(budget=100)
    for number in (1, 2, 3):
        s.add(sequence(number))
    begin(s, s.plan())
    one, two, three = s.running
    assert s.unseat(one) == (2, 0) and (one.row, two.row, three.row) == (-1, 1, 0)
    assert [x.number for x in s.plan().stepping] == [3, 2]
    assert s.unseat(two) == (1, 1) and s.unseat(three) == (0, 0)


@settings(max_examples=100, deadline=None)
@given(
    calls=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 6)), min_size=1, max_size=12),
    batch=st.integers(1, 4),
    budget=st.integers(1, 20),
    cancelled=st.dictionaries(st.integers(0, 11), st.integers(0, 20)),
)
def test_every_call_is_read_once_in_order_and_writes_its_tokens(
    calls: list[tuple[int, int]], batch: int, budget: int, cancelled: dict[int, int]
) -> None:
    s = scheduler(batch, budget, blocks=30)
    sequences = [sequence(i, prompt, most) for i, (prompt, most) in enumerate(calls)]
    for x in sequences:
        s.add(x)
    read = {x.number: 0 for x in sequences}
    over: set[int] = set()
    started: list[int] = []
    for turn in range(1000):
        plan = s.plan()
        assert sum(r.count for r in plan.reading) <= budget and len(s.running) <= batch
        assert [x.row for x in plan.stepping] == list(range(len(plan.stepping)))
        for reading in plan.reading:
            assert reading.start == read[reading.sequence.number]
            read[reading.sequence.number] += reading.count
            if reading.start == 0:
                started.append(reading.sequence.number)
        begin(s, plan)
        for x in sequences:
            full = x.row >= 0 and x.drawn >= x.most
            if x.number not in over and (full or cancelled.get(x.number) == turn):
                if x.row >= 0:
                    s.unseat(x)
                s.remove(x)
                over.add(x.number)
        if not len(s):
            break
    assert len(over) == len(sequences) and started == sorted(started)
    assert s.blocks.available == 29
