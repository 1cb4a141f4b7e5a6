"""The memory plan: what is computed before loading is what is then taken, and the choice is the best that fits."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import architecture, tensors, write
from hypothesis import given
from hypothesis import strategies as st

from studio.checkpoints import machine
from studio.checkpoints.families import published, published_by_role
from studio.checkpoints.machine import Gpu
from studio.checkpoints.memory_plan import CUDA_CONTEXT, WORKSPACE, before_loading, model_sizes, of_folder, plan_memory
from studio.checkpoints.what_fits import quantization_for
from studio.cli import doctor
from studio.errors import ModelError
from studio.settings import Settings
from studio.specs import NativeSpec

GIB = 1 << 30
BOTH = [model_sizes(published("7b", 224)), model_sizes(published("7b", 490))]


def failure(free: float, host: float, **settings: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        plan_memory(BOTH, "cuda:0", 2, int(free * GIB), int(host * GIB), **settings)
    assert caught.value.say("zh")
    return caught.value


@pytest.mark.parametrize("eyes", [True, False])
def test_the_parts_are_the_whole(eyes: bool) -> None:
    a = architecture(eyes=eyes)
    p = model_sizes(a)
    assert p.linears + p.plora + p.vision + p.tables == a.parameters()
    assert p.weights(2, "none") == 2 * a.parameters()
    assert p.cache * p.context == a.cache_bytes(a.context, 1)
    assert (p.vision > 0, p.plora > 0) == (eyes, eyes)


def test_the_published_models_by_part() -> None:
    writer = BOTH[0]
    assert writer.linears == 32 * (6144 * 4096 + 4096 * 4096 + 3 * 14336 * 4096)
    assert writer.tables == 2 * 92544 * 4096 + 65 * 4096
    assert writer.weights(2, "none") == pytest.approx(17.33e9, rel=2e-3)
    assert writer.weights(2, "int8") == pytest.approx(10.46e9, rel=1e-2)


def test_a_large_card_holds_both() -> None:
    plan = plan_memory(BOTH, "cuda:0", 2, 39 * GIB, 64 * GIB)
    assert not plan.swap and plan.needed_on_host == 0 and plan.contexts == (16384, 16384) and not plan.shortened
    assert plan.needed == sum(plan.weights) + 2 * published("7b", 224).cache_bytes(16384, 2) + WORKSPACE
    assert plan.spare == 39 * GIB - plan.needed
    assert plan_memory(BOTH, "cuda:0", 2, 140 * GIB, 64 * GIB, swap="on").swap  # asked for


def test_on_a_small_card_they_take_turns() -> None:
    plan = plan_memory(BOTH, "cuda:0", 2, 24 * GIB, 40 * GIB)
    assert plan.swap and plan.needed < 24 * GIB and plan.needed_on_host == sum(plan.weights)
    assert "one model at a time" in "\n".join(plan.lines()) and "main memory: 32.3 GiB" in "\n".join(plan.lines())
    assert not plan_memory(BOTH, "cuda:0", 2, 24 * GIB, 40 * GIB, quantize="int8").swap


def test_the_context_is_what_was_asked_for_what_the_model_has_or_what_fits() -> None:
    """A shorter context comes before taking turns, and never goes below what the models were trained on."""
    large = plan_memory(BOTH, "cuda:0", 2, 139 * GIB, 64 * GIB, context=1 << 20)
    assert large.contexts == (32768, 32768) and not large.shortened
    assert plan_memory(BOTH, "cuda:0", 2, 139 * GIB, 64 * GIB, context=5000).contexts == (5000, 5000)
    rest = sum(large.weights) + WORKSPACE
    for gib, context in ((4, 16384), (3.9, 8192), (2, 8192), (1, 4096)):
        plan = plan_memory(BOTH, "cuda:0", 2, rest + int(gib * GIB), 64 * GIB)
        assert not plan.swap and plan.contexts == (context, context) and plan.shortened == (context < 16384)
        assert ("shorter than --context" in "\n".join(plan.lines())) == plan.shortened
        assert f"for a context of {context:,} tokens" in plan.lines()[0]
    assert plan_memory(BOTH, "cuda:0", 2, rest + GIB // 2, 64 * GIB).swap


@pytest.mark.parametrize(
    ("free", "host", "settings", "said"),
    [
        (24, 8, {}, "--quantize int8"),
        (30, 64, {"swap": "off"}, "--quantize int8"),
        (20, 64, {"swap": "off", "quantize": "int8"}, "--swap auto"),
        (20, 8, {"swap": "off", "quantize": "int8"}, "--vl none"),
        (20, 8, {}, "--vl none"),
        (14, 64, {}, "--quantize int8"),
        (8, 64, {}, "--models starter"),
        (8, 64, {"quantize": "int8", "swap": "on"}, "--models starter"),
    ],
)
def test_what_does_not_fit_names_the_flag_that_helps(free: int, host: int, settings: dict[str, str], said: str) -> None:
    error = failure(free, host, **settings)
    assert said in str(error) and f"{free}.0 GiB" in str(error) and "cuda:0" in str(error)


@given(
    free=st.integers(0, 60 * GIB),
    host=st.integers(0, 80 * GIB),
    quantize=st.sampled_from(["none", "int8"]),
    swap=st.sampled_from(["auto", "on", "off"]),
    count=st.integers(1, 2),
    context=st.integers(2048, 40000),
)
def test_the_plan_fits_and_an_error_means_that_none_does(
    free: int, host: int, quantize: str, swap: str, count: int, context: int
) -> None:
    models = BOTH[:count]
    weights = [m.weights(2, quantize) for m in models]
    rest = sum(2 * m.cache * min(context, 4096) for m in models) + WORKSPACE
    resident = swap != "on" or count == 1
    fits = resident and sum(weights) + rest <= free
    turns = swap != "off" and count == 2 and max(weights) + rest <= free and sum(weights) <= host
    try:
        plan = plan_memory(models, "cuda", 2, free, host, quantize, swap, context)
    except ModelError:
        assert not fits and not turns
        return
    assert plan.fits and plan.swap == (not fits) and (fits or turns)
    assert all(min(context, 4096) <= tokens <= min(context, 32768) for tokens in plan.contexts)
    assert plan.shortened == (plan.contexts[0] < min(context, 32768))


@pytest.mark.parametrize("form", ["safetensors", "safetensors-sharded", "bin", "bin-sharded"])
def test_a_folder_is_read_without_torch_as_with_it(form: str, tmp_path: Path) -> None:
    a = architecture()
    assert of_folder(write(tmp_path / "a model 1.0", a, tensors(a), form)) == a


def test_torchs_old_format_is_known_only_when_loaded(tmp_path: Path) -> None:
    a = architecture()
    folder = write(tmp_path / "m", a, {}, "bin")
    torch.save(tensors(a), folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert of_folder(folder) is None
    assert before_loading(NativeSpec({"composer": str(folder)}, device="cpu")) is None


def test_code_in_a_bin_is_refused_without_torch_too(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(mark),)

    a = architecture()
    folder = write(tmp_path / "m", a, {}, "bin")
    torch.save({"w": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="could run code"):
        of_folder(folder)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"x" * 5000, b"PK\x05\x06" + bytes(18)])
def test_a_bin_that_is_none_is_told(content: bytes, tmp_path: Path) -> None:
    a = architecture()
    folder = write(tmp_path / "m", a, tensors(a), "bin-sharded")
    (folder / "pytorch_model-00002-of-00002.bin").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        of_folder(folder)
    assert caught.value.key in ("file_cut_off", "model_broken")


def test_doctor_prints_the_plan_before_anything_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a = architecture()
    folder = write(tmp_path / "m", a, tensors(a), "bin-sharded")
    settings = Settings(data=str(tmp_path / "data"), composer=str(folder), vl="none")
    told = doctor.format_report(doctor.report(settings))
    assert f"{a.name}: weights 0.0 GiB" in told and "studio models download xcomposer2-vl-7b" in told
    monkeypatch.setattr(machine, "gpus", lambda: [Gpu("card", 80 * GIB, 24 * GIB)])
    monkeypatch.setattr(machine, "host_free", lambda: 64 * GIB)
    told = doctor.format_report(doctor.report(Settings(data=str(tmp_path), random_weights="7b")))
    assert "of 24.0 GiB on cuda:0, one model at a time" in told and "WARNING: random weights" in told
    assert "XComposer2-VL-7B: weights 16.1 GiB, KV cache 2.0 GiB for a context of 16,384 tokens" in told
    told = doctor.format_report(doctor.report(Settings(data=str(tmp_path), random_weights="7b", context=6000)))
    assert "for a context of 6,000 tokens" in told
    monkeypatch.setattr(machine, "host_free", lambda: 8 * GIB)
    report = doctor.report(Settings(data=str(tmp_path), random_weights="7b"))
    assert "--quantize int8" in report["runs"]["problem"] and "Cannot run" in doctor.format_report(report)


def test_the_second_card_is_counted_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [Gpu("a", 80 * GIB, 1 * GIB), Gpu("b", 80 * GIB, 70 * GIB)]
    monkeypatch.setattr("studio.checkpoints.memory_plan.machine.gpus", lambda: cards)
    plan = before_loading(NativeSpec(random_weights="7b", device="cuda:1"))
    assert plan and (plan.device, plan.free) == ("cuda:1", 70 * GIB)
    with pytest.raises(ModelError, match=r"1\.0 GiB are free"):
        before_loading(NativeSpec(random_weights="7b", device="cuda"))


def test_what_the_worker_holds_is_free_when_another_model_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.checkpoints.memory_plan.machine.gpus", lambda: [Gpu("a", 80 * GIB, 1 * GIB)])
    spec = NativeSpec(random_weights="7b", device="cuda")
    with pytest.raises(ModelError, match=r"1\.0 GiB are free"):
        before_loading(spec, {"cuda:1": 60 * GIB})
    plan = before_loading(spec, {"cuda:0": 60 * GIB, "process": GIB})
    assert plan and plan.free == 61 * GIB + CUDA_CONTEXT


def test_the_other_published_models_by_part() -> None:
    """What the family takes: XComposer2.5 with its LoRA sets, 4KHD, and 1.8B."""
    one = model_sizes(published("2.5-7b", 560))
    assert one.plora == 73728 * 32 * (256 + 256 + 256 + 512) and one.linears == BOTH[0].linears
    assert one.weights(2, "none") == pytest.approx(22.19e9, rel=1e-3)
    assert one.weights(2, "int8") == pytest.approx(15.2e9, rel=1e-2)
    assert model_sizes(published("4khd-7b", 336)).weights(2, "none") == pytest.approx(17.2e9, rel=1e-2)
    assert model_sizes(published("1.8b", 490)).weights(2, "none") == pytest.approx(4.9e9, rel=1e-2)


def test_one_model_in_both_roles_is_planned_once(tmp_path: Path) -> None:
    spec = NativeSpec(random_weights="2.5-7b", device="cpu")
    plan = before_loading(replace(spec, swap="off")) if machine.host_free() > 60 * GIB else None
    models = published_by_role("2.5-7b")
    assert set(models) == {"composer", "viewer"} and models["composer"] is models["viewer"]
    assert plan is None or plan.names == ("XComposer2.5-7B",)


@pytest.mark.parametrize(("memory", "expected"), [(80, "none"), (32, "none"), (24, "int8"), (20, "int8"), (12, None)])
def test_xcomposer2d5_fits_a_card_of_24_gb_in_8_bits(memory: int, expected: str | None) -> None:
    assert quantization_for("xcomposer2.5-7b", memory * GIB, 16384) == expected
