"""The block manager: sharing, eviction, and that nothing is ever lost or given away twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.engine.native.block_manager import RESERVED, Blocks, Taken, Unit

SIZE = 4


def units(text: str) -> list[Unit]:
    return [ord(c) for c in text]


def take(blocks: Blocks, text: str, total: int = 0) -> Taken:
    taken = blocks.take(blocks.keys(units(text)), total or -(-len(text) // SIZE))
    assert taken is not None
    return taken


def test_equal_beginnings_share_blocks_once_they_are_published() -> None:
    blocks = Blocks(20, SIZE)
    first = take(blocks, "abcdefgh12")
    assert take(blocks, "abcdefgh34").known == 0  # nobody has read it yet
    blocks.publish(first.table, blocks.keys(units("abcdefgh12")))
    second = take(blocks, "abcdefgh56")
    assert (second.known, second.table[:2]) == (2, first.table[:2])
    assert second.table[2] not in first.table
    assert take(blocks, "abcdEfgh").known == 1
    assert take(blocks, "Xbcdefgh").known == 0  # the second block is the same text, behind another beginning


def test_pictures_are_told_apart_by_their_keys_and_places() -> None:
    blocks = Blocks(20, SIZE)
    pictures: list[list[Unit]] = [[(key, i) for i in range(4)] for key in ("a", "b")]
    keys = [blocks.keys(picture)[0] for picture in pictures]
    assert keys[0] != keys[1] and keys[0] == blocks.keys([("a", i) for i in range(4)])[0]
    assert blocks.keys([("a", i + 1) for i in range(4)])[0] != keys[0]


def test_what_was_unused_longest_goes_first_and_ends_before_beginnings() -> None:
    blocks = Blocks(RESERVED + 6, SIZE)
    for text in ("aaaaAAAA", "bbbbBBBB", "ccccCCCC"):
        taken = take(blocks, text)
        blocks.publish(taken.table, blocks.keys(units(text)))
        blocks.release(taken.table)
    blocks.release(take(blocks, "aaaaAAAA").table)  # used again: now b is the oldest
    blocks.release(take(blocks, "zzzz").table)
    assert take(blocks, "bbbbBBBB", 2).known == 1  # its end went
    assert blocks.take(blocks.keys(units("aaaaAAAA")), 2).known == 2  # type: ignore[union-attr]


def test_too_few_blocks_change_nothing() -> None:
    blocks = Blocks(RESERVED + 3, SIZE)
    taken = take(blocks, "abcdefgh")
    blocks.publish(taken.table, blocks.keys(units("abcdefgh")))
    blocks.release(taken.table)
    before = blocks.available
    assert blocks.take(blocks.keys(units("abcdefgh")), 4) is None
    assert blocks.available == before == 3
    assert take(blocks, "abcdefgh").known == 2


def test_forgetting_makes_all_unused_blocks_unknown() -> None:
    blocks = Blocks(9, SIZE)
    taken = take(blocks, "abcdefgh")
    blocks.publish(taken.table, blocks.keys(units("abcdefgh")))
    blocks.release(taken.table)
    blocks.forget()
    assert (blocks.known, blocks.available) == (0, 8)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.text("ab", min_size=1, max_size=14), st.integers(0, 3), st.integers(0, 9)), max_size=40),
    st.integers(4, 14),
)
def test_whatever_happens_every_block_has_its_users_and_the_rest_is_available(
    calls: list[tuple[str, int, int]], count: int
) -> None:
    blocks = Blocks(RESERVED + count, SIZE)
    running: list[tuple[list[int], str]] = []
    contents: dict[int, str] = {}
    for text, more, end in calls:
        taken = blocks.take(blocks.keys(units(text)), -(-len(text) // SIZE) + more)
        if taken is not None:
            for i, block in enumerate(taken.table):
                if i < taken.known:
                    assert contents[block] == text[: (i + 1) * SIZE]  # it holds what its key says
                else:
                    contents[block] = text[: (i + 1) * SIZE]
            blocks.publish(taken.table, blocks.keys(units(text)))
            running.append((taken.table, text))
        if running and end < 5:
            blocks.release(running.pop(end % len(running))[0])
        used = Counter(block for table, _ in running for block in table)
        assert all(0 < block < RESERVED + count for block in used)
        assert blocks.available == count - len(used)
        assert all(len(set(table)) == len(table) for table, _ in running)
    for table, _ in running:
        blocks.release(table)
    assert blocks.available == count
