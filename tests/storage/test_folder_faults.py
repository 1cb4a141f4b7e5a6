"""The data folder goes away, fills up, cannot be written, comes back: said at once, and work goes on."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.documents.article import Article, Illustration, Picture, Section
from studio.errors import NotFoundError, StorageError
from studio.storage import atomic_file, health
from studio.storage.atomic_file import write_atomically
from studio.storage.database import Database
from studio.storage.health import Health
from studio.storage.store import Store
from studio.storage.unsaved import Unsaved

from .conftest import DONE, File


def everything(store: Store) -> list[Callable[[], object]]:
    """Each kind of thing that a page does."""
    return [
        lambda: store.save_article("login:ann", DONE),
        lambda: store.article("login:ann", 1),
        lambda: store.list_articles("login:ann"),
        lambda: store.add_file(File(b"new")),
        lambda: store.read_file(File(b"cat").key),
        lambda: store.file_path(File(b"cat").key),
        lambda: store.delete_article("login:ann", 1),
    ]


def settle(path: Path) -> None:
    """As if it had been put there a minute ago."""
    os.utime(path, (time.time() - 60,) * 2)


@pytest.mark.parametrize("how", ["moved", "deleted"])
def test_nothing_is_said_to_be_kept_when_the_folder_is_gone(store: Store, folder: Path, how: str) -> None:
    store.save_article("login:ann", DONE)
    store.add_file(File(b"cat"))
    if how == "moved":
        folder.rename(folder.with_name("elsewhere"))
    else:
        shutil.rmtree(folder)
    for attempt in everything(store):
        with pytest.raises(StorageError) as caught:
            attempt()
        assert caught.value.key == "data_gone" and str(folder) in str(caught.value)
    fault = store.health()
    assert fault and fault.key == "data_gone"
    assert not folder.exists(), "something in the way of its coming back was made"


def test_work_goes_on_when_the_folder_is_back(store: Store, folder: Path) -> None:
    saved = store.save_article("login:ann", DONE)
    away = folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(StorageError):
        store.save_article("login:ann", replace(saved, title="B"))
    away.rename(folder)
    assert store.save_article("login:ann", replace(saved, title="C")).title == "C"
    assert [v.number for v in store.versions("login:ann", 1)] == [1, 2]


def test_a_copy_in_the_folders_place_is_opened(store: Store, folder: Path) -> None:
    saved = store.save_article("login:ann", DONE)
    store.add_file(File(b"cat"))
    store.database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    copy.rename(folder)
    settle(folder / "studio.sqlite3")
    changed = store.save_article("login:ann", replace(saved, title="In the copy"))
    assert store.read_file(File(b"cat").key) == b"cat"
    other = Store(folder)
    assert other.mark_interrupted() == 0 and other.article("login:ann", 1) == changed
    going = store.save_article("login:ann", replace(DONE, status="writing"))
    assert other.mark_interrupted() == 0, f"{going.id} is written by a process that lives"
    other.close()


def test_a_folder_that_is_being_copied_back_is_left_alone(store: Store, folder: Path) -> None:
    store.save_article("login:ann", DONE)
    whole = (folder / "studio.sqlite3").read_bytes()
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "studio.sqlite3").write_bytes(whole[:5000])  # a copy under way
    with pytest.raises(StorageError) as caught:
        store.article("login:ann", 1)
    assert caught.value.key == "data_gone"
    assert [f.name for f in folder.iterdir()] == ["studio.sqlite3"]


def test_closing_after_a_copy_took_its_place_keeps_the_copys_log(folder: Path) -> None:
    first = Store(folder)
    first.save_article("login:ann", DONE)
    away = folder.rename(folder.with_name("away"))
    second = Store(folder)  # another studio began a folder of its own there
    kept = second.save_article("login:bob", DONE)
    first.close()
    second.save_article("login:bob", replace(kept, title="B"))
    second.close()
    with closing(Store(folder)) as again:
        assert again.article("login:bob", 1).title == "B" and again.list_articles("login:ann") == []
    assert (away / "studio.sqlite3").is_file()


def test_a_folder_that_goes_during_a_write(store: Store, folder: Path) -> None:
    with pytest.raises(StorageError) as caught, store.database.write() as connection:
        connection.execute("INSERT INTO facts (name, value) VALUES ('a', 'b')")
        folder.rename(folder.with_name("elsewhere"))
    assert caught.value.key == "data_gone"


def test_the_health_check_tells_and_forgets(store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    check = Health(store.database, lambda: seconds[0])
    assert check.fault() is None
    away = folder.rename(folder.with_name("elsewhere"))
    seconds[0] += 1.1
    gone = check.fault()
    assert gone and gone.key == "data_gone"
    away.rename(folder)
    seconds[0] += 1.1
    assert check.fault() is None
    with monkeypatch.context() as patch:
        patch.setattr(health.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1000))  # type: ignore[attr-defined]
        seconds[0] += 1.1
        full = check.fault()
    assert full and full.key == "disk_full"


def test_the_health_check_writes_at_most_once_a_second(store: Store) -> None:
    seconds = [0.0]
    check = Health(store.database, lambda: seconds[0])
    before = store.database.read("PRAGMA data_version"), _health_row(store)
    for _ in range(50):
        assert check.fault() is None
    first = _health_row(store)
    assert first != before[1]
    for _ in range(50):
        check.fault()
    assert _health_row(store) == first


def _health_row(store: Store) -> list[str]:
    return [r["value"] for r in store.database.read("SELECT value FROM facts WHERE name = 'health'")]


class Broken:
    """A connection whose writes fail as SQLite's do on a bad disk."""

    def __init__(self, connection: sqlite3.Connection, code: int) -> None:
        self._connection = connection
        self._code = code

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql.startswith(("BEGIN", "COMMIT")):
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = self._code
            raise error
        return self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (sqlite3.SQLITE_FULL, "disk_full"),
        (sqlite3.SQLITE_READONLY, "data_unwritable"),
        (sqlite3.SQLITE_IOERR_WRITE, "data_unwritable"),
        (sqlite3.SQLITE_CORRUPT, "database_broken"),
    ],
)
def test_every_fault_of_the_disk_is_a_sentence_and_passes(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int, key: str
) -> None:
    saved = store.save_article("login:ann", DONE)
    with monkeypatch.context() as patch:
        patch.setattr(store.database, "_connection", Broken(store.database._connection, code))
        with pytest.raises(StorageError) as caught:
            store.save_article("login:ann", replace(saved, title="B"))
        fault = Health(store.database).fault()
    assert caught.value.key == key and fault and fault.key == key
    assert store.article("login:ann", 1) == saved
    assert store.save_article("login:ann", replace(saved, title="C")).title == "C"


