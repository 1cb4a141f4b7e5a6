"""Downloads through both hubs' own clients, against a hub on this machine: whole, continued, refused, cut off."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

os.environ["MODELSCOPE_DOWNLOAD_MAX_RETRIES"] = "1"  # read once, when the client is imported
os.environ["MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS"] = "1"

from golden.hub import LocalHub, serving

from studio.checkpoints import download as downloads
from studio.checkpoints import ladder
from studio.checkpoints.catalog import PUBLISHED, find, named
from studio.checkpoints.hubs import RemoteFile
from studio.checkpoints.transfer import Transfer
from studio.errors import InputError, ModelError, StorageError, StudioError
from studio.settings import Settings

WEIGHTS = bytes(range(256)) * 400
FILES = {
    "README.md": b"about",
    "config.json": b'{"model_type": "internlmxcomposer2"}',
    "modeling_internlm_xcomposer2.py": b"raise SystemExit",
    "pytorch_model-00001-of-00002.bin": WEIGHTS,
    "pytorch_model-00002-of-00002.bin": WEIGHTS[::-1],
    "pytorch_model.bin.index.json": json.dumps(
        {"weight_map": {"a": "pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"}}
    ).encode(),
    "tokenizer.model": b"pieces",
}
TAKEN = sorted(set(FILES) - {"README.md", "modeling_internlm_xcomposer2.py"})
SECOND = "pytorch_model-00002-of-00002.bin"
MODEL = PUBLISHED[0]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of this machine's own hubs; the clients' pauses between tries take no time."""
    for name in ("MODELSCOPE_CACHE", "MODELSCOPE_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)  # what is lost with a line: 10 MB
    from modelscope_hub._download_control import _DownloadControl

    monkeypatch.setattr(_DownloadControl, "sleep", lambda self, seconds: None)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    local = LocalHub()
    local.files = dict(FILES)
    with serving(local):
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", local.url)
        monkeypatch.setenv("HF_ENDPOINT", local.url)
        yield local


def get(source: str, folder: Path) -> Path:
    return downloads.download(MODEL, source, folder, lambda line: None)


def failure(source: str, folder: Path) -> StudioError:
    with pytest.raises(StudioError) as caught:
        get(source, folder)
    assert caught.value.say("zh")
    return caught.value


def sent(hub: LocalHub) -> list[str]:
    """Requests for files."""
    return [path for path in hub.asked if "resolve" in path or "FilePath" in path]


both = pytest.mark.parametrize("source", ["modelscope", "huggingface"])


@both
def test_a_model_arrives_whole_and_is_found(hub: LocalHub, source: str, tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data 1.0"))
    folder = downloads.download(MODEL, source, tmp_path / "data 1.0" / "models" / MODEL.name, lambda line: None)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == {n: FILES[n] for n in TAKEN}
    assert find(settings, MODEL) == str(folder)
    assert hub.repositories == {getattr(MODEL, source)}
    hub.asked.clear()
    get(source, folder)  # all is there: no file is sent a second time
    assert not sent(hub)


@both
def test_a_download_that_was_cut_off_is_told_and_continued(hub: LocalHub, source: str, tmp_path: Path) -> None:
    hub.cut[SECOND] = 50_000
    error = failure(source, tmp_path / "m")
    assert error.key == "hub_unreachable" and "the same command continues" in str(error)
    assert not (tmp_path / "m" / "config.json").exists()  # so that nothing takes it for a model
    del hub.cut[SECOND]
    hub.ranges.clear()
    folder = get(source, tmp_path / "m")
    assert hub.ranges == [f"{SECOND} 50000"]
    assert (folder / SECOND).read_bytes() == FILES[SECOND]


@both
def test_a_half_file_that_is_there_is_fetched_again(hub: LocalHub, source: str, tmp_path: Path) -> None:
    folder = get(source, tmp_path / "m")
    os.truncate(folder / SECOND, 1000)
    get(source, folder)
    assert (folder / SECOND).read_bytes() == FILES[SECOND]


@both
def test_a_hub_that_sends_too_little_is_told(hub: LocalHub, source: str, tmp_path: Path) -> None:
    hub.shorter.add(SECOND)
    error = failure(source, tmp_path / "m")
    assert error.key in ("hub_half_file", "file_cut_off"), error
    assert SECOND in str(error)


@both
@pytest.mark.parametrize(("status", "key"), [(404, "hub_lacks"), (403, "hub_refused"), (401, "hub_refused")])
def test_a_refusal_is_told(hub: LocalHub, source: str, status: int, key: str, tmp_path: Path) -> None:
    hub.status = status
    error = failure(source, tmp_path / "m")
    other = "huggingface" if source == "modelscope" else "modelscope"
    assert error.key == key and f"--source {other}" in str(error) and getattr(MODEL, source) in str(error)
    assert not (tmp_path / "m").exists()


@both
def test_a_broken_hub_is_told(hub: LocalHub, source: str, tmp_path: Path) -> None:
    hub.status = 500
    assert failure(source, tmp_path / "m").key in ("hub_failed", "hub_unreachable")


@both
def test_no_network_is_told(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(LocalHub()) as gone:
        pass
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", gone.url)
    monkeypatch.setenv("HF_ENDPOINT", gone.url)
    error = failure(source, tmp_path / "m")
    assert error.key == "hub_unreachable" and "refused" in str(error) and "proxy" in str(error)


@both
def test_too_small_a_disk_is_told_before_anything_is_sent(
    hub: LocalHub, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100_000))
    error = failure(source, tmp_path / "m")
    assert isinstance(error, StorageError) and error.key == "disk_too_small" and "--to" in str(error)
    assert not sent(hub)
    (tmp_path / "m" / f"{SECOND}.incomplete").write_bytes(WEIGHTS[::-1][:-100])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=len(WEIGHTS) + 1000))
    downloads._check_space([RemoteFile(SECOND, len(WEIGHTS))], tmp_path / "m")  # what is there already counts


