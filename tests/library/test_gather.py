"""Pictures out of files, folders and zips of every kind, also hostile ones."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.errors import InputError, NotFoundError, StudioError
from studio.library import gather
from studio.library.gather import Refused, is_hidden, list_files, normalise_files


def picture(shade: int = 0) -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 6), (shade, 90, 200)).save(out, "PNG")
    return out.getvalue()


def zipped(path: Path, *entries: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return path


def told(*sources: Path) -> list[tuple[str, str]]:
    """(name, why it was refused or "")"""
    return [(f.name, t.error.key if isinstance(t, Refused) else "") for f, t in normalise_files(list_files(sources))]


def test_pictures_of_a_zip_come_in_order_with_their_folders(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.ZIP", ("sea/b.png", picture(1)), ("sea/", b""), ("a.png", picture(2)))
    assert told(path) == [("a.png", ""), ("sea/b.png", "")]


def test_what_is_no_picture_is_left_out_with_its_reason(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "a.zip",
        ("__MACOSX/._cat.png", b"\0\5\26\7"),
        (".DS_Store", b"x"),
        ("album/Thumbs.db", b"x"),
        ("cat.png", picture()),
        ("empty.png", b""),
        ("inner.zip", b"PK\3\4" + b"x" * 40),
        ("notes.txt", b"hello"),
    )
    assert told(path) == [
        (".DS_Store", "file_hidden"),
        ("__MACOSX/._cat.png", "file_hidden"),
        ("album/Thumbs.db", "file_hidden"),
        ("cat.png", ""),
        ("empty.png", "picture_empty"),
        ("inner.zip", "picture_unreadable"),
        ("notes.txt", "picture_unknown"),
    ]


def test_a_folder_and_single_files_together(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "x.png").write_bytes(picture(1))
    (folder / "x.png").write_bytes(picture(2))
    single = tmp_path / "x.png"
    single.write_bytes(picture(3))
    assert told(folder, single) == [("deep/x.png", ""), ("x.png", ""), ("x (2).png", "")]


def test_the_same_name_twice_in_one_zip(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path / "a.zip", ("x.png", picture(1)), ("x.png", picture(2)), ("y", picture(3)))
    files = normalise_files(list_files([path]))
    keys = {f.name: t.key for f, t in files if not isinstance(t, Refused)}
    assert list(keys) == ["x.png", "x (2).png", "y"] and len(set(keys.values())) == 3


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/x.png", "abs/x.png"),
        ("C:\\Users\\x.png", "Users/x.png"),
        ("a/./../b.png", "a/b.png"),
        ("..", "?"),
        ("new\nline.png", "new?line.png"),
        ("猫.png", "猫.png"),
    ],
)
def test_names_lead_nowhere(tmp_path: Path, name: str, shown: str) -> None:
    path = zipped(tmp_path / "a.zip", (name, picture()))
    assert [f.name for f in list_files([path])] == [shown]


def test_chinese_names_from_windows(tmp_path: Path) -> None:
    data = zipped(tmp_path / "a.zip", ("XXXXXXXX.png", picture())).read_bytes()
    path = tmp_path / "b.zip"
    path.write_bytes(data.replace(b"XXXXXXXX", "中文照片".encode("gb2312")))
    assert [f.name for f in list_files([path])] == ["中文照片.png"]


def test_a_name_from_old_dos_stays(tmp_path: Path) -> None:
    data = zipped(tmp_path / "a.zip", ("caf#.png", picture())).read_bytes()
    path = tmp_path / "b.zip"
    path.write_bytes(data.replace(b"caf#", "café".encode("cp437")))
    assert [f.name for f in list_files([path])] == ["café.png"]


def encrypted(path: Path, *flagged: bool) -> Path:
    """A zip whose entries say that they need a password."""
    zipped(path, *((f"{n}.png", picture(n)) for n in range(len(flagged))))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        for flag in flagged:
            at = data.index(signature, at + 1)
            data[at + offset] |= flag
    path.write_bytes(data)
    return path


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="password"):
        list_files([encrypted(tmp_path / "all.zip", True, True)])
    assert told(encrypted(tmp_path / "one.zip", False, True)) == [("0.png", ""), ("1.png", "zip_encrypted")]


def test_an_empty_zip_and_an_empty_folder(tmp_path: Path) -> None:
    for source in (zipped(tmp_path / "a.zip"), zipped(tmp_path / "b.zip", ("only/", b"")), tmp_path / "folder"):
        if not source.suffix:
            source.mkdir()
        with pytest.raises(InputError, match="no picture to ask about"):
            list_files([source])
    with pytest.raises(InputError, match="no picture to ask about"):
        list_files([])


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\3\4" + b"\0" * 100])
def test_no_zip_at_all(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with pytest.raises(InputError, match="a.zip cannot be opened as a zip"):
        list_files([path])


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere.zip"):
        list_files([tmp_path / "nowhere.zip"])


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "MAX_FILE_BYTES", 3 << 20)
    monkeypatch.setattr(gather, "MAX_UNPACKED_BYTES", 4 << 20)
    zeros = b"\0" * (2 << 20)
    with pytest.raises(InputError, match="decompresses to"):
        list_files([zipped(tmp_path / "a.zip", *((f"{n}.png", zeros) for n in range(3)))])
    one = zipped(tmp_path / "b.zip", ("big.png", zeros * 2), ("x.png", picture()))
    assert told(one) == [("big.png", "file_too_large"), ("x.png", "")]


def test_an_entry_that_says_it_is_small_gives_no_more(tmp_path: Path) -> None:
    data = zipped(tmp_path / "a.zip", ("x.png", b"\0" * 5_000_000)).read_bytes()
    path = tmp_path / "b.zip"
    path.write_bytes(data.replace(struct.pack("<I", 5_000_000), struct.pack("<I", 10)))
    assert told(path) == [("x.png", "picture_unreadable")]


def test_too_many_files(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", *((f"{n}.png", b"") for n in range(gather.MAX_FILES + 1)))
    with pytest.raises(InputError, match="More than 10,000 files"):
        list_files([path])


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("a.png", False),
        (".a.png", True),
        ("x/.y/a.png", True),
        ("__MACOSX/a.png", True),
        ("x/THUMBS.DB", True),
        ("@eaDir/a.png", True),
    ],
)
def test_hidden_names(name: str, hidden: bool) -> None:
    assert is_hidden(name) == hidden


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Callable[[bytes], Path]]:
    folder = tmp_path_factory.mktemp("zips")
    data = zipped(folder / "good.zip", ("a.png", picture(1)), ("b/猫.png", picture(2))).read_bytes()

    def write(changed: bytes) -> Path:
        (folder / "bad.zip").write_bytes(changed)
        return folder / "bad.zip"

    return data, write


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=8), st.integers(0, 400))
def test_a_damaged_zip_gives_sentences_only(good, changes, cut) -> None:  # type: ignore[no-untyped-def]
    data, write = good
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    try:
        for file, taken in normalise_files(list_files([write(bytes(damaged[: len(damaged) - cut]))])):
            assert file.name and ".." not in file.name.split("/") and not file.name.startswith("/")
            assert not isinstance(taken, Refused) or taken.error.say("zh")
    except StudioError as e:
        assert e.say()


def test_what_is_no_file_in_a_folder_is_refused_without_waiting(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "a.png").write_bytes(picture())
    os.mkfifo(folder / "pipe.png")
    (folder / "loop").symlink_to(folder)
    (folder / "self.png").symlink_to(folder / "self.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    assert told(folder) == [
        ("a.png", ""),
        ("pipe.png", "file_not_regular"),
        ("self.png", "file_unreadable"),
        ("zero.png", "file_not_regular"),
    ]
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(InputError, match="ordinary file"):
        list_files([tmp_path / "pipe.zip"])


def test_a_folder_without_end_is_not_listed_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked = []

    def endless(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        while True:
            walked.append(folder)
            yield str(folder), [], [f"{n}.png" for n in range(1000)]

    monkeypatch.setattr("studio.library.gather.os.walk", endless)
    with pytest.raises(InputError, match="More than 10,000 files"):
        list_files([tmp_path])
    assert len(walked) == 11


def test_links_and_devices_in_a_zip_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in (("file.png", 0o100644), ("link.png", 0o120777), ("pipe.png", 0o010644), ("x.png", 0)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, b"/etc/passwd" if name == "link.png" else picture())
    assert told(path) == [
        ("file.png", ""),
        ("link.png", "file_not_regular"),
        ("pipe.png", "file_not_regular"),
        ("x.png", ""),
    ]


def test_methods_that_take_any_memory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bzip2.png", picture(), zipfile.ZIP_BZIP2)
        archive.writestr("lzma.png", picture(), zipfile.ZIP_LZMA)
    assert told(path) == [("bzip2.png", ""), ("lzma.png", "zip_method")]


def test_a_directory_of_millions_is_not_read(tmp_path: Path) -> None:
    """Each entry takes 46 bytes of the file and 500 of memory."""
    count = gather.MAX_DIRECTORY_BYTES // 46 + 1
    data = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", *[0] * 18) * count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, len(data), 0, 0)
    path = tmp_path / "a.zip"
    path.write_bytes(data + end)
    with pytest.raises(InputError, match="directory has more than 8 MiB"):
        list_files([path])


def test_entries_that_lie_on_one_another_do_not_multiply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bomb that needs no bomb inside: a thousand entries are the same piece of the file."""
    data = zipped(tmp_path / "a.zip", ("a.png", b"\0" * 1_000_000)).read_bytes()
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entries = data[start:end] * 1000
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1000, 1000, len(entries), start, 0)
    (tmp_path / "b.zip").write_bytes(data[:start] + entries + tail)
    monkeypatch.setattr(gather, "MAX_UNPACKED_BYTES", 1 << 29)
    with pytest.raises(InputError, match="decompresses"):
        list_files([tmp_path / "b.zip"])


def test_a_large_picture_in_a_zip_is_read(tmp_path: Path) -> None:
    """Regression: what zipfile may read of a directory at once was the limit of every picture, too."""
    noise = os.urandom(1 << 20) * 10
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("large.png", noise)
    (file,) = list_files([path])
    assert file.read(len(noise)) == noise
