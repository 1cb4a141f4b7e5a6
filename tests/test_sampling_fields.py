"""A sampling field is one entry of a table: a toy one is in the form, on the command line, checked, and in the call."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from click.testing import CliRunner

from studio import sampling
from studio.cli.options import sampled
from studio.documents.article import Brief
from studio.documents.conversation import Conversation
from studio.errors import InputError
from studio.export.about import about
from studio.protocol import Sampling
from studio.sampling import FIELDS, Offer, SamplingField, Task, check, fields_for
from studio.specs import MAX_TILES, NativeSpec, ScriptedSpec, max_tiles
from studio.storage.store import Store
from studio.tasks.answer_stream import AnswerProgress
from studio.tasks.answers import Answers
from studio.tasks.runner import Runner
from studio.tasks.sent_prompts import SentPrompts
from studio.ui.components import form_numbers, read
from studio.ui.words import page_words

TOY = SamplingField("min_p", 2, 0, 0.5, ("Min-p", "Min-p"), "Smallest share", chat=Offer("chat_min_p", 45))


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> SamplingField:
    monkeypatch.setattr(sampling, "FIELDS", (*FIELDS, TOY))
    return TOY


@dataclass(frozen=True)
class ToySampling(Sampling):
    """With the field that the toy entry is about."""

    min_p: float = 0.0


class Recorder:
    """In the place of an Asker: keeps the sampling that it is given."""

    given: Sampling | None = None

    def sampling(self, conversation: Conversation) -> Sampling:
        return ToySampling()

    def ask(self, conversation: Conversation, person: str, stop: Any, sampling: Sampling, go_on: bool) -> Iterator[Any]:
        self.given = sampling
        yield AnswerProgress(conversation.answer(answer="yes", finish="stop"), ended=True)


class Ready:
    """In the place of a worker."""

    state = "ready"
    cards: dict[str, Any] = {}

    def wait_ready(self, timeout: float | None = None) -> dict[str, Any]:
        return {}


def test_a_toy_field_is_in_the_form_of_its_task_only(toy: SamplingField) -> None:
    names = [number.name for number in form_numbers("chat")]
    assert names[:5] == ["max_tokens", "temperature", "top_p", "top_k", "min_p"]
    assert names[5:] == ["repetition_penalty", "seed", "beams", "tiles"]
    assert page_words()["chat_min_p"] == ("Min-p", "Min-p")
    assert "min_p" not in [number.name for number in form_numbers("writing")]
    assert read(form_numbers("chat"), {"min_p": 0.25}) == {"min_p": 0.25}
    with pytest.raises(InputError, match=r"between 0 and 0\.5"):
        read(form_numbers("chat"), {"min_p": 0.6})


def test_a_toy_field_is_a_flag(toy: SamplingField) -> None:
    @click.command()
    @sampled("chat")
    def command(**given: Any) -> None:
        click.echo(repr({name: value for name, value in given.items() if value is not None}))

    run = CliRunner().invoke
    assert run(command, ["--min-p", "0.5", "--seed", "3"]).output == "{'min_p': 0.5, 'seed': 3}\n"
    assert run(command, ["--min-p", "0.6"]).exit_code == 2
    assert "Smallest share [what suits the model]" in run(command, ["--help"], terminal_width=200).output


def test_a_toy_field_comes_to_the_model(toy: SamplingField, tmp_path: Path) -> None:
    asker, runner = Recorder(), Runner(lambda: 1)
    store = Store(tmp_path)
    prompts = SentPrompts(Ready(), store.prompts)  # type: ignore[arg-type]
    answers = Answers(runner, {"pictures": asker}, Ready(), store, prompts)  # type: ignore[arg-type, dict-item]
    answer = answers.start("me", Conversation().ask("what?"), read(form_numbers("chat"), {"min_p": 0.25}))
    assert list(answer.updates())[-1].ended
    assert asker.given == ToySampling(min_p=0.25)
    runner.close(5)
    store.close()


def test_every_entry_has_its_field_where_it_is_kept_and_read() -> None:
    known = {field.name for field in fields(Sampling)}
    kept = {field.name for field in fields(Brief)}
    for field in FIELDS:
        assert field.name in known and field.low < field.high and all(field.label) and field.help
        assert field.name in kept or field.writing is None
    ids = [offer.id for field in FIELDS for offer in (field.writing, field.chat) if offer]
    assert len(ids) == len(set(ids))


def test_the_forms_are_what_they_were() -> None:
    writing = [(n.id, n.name, n.digits, n.low, n.high, n.initial) for n in form_numbers("writing", beams=1)]
    assert writing == [
        ("seed", "seed", 0, 0, 2**32 - 1, 8909),
        ("length", "max_tokens", 0, 16, 4096, None),
        ("temperature", "temperature", 2, 0, 2, None),
        ("top_p", "top_p", 2, 0, 1, None),
        ("top_k", "top_k", 0, 0, 1000, None),
        ("repetition_penalty", "repetition_penalty", 3, 0.5, 2, None),
    ]
    last = form_numbers("writing", beams=5)[-1]
    assert (last.id, last.low, last.high) == ("write_beams", 1, 5)
    chat = [(n.id, n.low, n.high) for n in form_numbers("chat")]
    assert chat[0] == ("answer_length", 1, 4096)
    assert chat[-3:] == [("chat_seed", 0, 2**32 - 1), ("beams", 1, 5), ("tiles", 0, MAX_TILES)]


def test_tiles_are_offered_where_a_model_may_cut_pictures_into_them() -> None:
    plain = ScriptedSpec()
    tiled = replace(plain, card=replace(plain.card, tile_tokens=420))
    for spec, there in ((plain, False), (tiled, True), (NativeSpec(), True)):
        assert ("tiles" in [number.name for number in form_numbers("chat", tiles=max_tiles(spec))]) is there


@pytest.mark.parametrize("value", [-1, 2.5, math.nan, math.inf, True, "1", [1]])
def test_a_brief_takes_no_number_outside_its_limits(value: Any) -> None:
    with pytest.raises(InputError, match="between 0 and 2"):
        Brief("a farm", temperature=value).check()


def test_none_is_not_set_and_types_follow_the_digits() -> None:
    for task in get_args(Task):
        assert check(task, {}) == check(task, {field.name: None for field in fields_for(task)}) == {}
    assert check("chat", {"temperature": 1, "top_k": 5.0, "other": 1}) == {"temperature": 1.0, "top_k": 5}


def test_about_tells_what_was_set(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from studio.documents.article import Article

    now = datetime.now(UTC)
    settings = about(Article(Brief("a farm", top_k=7)), now, now)["settings"]
    assert isinstance(settings, dict) and settings["top_k"] == 7 and settings["beams"] is None
