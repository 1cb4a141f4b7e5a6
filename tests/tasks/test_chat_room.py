"""A conversation that outgrows the model's context: what goes first, what is said, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.app import Studio
from studio.documents import conversation as conversations
from studio.documents.article import Picture
from studio.documents.conversation import Conversation, Turn
from studio.errors import ContextOverflow
from studio.library.picture_intake import normalise_file
from studio.protocol import Call, Count, Generate, Image
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.tasks.answer_stream import AnswerProgress
from studio.tasks.progress import Stop
from studio.ui.chatbot import to_chatbot

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
CARD = replace(ScriptedSpec().card, context=1200, image_tokens=256)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("data")
    with Studio(Settings(data=str(folder)), ScriptedSpec((Reply("A lake.", times=0),), CARD)) as studio:
        yield studio


@pytest.fixture
def calls(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    asked: list[Call] = []
    submit = studio.worker.submit

    def note(call: Call, person: str = "") -> Any:
        asked.append(call)
        return submit(call, person)

    monkeypatch.setattr(studio.worker, "submit", note)
    return asked


def own(studio: Studio, *names: str) -> tuple[Picture, ...]:
    files = [(name, (PICTURES / f"{name}.webp").read_bytes()) for name in names]
    return tuple(Picture(studio.store.add_file(normalise_file(data, name), "me"), name) for name, data in files)


def answer(studio: Studio, conversation: Conversation) -> AnswerProgress:
    *_, last = studio.answerer.ask(conversation, "me", Stop())
    return last


def seen(calls: list[Call]) -> list[str]:
    *_, last = (call for call in calls if isinstance(call, Generate))
    return [s.key for s in last.prompt if isinstance(s, Image)]


def test_the_oldest_pictures_are_no_longer_seen_and_it_is_said(studio: Studio, calls: list[Call]) -> None:
    first, second = own(studio, "cat", "dog"), own(studio, "sea", "train")
    one = answer(studio, Conversation().ask("What are these?", first)).conversation
    assert (one.turns[-1].unseen, one.turns[-1].answer) == (0, "A lake.")
    two = answer(studio, one.ask("And these?", second)).conversation
    assert two.turns[-1].unseen == 1 and two.turns[-1].unread == 0
    assert seen(calls) == [p.key for p in (first[1], *second)]
    kept = studio.store.save_conversation("me", two)
    assert studio.store.conversation("me", kept.id).turns[-1].unseen == 1, "it is there after a reload"
    english, chinese = (to_chatbot(studio, kept, language).value[-1] for language in ("en", "zh"))
    assert "Picture 1 is no longer seen: the conversation is longer" in str(english)
    assert "图片 1 已看不到" in str(chinese)
    assert "no longer" not in str(to_chatbot(studio, one, "en").value)


def test_the_oldest_turns_follow(studio: Studio, calls: list[Call]) -> None:
    long = tuple(Turn("word " * 300, answer="Yes.", finish="stop") for _ in range(5))
    (cat,) = own(studio, "cat")
    last = answer(studio, Conversation((Turn("Who?", (cat,), "A cat.", "stop"), *long)).ask("And now?")).conversation
    assert last.turns[-1].unread >= 3 and last.turns[-1].unseen == 1 and not seen(calls)
    told = str(to_chatbot(studio, last, "en").value[-1])
    assert f"Picture 1 is no longer seen, the first {last.turns[-1].unread} questions are no longer read" in told


def test_a_question_that_cannot_fit_is_refused_before_anything_is_computed(studio: Studio, calls: list[Call]) -> None:
    pictures = own(studio, "cat", "dog", "sea", "train", "city")
    last = answer(studio, Conversation().ask("What are these?", pictures))
    assert isinstance(last.error, ContextOverflow) and last.ended
    assert last.error.facts["limit"] == 1200 and 1280 < int(str(last.error.facts["needed"])) < 1700
    assert all(isinstance(call, Count) for call in calls)


def test_old_conversations_can_be_read() -> None:
    data: dict[str, Any] = {
        "turns": [{"question": "What?", "pictures": [], "answer": "A lake.", "finish": "stop", "liked": None}]
    }
    turn = conversations.from_dict({**data, "model": "m", "id": 3}).turns[0]
    assert (turn.unseen, turn.unread) == (0, 0)
