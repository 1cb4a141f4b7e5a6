"""What models saw for articles and answers: kept to the character with its ids, for the person alone, within bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from studio.app import Studio
from studio.cli.main import studio as command
from studio.documents.article import Article, Brief
from studio.documents.conversation import Conversation
from studio.engine.scripted import prompt_text
from studio.errors import NotFoundError, StorageError
from studio.protocol import Control, Image, Text
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.storage import prompt_rows
from studio.tasks.sent_prompts import SentPrompts
from studio.ui.article_editor import ArticleEditor

TEXT = "The cow wakes up first.\n\nThe farmer drinks coffee."


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    """A model that sees: it names places, writes captions and chooses."""
    replies = (
        Reply("0, 1", match="适合插入图像的行"),
        Reply('A cow at dawn"', match="写图片标题", times=0),
        Reply("An answer", match="hello", times=0),
        Reply(TEXT),
    )
    with Studio(Settings(data=str(tmp_path)), ScriptedSpec(replies)) as studio:
        yield studio


def written(studio: Studio) -> Article:
    return list(studio.jobs.start("login:ann", Brief("a farm", images=2)).updates())[-1].article


def test_every_step_of_an_article_is_kept_as_it_was_sent(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    submit = studio.worker.submit

    def note(call: Any, person: str = "") -> Any:
        if hasattr(call, "prompt") and person:
            sent.append(prompt_text(call.prompt))
        return submit(call, person)

    monkeypatch.setattr(studio.worker, "submit", note)
    article = written(studio)
    rows = studio.prompts.of_article("login:ann", article.id)
    assert [row.step for row in rows].count("writing") == 1 and rows[0].step == "writing"
    assert {row.step for row in rows} == {"writing", "placing", "captioning", "choosing"}
    found = [studio.prompts.get("login:ann", row.id) for row in rows]
    assert [re.sub(r"<picture \d+>", "{image}", prompt.text) for prompt in found] == sent
    assert "a farm" in sent[0] and "<picture 4>" in found[-1].text
    for prompt in found:
        assert prompt.row.model == article.model and prompt.ids


def test_another_s_prompts_are_not_found(studio: Studio) -> None:
    article = written(studio)
    row = studio.prompts.of_article("login:ann", article.id)[0]
    assert studio.prompts.of_article("login:bob", article.id) == []
    with pytest.raises(NotFoundError):
        studio.prompts.get("login:bob", row.id)
    editor = ArticleEditor(studio)
    asked: list[dict[str, Any]] = [{"id": article.id}, {"id": article.id, "number": row.id}, {"id": 1, "number": "x"}]
    bob: Any = SimpleNamespace(headers={}, cookies={}, state=SimpleNamespace(identity="login:bob"))
    for facts in asked:
        assert "error" in editor.saw(facts, bob)


def test_the_command_line_prints_what_was_sent(studio: Studio, tmp_path: Path) -> None:
    article = written(studio)
    talk = list(studio.answers.start("login:ann", Conversation(kind="talk").ask("hello")).updates())[-1].conversation
    run = CliRunner().invoke
    done = run(command, ["prompt", "article", str(article.id), "--json", "--data", str(tmp_path)])
    steps = json.loads(done.output)
    assert steps[0]["step"] == "writing" and "a farm" in steps[0]["text"] and all(step["ids"] for step in steps)
    shown = run(command, ["prompt", "article", str(article.id), "--data", str(tmp_path)]).output
    assert shown.startswith(f"=== writing · {article.model} ===\n{steps[0]['text']}")
    (turn,) = json.loads(
        run(command, ["prompt", "conversation", str(talk.id), "--json", "--data", str(tmp_path)]).output
    )
    assert turn["turn"] == 1 and "hello" in turn["text"] and len(turn["ids"]) > 3
    gone = run(command, ["prompt", "article", "77", "--data", str(tmp_path)])
    assert gone.exit_code and "77" in gone.output


def test_the_newest_prompts_of_a_person_are_kept(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_rows, "KEPT", 3)
    other = studio.prompts.keep("bob", (Text("other"),), "m")
    numbers = [
        studio.prompts.keep("ann", (Text(str(i)), Control("<|im_end|>"), Image("k", b"")), "m", 5) for i in range(5)
    ]
    assert [row.id for row in studio.prompts.of_article("ann", 5)] == numbers[2:]
    assert studio.prompts.get("ann", numbers[4]).text == "4<|im_end|><picture 1>"
    assert studio.prompts.get("bob", other).text == "other" and studio.prompts.get("bob", other).ids is None


def test_a_full_disk_does_not_end_the_writing(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any, **facts: Any) -> int:
        raise StorageError("disk_full", path=studio.store.folder)

    monkeypatch.setattr(studio.store.prompts, "keep", full)
    article = written(studio)
    assert article.status == "done" and studio.prompts.of_article("login:ann", article.id) == []


def test_ids_come_when_the_model_is_there(studio: Studio) -> None:
    """What was sent in an earlier run, and not encoded before its end."""
    number = studio.prompts.keep("ann", (Text("hello"),), studio.worker.wait_ready()["composer"].name)
    asleep = SimpleNamespace(cards={}, state="starting")
    assert SentPrompts(asleep, studio.store.prompts).get("ann", number).ids is None  # type: ignore[arg-type]
    assert studio.prompts.get("ann", number).ids
    assert SentPrompts(asleep, studio.store.prompts).get("ann", number).ids  # type: ignore[arg-type]
