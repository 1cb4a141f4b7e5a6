"""Chat about pictures of the library: what people said of them is known, whatever a classifier guesses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from golden import picture

from studio.app import Studio
from studio.documents.article import Picture
from studio.documents.conversation import Conversation
from studio.engine.scripted import prompt_text
from studio.protocol import Call, Describe, Generate, ModelCard
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.tasks.progress import Stop

STARTER = ModelCard("scripted starter", "starter", ("en",), False, 4096)
INSTRUCT = replace(STARTER, dialect="instruct", languages=("en", "zh"))
Ask = Callable[[ModelCard, str, str], tuple[str, list[Call]]]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    made: list[Studio] = []

    def answer(card: ModelCard, name: str, question: str) -> tuple[str, list[Call]]:
        """The answer about a picture of the starter set, and what was asked for it."""
        studio = Studio(Settings(data=str(tmp_path / card.dialect)), ScriptedSpec((Reply("Some.", times=0),), card))
        made.append(studio)
        studio.start()
        calls: list[Call] = []
        submit = studio.worker.submit
        studio.worker.submit = lambda call, person="": (calls.append(call), submit(call, person))[1]  # type: ignore
        hit = next(h for h in studio.library.browse(limit=100) if h.picture.title == name)
        if question.endswith("!"):  # somebody's own, the same bytes or not: here not in the library
            with studio.store.database.write() as connection:
                connection.execute("UPDATE pictures SET removed = 1 WHERE key = ?", (hit.picture.key,))
        conversation = Conversation().ask(question, (Picture(hit.picture.key, "x"),))
        *_, last = studio.answerer.ask(conversation, "me", Stop())
        assert last.error is None
        return last.conversation.turns[-1].answer, calls

    yield answer
    for studio in made:
        studio.close()


def question_of(calls: list[Call]) -> str:
    (asked,) = (call for call in calls if isinstance(call, Generate))
    return prompt_text(asked.prompt)


def test_the_starter_begins_with_what_is_known(ask: Ask) -> None:
    answer, calls = ask(STARTER, "Market day", "What could one buy here?")
    assert answer.startswith("The picture shows this: ") and "vegetable stalls" in answer and answer.endswith("Some.")
    assert "Tags" not in answer
    assert not any(isinstance(call, Describe) for call in calls)  # no classifier is asked


def test_an_instruction_model_answers_from_what_is_known(ask: Ask) -> None:
    answer, calls = ask(INSTRUCT, "Market day", "在这里能买到什么？")
    assert answer == "Some."
    assert "这张图片的说明：" in question_of(calls) and "（标签：集市 " in question_of(calls)


def test_a_guess_stays_a_guess(ask: Ask) -> None:
    answer, calls = ask(INSTRUCT, "Market day", "What is it!")
    assert answer.startswith("I am not sure what the picture shows") and any(isinstance(c, Describe) for c in calls)


def test_a_file_of_the_library_is_that_picture(tmp_path: Path) -> None:
    with Studio(Settings(data=str(tmp_path)), ScriptedSpec((), STARTER)) as studio:
        hit = studio.library.browse(limit=1)[0]
        data = studio.store.read_file(hit.picture.key)
        taken = studio.library.normalise(data, "again.webp")
        assert (taken.key, taken.data) == (hit.picture.key, data) and studio.library.words(taken.key)
        assert studio.store.add_file(taken, "me") == hit.picture.key
        assert studio.store.read_file(hit.picture.key) == data
        other = studio.library.normalise(picture("teal").data, "other.png")
        assert studio.library.words(other.key) == ""
