"""Names that lead to something else than an ordinary file."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from studio.errors import InputError, NotFoundError
from studio.storage.regular_file import open_regular, read_regular

posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")


def key_of(path: Path, **options: bool) -> str:
    with pytest.raises(InputError) as caught:
        read_regular(path, 100, **options)
    assert path.name in caught.value.say("en") and path.name in caught.value.say("zh")
    return caught.value.key


def test_an_ordinary_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    assert read_regular(path, 100) == b"x" * 100
    path.write_bytes(b"x" * 101)
    assert key_of(path) == "file_too_large"


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_regular(tmp_path / "a", 100)


@posix
def test_pipes_devices_sockets_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert key_of(tmp_path / "pipe.png") == "file_not_regular"
    assert key_of(Path("/dev/zero")) == "file_not_regular"
    assert key_of(tmp_path) == "file_not_regular"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "s"))
        assert key_of(tmp_path / "s") == "file_unreadable"


@posix
def test_symbolic_links(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "zero").symlink_to("/dev/zero")
    assert read_regular(tmp_path / "link", 100) == b"x"
    assert key_of(tmp_path / "link", follow_symlinks=False) == "file_unreadable"
    assert key_of(tmp_path / "loop") == "file_unreadable"
    assert key_of(tmp_path / "zero") == "file_not_regular"


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_a_file_that_says_it_is_empty_is_read_up_to_the_limit() -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    assert key_of(Path("/proc/self/maps")) == "file_too_large"


@posix
def test_nothing_stays_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        key_of(tmp_path / "pipe.png")
        with pytest.raises(NotFoundError):
            open_regular(tmp_path / "nothing")
    assert len(os.listdir("/dev/fd")) == before
