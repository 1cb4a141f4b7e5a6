"""Accepted means kept: a row from the first moment, saved while it grows; a polite refusal before anything is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.app import Studio
from studio.documents.article import Article, Brief
from studio.documents.conversation import Conversation
from studio.errors import BusyError, InputError
from studio.protocol import ModelCard, Queued
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.tasks import answers, jobs
from studio.tasks.progress import Progress
from studio.ui.article_view import ArticleView, status_line

CARD = ModelCard("scripted model", "starter", ("en",), sees=False, context=65536)
ENDLESS = Reply("Words come one by one. " * 4000, pace=0.005, times=0)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(Settings(data=str(tmp_path)), ScriptedSpec((ENDLESS,), CARD)) as made:
        yield made


def test_every_accepted_article_has_its_row_at_once_and_a_refused_one_has_none(studio: Studio) -> None:
    """Regression: of 200 articles 159 had no row anywhere until their turn came."""
    accepted = 0
    for person in range(25):
        for i in range(8):
            studio.jobs.start(f"person {person}", Brief(f"subject {i}", images=0))
            accepted += 1
            rows = studio.store.list_articles(f"person {person}")
            assert len(rows) == i + 1 and rows[0].status == "writing"
    assert accepted == 200
    refused = 0
    for i in range(20):
        try:
            studio.jobs.start("person 24", Brief(f"more {i}", images=0))
        except BusyError as e:
            refused += 1
            assert "8 tasks of yours are waiting" in e.say() and "8 个任务在排队" in e.say("zh")
    assert refused == 20 and len(studio.store.list_articles("person 24")) == 8


def test_who_waits_knows_the_place_and_a_stop_keeps_the_row(studio: Studio) -> None:
    tasks = [studio.jobs.start(f"person {i}", Brief(f"subject {i}", images=0)) for i in range(30)]
    last = tasks[-1].now()
    assert last.waiting and last.waiting.position == 29
    tasks[-1].stop.press()
    assert tasks[-1].wait(5)
    article = studio.store.article("person 29", last.article.id)
    assert (article.status, article.interrupted) == ("stopped", False), "by a person, not by the studio's end"


def test_text_is_saved_while_it_streams(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """As another process reads it: what kill -9 would leave."""
    monkeypatch.setattr(jobs, "SAVE_EVERY", 0.1)
    monkeypatch.setattr(answers, "SAVE_EVERY", 0.1)
    job = studio.jobs.start("ann", Brief(title="The sea", images=0))
    other = sqlite3.connect(studio.store.database.path)
    for progress in job.updates():
        body = other.execute("SELECT words FROM articles WHERE id = ?", (progress.article.id,)).fetchone()[0]
        if "words come" in body:
            break
    job.stop.press()
    job.wait(5)
    answer = studio.answers.start("ann", Conversation().ask("What is the sea?"))
    for state in answer.updates():
        row = other.execute("SELECT words FROM conversations WHERE id = ?", (state.conversation.id,)).fetchone()
        assert row, "the question has its row before it waits for anything"
        if "words come" in row[0]:
            break
    assert not answer.ended
    with pytest.raises(InputError, match="answered just now"):
        studio.answers.start("ann", state.conversation)


def test_an_interrupted_article_says_so_and_offers_to_go_on(studio: Studio) -> None:
    stopped = Article(Brief("the sea"), status="stopped", interrupted=True)
    assert "closed while this was written" in status_line(stopped, None, "en") and "继续" in status_line(
        stopped, None, "zh"
    )
    assert ArticleView(studio.store, "ann", "en").document(stopped)["more"]
    kept = studio.store.save_article("ann", stopped)
    job = studio.jobs.continue_article("ann", kept.id)
    assert not job.state.article.interrupted
    job.stop.press()
    job.wait(5)
    assert status_line(studio.store.article("ann", kept.id), None, "en").startswith("Stopped.")


def test_the_place_is_told_in_the_line_under_the_document() -> None:
    article = Article(Brief("the sea"))
    waits = Progress(article, "writing", waiting=Queued(20, 95.0))
    assert status_line(article, waits, "en") == "20 ahead of you, about 95 s"