@both
def test_a_disk_that_fills_up_is_told(
    hub: LocalHub, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr("pathlib.Path.replace", full)
    assert failure(source, tmp_path / "m").key == "disk_full"


def test_a_folder_that_cannot_be_written_is_told(hub: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    folder = Path("/proc/models") if os.geteuid() == 0 else tmp_path / "locked" / "m"  # root may write to any other
    assert failure("modelscope", folder).key == "file_unwritable"


def test_a_file_in_the_folders_place_is_told(hub: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert isinstance(failure("modelscope", tmp_path / "file"), InputError)
    assert isinstance(failure("modelscope", tmp_path / "file" / "m"), InputError)


def test_only_what_is_needed_is_taken() -> None:
    both = [RemoteFile(name, 1) for name in (*FILES, "model.safetensors", "model.safetensors.index.json")]
    assert [f.path for f in downloads.wanted(both, "hub", "a/b")] == [
        "model.safetensors",
        "model.safetensors.index.json",
        "tokenizer.model",
        "config.json",
    ]
    for missing in ("tokenizer.model", "config.json"):
        with pytest.raises(ModelError, match=missing):
            downloads.wanted([RemoteFile(n, 1) for n in FILES if n != missing], "hub", "a/b")
    with pytest.raises(ModelError, match="weights"):
        downloads.wanted([RemoteFile("config.json", 1), RemoteFile("tokenizer.model", 1)], "hub", "a/b")


def test_models_are_known_by_name_and_by_either_id() -> None:
    for model in PUBLISHED:
        assert all(named(name) is model and downloads.known(name) is model for name in model.names)
    with pytest.raises(ModelError, match="xcomposer2-vl-7b"):
        downloads.known("gpt-5")


@pytest.mark.slow
@both
def test_the_command_itself(hub: LocalHub, source: str, tmp_path: Path) -> None:
    """In a process of its own: progress on stderr, the folder on stdout, nothing else imported."""
    program = [sys.executable, "-c", "from studio.cli.main import main; main()"]
    command = [*program, "models", "download", "xcomposer2-vl-7b", "--source", source]
    done = subprocess.run(
        [*command, "--data", str(tmp_path / "data")], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'data' / 'models' / 'xcomposer2-vl-7b'}\n"
    assert "5 files" in done.stderr and "full size" in done.stderr
    hub.status = 403
    done = subprocess.run([*command, "--to", str(tmp_path / "b")], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 1 and "refused to give" in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


@both
def test_a_gguf_model_comes_with_its_eyes_and_nothing_else(hub: LocalHub, source: str, tmp_path: Path) -> None:
    model = ladder.on_ladder("qwen3-vl-2b")
    assert model and model.mmproj
    hub.files = {
        model.file: WEIGHTS,
        model.mmproj: WEIGHTS[::-1],
        "Qwen3VL-2B-Instruct-F16.gguf": b"x",
        "README.md": b"",
    }
    settings = Settings(data=str(tmp_path))
    reports: list[Transfer] = []
    folder = downloads.folder_of(settings, model)
    downloads.download(model, source, folder, lambda line: None, reports.append)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == {
        model.file: WEIGHTS,
        model.mmproj: WEIGHTS[::-1],
    }
    assert ladder.find(settings, model) == str(folder) and hub.repositories == {model.repository}
    assert (reports[-1].done, reports[-1].total) == (2 * len(WEIGHTS), 2 * len(WEIGHTS))
    del hub.files[model.mmproj]
    with pytest.raises(ModelError, match="mmproj"):
        downloads.download(model, source, tmp_path / "other", lambda line: None)
