"""New words for passages that a model suggests: one after the other, with what stands around them, nothing saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from studio.app import Studio
from studio.documents.article import Article, Brief, Section
from studio.documents.passages import passages
from studio.errors import InputError
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec

ARTICLE = Article(Brief("x"), sections=(Section("The snow fell all night.", id="a"), Section("## Tea", id="b")))
CHOSEN = passages(ARTICLE, [{"section": "a", "start": 4, "end": 8}, {"section": "b"}])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Studio]]:
    running: list[Studio] = []

    def begin(*languages: str) -> Studio:
        card = ModelCard("toy", "xcomposer2", languages, sees=False, context=4096)
        replies = (Reply("The rain.", "only these words", times=0), Reply("Coffee", times=0))
        studio = Studio(Settings(data=str(tmp_path)), ScriptedSpec(replies, card))
        running.append(studio)
        studio.start()
        studio.worker.wait_ready()
        return studio

    yield begin
    for studio in running:
        studio.close()


def test_each_passage_gets_its_words(start: Callable[..., Studio]) -> None:
    task = start("en", "zh").drafts.change("ann", "rewrite", CHOSEN, "")
    states = list(task.updates())
    assert states[-1].ended and states[-1].error is None
    assert states[-1].texts == ("rain", "Coffee")


def test_a_model_of_one_language_does_not_translate(start: Callable[..., Studio]) -> None:
    task = start("en").drafts.change("ann", "translate", CHOSEN, "")
    task.wait()
    assert task.state.error and task.state.error.key == "edit_needs_both_languages"


def test_a_free_wish_must_be_said(start: Callable[..., Studio]) -> None:
    with pytest.raises(InputError) as refused:
        start("en").drafts.change("ann", "ask", CHOSEN, " ")
    assert refused.value.key == "edit_without_wish"
