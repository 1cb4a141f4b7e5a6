"""Which models are found where, what a flag means, and what would run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from studio.checkpoints import catalog
from studio.checkpoints.catalog import PUBLISHED, find, named, plan, resolve
from studio.checkpoints.machine import Gpu
from studio.cli import doctor, models
from studio.errors import ModelError
from studio.settings import Settings
from studio.specs import GgufSpec, NativeSpec

COMPOSER, VIEWER = PUBLISHED[:2]
SMALL, CHAT = named("xcomposer2-vl-1.8b"), named("internlm2-chat-1.8b")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no GPU."""
    for name in ("MODELSCOPE_CACHE", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(catalog, "gpus", lambda: [])
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(data=str(home / "data"))


def put(folder: Path) -> str:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").touch()
    return str(folder)


def put_part(folder: Path, present: tuple[int, ...] = (1,), wanted: int = 2, index: bool = True) -> str:
    """A checkpoint with some of its shards; the others are links that lead nowhere, as a hub's cache has them."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    names = [f"model-{n:05}-of-{wanted:05}.safetensors" for n in range(1, wanted + 1)]
    if index:
        weights = {f"layer.{n}": name for n, name in enumerate(names)}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    for n, name in enumerate(names, 1):
        if n in present:
            (folder / name).touch()
        elif index:
            (folder / name).symlink_to(folder / "blobs" / "gone")
    return str(folder)


def with_flags(settings: Settings, **flags: str) -> Settings:
    return Settings(**(vars(settings) | flags))


LAYOUTS = [
    "data/models/{name}",
    ".cache/modelscope/models/{ms_owner}--{ms_name}/snapshots/master",
    ".cache/modelscope/models/{ms_owner}/{ms_mangled}",
    ".cache/modelscope/hub/models/{ms_owner}/{ms_mangled}",
    ".cache/modelscope/hub/{ms_owner}/{ms_mangled}",
    ".cache/huggingface/hub/models--{hf}/snapshots/abc123",
]


def layouts(model: catalog.Published) -> list[str]:
    """Of the sources that have it."""
    absent = (*(["{hf}"] if not model.huggingface else []), *(["{ms_"] if not model.modelscope else []))
    return [layout for layout in LAYOUTS if not any(part in layout for part in absent)]


@pytest.mark.parametrize(
    ("model", "layout"), [(m, layout) for m in PUBLISHED for layout in layouts(m)], ids=lambda x: getattr(x, "name", x)
)
def test_a_model_is_found_where_each_client_keeps_it(
    layout: str, model: catalog.Published, home: Path, settings: Settings
) -> None:
    assert find(settings, model) == ""
    owner, _, name = model.modelscope.partition("/")
    parts = {"name": model.name, "ms_owner": owner, "ms_name": name, "ms_mangled": name.replace(".", "___")}
    folder = put(home / layout.format(**parts, hf=model.huggingface.replace("/", "--")))
    assert find(settings, model) == folder
    assert [m.name for m in PUBLISHED if find(settings, m)] == [model.name]
    for given in (*model.names, folder):
        assert resolve(settings, given) == folder


def test_caches_named_by_the_environment_are_searched(
    home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(home / "hf cache" / "hub" / "models--internlm--internlm-xcomposer2-7b" / "snapshots" / "1")
    monkeypatch.setenv("HF_HOME", str(home / "hf cache"))
    assert find(settings, COMPOSER) == folder
    monkeypatch.setenv("MODELSCOPE_CACHE", str(home / "ms"))
    folder = put(home / "ms" / "models" / COMPOSER.modelscope)
    assert find(settings, COMPOSER) == folder


def test_of_two_revisions_the_one_that_main_names_is_taken(home: Path, settings: Settings) -> None:
    repository = home / ".cache/huggingface/hub/models--internlm--internlm-xcomposer2-7b"
    first, _ = put(repository / "snapshots" / "aaa"), put(repository / "snapshots" / "bbb")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("aaa\n")
    assert find(settings, COMPOSER) == first


def test_what_is_not_here_is_not_fetched_but_the_command_is_told(settings: Settings) -> None:
    for given in COMPOSER.names:
        with pytest.raises(ModelError, match="studio models download xcomposer2-7b") as caught:
            plan(with_flags(settings, composer=given))
        assert "17 GB" in str(caught.value) and caught.value.say("zh")
    with pytest.raises(ModelError, match="no checkpoint folder /nowhere"):
        plan(with_flags(settings, vl="/nowhere"))
    with pytest.raises(ModelError, match="no checkpoint folder some/other"):
        plan(with_flags(settings, vl="some/other"))


def test_any_cached_hub_id_may_be_given(home: Path, settings: Settings) -> None:
    folder = put(home / ".cache/huggingface/hub/models--some--tune.v1" / "snapshots" / "1")
    assert resolve(settings, "some/tune.v1") == folder


def test_a_path_stays_right_when_the_working_folder_changes(
    home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = put(home / "here" / "my model")
    monkeypatch.chdir(home / "here")
    assert resolve(settings, "my model") == folder
    spec = plan(with_flags(settings, gguf="a.gguf", mmproj="b.gguf"))
    assert isinstance(spec, GgufSpec)
    assert (spec.path, spec.mmproj) == (str(home / "here" / "a.gguf"), str(home / "here" / "b.gguf"))


def test_without_a_gpu_or_files_the_starter_runs(home: Path, settings: Settings) -> None:
    assert isinstance(plan(settings), GgufSpec)
    put(home / "data/models/xcomposer2-7b")
    assert isinstance(plan(settings), GgufSpec)  # found, but nothing asked for it on this machine


def test_with_a_gpu_what_is_found_runs(home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "gpus", lambda: [Gpu("card", 1 << 36, 1 << 36)])
    assert isinstance(plan(settings), GgufSpec)
    assert CHAT and SMALL
    small = put(home / "data/models" / SMALL.name)
    spec = plan(settings)
    assert isinstance(spec, NativeSpec) and spec.folders == {"viewer": small, "talk": small}  # it talks, too
    chat = put(home / "data/models" / CHAT.name)
    spec = plan(settings)
    assert isinstance(spec, NativeSpec) and spec.folders == {"composer": chat, "viewer": small, "talk": chat}
    viewer, composer = put(home / "data/models" / VIEWER.name), put(home / "data/models" / COMPOSER.name)
    spec = plan(settings)
    assert isinstance(spec, NativeSpec) and spec.folders == {"composer": composer, "viewer": viewer, "talk": chat}
    silent = plan(with_flags(settings, talk="none"))
    assert isinstance(silent, NativeSpec) and silent.folders == {"composer": composer, "viewer": viewer}
    assert isinstance(plan(with_flags(settings, models="starter")), GgufSpec)
    alone = plan(with_flags(settings, vl="none", quantize="int8", swap="off"))
    assert isinstance(alone, NativeSpec)
    assert (alone.folders, alone.quantize, alone.swap) == ({"composer": composer, "talk": chat}, "int8", "off")


def test_a_named_model_runs_without_a_gpu_too(home: Path, settings: Settings) -> None:
    assert CHAT
    folder = put(home / "data/models" / CHAT.name)
    spec = plan(with_flags(settings, composer="internlm2-chat-1.8b"))
    assert isinstance(spec, NativeSpec) and spec.folders == {"composer": folder, "talk": folder}
    with pytest.raises(ModelError, match="studio models download"):
        plan(with_flags(settings, models="xcomposer2"))
    spec = plan(with_flags(settings, random_weights="7b"))
    assert isinstance(spec, NativeSpec) and (spec.folders, spec.random_weights) == ({"talk": folder}, "7b")


def test_looking_for_models_imports_neither_torch_nor_a_hubs_client() -> None:
    script = """
import sys
from studio.cli import doctor
from studio.cli import models
from studio.settings import Settings
models.format_table(models.table(Settings())), doctor.format_report(doctor.report(Settings()))
sys.exit(", ".join({"torch", "transformers", "modelscope", "huggingface_hub", "requests"} & {*sys.modules}) or 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


HF = ".cache/huggingface/hub/models--internlm--internlm-xcomposer2-7b"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("present", "wanted", "index"), [((1,), 2, True), ((2,), 3, False), ((), 2, True), ((), 0, False)]
)
def test_a_checkpoint_with_files_missing_is_incomplete_and_not_chosen(
    layout: str, present: tuple[int, ...], wanted: int, index: bool, home: Path, settings: Settings
) -> None:
    owner, name = COMPOSER.modelscope.split("/")
    parts = {"name": COMPOSER.name, "ms_owner": owner, "ms_name": name, "ms_mangled": name}
    folder = put_part(home / layout.format(**parts, hf=COMPOSER.huggingface.replace("/", "--")), present, wanted, index)
    assert find(settings, COMPOSER) == ""
    part = catalog.find_incomplete(settings, COMPOSER)
    assert part and (part.folder, part.present, part.wanted) == (folder, len(present), max(1, wanted))
    for given in (COMPOSER.name, COMPOSER.huggingface):
        with pytest.raises(ModelError) as caught:
            resolve(settings, given)
        assert caught.value.key == "checkpoint_incomplete" and f"{len(present)} of {max(1, wanted)}" in str(
            caught.value
        )
    whole = put(home / "data/models" / COMPOSER.name) if "data" not in layout else put(home / HF / "snapshots" / "9")
    assert find(settings, COMPOSER) == whole and catalog.find_incomplete(settings, COMPOSER) is None


def test_of_two_revisions_the_whole_one_is_taken(home: Path, settings: Settings) -> None:
    put_part(home / HF / "snapshots" / "new")
    whole = put(home / HF / "snapshots" / "old")
    (home / HF / "refs").mkdir()
    (home / HF / "refs" / "main").write_text("new")
    assert find(settings, COMPOSER) == whole


def test_an_incomplete_checkpoint_is_said_by_list_and_doctor(home: Path, settings: Settings) -> None:
    folder = put_part(home / HF / "snapshots" / "1")
    line = next(line for line in models.format_table(models.table(settings)).splitlines() if COMPOSER.name in line)
    assert line.endswith(f"incomplete (1 of 2 files) {folder}")
    found = doctor.report(settings)
    assert found["models"][COMPOSER.name] == "" and found["runs"]["engine"] == "gguf"
    assert f"{COMPOSER.name}: incomplete (1 of 2 files) {folder}" in doctor.format_report(found)


def test_one_model_for_every_role_goes_before_two(
    home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "gpus", lambda: [Gpu("card", 1 << 36, 1 << 36)])
    for model in (COMPOSER, VIEWER):
        put(home / "data/models" / model.name)
    both = put(home / "data/models/xcomposer2.5-7b")
    everything = {"composer": both, "viewer": both, "talk": both}
    for given in ({}, {"models": "xcomposer2.5-7b"}, {"models": "internlm/internlm-xcomposer2d5-7b"}):
        spec = plan(with_flags(settings, **given))
        assert isinstance(spec, NativeSpec) and spec.folders == everything
    spec = plan(with_flags(settings, composer="xcomposer2-7b"))
    assert isinstance(spec, NativeSpec) and spec.folders["composer"] != spec.folders["viewer"] == both
