"""Files that commands write: whole or not at all, with the rights of any other file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from studio.cli.output import check_writable, write_article, write_file
from studio.documents.article import Article, Brief, Section
from studio.errors import StorageError

posix = pytest.mark.skipif(os.name != "posix", reason="rights and links of POSIX")


def break_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("studio.storage.atomic_file.os.fsync", refuse)


@pytest.mark.parametrize("before", [None, b"an older article"])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    """Regression: the file was opened for writing and filled, so that half of it stayed."""
    out = tmp_path / "tea.html"
    if before:
        out.write_bytes(before)
    break_disk(monkeypatch)
    with pytest.raises(StorageError) as caught:
        write_file(out, lambda: b"a new article")
    assert "tea.html" in caught.value.say() and "No space" in caught.value.say()
    assert (out.read_bytes() if out.exists() else None) == before
    assert len(list(tmp_path.iterdir())) == bool(before)


def test_what_cannot_be_made_leaves_what_was_there(tmp_path: Path) -> None:
    def fail() -> bytes:
        raise RuntimeError("made half of it")

    (tmp_path / "tea.pdf").write_bytes(b"old")
    with pytest.raises(RuntimeError):
        write_file(tmp_path / "tea.pdf", fail)
    assert (tmp_path / "tea.pdf").read_bytes() == b"old"


@posix
def test_the_rights_are_those_of_any_new_file_or_of_the_old_one(tmp_path: Path) -> None:
    plain, out = tmp_path / "plain", tmp_path / "new" / "tea.csv"
    plain.write_bytes(b"")
    write_file(out, lambda: b"1")
    assert out.stat().st_mode == plain.stat().st_mode
    out.chmod(0o640)
    write_file(out, lambda: b"2")
    assert out.stat().st_mode & 0o777 == 0o640 and out.read_bytes() == b"2"


@posix
def test_a_link_is_followed_and_a_device_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real.md", tmp_path / "link.md"
    real.write_bytes(b"old")
    link.symlink_to(real)
    write_file(link, lambda: b"new")
    assert link.is_symlink() and real.read_bytes() == b"new"
    device = tmp_path / "null.md"
    device.symlink_to("/dev/null")
    write_file(device, lambda: b"new")
    assert Path("/dev/null").is_char_device()


def test_a_folder_in_the_way_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "tea.md").mkdir()
    with pytest.raises(StorageError):
        check_writable(tmp_path / "tea.md")
    check_writable(tmp_path / "new" / "tea.md")
    assert not (tmp_path / "new" / "tea.md").exists()


def test_an_article_as_markdown_lies_beside_its_pictures(tmp_path: Path) -> None:
    article = Article(Brief("tea"), "Tea", (Section("Green."),))
    write_article(article, tmp_path / "tea.md", lambda key: b"", dict)
    assert (tmp_path / "tea.md").read_text() == "# Tea\n\nGreen.\n"
