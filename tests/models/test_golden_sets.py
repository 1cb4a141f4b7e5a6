"""Every family computes what its original code computed: recorded results, in parts here, whole beside the checkout."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from golden import DATA, SHARED
from PIL import Image as Picture

from studio.checkpoints.families import TILE_PIXELS, TILE_PIXELS_2D5, tile_tokens
from studio.engine.native.check.golden import compare
from studio.models import xcomposer2_4khd, xcomposer2d5
from studio.models.image_preprocessing import normalised
from studio.models.tiles import Tiling

SETS = ("golden_2d5", "golden_2d5_modes", "golden_4khd", "golden_v1")
TILINGS = {"golden_2d5": xcomposer2d5.TILING, "golden_4khd": xcomposer2_4khd.TILING}


def where(name: str, whole: bool) -> Path:
    folder = (SHARED if whole else DATA) / name
    if not folder.is_dir():
        pytest.skip(f"the whole set is not here: {folder}")
    return folder


HERE = [(name, False) for name in SETS if (DATA / name).is_dir()]  # in parts; the first generation's has more than 2 MB


@pytest.mark.parametrize(("name", "whole"), [*HERE, *((name, True) for name in SETS)])
def test_recorded_results_of_the_original_code(name: str, whole: bool) -> None:
    folder = where(name, whole)
    found = compare(folder, folder / "io.safetensors")
    assert found["ok"] and max(found["tensors"].values()) < 1e-4
    expected = {
        "golden_2d5": {"greedy", "greedy_penalty_1_3", "beam3", "ntk600_greedy"},
        "golden_2d5_modes": {"greedy.base", "greedy.write", "greedy.web"},
        "golden_4khd": {"greedy", "greedy_penalty_1_3", "beam3"},
        "golden_v1": {"greedy", "greedy_penalty_1_5", "beam5", "beam5_penalty_1_5"},
    }[name]
    assert set(found["ids"]) == expected
    kinds = {key.split(".")[0].split("_last")[0] for key in found["tensors"]}
    assert {"text_logits", "logits"} <= kinds and ("image_embeds" in kinds) == (name != "golden_2d5_modes")
    assert ("ntk600_logits" in kinds) == (name == "golden_2d5")


@pytest.mark.parametrize(("name", "tiling"), TILINGS.items())
def test_pictures_are_cut_to_the_bit(name: str, tiling: Tiling) -> None:
    facts = json.loads((DATA / name / "pictures.json").read_text())
    for key, known in facts["pictures"].items():
        picture = Picture.open(DATA / name / "pictures" / f"{key}.png").convert("RGB")
        assert list(picture.size) == known["size"]
        pixels = normalised(tiling.fit(picture, known["hd_num"]))
        assert hashlib.sha256(np.ascontiguousarray(pixels.numpy()).tobytes()).hexdigest() == known["pixels_sha256"]
        rows, columns = tiling.layout(*picture.size, known["hd_num"])
        assert [rows, columns] == known["tiles_h_w"]
        assert tile_tokens(rows, columns, tiling.side // 28) == known["tokens"]
        cut = tiling.cut(picture, known["hd_num"])
        assert cut.views.shape == (1 + rows * columns, 3, tiling.side, tiling.side)


@pytest.mark.parametrize(("name", "tiling"), TILINGS.items())
def test_all_recorded_sizes_are_laid_out_alike(name: str, tiling: Tiling) -> None:
    sizes = json.loads((DATA / name / "pictures.json").read_text())["sizes_w_h_hdnum_to_w_h"]
    assert len(sizes) >= 120 and tiling.side in (TILE_PIXELS, TILE_PIXELS_2D5)
    for width, height, most, *expected in sizes:
        rows, columns = tiling.layout(width, height, most)
        assert [columns * tiling.side, rows * tiling.side] == expected, (width, height, most)
