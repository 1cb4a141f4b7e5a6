"""Whatever is wrong with a checkpoint, loading it ends in a ModelError with a sentence, or in a model that works."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import architecture, config, tensors, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from studio.checkpoints import memory_plan as budget
from studio.checkpoints.families import XCOMPOSER2_4KHD
from studio.errors import ModelError
from studio.models.model import from_folder

CPU = torch.device("cpu")
A = architecture()
WEIGHTS = tensors(A)
FILE = save({name: t.contiguous() for name, t in WEIGHTS.items()})
FIELDS = [*config(A), "img_size", "rope_scaling", "architectures", "model_type"]
ODD: list[Any] = [
    None,
    "x",
    "",
    -1,
    0,
    1,
    1.5,
    1e308,
    10**30,
    True,
    [],
    {},
    [1],
    math.nan,
    math.inf,
    {"type": 3},
    [None],
]
wild = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("wild") / "m", A, WEIGHTS)


def ends_well(work: Callable[[], object]) -> None:
    """A result, or an error that people can read in both languages."""
    try:
        work()
    except ModelError as e:
        assert e.say("en") and e.say("zh")


@wild
@given(changes=st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(ODD), min_size=1, max_size=3))
def test_any_config(folder: Path, changes: dict[str, Any]) -> None:
    (folder / "model.safetensors").write_bytes(FILE)
    (folder / "config.json").write_text(json.dumps(config(A) | changes))
    ends_well(lambda: budget.of_folder(folder))


@wild
@given(data=st.data())
def test_any_set_of_tensors(folder: Path, data: st.DataObject) -> None:
    weights = dict(WEIGHTS)
    names = data.draw(st.lists(st.sampled_from(sorted(weights)), min_size=1, max_size=3))
    for name in names:
        kind = data.draw(st.sampled_from(["drop", "flat", "scalar", "short", "rename", "whole"]))
        t = weights.pop(name, torch.zeros(1))
        if kind == "whole":  # a part of the model at once
            weights = {n: w for n, w in weights.items() if n.split(".")[:2] != name.split(".")[:2]}
        elif kind != "drop":
            changed = {"flat": t.flatten(), "scalar": torch.tensor(1.0), "short": t.reshape(-1)[:1], "rename": t}[kind]
            weights[name.replace("layers.1", "layers.x") if kind == "rename" else name] = changed.clone()
    (folder / "config.json").write_text(json.dumps(config(A)))
    (folder / "model.safetensors").write_bytes(save(weights) if weights else b"")
    ends_well(lambda: from_folder(folder, CPU, torch.float32))
    ends_well(lambda: budget.of_folder(folder))


@wild
@given(data=st.data())
def test_any_bytes(folder: Path, data: st.DataObject) -> None:
    head = int.from_bytes(FILE[:8], "little") + 8
    content = bytearray(FILE)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, head + 50))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))]
    if data.draw(st.booleans()):
        content = bytearray(data.draw(st.binary(max_size=60)))
    (folder / "config.json").write_text(json.dumps(config(A)))
    (folder / "model.safetensors").write_bytes(content)
    ends_well(lambda: from_folder(folder, CPU, torch.float32))
    ends_well(lambda: budget.of_folder(folder))


@pytest.mark.parametrize("side", [392, 490])
def test_tiles_of_another_size_are_refused_by_name(side: int, tmp_path: Path) -> None:
    """4KHD's tensors with tiles of a size that no family has: who knows how it cuts them."""
    assert A.vision is not None
    eyes = replace(A.vision, image=336, patch=14, positions=(side // 14) ** 2 + 1, projector_in=4 * A.vision.width)
    a = replace(A, family=XCOMPOSER2_4KHD, vision=eyes, context=16384)
    folder = write(tmp_path / "m", a, tensors(a))
    with pytest.raises(ModelError, match=f"tiles of {side} px; writing needs XComposer2-7B"):
        from_folder(folder, CPU, torch.float32)
