"""The scheduler: order of admission, budgets, rows. No model anywhere."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.engine.native.block_manager import BlockManager
from studio.engine.native.scheduler import Kind, Scheduler, SchedulerOutput, Sequence

SIZE = 4


def scheduler(batch: int = 3, token_budget: int = 10, blocks: int = 100, reuse: bool = True) -> Scheduler:
    return Scheduler(BlockManager(blocks, SIZE), batch, token_budget, reuse)


def sequence(number: int, prompt: int = 6, most: int = 3, kind: Kind = "stream", **more: object) -> Sequence:
    units = [(f"p{number}", i) for i in range(prompt)]
    return Sequence(number, kind, list(units), most, -(-(prompt + most) // SIZE), **more)  # type: ignore[arg-type]


def begin(s: Scheduler, plan: SchedulerOutput) -> None:
    """What the executor does after reading."""
    for reading in plan.prefills:
        if reading.last:
            s.assign_row(reading.sequence)


def numbers(plan: SchedulerOutput) -> tuple[list[int], list[tuple[int, int, int]]]:
    return [x.number for x in plan.decoding], [(r.sequence.number, r.start, r.count) for r in plan.prefills]


def test_prompts_are_read_in_order_within_the_budget_while_others_step() -> None:
    s = scheduler()
    for number in (1, 2, 3, 4):
        s.add(sequence(number, prompt=6 if number != 2 else 13))
    found = []
    for _ in range(4):
        plan = s.schedule()
        begin(s, plan)
        found.append(numbers(plan))
    assert found == [
        ([], [(1, 0, 6), (2, 0, 4)]),
        ([1], [(2, 4, 9)]),  # a row takes the place of a token
        ([1, 2], [(3, 0, 6)]),
        ([1, 2, 3], []),  # the fourth waits for a place
    ]
    for done in list(s.running):
        s.free_row(done)
        s.remove(done)
    assert numbers(s.schedule()) == ([], [(4, 0, 6)])


def test_far_behind_the_beginning_a_step_reads_less_where_others_would_wait() -> None:
    """Attention over 16k tokens makes a chunk twice as slow, and the pause of who is being answered twice as long."""
    for beside, expected in ((False, [2048] * 8), (True, [2047, 2047, 2047, 1819, 1656, 1531])):
        s = scheduler(token_budget=2048, blocks=20000)
        if beside:
            s.add(sequence(1, prompt=4, most=1000))
            begin(s, s.schedule())
        s.add(sequence(2, prompt=16384, most=4))
        counts = [reading.count for _ in expected for reading in s.schedule().prefills]
        assert counts == expected


def test_nobody_overtakes_a_call_that_waits_for_blocks() -> None:
    s = scheduler(blocks=8)
    s.add(sequence(1, prompt=12, most=4))  # 4 of 7 blocks
    s.add(sequence(2, prompt=12, most=4))  # too many now
    s.add(sequence(3, prompt=2, most=1))
    assert [number for number, *_ in numbers(s.schedule())[1]] == [1]
    s.remove(s.running[0])
    assert [number for number, *_ in numbers(s.schedule())[1]] == [2]


def test_a_call_whose_pictures_are_not_open_yet_waits_only_while_others_run() -> None:
    opened: list[Any] = []
    s = scheduler()
    s.add(sequence(1, ready=lambda: bool(opened)))
    assert [number for number, *_ in numbers(s.schedule())[1]] == [
        1
    ]  # nothing else to do: the executor waits for the file
    s.add(sequence(2, ready=lambda: bool(opened)))
    s.add(sequence(3))
    assert not s.schedule().prefills
    opened.append(True)
    assert [number for number, *_ in numbers(s.schedule())[1]] == [2, 3]


def test_a_beginning_that_was_read_is_not_read_again() -> None:
    s = scheduler(token_budget=100)
    first = sequence(1, prompt=11, most=3)
    s.add(first)
    begin(s, s.schedule())
    first.units += [7, 8, 9]  # it wrote three tokens, the last of which was never read itself
    s.free_row(first)
    s.remove(first)
    again = Sequence(2, "stream", [*first.units, 10, 11, 12], 3, 5)
    s.add(again)
    assert (
        numbers(s.schedule())[1] == [(2, 12, 5)] and again.num_cached == 12
    )  # 13 of the 14 were read: three full blocks
    whole = Sequence(3, "stream", list(first.units[:8]), 3, 3)
    s.add(whole)
    assert numbers(s.schedule())[1] == [(3, 4, 4)]  # at least one token must be read, to know what comes after it


def test_without_reuse_prompts_are_read_alone_and_cut_at_the_same_places() -> None:
    s = scheduler(reuse=False, token_budget=4)
    s.add(sequence(1, prompt=6))
    s.add(sequence(2, prompt=3))
    found = []
    for _ in range(3):
        plan = s.schedule()
        begin(s, plan)
        found.append(numbers(plan)[1])
    assert found == [[(1, 0, 4)], [(1, 4, 2)], [(2, 0, 3)]]


def test_rows_stay_packed() -> None:
    s = scheduler(token_budget=100)
    for number in (1, 2, 3):
        s.add(sequence(number))
    begin(s, s.schedule())
    one, two, three = s.running
    assert s.free_row(one) == (2, 0) and (one.row, two.row, three.row) == (-1, 1, 0)
    assert [x.number for x in s.schedule().decoding] == [3, 2]
    assert s.free_row(two) == (1, 1) and s.free_row(three) == (0, 0)


@settings(max_examples=100, deadline=None)
@given(
    calls=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 6)), min_size=1, max_size=12),
    batch=st.integers(1, 4),
    token_budget=st.integers(1, 20),
    cancelled=st.dictionaries(st.integers(0, 11), st.integers(0, 20)),
)
def test_every_call_is_read_once_in_order_and_writes_its_tokens(
    calls: list[tuple[int, int]], batch: int, token_budget: int, cancelled: dict[int, int]
) -> None:
    s = scheduler(batch, token_budget, blocks=30)
    sequences = [sequence(i, prompt, most) for i, (prompt, most) in enumerate(calls)]
    for x in sequences:
        s.add(x)
    read = {x.number: 0 for x in sequences}
    over: set[int] = set()
    started: list[int] = []
    for turn in range(1000):
        plan = s.schedule()
        assert sum(r.count for r in plan.prefills) <= token_budget and len(s.running) <= batch
        assert [x.row for x in plan.decoding] == list(range(len(plan.decoding)))
        for reading in plan.prefills:
            assert reading.start == read[reading.sequence.number]
            read[reading.sequence.number] += reading.count
            if reading.start == 0:
                started.append(reading.sequence.number)
        begin(s, plan)
        for x in sequences:
            full = x.row >= 0 and x.num_generated >= x.max_new_tokens
            if x.number not in over and (full or cancelled.get(x.number) == turn):
                if x.row >= 0:
                    s.free_row(x)
                s.remove(x)
                over.add(x.number)
        if not len(s):
            break
    assert len(over) == len(sequences) and started == sorted(started)
    assert s.blocks.num_free == 29
