"""The model computes what the original computes: recorded results where they are, oracles of equal weights always."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from golden import GOLDEN, Given, architecture, llama, tensors, whole, write, write_weights
from safetensors.torch import load_file, save_file

from studio.checkpoints.architecture import TOWER
from studio.engine.native.check import golden as check
from studio.engine.native.check import reference_loop as loop
from studio.engine.native.check.golden import compare
from studio.errors import ModelError
from studio.models.clip import VisionTower, resized
from studio.models.internlm2 import Decoder
from studio.models.kv_cache import BatchLayout, Chunk
from studio.models.linear import image_rows, row_spans
from studio.models.model import from_folder

CPU = torch.device("cpu")


@pytest.mark.parametrize("form", ["safetensors", "safetensors-sharded", "bin", "bin-sharded"])
def test_recorded_results_of_the_original_code(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "a model v1.0"
    folder.mkdir()
    shutil.copy(GOLDEN / "config.json", folder)
    write_weights(folder, load_file(GOLDEN / "model.safetensors"), form)
    found = compare(folder, GOLDEN / "io.safetensors")
    assert set(found["tensors"]) == {"image_embeds", "text_logits", "logits"}
    assert max(found["tensors"].values()) < 1e-4
    assert {name: entry["first_difference"] for name, entry in found["ids"].items()} == {
        "greedy": None,
        "greedy_penalty_1_3": None,
        "beam3": None,
    }
    assert found["ok"]


def test_bf16_stays_within_its_bound() -> None:
    io = load_file(GOLDEN / "io.safetensors")
    model = from_folder(GOLDEN, CPU, torch.bfloat16)
    logits = whole(model.decoder, io["inputs_embeds"][0].bfloat16(), check._spans(io))
    error = (logits - io["logits"][0]).abs()
    spread = float(io["logits"].std())
    assert float(error.max()) < 0.15 * spread and float(error.mean()) < 0.02 * spread


def test_check_reports_the_first_difference(tmp_path: Path) -> None:
    io = load_file(GOLDEN / "io.safetensors")
    io["greedy"] = io["greedy"].clone()
    io["greedy"][5] += 1
    io["text_logits"] = io["text_logits"] + 0.5
    save_file(io, tmp_path / "io.safetensors")
    found = compare(GOLDEN, tmp_path / "io.safetensors")
    assert not found["ok"]
    assert found["ids"]["greedy"]["first_difference"] == 5
    assert found["ids"]["beam3"]["equal"]
    assert found["tensors"]["text_logits"] == pytest.approx(0.5, abs=1e-4)


def test_check_explains_files_that_cannot_be_compared(tmp_path: Path) -> None:
    a = architecture()
    folder = write(tmp_path / "m", a, tensors(a))
    with pytest.raises(ModelError, match="no such file"):
        compare(folder, tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ModelError, match="not a safetensors file"):
        compare(folder, tmp_path / "text.safetensors")
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="none of the known names"):
        compare(folder, tmp_path / "other.safetensors")
    save_file({"text_ids": torch.tensor([1, 2]), "text_logits": torch.zeros(1, 2, 9)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"text_logits has the shape \[1, 2, 9\]"):
        compare(folder, tmp_path / "x.safetensors")
    save_file({"text_ids": torch.tensor([4000]), "text_logits": torch.zeros(1, 1, 400)}, tmp_path / "y.safetensors")
    with pytest.raises(ModelError, match="text_ids does not fit"):
        compare(folder, tmp_path / "y.safetensors")


@pytest.mark.parametrize("images", [False, True], ids=["text", "all image positions"])
@torch.inference_mode()
def test_equals_a_llama_of_equal_weights(images: bool) -> None:
    a = architecture()
    weights = tensors(a)
    decoder = Decoder(a, Given(weights), CPU)
    ids = torch.randint(0, a.vocab, (1, 33), generator=torch.Generator().manual_seed(1))
    found = whole(decoder, decoder.embed(ids[0]), [(0, 33)] if images else [])
    expected = llama(a, weights, merged=images)(ids).logits[0]
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_plora_acts_on_image_rows_only_and_with_its_scale() -> None:
    a = architecture(rank=8)
    weights = tensors(a)
    decoder = Decoder(a, Given(weights), CPU)
    x = torch.randn(9, a.hidden)
    rows = torch.tensor([2, 3, 4, 6])
    linear = decoder.layers[1].wqkv
    found, plain = linear(x, image_rows([(2, 5), (6, 7)], CPU, x.dtype)), linear(x, None)
    name = "model.layers.1.attention.wqkv"
    low = weights[f"{name}.Plora_B.weight"] @ weights[f"{name}.Plora_A.weight"]
    torch.testing.assert_close((found - plain)[rows], 2.0 * x[rows] @ low.T)  # rank 8 has α 16
    others = torch.tensor([0, 1, 5, 7, 8])
    assert torch.equal(found[others], plain[others])


@torch.inference_mode()
def test_chunks_and_cached_steps_equal_the_full_forward() -> None:
    a = architecture()
    decoder = Decoder(a, Given(tensors(a)), CPU)
    ids = torch.randint(0, a.vocab, (40,), generator=torch.Generator().manual_seed(2))
    spans = ((3, 9), (14, 22))  # the second one crosses the edges of chunks
    x = decoder.embed(ids)
    expected = whole(decoder, x, spans)
    kv_cache, table = decoder.new_kv_cache(9), [7, 3]  # blocks in any order
    other = [5, 1]  # a second sequence, read in the same forward
    for start, end in ((0, 8), (8, 9), (9, 30)):
        chunks = (Chunk(start, end - start, table), Chunk(start, end - start, other))
        inside = [(max(a, start) - start, min(b, end) - start) for a, b in spans]
        shifted = [(a + end - start, b + end - start) for a, b in inside if a < b]
        image = image_rows([*(s for s in inside if s[0] < s[1]), *shifted], CPU, x.dtype)
        twice = torch.cat((x[start:end], x[start:end]))
        hidden = decoder.logits(decoder.forward(twice, kv_cache, BatchLayout(chunks, CPU), image))
        torch.testing.assert_close(hidden, torch.cat((expected[start:end],) * 2), atol=1e-5, rtol=1e-5)
        wanted = torch.tensor([0, end - start - 1, end - start, 2 * (end - start) - 1], dtype=torch.int32)
        few = decoder.logits(
            decoder.forward(torch.cat((x[start:end],) * 2), kv_cache, BatchLayout(chunks, CPU), image, wanted)
        )
        torch.testing.assert_close(few, hidden[wanted], atol=1e-5, rtol=1e-5)
    for i in range(30, 40):
        found = loop.step(decoder, kv_cache, ids[[i, i]], [Chunk(i, 1, table), Chunk(i, 1, other)])
        torch.testing.assert_close(found, expected[[i, i]], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_the_tower_equals_clip_of_equal_weights() -> None:
    a = architecture(image=35)
    v = a.vision
    assert v is not None
    weights = tensors(a)
    config = transformers.CLIPVisionConfig(
        hidden_size=v.width,
        intermediate_size=v.ffn,
        num_hidden_layers=v.layers,
        num_attention_heads=v.heads,
        image_size=v.image,
        patch_size=v.patch,
        hidden_act="quick_gelu",
        layer_norm_eps=1e-5,
    )
    clip = transformers.CLIPVisionModel(config).eval()
    level = "vision_model." if any(name.startswith("vision_model.") for name in clip.state_dict()) else ""
    state = {level + name[len(TOWER) :]: t for name, t in weights.items() if name.startswith(TOWER)}
    lost = clip.load_state_dict(state, strict=False)
    assert not lost.unexpected_keys and all("post_layernorm" in k or "position_ids" in k for k in lost.missing_keys)
    pixels = torch.randn(2, 3, v.image, v.image)
    expected = clip(pixels, output_hidden_states=True).hidden_states[-1][:, 1:]
    torch.testing.assert_close(VisionTower(a, Given(weights)).features(pixels), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_position_rows_of_another_size_are_resized() -> None:
    a = architecture(image=28)
    assert a.vision is not None
    smooth = torch.linspace(0, 1, 36).repeat(3, 1).T
    rows = torch.cat((torch.full((1, 3), 9.0), smooth))
    found = resized(rows, 4)
    assert found.shape == (17, 3) and torch.equal(found[0], rows[0])
    assert (found[1:].diff(dim=0) > 0).all() and 0 < found[1, 0] < found[-1, 0] < 1
    assert torch.equal(resized(rows, 6), rows)
    raw = replace(a, vision=replace(a.vision, positions=37))
    tower = VisionTower(raw, Given(tensors(raw)))
    assert tower(torch.zeros(1, 3, 28, 28)).shape == (1, 16, a.hidden)


def test_image_rows_among_others_are_the_same_rows() -> None:
    """A hole between two pictures, rows before and behind them, and a picture without a hole."""
    rows = torch.tensor([0, 2, 4, 5, 6, 7, 8])
    holed, solid = (row_spans(spans, CPU, torch.float32) for spans in ([(2, 5), (6, 7)], [(4, 7)]))
    assert (
        holed
        and (mask := holed.among(rows).mask) is not None
        and mask.flatten().tolist() == [False, True, True, False, True, False, False]
    )
    assert (
        solid
        and (mask := solid.among(rows).mask) is not None
        and mask.flatten().tolist() == [False, False, True, True, True, False, False]
    )
