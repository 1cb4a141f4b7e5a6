"""What a GGUF file says, what it needs, and how it would run here."""

from __future__ import annotations

import os
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import gguf_files
import psutil
import pytest

from studio.checkpoints import catalog, gguf_file, gguf_plan, ladder, machine, what_fits
from studio.checkpoints.machine import Gpu
from studio.errors import InputError, ModelError
from studio.settings import Settings
from studio.specs import GgufSpec

GIB = 1 << 30


@pytest.fixture(autouse=True)
def roomy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """16 GiB of memory, no GPU, an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("MODELSCOPE_CACHE", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    have(monkeypatch, 16 * GIB)


def have(monkeypatch: pytest.MonkeyPatch, memory: int, *cards: Gpu) -> None:
    for module in (machine, catalog):
        monkeypatch.setattr(module, "gpus", lambda: list(cards))
        monkeypatch.setattr(module, "host_free", lambda: memory)


def spec(**flags: object) -> GgufSpec:
    made = catalog.plan(Settings(**flags))  # type: ignore[arg-type]
    assert isinstance(made, GgufSpec)
    return made


def test_a_header_says_what_the_model_is(tmp_path: Path) -> None:
    tokens = ["a", "b", "<|im_start|>", "<think>", "<tool>"]
    facts = {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1, 1, gguf_files.CONTROL, gguf_files.USER_DEFINED, gguf_files.USER_DEFINED],
        "tokenizer.ggml.bos_token_id": 2,
        "general.languages": ["en", "zh"],
    }
    path = gguf_files.model(tmp_path / "m.gguf", template="{{ '<think>' }}", **facts)
    header = gguf_file.read(path)
    assert (header.title, header.context, header.width, header.parameters) == ("Toy 1B", 32768, 64, 64000)
    assert header.cache_bytes(10) == 2 * 10 * 2 * 2 * (16 + 16)  # bytes, tokens, layers, heads, keys and values
    assert (header.vocabulary, header.facts["general.languages"]) == (5, ("en", "zh"))
    words = gguf_file.vocabulary(path)
    assert {*words.controls} == {"<|im_start|>", "<think>"}  # of user-defined ones those that the template writes
    assert (words.size, words.bos, words.eos) == (5, "<|im_start|>", "")


def test_a_list_of_heads_for_each_layer(tmp_path: Path) -> None:
    path = gguf_files.model(tmp_path / "m.gguf", **{"qwen2.attention.head_count_kv": [2, 0]})
    assert gguf_file.read(path).cache_bytes(1) == 2 * 2 * (16 + 16)


@pytest.mark.parametrize("value", ["many", -3, [], 1.5, True])
def test_entries_of_another_type_do_no_harm(tmp_path: Path, value: object) -> None:
    names = ("context_length", "embedding_length", "block_count", "attention.head_count", "attention.head_count_kv")
    path = gguf_files.model(tmp_path / "m.gguf", **{f"qwen2.{name}": value for name in names})
    header = gguf_file.read(path)
    assert isinstance(header.cache_bytes(100), int)
    assert spec(gguf=str(path)).card.context == gguf_plan.UNKNOWN_CONTEXT
    with pytest.raises(ModelError) as caught:
        gguf_file.check(path, "model")
    assert caught.value.key == "gguf_entry_wrong" and caught.value.say("zh")


def test_the_dialect_is_chosen_by_the_model(tmp_path: Path) -> None:
    path = gguf_files.model(tmp_path / "tiny.gguf")
    assert spec(gguf=str(path)).card.dialect == "starter"
    large = gguf_files.write(tmp_path / "l.gguf", {"general.architecture": "qwen2"}, {"t": [1]})
    header = gguf_file.read(large)
    assert gguf_plan.dialect_of(header.__class__("qwen2", 1, parameters=gguf_plan.TINY)) == "instruct"
    assert gguf_plan.dialect_of(header.__class__("qwen2", 1)) == "instruct"  # nothing known


def test_languages(tmp_path: Path) -> None:
    def languages(**facts: object) -> tuple[str, ...]:
        return spec(gguf=str(gguf_files.model(tmp_path / "m.gguf", **facts))).card.languages

    assert languages() == ("en",)
    assert languages(**{"general.languages": ["en", "zh"]}) == ("en", "zh")
    assert languages(**{"tokenizer.ggml.tokens": ["x"] * gguf_plan.CHINESE_VOCABULARY}) == ("en", "zh")


def test_the_context_is_as_long_as_memory_lets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gguf_files.model(tmp_path / "m.gguf", **{"qwen2.embedding_length": 1 << 16})
    cache = gguf_file.read(path).cache_bytes(1)
    assert cache == 2 * 2 * 2 * (1 << 15)
    have(monkeypatch, 8 * GIB)
    assert spec(gguf=str(path)).card.context == gguf_plan.CPU_CONTEXT
    have(monkeypatch, gguf_plan.WORKSPACE + 2 * 4096 * cache + path.stat().st_size)
    assert spec(gguf=str(path)).card.context == 4096
    have(monkeypatch, 0, Gpu("card", 80 * GIB, 80 * GIB))
    on_card = spec(gguf=str(path))
    assert (on_card.gpu, on_card.card.context, on_card.batch) == (True, 16384, 4)
    assert spec(gguf=str(path), device="cpu").gpu is False


def test_too_little_memory_names_what_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = gguf_files.model(tmp_path / "m.gguf", **{"qwen2.embedding_length": 1 << 17})
    have(monkeypatch, 8 * GIB)
    gguf_plan.check_memory(spec(gguf=str(path)))
    have(monkeypatch, 2 * GIB)
    with pytest.raises(ModelError) as caught:
        gguf_plan.check_memory(spec(gguf=str(path)))
    error = caught.value
    assert error.key == "gguf_too_large" and "studio models download qwen2.5-coder-1.5b" in error.say("en")
    assert "2.5 GiB" in error.say("zh") and "2.0 GiB" in error.say("zh")
    have(monkeypatch, GIB // 2)
    with pytest.raises(ModelError, match="--models starter"):
        gguf_plan.check_memory(spec(gguf=str(path)))


def test_a_model_is_named_by_name_file_or_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = str(tmp_path / "data")
    model = ladder.on_ladder("qwen3-vl-2b")
    assert model and model.mmproj
    with pytest.raises(ModelError, match="studio models download qwen3-vl-2b"):
        spec(data=data, models="qwen3-vl-2b")
    folder = tmp_path / "data" / "models" / model.name
    folder.mkdir(parents=True)
    file = gguf_files.model(folder / model.file)
    assert ladder.find(Settings(data=data), model) == ""  # it cannot see without the other
    eyes = gguf_files.mmproj(folder / model.mmproj)
    monkeypatch.chdir(tmp_path)
    for given in (model.name, model.repository, str(folder), f"data/models/{model.name}", "auto"):
        found = spec(data=data, models=given)
        assert (found.path, found.mmproj, found.card.sees) == (str(file), str(eyes), True), given
    assert (spec(data=data, models=str(file)).path, spec(data=data, models=str(file)).mmproj) == (str(file), "")
    assert spec(data=data, models="starter").card.note == "starter"


def test_folders_that_say_too_little(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        spec(models=str(tmp_path))
    assert caught.value.key == "gguf_folder_unclear" and caught.value.say("zh")
    for number in (1, 2):
        gguf_files.model(tmp_path / f"m-0000{number}-of-00002.gguf")
    assert spec(models=str(tmp_path)).path.endswith("m-00001-of-00002.gguf")
    gguf_files.model(tmp_path / "other.gguf")
    with pytest.raises(InputError, match="other.gguf"):
        spec(models=str(tmp_path))
    with pytest.raises(InputError, match="choose one of: auto, xcomposer2, starter, qwen2.5"):
        spec(models="no-such-model")


def test_eyes_of_another_model(tmp_path: Path) -> None:
    header = gguf_file.check(gguf_files.model(tmp_path / "m.gguf"), "model")
    for width in (64, 65):
        path = gguf_files.mmproj(tmp_path / "mmproj.gguf", width)
        eyes = gguf_file.check(path, "mmproj")
        if width == 64:
            gguf_file.check_pair(header, eyes, path, "Toy")
        else:
            with pytest.raises(ModelError, match="belongs to another model than Toy"):
                gguf_file.check_pair(header, eyes, path, "Toy")


def test_of_models_that_are_here_the_best_that_has_room_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data=str(tmp_path))
    for name in ("qwen2.5-coder-0.5b", "qwen3-4b", "qwen3-14b"):
        model = ladder.on_ladder(name)
        assert model
        folder = ladder.folder_of(settings, model)
        folder.mkdir(parents=True)
        gguf_files.model(folder / model.file)
    found = catalog.downloaded(settings)
    assert found and found.name == "qwen3-14b"
    have(monkeypatch, 4 * GIB)
    found = catalog.downloaded(settings)
    assert found and found.name == "qwen3-4b"
    have(monkeypatch, GIB // 4)
    assert catalog.downloaded(settings) is None


def test_the_ladder() -> None:
    names = [model.name for model in ladder.LADDER]
    assert len(names) == len({*names})
    for rung in (4, 8, 16, 24):
        on_it = [model for model in ladder.LADDER if model.rung == rung]
        assert {model.sees for model in on_it} == {True, False}, rung
        for model in on_it:
            assert model.size < rung * 10**9 and model.licence and model.context >= 32768
            assert ladder.best(rung * GIB, model.sees) == model
    assert ladder.best(GIB // 2, False) is None


def test_threads_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_number", lambda name: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    monkeypatch.setattr(machine, "_siblings", lambda number: f"{number % 2},{number % 2 + 2}")
    assert (machine.threads(), machine.cores()) == (4, 2)
    monkeypatch.setattr(machine, "_number", lambda name: 1.5 if name == "cpu.max" else None)
    assert (machine.threads(), machine.cores()) == (2, 2)
    monkeypatch.setattr(machine, "_number", lambda name: 0.5 if name == "cpu.max" else None)
    assert (machine.threads(), machine.cores()) == (1, 1)


@pytest.mark.parametrize("memory", [0, 1, 4, 8, 16, 24, 80])
def test_the_doctor_agrees_with_what_is_suggested(memory: int) -> None:
    lines = what_fits.ladder_lines(memory * ladder.GB, 16384)
    fitting = {line.partition(":")[0] for line in lines if ": fits" in line}
    assert len(lines) == len(ladder.LADDER) + 2
    for gpu, line in ((True, lines[-2]), (False, lines[-1])):
        named = vars(ladder.suggest(memory * ladder.GB, gpu)).values()
        assert {model.name for model in named if model} == {*line.split(": ")[1].split(", ")} & fitting
    assert ("xcomposer2.5-7b" in lines[-2]) == (memory >= 24)


@pytest.mark.parametrize(
    ("user", "nice", "own", "left"),
    [(0.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, 0.5), (2.0, 0.0, 0.0, 0.0), (1.0, 0.0, 1.0, 1.0), (0.0, 2.0, 0.0, 1.0)],
)
def test_the_share_of_the_cores_that_others_leave(
    monkeypatch: pytest.MonkeyPatch, user: float, nice: float, own: float, left: float
) -> None:
    """Two cores for a second: of others with usual and low priority, and of the studio's own processes."""
    times = namedtuple("times", "user nice idle")
    used, me = [times(0.0, 0.0, 0.0)] * 2, SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=0.0, system=0.0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [*used, times(9.0, 9.0, 9.0)])
    monkeypatch.setattr(psutil.Process, "nice", lambda self: 0)
    share = machine.IdleShare([me])
    assert share.value == 1.0  # nothing can be said yet
    used[:] = [times(user / 2, nice / 2, 1 - (user + nice) / 2)] * 2
    me.cpu_times = lambda: SimpleNamespace(user=own, system=0.0)
    assert share.value == left
