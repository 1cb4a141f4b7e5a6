"""Costly, hanging and crashing files: each costs itself and nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pictures.crafted import CRAFTED, jpeg, progressive_with_scans
from PIL import Image

from studio.errors import InputError, StudioError
from studio.pictures import decoder_client, decoder_pool
from studio.pictures.cost import MAX_FILE_BYTES, MEMORY, SECONDS
from studio.pictures.decoder_client import Decoder, start_decoder
from studio.pictures.decoder_pool import DecoderPool

LONG = 60.0  # seconds for a machine that is busy with other things; what is measured is CPU time
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps these limits, or tells of them")


@pytest.fixture
def pool() -> Iterator[DecoderPool]:
    made = DecoderPool(seconds=LONG)
    yield made
    made.close()


@pytest.fixture(scope="module")
def small() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def endless() -> bytes:
    """It takes minutes."""
    return progressive_with_scans(20_000)


def is_gone(pid: int) -> bool:
    """Whether a process has ended and was waited for, within ten seconds."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        threading.Event().wait(0.02)
    return False


def ended_by(data: bytes, pool: DecoderPool) -> StudioError:
    with pytest.raises(StudioError) as caught:
        pool.normalise(data, "holiday.jpg")
    assert "holiday.jpg" in caught.value.say("en") and "holiday.jpg" in caught.value.say("zh")
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize("name", CRAFTED)
def test_a_costly_file_stays_within_the_budget(name: str) -> None:
    make, expected = CRAFTED[name]
    decoder = start_decoder(name)  # a new one, so that the peak is this file's
    try:
        header, made = decoder.ask(make(), LONG)
    finally:
        decoder.end()
    assert header.get("error", "") == expected
    assert bool(made) == (not expected)
    assert header["cpu"] <= SECONDS
    if sys.platform == "linux":
        assert 20_000_000 < header["peak"] <= 1_000_000_000


def test_a_photo_of_200_megapixels_comes_reduced(pool: DecoderPool) -> None:
    made = pool.normalise(jpeg(16_320, 12_240), "holiday.jpg")
    assert (made.width, made.height) == (2048, 1536)


def test_a_file_that_takes_too_long_is_ended(endless: bytes, small: bytes) -> None:
    pool = DecoderPool(at_once=1, seconds=0.5)
    pool._give_back(decoder := start_decoder("x"))  # noqa: SLF001 - starting must not count
    began = time.monotonic()
    assert ended_by(endless, pool).key == "picture_timeout"
    assert time.monotonic() - began < 4
    assert is_gone(decoder.pid) and not pool.idle_processes


@linux
def test_a_process_without_a_parent_ends_by_itself(endless: bytes) -> None:
    decoder = start_decoder("x")
    decoder._expire = lambda: None  # type: ignore[method-assign] # noqa: SLF001 - the parent's own limit does nothing
    with pytest.raises(EOFError):
        decoder.ask(endless, 0.5)
    assert decoder.cause_of_death("x", 0.5).key == "picture_timeout"


@pytest.mark.skipif(os.name != "posix", reason="there are no signals")
@pytest.mark.parametrize(
    ("number", "key"), [(signal.SIGSEGV, "picture_crashed"), (signal.SIGKILL, "picture_too_costly")]
)
def test_a_crash_costs_one_file(number: int, key: str, pool: DecoderPool, endless: bytes, small: bytes) -> None:
    pool.normalise(small, "a")
    (pid,) = pool.idle_processes
    timer = threading.Timer(0.3, os.kill, (pid, number))
    timer.start()
    assert ended_by(endless, pool).key == key
    assert is_gone(pid)
    assert pool.normalise(small, "a").width == 256
    assert pool.idle_processes != [pid]


@linux
def test_a_process_that_died_while_idle_is_replaced(pool: DecoderPool, small: bytes) -> None:
    pool.normalise(small, "a")
    (pid,) = pool.idle_processes
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":  # ended, not yet waited for
        assert time.monotonic() < end
    assert pool.normalise(small, "a").width == 256


def test_one_process_serves_many_files(pool: DecoderPool, small: bytes) -> None:
    pool.normalise(small, "a")
    before = pool.idle_processes
    with contextlib.suppress(InputError):
        pool.normalise(b"nothing", "b")
    pool.normalise(small, "c")
    assert pool.idle_processes == before and len(before) == 1


def test_a_process_is_replaced_after_many_files(
    pool: DecoderPool, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder_client, "MAX_FILES", 2)
    pids = []
    for _ in range(4):
        pool.normalise(small, "a")
        pids += pool.idle_processes
    assert pids[0] == pids[1] != pids[2] == pids[3]


