"""What the line at the top of the page says of the model that answers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from studio.protocol import ModelCard
from studio.specs import EngineSpec, GgufSpec, NativeSpec
from studio.ui.model_list import banner_of
from studio.ui.words import WORDS

STARTER = ModelCard("starter", "starter", ("en",), False, 4096, note="starter")


@pytest.mark.parametrize(
    ("spec", "banner", "kind"),
    [
        (NativeSpec(random_weights="7b"), "random_banner", "wrong"),  # red, see page.css
        (GgufSpec("model.gguf", STARTER), "starter_banner", ""),
        (NativeSpec({"composer": "folder"}), "", ""),
    ],
)
def test_what_people_must_know_is_told(spec: EngineSpec, banner: str, kind: str) -> None:
    studio: Any = SimpleNamespace(worker=SimpleNamespace(spec=spec))
    assert banner_of(studio) == {"banner": banner, "kind": kind}
    assert not banner or banner in WORDS
