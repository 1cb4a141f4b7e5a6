"""Checkpoint folders as people have them: every published form, and everything that can be wrong with one."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from golden import architecture, config, tensors, whole, write

from studio.checkpoints.architecture import LINEARS
from studio.checkpoints.families import XCOMPOSER2_4KHD, published, read
from studio.errors import ModelError
from studio.models.linear import IMAGE
from studio.models.model import from_folder, with_random_weights
from studio.models.weights import Checkpoint

CPU = torch.device("cpu")
A = architecture()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "model 1.0 (final)", A, tensors(A), "bin-sharded")


def failure(folder: Path) -> ModelError:
    """What loading it says."""
    with pytest.raises(ModelError) as caught:
        from_folder(folder, CPU, torch.float32)
    assert caught.value.say("zh")
    return caught.value


@pytest.mark.parametrize("form", ["safetensors", "safetensors-sharded", "bin", "bin-sharded"])
@pytest.mark.parametrize("eyes", [True, False])
def test_every_form_gives_the_same_architecture_and_weights(form: str, eyes: bool, tmp_path: Path) -> None:
    a = architecture(eyes=eyes)
    weights = tensors(a)
    model = from_folder(write(tmp_path / "m", a, weights, form), CPU, torch.float16)
    assert model.architecture == a
    assert (model.tower is not None) == eyes
    layer = model.decoder.layers[1]
    assert torch.equal(layer.w13.weight[: a.ffn], weights["model.layers.1.feed_forward.w1.weight"].half())
    assert torch.equal(layer.w13.weight[a.ffn :], weights["model.layers.1.feed_forward.w3.weight"].half())
    assert {name: lora.parts for name, lora in layer.w13.loras.items()} == ({"image": 2} if eyes else {})
    assert torch.equal(model.decoder.output, weights["output.weight"].half())


def test_old_torch_files_without_zip_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", A, {}, "bin")
    torch.save(tensors(A), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert from_folder(folder, CPU, torch.float32).architecture == A


def test_ranks_come_from_the_tensors(tmp_path: Path) -> None:
    a = replace(A, ranks={**dict.fromkeys(LINEARS, 6), "attention.wqkv": 8})
    assert from_folder(write(tmp_path / "m", a, tensors(a)), CPU, torch.float32).architecture.ranks == a.ranks


def test_4khd_is_known_by_its_separators(tmp_path: Path) -> None:
    assert A.vision is not None
    eyes = replace(A.vision, image=336, patch=14, positions=577, layers=1, projector_in=4 * A.vision.width)
    ranks = {**dict.fromkeys(LINEARS, 6), "attention.wqkv": 8}
    a = replace(A, family=XCOMPOSER2_4KHD, vision=eyes, ranks=ranks)
    folder = write(tmp_path / "m", a, tensors(a))
    settings = config(a) | {"max_length": 4096, "architectures": ["InternLM2ForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(settings))
    model = from_folder(folder, CPU, torch.float32)
    assert model.architecture == a and model.architecture.name.startswith("XComposer2-4KHD")
    layer = model.decoder.layers[0]
    assert (layer.wqkv.loras[IMAGE].scale, layer.wo.loras[IMAGE].scale) == (2.0, 1.0)
    assert model.tower is not None and model.tower.tiled


def test_the_published_size_has_the_published_parameters() -> None:
    vl = published("7b", 490)
    assert vl.name == "XComposer2-VL-7B" and published("7b", 224).name == "XComposer2-7B"
    assert vl.parameters() == pytest.approx(8.67e9, rel=2e-3)
    assert vl.cache_bytes(1, 2) == 131_072
    assert (vl.image_tokens, published("7b", 224).image_tokens) == (1225, 256)


def test_random_weights_are_finite_and_differ_by_seed() -> None:
    one, two = (with_random_weights(A, CPU, torch.float32, seed) for seed in (1, 2))
    logits = []
    for model in (one, two):
        x = model.decoder.embed(torch.tensor([1, 5, 9]))
        logits.append(whole(model.decoder, x))
    assert all(bool(t.isfinite().all()) for t in logits)
    assert not torch.equal(*logits)


def test_a_missing_folder_or_file_is_named(folder: Path, tmp_path: Path) -> None:
    assert "no checkpoint folder" in str(failure(tmp_path / "nothing"))
    (folder / "config.json").unlink()
    assert str(folder / "config.json") in str(failure(folder))


def test_a_missing_shard_is_named_with_its_size(folder: Path) -> None:
    shard = folder / "pytorch_model-00002-of-00002.bin"
    size = shard.stat().st_size
    shard.unlink()
    error = failure(folder)
    assert error.key == "shard_missing" and error.facts["path"] == shard
    assert error.facts["expected"] == pytest.approx(size, rel=0.2)


@pytest.mark.parametrize("keep", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("form", ["bin-sharded", "safetensors", "safetensors-sharded"])
def test_a_truncated_file_is_named_with_both_sizes(form: str, keep: float, tmp_path: Path) -> None:
    a = architecture(vocab=3000)  # weights outweigh the zip's own bytes, as in a real file
    folder = write(tmp_path / "m", a, tensors(a), form)
    file = max(folder.glob("*model*.*"), key=lambda p: p.stat().st_size)
    size = file.stat().st_size
    os.truncate(file, int(size * keep))
    error = failure(folder)
    assert error.key == "file_cut_off"
    assert (error.facts["path"], error.facts["found"]) == (file, int(size * keep))
    if keep:
        assert error.facts["expected"] == pytest.approx(size, rel=0.1)


def test_a_git_lfs_stand_in_is_told_as_cut_off(folder: Path) -> None:
    shard = folder / "pytorch_model-00001-of-00002.bin"
    shard.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9912345678\n")
    assert "9,912,345,678" in str(failure(folder))


def test_code_in_a_bin_is_not_run(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(mark),)

    for zipped in (True, False):
        torch.save({"w": Evil()}, folder / "pytorch_model-00001-of-00002.bin", _use_new_zipfile_serialization=zipped)
        assert failure(folder).key == "weights_with_code"
    assert not mark.exists()


def test_nan_weights_are_refused(tmp_path: Path) -> None:
    weights = tensors(A)
    weights["model.layers.1.feed_forward.w2.weight"][3, 4] = torch.nan
    error = failure(write(tmp_path / "m", A, weights))
    assert error.key == "weights_not_finite" and error.facts["first"] == "model.layers.1.feed_forward.w2.weight"
    weights["model.layers.1.feed_forward.w2.weight"][3, 4] = 1e30  # finite in the file, infinite in fp16
    folder = write(tmp_path / "m", A, weights)
    from_folder(folder, CPU, torch.bfloat16)
    with pytest.raises(ModelError, match="infinity"):
        from_folder(folder, CPU, torch.float16)


def test_missing_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    weights = tensors(A)
    weights.pop("model.layers.1.ffn_norm.weight")
    error = failure(write(tmp_path / "m", A, weights))
    assert (error.facts["count"], error.facts["first"]) == (1, "model.layers.1.ffn_norm.weight")
    weights["model.layers.1.ffn_norm.weight"] = torch.ones(7)
    assert "[7], expected [64]" in str(failure(write(tmp_path / "m", A, weights)))


@pytest.mark.parametrize(
    "field", ["num_attention_heads", "rms_norm_eps", "rope_theta", "max_position_embeddings", "bos_token_id"]
)
@pytest.mark.parametrize("value", [None, "many"])
def test_a_config_without_a_field_is_named(folder: Path, field: str, value: object) -> None:
    (folder / "config.json").write_text(json.dumps(config(A) | {field: value}))
    error = failure(folder)
    assert error.key == "config_bad" and field in str(error)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": 4096}, "'hidden_size' is 4096 and the tensors say 64"),
        ({"num_attention_heads": 7}, "7 heads"),
        ({"num_key_value_heads": 0}, "0 key-value heads"),
        ({"num_key_value_heads": 4}, "wqkv"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling"),
    ],
)
def test_a_config_of_another_model_is_refused(folder: Path, change: dict[str, object], said: str) -> None:
    (folder / "config.json").write_text(json.dumps(config(A) | change))
    assert said in str(failure(folder))


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', "\x00"])
def test_a_config_that_is_no_object_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    assert failure(folder).key == "config_bad"


def test_other_models_are_refused_by_name(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}))
    assert "this is LlamaForCausalLM; writing needs XComposer2-7B" in str(failure(folder))
    (folder / "config.json").write_text("{}")
    assert "this is a model without model_type" in str(failure(folder))


def test_four_bit_files_are_refused_by_name(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", A, tensors(A) | {"model.layers.0.attention.wo.linear.qweight": torch.ones(1)})
    assert "4-bit (AutoGPTQ)" in str(failure(folder))


def test_an_index_that_is_none_is_refused(folder: Path) -> None:
    index = folder / "pytorch_model.bin.index.json"
    for text in ("{", "[]", "{}", '{"weight_map": []}'):
        index.write_text(text)
        assert failure(folder).key == "config_bad"


def test_shapes_are_known_without_reading_weights(folder: Path) -> None:
    assert read(folder, Checkpoint(folder).shapes) == A
