"""The block manager: sharing, eviction, and that nothing is ever lost or given away twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from studio.engine.native.block_manager import RESERVED, Allocation, BlockManager, Unit

SIZE = 4


def units(text: str) -> list[Unit]:
    return [ord(c) for c in text]


def take(blocks: BlockManager, text: str, total: int = 0) -> Allocation:
    taken = blocks.allocate(blocks.hash_blocks(units(text)), total or -(-len(text) // SIZE))
    assert taken is not None
    return taken


def test_equal_beginnings_share_blocks_once_they_are_published() -> None:
    blocks = BlockManager(20, SIZE)
    first = take(blocks, "abcdefgh12")
    assert take(blocks, "abcdefgh34").num_cached_blocks == 0  # nobody has read it yet
    blocks.cache_blocks(first.block_table, blocks.hash_blocks(units("abcdefgh12")))
    second = take(blocks, "abcdefgh56")
    assert (second.num_cached_blocks, second.block_table[:2]) == (2, first.block_table[:2])
    assert second.block_table[2] not in first.block_table
    assert take(blocks, "abcdEfgh").num_cached_blocks == 1
    assert (
        take(blocks, "Xbcdefgh").num_cached_blocks == 0
    )  # the second block is the same text, behind another beginning


def test_pictures_are_told_apart_by_their_keys_and_places() -> None:
    blocks = BlockManager(20, SIZE)
    pictures: list[list[Unit]] = [[(key, i) for i in range(4)] for key in ("a", "b")]
    keys = [blocks.hash_blocks(picture)[0] for picture in pictures]
    assert keys[0] != keys[1] and keys[0] == blocks.hash_blocks([("a", i) for i in range(4)])[0]
    assert blocks.hash_blocks([("a", i + 1) for i in range(4)])[0] != keys[0]


def test_what_was_unused_longest_goes_first_and_ends_before_beginnings() -> None:
    blocks = BlockManager(RESERVED + 6, SIZE)
    for text in ("aaaaAAAA", "bbbbBBBB", "ccccCCCC"):
        taken = take(blocks, text)
        blocks.cache_blocks(taken.block_table, blocks.hash_blocks(units(text)))
        blocks.release(taken.block_table)
    blocks.release(take(blocks, "aaaaAAAA").block_table)  # used again: now b is the oldest
    blocks.release(take(blocks, "zzzz").block_table)
    assert take(blocks, "bbbbBBBB", 2).num_cached_blocks == 1  # its end went
    assert blocks.allocate(blocks.hash_blocks(units("aaaaAAAA")), 2).num_cached_blocks == 2  # type: ignore[union-attr]


def test_too_few_blocks_change_nothing() -> None:
    blocks = BlockManager(RESERVED + 3, SIZE)
    taken = take(blocks, "abcdefgh")
    blocks.cache_blocks(taken.block_table, blocks.hash_blocks(units("abcdefgh")))
    blocks.release(taken.block_table)
    before = blocks.num_free
    assert blocks.allocate(blocks.hash_blocks(units("abcdefgh")), 4) is None
    assert blocks.num_free == before == 3
    assert take(blocks, "abcdefgh").num_cached_blocks == 2


def test_forgetting_makes_all_unused_blocks_unknown() -> None:
    blocks = BlockManager(9, SIZE)
    taken = take(blocks, "abcdefgh")
    blocks.cache_blocks(taken.block_table, blocks.hash_blocks(units("abcdefgh")))
    blocks.release(taken.block_table)
    blocks.clear_cache()
    assert (blocks.num_cached, blocks.num_free) == (0, 8)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.text("ab", min_size=1, max_size=14), st.integers(0, 3), st.integers(0, 9)), max_size=40),
    st.integers(4, 14),
)
def test_whatever_happens_every_block_has_its_users_and_the_rest_is_available(
    calls: list[tuple[str, int, int]], count: int
) -> None:
    blocks = BlockManager(RESERVED + count, SIZE)
    running: list[tuple[list[int], str]] = []
    contents: dict[int, str] = {}
    for text, more, end in calls:
        taken = blocks.allocate(blocks.hash_blocks(units(text)), -(-len(text) // SIZE) + more)
        if taken is not None:
            for i, block in enumerate(taken.block_table):
                if i < taken.num_cached_blocks:
                    assert contents[block] == text[: (i + 1) * SIZE]  # it holds what its key says
                else:
                    contents[block] = text[: (i + 1) * SIZE]
            blocks.cache_blocks(taken.block_table, blocks.hash_blocks(units(text)))
            running.append((taken.block_table, text))
        if running and end < 5:
            blocks.release(running.pop(end % len(running))[0])
        used = Counter(block for table, _ in running for block in table)
        assert all(0 < block < RESERVED + count for block in used)
        assert blocks.num_free == count - len(used)
        assert all(len(set(table)) == len(table) for table, _ in running)
    for table, _ in running:
        blocks.release(table)
    assert blocks.num_free == count
