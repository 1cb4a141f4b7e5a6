"""A role is one entry: a toy one is found, planned, checked, loaded, listed and named on the page."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden import architecture, tensors, train_tokenizer, write
from sentencepiece import SentencePieceProcessor

from studio.checkpoints import catalog
from studio.checkpoints.families import INTERNLM2_CHAT, published_pixels, require_role
from studio.cli import doctor, preflight
from studio.engine.native import engine as native
from studio.errors import ModelError
from studio.messages import SENTENCES
from studio.protocol import Control, Done, Generate, Sampling, Text
from studio.roles import COMPOSER, ROLES, ModelRole, role_of, with_shared
from studio.settings import Settings
from studio.specs import NativeSpec, ScriptedSpec
from studio.tasks.model_calls import card_of
from studio.ui.words import page_words

TOY = ModelRole(
    name="toy",
    setting="composer",
    missing="composer_missing",
    refused="composer_refused",
    verb="plays",
    without="no toy",
    label=("Plays", "玩"),
    families=(INTERNLM2_CHAT.name,),
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ModelRole:
    monkeypatch.setitem(ROLES, TOY.name, TOY)
    return TOY


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A checkpoint of a model that reads text only."""
    trained = train_tokenizer(tmp_path)
    a = architecture(SentencePieceProcessor(model_file=str(trained)).get_piece_size(), eyes=False)
    made = write(tmp_path / "chat", a, tensors(a))
    (made / "tokenizer.model").write_bytes(trained.read_bytes())
    return str(made)


def test_a_toy_role_is_one_entry(toy: ModelRole, folder: str, tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data"), composer=folder, vl="none", device="cpu")
    spec = catalog.plan(settings)
    assert isinstance(spec, NativeSpec) and spec.folders == {"composer": folder, "talk": folder, "toy": folder}
    assert list(preflight.check_models(settings)) == []
    engine = native.load(spec)
    assert set(engine.cards) == {"composer", "talk", "toy"}
    typed = engine.encode("toy", (Control("[UNUSED_TOKEN_146]"), Text("[UNUSED_TOKEN_146]")))
    assert typed.bos == "<s>" and len(typed.values) > 4
    assert typed.values.count(typed.values[1]) == 1, "what is typed is no control token"
    engine.submit(1, Generate("toy", (Text("hello"),), Sampling(max_tokens=2)))
    events = [event for step in iter(engine.step, []) for event in step]
    assert isinstance(events[-1][1], Done)
    engine.close()
    assert page_words()["role_toy"] == ("Plays", "玩")
    assert doctor.report(settings)["runs"]["toy"] == folder
    scripted = ScriptedSpec()
    assert card_of({"toy": scripted.card}, toy) is scripted.card


def test_where_no_model_serves_a_role_its_own_sentence_says_so(toy: ModelRole, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        card_of({}, toy)
    assert caught.value.key == toy.missing
    with pytest.raises(ModelError) as caught:
        require_role("toy", tmp_path, architecture())  # a model of another family
    assert caught.value.key == toy.refused
    a = architecture()
    sees = str(write(tmp_path / "sees", a, tensors(a)))
    settings = Settings(data=str(tmp_path / "data"), composer="none", vl=sees, device="cpu")
    report = doctor.report(settings)
    assert report["runs"]["toy"] == "" and "  no toy" in doctor.format_report(report)


def test_a_role_that_sees_takes_no_blind_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROLES, TOY.name, replace(TOY, sees=True))
    with pytest.raises(ModelError):
        require_role("toy", tmp_path, architecture(eyes=False))


def test_every_entry_names_what_exists() -> None:
    for name, role in ROLES.items():
        assert name == role.name and hasattr(Settings(), role.setting)
        assert role.missing in SENTENCES and role.refused in SENTENCES and all(role.label)
    assert {model.role for model in catalog.PUBLISHED} <= set(ROLES)
    assert published_pixels() == {"composer": 224, "viewer": 490}
    assert COMPOSER.name in ROLES


def test_talk_is_by_its_own_model_or_by_another_role_s() -> None:
    assert with_shared({"composer": "a", "viewer": "b"}) == {"composer": "a", "viewer": "b", "talk": "b"}
    assert with_shared({"composer": "a", "talk": "c"}) == {"composer": "a", "talk": "c"}
    assert with_shared({}) == {}
    assert role_of("talk:bajie-chat-mini") is ROLES["talk"]


def test_own_models_of_personas_run_where_there_is_room(tmp_path: Path, folder: str, monkeypatch: Any) -> None:
    """Each as a role of its own, loaded beside the others; one that does not fit is left out and not an error."""
    data = tmp_path / "data"
    shutil.copytree(folder, data / "models" / "bajie-chat-mini")
    settings = Settings(data=str(data), composer=folder, vl="none", device="cpu")
    spec = catalog.plan(settings)
    assert isinstance(spec, NativeSpec) and spec.folders["talk:bajie-chat-mini"].endswith("bajie-chat-mini")
    engine = native.load(spec)
    assert set(engine.cards) == {"composer", "talk", "talk:bajie-chat-mini"}
    engine.close()
    assert "  bajie-chat-mini: here, for its persona" in doctor.format_report(doctor.report(settings))

    def full(spec: NativeSpec) -> None:
        raise ModelError("card_too_small", model="", needed="", device="", free="")

    monkeypatch.setattr(catalog, "before_loading", full)
    small = catalog.plan(settings)
    assert isinstance(small, NativeSpec) and set(small.folders) == {"composer", "talk"}