@pytest.mark.parametrize(
    ("number", "key"), [(errno.ENOSPC, "disk_full"), (errno.EDQUOT, "disk_full"), (errno.EROFS, "data_unwritable")]
)
def test_a_picture_that_cannot_be_written_leaves_nothing(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, key: str
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr("studio.storage.atomic_file.os.fsync", refuse)
        with pytest.raises(StorageError) as caught:
            store.add_file(File(b"cat"), "login:ann")
    assert caught.value.key == key
    assert not [p for p in (folder / "files").rglob("*") if p.is_file()]
    assert store.database.read("SELECT key FROM files") == []
    assert store.read_file(store.add_file(File(b"cat"))) == b"cat"


def test_half_a_picture_counts_as_missing_and_is_mended(store: Store) -> None:
    key = store.add_file(File(b"a whole picture"))
    for damage in (b"a whole", b"a WHOLE picture", b""):
        store.file_path(key).write_bytes(damage)
        with pytest.raises(NotFoundError):
            store.read_file(key)
        store.add_file(File(b"a whole picture"))
        assert store.read_file(key) == b"a whole picture"


def test_a_damaged_picture_is_read_from_elsewhere(store: Store, tmp_path: Path) -> None:
    fox = tmp_path / "fox.jpg"
    fox.write_bytes(b"fox")
    key = File(b"fox").key
    store.add_external_file(key, "image/jpeg", 4, 3, fox)
    store.save_article("login:ann", replace(DONE, sections=(Section("F.", Illustration(Picture(key), "A fox")),)))
    store.file_path(key).write_bytes(b"f")
    assert store.read_file(key) == b"fox"


def test_what_a_killed_process_left_is_tidied_up(store: Store, folder: Path) -> None:
    store.add_file(File(b"cat"))
    here = next((folder / "files").iterdir())
    old, new = here / ".new-abc", here / ".new-def"
    old.write_bytes(b"ha")
    new.write_bytes(b"ha")
    os.utime(old, (time.time() - 7200,) * 2)
    Store(folder).close()
    assert not old.exists() and new.exists(), "one that may still be written stays"


def test_new_names_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(atomic_file, "_sync_folder", synced.append)
    write_atomically(tmp_path / "files" / "ab" / "ab.jpg", b"x")
    assert synced == [tmp_path / "files" / "ab", tmp_path / "files", tmp_path]
    synced.clear()
    write_atomically(tmp_path / "files" / "ab" / "cd.jpg", b"x")
    assert synced == [tmp_path / "files" / "ab"]


def test_commits_are_on_the_disk(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "a.sqlite3")) as database:
        assert database.read("PRAGMA synchronous")[0][0] == 2  # FULL
        assert database.read("PRAGMA journal_mode")[0][0] == "wal"


def test_an_article_that_ends_while_the_folder_is_gone_is_kept_when_it_is_back(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = store.save_article("login:ann", replace(DONE, status="writing"))
    other = store.save_article("login:ann", replace(DONE, status="writing"))
    changed = store.save_article("login:ann", replace(other, status="done", title="Gone on with since"))
    saved = threading.Event()

    def save(person: str, article: Article, reason: str) -> None:
        store._save_end(person, article, reason)
        saved.set()

    unsaved = Unsaved(save, every=0.01)
    away = folder.rename(folder.with_name("elsewhere"))
    end = replace(going, status="done", title="The end")
    with pytest.raises(StorageError):
        store.save_article("login:ann", end)
    unsaved.add("login:ann", replace(other, status="failed"), "write")
    unsaved.add("login:ann", end, "write")
    unsaved.add("login:bob", replace(end, id=99), "write")
    assert not saved.wait(0.05)
    away.rename(folder)
    assert saved.wait(30)
    unsaved.close()
    assert store.article("login:ann", going.id) == end
    assert [v.reason for v in store.versions("login:ann", going.id)] == ["write"]
    assert store.article("login:ann", other.id) == changed


def test_the_last_try_is_made_when_the_studio_ends(folder: Path) -> None:
    store = Store(folder)
    going = store.save_article("login:ann", replace(DONE, status="writing"))
    store.save_later("login:ann", replace(going, status="done", title="The end"), "write")
    store.close()
    with closing(Store(folder)) as again:
        assert again.article("login:ann", going.id).title == "The end"
