"""A model family is one entry: a toy one, with a vision tower of its own, is recognised, built and talked to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden import architecture, config, picture, tensors, train_tokenizer, write
from sentencepiece import SentencePieceProcessor

from studio.checkpoints import families
from studio.checkpoints.architecture import Architecture
from studio.checkpoints.families import FAMILIES, INTERNLM2_CHAT, XCOMPOSER2, read
from studio.engine.native import engine as native
from studio.errors import ModelError
from studio.models.clip import PreprocessedImage, VisionTower
from studio.prompts import DIALECTS
from studio.protocol import Done, Generate, Sampling, Text
from studio.specs import NativeSpec


class HalfTower(VisionTower):
    """Gives the language model the first half of a picture's positions."""

    def tokens(self, width: int, height: int, tiles: int = 0) -> int:
        return self.vision.grid**2 // 2

    def embed(self, images: Any) -> list[Any]:
        assert all(isinstance(image, PreprocessedImage) for image in images)
        return [found[: self.tokens(0, 0)] for found in super().embed(images)]


def is_toy(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> bool:
    return config.get("model_type") == "toy"


TOY = replace(
    XCOMPOSER2,
    name="toy",
    dialect="starter",
    matches=is_toy,
    title=lambda a: f"Toy-{a.layers}",
    roles=lambda a: ("viewer",),
    image_tokens=lambda vision: vision.grid**2 // 2,
    tower=f"{__name__}:HalfTower",
    control_tokens=(("<|im_end|>", "[UNUSED_TOKEN_145]"), ("<|im_start|>", "[UNUSED_TOKEN_146]")),
    start_of_turn="<|im_start|>",
    end_of_turn="<|im_end|>",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trained = train_tokenizer(tmp_path)
    a = architecture(SentencePieceProcessor(model_file=str(trained)).get_piece_size())
    made = write(tmp_path / "toy", a, tensors(a))
    (made / "config.json").write_text(json.dumps(config(a) | {"model_type": "toy"}))
    (made / "tokenizer.model").write_bytes(trained.read_bytes())
    return made


def test_a_toy_family_is_one_entry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="InternLMXComposer2ForCausalLM"):
        native.load(NativeSpec({"viewer": str(folder)}, device="cpu"))
    monkeypatch.setattr(families, "FAMILIES", (*FAMILIES, TOY))
    engine = native.load(NativeSpec({"viewer": str(folder)}, device="cpu"))
    card = engine.cards["viewer"]
    assert (card.name, card.dialect, card.image_tokens) == ("Toy-2", "starter", 8)
    call = Generate("viewer", (picture("teal"), Text("what")), Sampling(max_tokens=3))
    engine.submit(1, call)
    events = []
    while engine.busy:
        events += engine.step()
    end = events[-1][1]
    assert isinstance(end, Done) and end.usage.prompt_tokens == engine.count("viewer", (call.prompt,))[0]
    assert end.usage.prompt_tokens == 8 + engine.count("viewer", ((Text("what"),),))[0]
    engine.close()
    with pytest.raises(ModelError):
        native.load(NativeSpec({"composer": str(folder)}, device="cpu"))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_names_what_exists(family: Any) -> None:
    from studio.models.model import _class_of

    assert family.dialect in DIALECTS
    assert isinstance(_class_of(family.decoder), type) and issubclass(_class_of(family.tower), VisionTower)
    assert [family.name for family in FAMILIES] == list(dict.fromkeys(family.name for family in FAMILIES))


def test_roles_follow_from_the_model() -> None:
    def roles(a: Architecture) -> tuple[str, ...]:
        return a.family.roles(a)

    assert roles(families.published("7b", 224)) == ("composer",)
    assert roles(families.published("7b", 490)) == ("viewer",)
    assert roles(architecture()) == ("composer", "viewer")
    assert roles(architecture(eyes=False)) == ("composer",) and architecture(eyes=False).family is INTERNLM2_CHAT


def test_a_folder_of_no_family_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(ModelError, match="InternLMXComposer2ForCausalLM"):
        read(folder, {})
