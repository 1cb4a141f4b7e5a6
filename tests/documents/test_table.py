"""The table of answers as data, and in the store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.documents.article import Picture
from studio.documents.table import MAX_QUESTIONS, Cell, Row, Skipped, Table, questions_of
from studio.errors import InputError, NotFoundError
from studio.storage.store import Store

A, B, C = (Picture(letter * 64, letter, f"{letter}.png") for letter in "abc")
TWO = Table(("What?", "Where?")).add(A).add(B)
YES = Cell("Yes.", "stop")


@pytest.mark.parametrize(
    ("text", "questions"),
    [
        ("What?\nWhere?", ("What?", "Where?")),
        ("\ufeffWhat?\r\n\r\n  \r\n Where  is it? \r\n", ("What?", "Where is it?")),
        ("What?\rWhat?\nWhat?", ("What?",)),
        ("图里有什么？\u2028在哪里？", ("图里有什么？", "在哪里？")),
    ],
)
def test_questions_one_a_line(text: str, questions: tuple[str, ...]) -> None:
    assert questions_of(text) == questions


@pytest.mark.parametrize("text", ["", "\n\r\n \t \u3000\n", "\ufeff"])
def test_no_question_is_said(text: str) -> None:
    with pytest.raises(InputError, match="no question yet"):
        questions_of(text)


def test_too_many_and_too_long_questions() -> None:
    with pytest.raises(InputError, match="51 questions"):
        questions_of("\n".join(f"{n}?" for n in range(MAX_QUESTIONS + 1)))
    with pytest.raises(InputError, match="9,000 characters"):
        questions_of("Short?\n" + "x" * 9000)


@given(st.text())
def test_any_text_gives_questions_or_a_sentence(text: str) -> None:
    try:
        questions = questions_of(text)
    except InputError as e:
        assert e.say("zh")
    else:
        assert questions and all(q and q == " ".join(q.split()) for q in questions)
        assert len(set(questions)) == len(questions)
        assert questions_of("\r\n".join(questions)) == questions


def test_what_is_open() -> None:
    table = TWO.put(0, 1, YES).put(1, 0, Cell("", "failed", "It broke."))
    assert list(table.places()) == [(0, 0), (1, 0), (1, 1)]
    assert (table.cells, table.open, table.failed) == (4, 3, 1)


def test_answers_are_recalled_and_rows_that_are_gone_stay() -> None:
    old = replace(TWO.put(0, 1, YES).put(1, 0, Cell("Sea.", "length")).put(1, 1, Cell("", "failed", "x")), id=7)
    renamed = replace(A, credit="new name.png")
    new = Table(("Where?", "When?")).add(C).add(renamed).recall(replace(old, model="m"))
    assert new.rows == (Row(C, (Cell(), Cell())), Row(renamed, (YES, Cell())), Row(B, (Cell(), Cell())))
    assert (new.id, new.model) == (0, "m")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def test_a_table_is_kept_cell_by_cell(store: Store) -> None:
    table = replace(TWO, origin="a.zip", unread=3, model="m", skipped=(Skipped("x.txt", "No picture."),))
    table = store.tables.save("ann", table)
    assert store.tables.get("ann", table.id) == table
    for row, column, cell in ((0, 1, YES), (1, 0, Cell("", "failed", "It broke.")), (1, 0, YES)):
        table = table.put(row, column, cell)
        store.tables.put(table, row, column)
        assert store.tables.get("ann", table.id) == table
        assert store.tables.rows("ann")[0].open == table.open


def test_half_a_character_is_kept(store: Store) -> None:
    table = store.tables.save("ann", Table(("\ud800?",)).add(replace(A, credit="\udfff.png")))
    table = table.put(0, 0, Cell("\ud83e", "stop"))
    store.tables.put(table, 0, 0)
    assert store.tables.get("ann", table.id) == table


def test_tables_are_listed_found_deleted_and_brought_back(store: Store) -> None:
    first = store.tables.save("ann", TWO)
    second = store.tables.save("ann", Table(("Which colour?",), origin="sea.zip").add(C))
    store.tables.save("ann", Table(("Nothing read",)))
    assert [(r.id, r.title, r.pictures, r.open, r.cover) for r in store.tables.rows("ann")] == [
        (second.id, "Which colour?", 1, 1, C.key),
        (first.id, "What?", 2, 4, A.key),
    ]
    assert [r.id for r in store.tables.rows("ann", "SEA colour")] == [second.id]
    assert [r.id for r in store.tables.rows("ann", "b.png")] == [first.id]
    assert store.tables.newest("ann", "sea.zip") == second and store.tables.newest("ann", "x") is None
    store.tables.delete("ann", first.id)
    assert [r.id for r in store.tables.rows("ann")] == [second.id]
    assert [r.id for r in store.tables.rows("ann", deleted=True)] == [first.id]
    store.tables.undelete("ann", first.id)
    assert store.tables.get("ann", first.id) == first


def test_what_is_anothers_is_not_found(store: Store) -> None:
    mine = store.tables.save("ann", TWO)
    assert store.tables.rows("bob") == [] and store.tables.newest("bob", "") is None
    for attempt in (
        lambda: store.tables.get("bob", mine.id),
        lambda: store.tables.claim("bob", mine.id),
        lambda: store.tables.delete("bob", mine.id),
        lambda: store.tables.undelete("bob", mine.id),
        lambda: store.tables.save("bob", mine),
        lambda: store.tables.get("ann", 2**70),
    ):
        with pytest.raises(NotFoundError, match="That table is not here"):
            attempt()


def test_only_one_process_fills_a_table(store: Store, tmp_path: Path) -> None:
    table = store.tables.save("ann", TWO)
    other = Store(tmp_path / "data")  # another holder of the folder, as another process would be
    assert other.tables.rows("ann")[0].running
    with pytest.raises(InputError, match="another studio"):
        other.tables.claim("ann", table.id)
    store.tables.release(table.id)
    assert not other.tables.rows("ann")[0].running
    assert other.tables.claim("ann", table.id) == table
    with pytest.raises(InputError, match="another studio"):
        store.tables.save("ann", table)
    other.close()
    assert store.tables.claim("ann", table.id) == table, "its filler is gone"