class Slow:
    """In place of a Decoder: answers when it is let, and counts how many are at work."""

    at_work, most, lock = 0, 0, threading.Lock()
    pid, idle_since = 0, 0.0

    def __init__(self, go: threading.Event) -> None:
        self._go = go

    def ask(self, data: bytes, seconds: float) -> tuple[dict[str, object], bytes]:
        with Slow.lock:
            Slow.at_work += 1
            Slow.most = max(Slow.most, Slow.at_work)
        self._go.wait(10)
        with Slow.lock:
            Slow.at_work -= 1
        return {"error": "picture_unknown", "facts": {}}, b""

    def is_fit(self) -> bool:
        return True

    def end(self) -> None:
        pass


def test_two_at_once_and_the_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()
    monkeypatch.setattr(decoder_pool, "start_decoder", lambda name: Slow(go))
    Slow.most = 0
    pool = DecoderPool()
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(pool.normalise, b"x", "a") for _ in range(8)]
        with pytest.raises(InputError) as caught:
            while True:  # as soon as both are at work, a turn does not come
                if Slow.at_work == 2:
                    pool.normalise(b"x", "late.jpg", wait_seconds=0.05)
        go.set()
        assert caught.value.key == "pictures_busy" and "late.jpg" in str(caught.value)
        assert [future.exception(10).key for future in asked] == ["picture_unknown"] * 8  # type: ignore[union-attr]
    assert Slow.most == 2


def test_idle_processes_end_after_a_while(small: bytes) -> None:
    pool = DecoderPool(seconds=LONG, idle_seconds=0.2)
    pool.normalise(small, "a")
    pids = pool.idle_processes
    assert all(is_gone(pid) for pid in pids)
    assert pool.idle_processes == []
    assert pool.normalise(small, "a").width == 256
    pool.close()


def test_closing_leaves_no_process(small: bytes) -> None:
    pool = DecoderPool(seconds=LONG)
    pool.normalise(small, "a")
    (pid,) = pool.idle_processes
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_process_dies_with_the_program(small: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(small)
    script = (
        "import os, pathlib, sys; from studio.library.picture_intake import DECODERS, normalise_file\n"
        "normalise_file(pathlib.Path(sys.argv[1]).read_bytes(), 'a'); print(*DECODERS.idle_processes, flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.jpg")], capture_output=True, text=True, timeout=LONG
    )
    (pid,) = map(int, done.stdout.split())
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]:
        assert time.monotonic() < end, "the decoder outlives the program"


@linux
def test_it_can_open_nothing_and_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "import os, socket, subprocess, sys; from studio.pictures import decoder\n"
        "out = os.fdopen(os.dup(1), 'w'); decoder._give_up_rights(); decoder._limit_memory(0)\n"
        "def fails(call):\n"
        "    try: call()\n"
        "    except (OSError, MemoryError) as e: print(type(e).__name__, file=out)\n"
        "    else: print('done', file=out)\n"
        "fails(lambda: open('/etc/passwd')); fails(socket.socket); fails(lambda: subprocess.run(['/bin/true']))\n"
        "fails(lambda: bytearray(1_000_000_000)); out.flush()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LONG)
    assert done.stdout.split() == ["OSError", "OSError", "OSError", "MemoryError"], done.stderr
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    decoder = start_decoder("x")
    assert b"hf_secret" not in Path(f"/proc/{decoder.pid}/environ").read_bytes()
    decoder.end()


@pytest.mark.parametrize(
    ("header", "made"),
    [
        ({}, b"\xff\xd8\xff"),
        ({"error": "disk_full", "facts": {}}, b""),
        ({"error": "picture_too_large", "facts": {"pixels": "many"}}, b""),
        ({"error": "picture_unknown", "facts": 3}, b""),
        ({"mime": "text/html", "width": 1, "height": 1, "hints": {"caption": "", "date": ""}}, b"<script>"),
        ({"mime": "image/png", "width": 1, "height": 1, "hints": {"caption": "", "date": ""}}, b"<script>"),
        ({"mime": "image/png", "width": 1, "height": 1, "hints": []}, b"\x89PNG"),
    ],
)
def test_a_process_that_was_taken_over_is_not_believed(
    header: dict[str, object], made: bytes, pool: DecoderPool, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Decoder, "ask", lambda self, data, seconds: (header, made))
    assert ended_by(small, pool).key == "picture_crashed"
    assert pool.idle_processes == []


def test_a_process_that_does_not_start_is_a_sentence(pool: DecoderPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_client, "_START", "raise SystemExit(3)")
    error = ended_by(b"x", pool)
    assert error.key == "decoder_not_started" and "3" in str(error)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert ended_by(b"x", pool).key == "decoder_not_started"


def test_a_file_beyond_the_limit_is_not_sent(pool: DecoderPool) -> None:
    assert ended_by(bytes(MAX_FILE_BYTES + 1), pool).key == "file_too_large"
    assert pool.idle_processes == [] and MEMORY < 1_000_000_000


def test_it_loads_no_model_library_and_no_page() -> None:
    script = "import studio.pictures.decoder, sys; print(sorted({'torch', 'gradio', 'fastapi'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LONG)
    assert done.stdout.strip() == "[]", done.stderr
