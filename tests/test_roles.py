"""A role is one entry: a toy one is found, planned, checked, loaded, listed and named on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from golden import architecture, tensors, train_tokenizer, write
from sentencepiece import SentencePieceProcessor

from studio.checkpoints import catalog
from studio.checkpoints.families import INTERNLM2_CHAT, published_pixels, require_role
from studio.cli import doctor, preflight
from studio.engine.native import engine as native
from studio.errors import ModelError
from studio.messages import SENTENCES
from studio.protocol import Done, Generate, Sampling, Text
from studio.roles import COMPOSER, ROLES, ModelRole
from studio.settings import Settings
from studio.specs import NativeSpec, ScriptedSpec
from studio.tasks.model_calls import card_of
from studio.ui.words import page_words

TALK = ModelRole(
    name="talk",
    setting="composer",
    missing="composer_missing",
    refused="composer_refused",
    verb="talks",
    without="no talk",
    label=("Talks", "聊天"),
    families=(INTERNLM2_CHAT.name,),
)


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> ModelRole:
    monkeypatch.setitem(ROLES, TALK.name, TALK)
    return TALK


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A checkpoint of a model that reads text only."""
    trained = train_tokenizer(tmp_path)
    a = architecture(SentencePieceProcessor(model_file=str(trained)).get_piece_size(), eyes=False)
    made = write(tmp_path / "chat", a, tensors(a))
    (made / "tokenizer.model").write_bytes(trained.read_bytes())
    return str(made)


def test_a_toy_role_is_one_entry(talk: ModelRole, folder: str, tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data"), composer=folder, vl="none", device="cpu")
    spec = catalog.plan(settings)
    assert isinstance(spec, NativeSpec) and spec.folders == {"composer": folder, "talk": folder}
    assert list(preflight.check_models(settings)) == []
    engine = native.load(spec)
    assert set(engine.cards) == {"composer", "talk"}
    engine.submit(1, Generate("talk", (Text("hello"),), Sampling(max_tokens=2)))
    events = [event for step in iter(engine.step, []) for event in step]
    assert isinstance(events[-1][1], Done)
    engine.close()
    assert page_words()["role_talk"] == ("Talks", "聊天")
    assert doctor.report(settings)["runs"]["talk"] == folder
    scripted = ScriptedSpec()
    assert card_of({"talk": scripted.card}, talk) is scripted.card


def test_where_no_model_serves_a_role_its_own_sentence_says_so(talk: ModelRole, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        card_of({}, talk)
    assert caught.value.key == talk.missing
    with pytest.raises(ModelError) as caught:
        require_role("talk", tmp_path, architecture())  # a model of another family
    assert caught.value.key == talk.refused
    a = architecture()
    sees = str(write(tmp_path / "sees", a, tensors(a)))
    settings = Settings(data=str(tmp_path / "data"), composer="none", vl=sees, device="cpu")
    report = doctor.report(settings)
    assert report["runs"]["talk"] == "" and "  no talk" in doctor.format_report(report)


def test_a_role_that_sees_takes_no_blind_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROLES, TALK.name, replace(TALK, sees=True))
    with pytest.raises(ModelError):
        require_role("talk", tmp_path, architecture(eyes=False))


def test_every_entry_names_what_exists() -> None:
    for name, role in ROLES.items():
        assert name == role.name and hasattr(Settings(), role.setting)
        assert role.missing in SENTENCES and role.refused in SENTENCES and all(role.label)
    assert {model.role for model in catalog.PUBLISHED} <= set(ROLES)
    assert published_pixels() == {"composer": 224, "viewer": 490}
    assert COMPOSER.name in ROLES
