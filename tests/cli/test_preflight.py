"""The ten commonest troubles, each made on purpose: `studio doctor` and `studio serve` say the same and exit with 1."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import gguf_files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.checkpoints import gguf_file, machine
from studio.checkpoints.catalog import starter_path
from studio.checkpoints.machine import Gpu
from studio.cli import preflight
from studio.cli.main import main
from studio.errors import ModelError, StudioError
from studio.settings import Settings
from studio.storage import migrations
from studio.storage.process_locks import FolderLock
from studio.storage.store import Store


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def chosen(tmp_path: Path, port: int) -> Settings:
    return Settings(data=str(tmp_path / "data"), port=port, models="starter")


def gguf(path: Path, architecture: bytes = b"llama", tensors: int = 1) -> Path:
    """A file with one entry and tensors of 32 float32 each."""

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    head = b"GGUF" + struct.pack("<IQQ", 3, tensors, 1)
    head += text(b"general.architecture") + struct.pack("<I", 8) + text(architecture)
    for number in range(tensors):
        head += text(b"t%d" % number) + struct.pack("<IQIQ", 1, 32, 0, 128 * number)
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(128 * tensors))
    return path


def cut(path: Path, keep: int) -> Path:
    path.write_bytes(path.read_bytes()[:keep])
    return path


def port_taken(tmp_path: Path, chosen: Settings) -> Iterator[list[str]]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", chosen.port))
        other.listen()
        yield []


def other_studio(tmp_path: Path, chosen: Settings) -> Iterator[list[str]]:
    with FolderLock(chosen.folder, "http://127.0.0.1:6006"):
        yield []


def file_for_a_folder(tmp_path: Path, chosen: Settings) -> list[str]:
    chosen.folder.write_text("a file")
    return []


def folder_in_a_file(tmp_path: Path, chosen: Settings) -> list[str]:
    chosen.folder.write_text("a file")
    return ["--data", str(chosen.folder / "deep" / "data")]


def damaged_database(tmp_path: Path, chosen: Settings) -> list[str]:
    chosen.folder.mkdir()
    (chosen.folder / "studio.sqlite3").write_bytes(b"not a database at all" * 100)
    return []


def half_database(tmp_path: Path, chosen: Settings) -> list[str]:
    Store(chosen.folder).close()
    path = chosen.folder / "studio.sqlite3"
    cut(path, path.stat().st_size // 2)
    return []


def newer_database(tmp_path: Path, chosen: Settings) -> list[str]:
    chosen.folder.mkdir()
    with closing(sqlite3.connect(chosen.folder / "studio.sqlite3")) as connection:
        connection.execute(f"PRAGMA user_version = {len(migrations.MIGRATIONS) + 1}")
    return []


def plain_logins(tmp_path: Path, chosen: Settings) -> list[str]:
    (tmp_path / "users").write_text("alice:secret\n")
    return ["--login", str(tmp_path / "users")]


def half_checkpoint(tmp_path: Path, chosen: Settings) -> list[str]:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return ["--composer", str(tmp_path / "model"), "--models", "xcomposer2"]


TROUBLES: list[tuple[str, str, Callable[[Path, Settings], Iterator[list[str]] | list[str]]]] = [
    ("folder", "data_unwritable", file_for_a_folder),
    ("folder", "data_unwritable", folder_in_a_file),
    ("other studio", "folder_in_use", other_studio),
    ("port", "port_in_use", port_taken),
    ("port", "address_unusable", lambda path, chosen: ["--host", "203.0.113.7"]),
    ("login", "login_file_missing", lambda path, chosen: ["--login", str(path / "nowhere")]),
    ("login", "login_file_plain", plain_logins),
    ("login", "open_needed", lambda path, chosen: ["--host", "0.0.0.0"]),
    ("database", "database_broken", damaged_database),
    ("database", "database_broken", half_database),
    ("database", "database_newer", newer_database),
    ("models", "model_file_missing", lambda path, chosen: ["--gguf", str(path / "nowhere.gguf")]),
    ("models", "model_broken", lambda path, chosen: ["--gguf", str(Path(__file__))]),
    ("models", "file_cut_off", lambda path, chosen: ["--gguf", str(cut(gguf(path / "m.gguf", tensors=9), 700))]),
    ("models", "gguf_other_kind", lambda path, chosen: ["--gguf", str(gguf(path / "m.gguf", b"clip"))]),
    (
        "models",
        "model_file_missing",
        lambda path, chosen: ["--gguf", str(gguf(path / "m.gguf")), "--mmproj", str(path / "nowhere")],
    ),
    (
        "models",
        "gguf_other_kind",
        lambda path, chosen: ["--gguf", str(gguf(path / "m.gguf")), "--mmproj", str(path / "m.gguf")],
    ),
    ("models", "checkpoint_file_missing", half_checkpoint),
    (
        "models",
        "checkpoint_folder_missing",
        lambda path, chosen: ["--models", "auto", "--composer", str(path / "nowhere")],
    ),
]


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        main(list(arguments))
        code = 0
    except SystemExit as e:
        code = int(e.code or 0)
    out, err = capfd.readouterr()
    return code, out, err


@pytest.mark.parametrize(("check", "key", "make"), TROUBLES)
def test_the_doctor_and_serve_say_the_same(
    tmp_path: Path,
    chosen: Settings,
    capfd: pytest.CaptureFixture[str],
    check: str,
    key: str,
    make: Callable[[Path, Settings], Iterator[list[str]] | list[str]],
) -> None:
    made = make(tmp_path, chosen)
    extra = next(made) if not isinstance(made, list) else made
    flags = ["--data", chosen.data, "--port", str(chosen.port), "--models", "starter", "--language", "en", *extra]
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = run(capfd, "doctor", "--json", *flags)
    problems = [p for p in json.loads(out)["problems"] if p["stops"]]
    assert code == 1 and [(p["check"], p["key"]) for p in problems][:1] == [(check, key)]
    code, out, _ = run(capfd, "doctor", *flags)
    assert code == 1 and f"Cannot run ({check}): {problems[0]['sentence']}" in out and "Would run" not in out
    code, out, err = run(capfd, "serve", *flags)
    assert (code, out) == (1, "") and err.splitlines()[-1] == problems[0]["sentence"]
    left = {p for p in tmp_path.rglob("*") if p.suffix not in (".sqlite3-wal", ".sqlite3-shm")}
    assert not left - set(before), "looking changes nothing"


def test_a_quiet_machine_has_no_problems(chosen: Settings) -> None:
    assert [f for f in preflight.findings(chosen) if f.stops] == []
    assert not chosen.folder.exists()


def only(chosen: Settings, name: str) -> list[preflight.Finding]:
    return [f for f in preflight.findings(chosen) if f.check == name]


def test_a_full_disk_and_one_that_soon_is(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, key, stops in ((1000, "disk_full", True), (500 << 20, "disk_low", False)):
        usage = shutil._ntuple_diskusage(1 << 40, 1 << 40, free)
        with monkeypatch.context() as patch:
            patch.setattr("studio.cli.preflight.shutil.disk_usage", lambda path, usage=usage: usage)
            ((error, stopped),) = [(f.error.key, f.stops) for f in only(chosen, "disk")]
        assert (error, stopped) == (key, stops)


@pytest.mark.parametrize(("number", "key"), [(30, "data_unwritable"), (28, "disk_full"), (13, "data_unwritable")])
def test_a_folder_that_takes_nothing(chosen: Settings, monkeypatch: pytest.MonkeyPatch, number: int, key: str) -> None:
    def refuse(**_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("studio.cli.preflight.tempfile.TemporaryFile", refuse)
    (finding,) = only(chosen, "folder")
    assert finding.error.key == key and finding.stops and str(chosen.folder) in str(finding.error)


def test_a_folder_above_that_is_missing_is_only_a_warning(tmp_path: Path) -> None:
    (finding,) = only(Settings(data=str(tmp_path / "usb" / "data")), "folder")
    assert finding.error.key == "folder_parent_missing" and not finding.stops


def test_an_older_database_is_only_a_warning(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:2])
        Store(chosen.folder).close()
    (finding,) = only(chosen, "database")
    assert finding.error.key == "database_older" and not finding.stops


def test_a_file_of_users_that_others_can_read(tmp_path: Path, chosen: Settings) -> None:
    from studio.storage import users

    path = tmp_path / "users"
    users.add(path, "alice", "correct horse")
    guarded = Settings(data=chosen.data, port=chosen.port, login=str(path))
    assert only(guarded, "login") == []
    path.chmod(0o644)
    (finding,) = only(guarded, "login")
    assert finding.error.key == "login_file_open" and not finding.stops


def test_packages(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["click>=8", "no-such-package>=1", "neither-this", "numpy<1", 'winreg>=1; sys_platform == "plan9"']
    monkeypatch.setattr(preflight, "requires", lambda name: needs)
    first, second = only(chosen, "packages")
    assert first.error.key == "package_wrong" and "numpy" in str(first.error) and not first.stops
    assert "no-such-package, neither-this" in str(second.error) and second.stops


def test_gpus(tmp_path: Path, chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Settings(data=chosen.data, port=chosen.port, random_weights="7b", device="cuda:1")
    monkeypatch.setattr(machine, "gpus", lambda: [Gpu("card", 80 << 30, 79 << 30)])
    monkeypatch.setattr(preflight, "_version", lambda name: "2.15.0+cpu")
    assert [(f.error.key, f.stops) for f in only(asked, "GPU")] == [("device_missing", True)]
    here = Settings(data=chosen.data, port=chosen.port, random_weights="7b", device="cuda")
    assert [(f.error.key, f.stops) for f in only(here, "GPU")] == [("torch_without_cuda", False)]
    monkeypatch.setattr(machine, "gpus", lambda: [])
    monkeypatch.setattr("studio.cli.preflight.shutil.which", lambda name: "/usr/bin/nvidia-smi")
    assert [f.error.key for f in only(chosen, "GPU")] == ["driver_broken"]
    assert [f.error.key for f in only(here, "GPU")] == ["driver_broken", "device_missing"]


def test_memory(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "gpus", lambda: [Gpu("card", 8 << 30, 7 << 30)])
    asked = Settings(data=chosen.data, port=chosen.port, random_weights="7b")
    assert [(f.error.key, f.stops) for f in only(asked, "memory")] == [("card_too_small", True)]
    monkeypatch.setattr(machine, "host_free", lambda: 1000)
    assert [(f.error.key, f.stops) for f in only(chosen, "memory")] == [("memory_low", False)]


def test_a_wrong_checkpoint_is_told_before_it_is_loaded(tmp_path: Path, chosen: Settings) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "tokenizer.model").write_bytes(b"x")
    header = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'
    (tmp_path / "m" / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    (tmp_path / "m" / "config.json").write_text('{"model_type": "llama"}')
    asked = Settings(data=chosen.data, port=chosen.port, composer=str(tmp_path / "m"))
    (finding,) = only(asked, "models")
    assert finding.stops and finding.error.key == "model_refused"


def test_every_check_speaks_both_languages(tmp_path: Path, chosen: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capfd, "doctor", "--data", chosen.data, "--gguf", "/nowhere.gguf", "--language", "zh")
    assert code == 1 and "缺少模型文件 /nowhere.gguf" in out


def test_a_package_that_is_not_there_is_a_sentence(
    capfd: pytest.CaptureFixture[str], chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'gradio'", name="gradio")

    monkeypatch.setattr(preflight, "require", absent)
    code, _, err = run(capfd, "serve", "--data", chosen.data)
    assert code == 1 and "Not installed: gradio" in err and "Traceback" not in err


def test_the_size_of_a_real_model_follows_from_its_header() -> None:
    path = Path(starter_path())
    header = gguf_file.check(path, "model")
    assert (header.architecture, header.size) == ("llama", path.stat().st_size)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_of_a_gguf_is_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    path = gguf(tmp_path / "m.gguf", tensors=3)
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        gguf_file.check(path, "model")
    except ModelError as e:
        assert e.say("en") and e.say("zh")


def test_arrays_in_arrays_without_end(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    name = struct.pack("<Q", 1) + b"a" + struct.pack("<I", 9)
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + name + struct.pack("<IQ", 9, 1) * 5000)
    with pytest.raises(StudioError):
        gguf_file.check(path, "model")


def test_a_gguf_model_that_does_not_fit_or_says_little(
    tmp_path: Path, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(**flags: str) -> Settings:
        return Settings(data=chosen.data, port=chosen.port, **flags)  # type: ignore[arg-type]

    model = gguf_files.model(tmp_path / "m.gguf", template="{{ messages }}", **{"qwen2.embedding_length": 1 << 17})
    monkeypatch.setattr(machine, "host_free", lambda: 32 << 30)
    assert only(asked(gguf=str(model)), "models") == only(asked(models=str(model)), "memory") == []
    eyes = gguf_files.mmproj(tmp_path / "mmproj.gguf", width=64)
    (finding,) = only(asked(gguf=str(model), mmproj=str(eyes)), "models")
    assert finding.stops and finding.error.key == "mmproj_other"
    (finding,) = only(asked(mmproj=str(eyes), models="starter"), "models")
    assert finding.error.key == "mmproj_alone"
    (finding,) = only(asked(models=str(gguf_files.model(tmp_path / "base.gguf"))), "models")
    assert finding.error.key == "gguf_no_template" and not finding.stops
    monkeypatch.setattr(machine, "host_free", lambda: 2 << 30)
    (finding,) = only(asked(gguf=str(model)), "memory")
    assert finding.stops and finding.error.key == "gguf_too_large" and "download" in finding.error.say("zh")
    (finding,) = only(asked(models="qwen3-8b"), "models")
    assert finding.stops and "studio models download qwen3-8b" in str(finding.error)
    (finding,) = only(asked(models="no-such.model"), "models")
    assert finding.stops and finding.error.key == "setting_not_offered"
