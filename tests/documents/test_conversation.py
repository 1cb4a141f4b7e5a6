"""Versions of a turn, branches: nothing that was said is lost."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.documents.conversation import MAX_VERSIONS, Conversation, Turn, from_dict, to_dict
from studio.documents.persona import Example, Persona

PERSONA = Persona("八戒", "你是猪八戒", "来了", (Example("你好", "俺老猪"),), {"temperature": 0.7}, "bajie-chat-mini")


def talk(*said: str) -> Conversation:
    found = Conversation(kind="talk", persona=PERSONA)
    for question in said:
        found = found.ask(question).answer(answer=f"{question}!", finish="stop")
    return found


def test_a_second_answer_keeps_the_first_and_what_followed_it() -> None:
    before = talk("a", "b", "c")
    again = before.ask_again(1).answer(answer="B2", finish="stop")
    assert [t.answer for t in again.turns] == ["a!", "B2"] and (again.turns[1].place, len(again.turns[1].others)) == (
        1,
        1,
    )
    first = again.show_version(1, 0)
    assert [t.answer for t in first.turns] == ["a!", "b!", "c!"] and first.turns[1].place == 0
    assert first.show_version(1, 1) == again
    worded = again.ask_again(1, "B?")
    assert worded.turns[1].question == "B?" and worded.show_version(1, 0).turns[2].answer == "c!"
    with pytest.raises(IndexError):
        again.show_version(1, 2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_whatever_is_done_every_answer_can_be_shown_again(steps: list[tuple[bool, int, int]]) -> None:
    found, answers = talk("a", "b", "c"), {"a!", "b!", "c!"}
    for number, (again, at, place) in enumerate(steps):
        at %= len(found.turns)
        if again:
            found = found.ask_again(at).answer(answer=f"new {number}")
            answers.add(f"new {number}")
        else:
            found = found.show_version(at, place % (len(found.turns[at].others) + 1))
    text = json.dumps(to_dict(found))
    assert all(json.dumps(answer) in text for answer in answers)
    assert from_dict(json.loads(text)) == found


def test_a_branch_is_a_conversation_of_its_own() -> None:
    before = talk("a", "b", "c").ask_again(2).answer(answer="C2")
    branch = Conversation(**{**vars(before), "id": 7}).branch(1)
    assert branch.id == 0 and [t.answer for t in branch.turns] == ["a!", "b!"] and branch.persona == PERSONA


def test_versions_have_an_end() -> None:
    found = talk("a")
    for number in range(MAX_VERSIONS + 5):
        found = found.ask_again(0).answer(answer=str(number))
    assert len(found.turns[0].others) == MAX_VERSIONS - 1 and found.turns[0].answer == str(MAX_VERSIONS + 4)


def test_conversations_of_before_are_read() -> None:
    old = {
        "turns": [{"question": "q", "pictures": [], "answer": "a", "finish": "stop", "liked": None}],
        "model": "m",
        "id": 3,
    }
    assert from_dict(old) == Conversation((Turn("q", (), "a", "stop"),), "m", 3)
