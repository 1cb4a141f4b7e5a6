"""An older database: brought up to date in one piece, copied before, and never under somebody's feet."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
import os
import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import StorageError
from studio.storage import migrations
from studio.storage.migrations import MIGRATIONS
from studio.storage.process_locks import Liveness
from studio.storage.store import Store

KEY = "0123456789abcdef" * 2
OLD = 3  # the version that had no name spaces
PERSONS = {
    "alice": "login:alice",
    KEY: f"browser:{KEY}",
    KEY.upper(): f"login:{KEY.upper()}",
    KEY[:31]: f"login:{KEY[:31]}",
    "cli": "cli",
    "session x1": "session:x1",
    "browser:a": "login:browser:a",
    "李雷": "login:李雷",
}


def old_database(folder: Path, articles: int = len(PERSONS)) -> None:
    """As the program before wrote it: one article a person, and a picture of the library."""
    folder.mkdir(exist_ok=True)
    with closing(sqlite3.connect(folder / "studio.sqlite3", isolation_level=None)) as connection:
        for script in MIGRATIONS[:OLD]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        persons = list(PERSONS)
        connection.execute("BEGIN")
        for number in range(articles):
            connection.execute(
                "INSERT INTO articles VALUES (NULL, ?, 1, ?, 'i', 'done', '', '', '', ?, ?, NULL)",
                (persons[number % len(persons)], str(number), "2026-01-01", "2026-01-02"),
            )
        connection.execute(
            "INSERT INTO pictures VALUES (NULL, 'k', 1, 0, 'o', 't', 't', 'c', 'c', 'a', 'a', NULL, '2026')"
        )
        connection.executemany("INSERT INTO picture_owner VALUES ('k', ?)", [(p,) for p in persons])
        connection.execute(f"PRAGMA user_version = {OLD}")
        connection.execute("COMMIT")


def test_persons_get_name_spaces(folder: Path) -> None:
    old_database(folder)
    with closing(Store(folder)) as store:
        rows = store.database.read("SELECT person, title FROM articles ORDER BY id")
        assert [r["person"] for r in rows] == list(PERSONS.values())
        owners = store.database.read("SELECT person FROM picture_owner ORDER BY person")
        assert [r["person"] for r in owners] == sorted(PERSONS.values())
        assert store.database.read("SELECT owner FROM pictures")[0]["owner"] == ""
        assert [r.title for r in store.list_articles("login:alice")] == ["0"]
        assert store.list_articles("browser:alice") == [], "a cookie is no login"


@given(st.sets(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40), max_size=8))
def test_no_two_persons_become_one(names: set[str]) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (person TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [(name,) for name in names])
        connection.execute(f"UPDATE t SET person = {migrations._PERSON}")
        (count,) = connection.execute("SELECT count(DISTINCT person) FROM t").fetchone()
        assert count == len(names)


def test_the_old_database_is_kept_and_opens(folder: Path) -> None:
    old_database(folder)
    (folder / "studio.sqlite3").chmod(0o600)
    Store(folder).close()
    backup = folder / f"studio.sqlite3.before-{len(MIGRATIONS)}"
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (OLD,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT person FROM articles ORDER BY id").fetchone() == ("alice",)
    Store(folder).close()
    assert [p.name for p in folder.glob("*.before-*")] == [backup.name], "no copy where nothing is to be done"


def test_only_the_last_two_copies_stay(folder: Path) -> None:
    old_database(folder)
    for number in (1, 2, 10, 3):
        (folder / f"studio.sqlite3.before-{number}").write_text("old")
    (folder / "studio.sqlite3.before-my-holiday").write_text("a person's own")
    Store(folder).close()
    kept = {p.name.removeprefix("studio.sqlite3.before-") for p in folder.glob("*.before-*")}
    assert kept == {"10", str(len(MIGRATIONS)), "my-holiday"}


def test_a_new_folder_needs_no_copy(store: Store, folder: Path) -> None:
    assert not list(folder.glob("*.before-*"))


def test_without_a_copy_nothing_is_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_database(folder)

    def full(path: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(migrations, "backup", full)
    with pytest.raises(StorageError) as caught:
        Store(folder)
    assert caught.value.key == "disk_full"
    with closing(sqlite3.connect(folder / "studio.sqlite3")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (OLD,)


@pytest.mark.parametrize("sign", ["", "3"])
def test_an_older_program_at_work_is_not_migrated_under(folder: Path, sign: str) -> None:
    old_database(folder)
    with closing(Liveness(folder / "alive", OLD)) as other:
        (folder / "alive" / other.name).write_text(sign)
        with pytest.raises(StorageError) as caught:
            Store(folder)
        assert caught.value.key == "migration_waits"
        assert len(list((folder / "alive").iterdir())) == 1, "the one that gave up left no sign of life"
    Store(folder).close()


def test_programs_of_the_new_kind_may_migrate_together(folder: Path) -> None:
    old_database(folder)
    with closing(Liveness(folder / "alive", len(MIGRATIONS))):
        Store(folder).close()


def _migrate(folder: Path, go: multiprocessing.synchronize.Event) -> None:
    go.wait()
    Store(folder).close()


def test_several_processes_migrate_at_once(folder: Path) -> None:
    old_database(folder)
    spawn = multiprocessing.get_context("fork")
    go = spawn.Event()
    processes = [spawn.Process(target=_migrate, args=(folder, go)) for _ in range(4)]
    for process in processes:
        process.start()
    go.set()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0] * 4
    with closing(sqlite3.connect(folder / f"studio.sqlite3.before-{len(MIGRATIONS)}")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (OLD,), "not a copy of the new one"


def test_killed_while_migrating(tmp_path: Path) -> None:
    """At ten moments: the database is the old one or the new one, and has every row."""
    fork = multiprocessing.get_context("fork")
    chance = random.Random(5)
    takes = 0.0
    for number in range(10):
        folder = tmp_path / str(number)
        old_database(folder, articles=3000)
        go = fork.Event()
        process = fork.Process(target=_migrate, args=(folder, go))
        process.start()
        start = time.monotonic()
        go.set()
        if takes:  # the first one is not killed, and says how long it takes
            time.sleep(chance.uniform(0, takes))  # the moment is the input of this test, nothing is waited for
            os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        takes = takes or time.monotonic() - start
        with closing(Store(folder)) as store:
            rows = store.database.read("SELECT person FROM articles ORDER BY id")
            assert [r["person"] for r in rows[:8]] == list(PERSONS.values()) and len(rows) == 3000
            assert store.database.read("PRAGMA integrity_check")[0][0] == "ok"
        with closing(sqlite3.connect(folder / f"studio.sqlite3.before-{len(MIGRATIONS)}")) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (OLD,)
            assert connection.execute("SELECT count(*) FROM articles").fetchone() == (3000,)
