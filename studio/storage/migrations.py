"""The tables, as numbered scripts that bring any older database up to date; and the copy that is made before.

The number of a database is SQLite's `user_version`: how many scripts it has seen.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from studio.errors import StorageError

BACKUPS = 2  # copies that are kept

# How persons were named before they had name spaces: logins as they are, browsers by 32 random hexadecimal digits.
_PERSON = """CASE
        WHEN person = 'cli' THEN person
        WHEN person LIKE 'session %' THEN 'session:' || substr(person, 9)
        WHEN length(person) = 32 AND person NOT GLOB '*[^0-9a-f]*' THEN 'browser:' || person
        ELSE 'login:' || person END"""

# Append only: a migration that was once released is never edited. Statements are divided by ";" at a line's end.
MIGRATIONS = [
    """
    CREATE TABLE articles (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, current INTEGER NOT NULL,
        title TEXT NOT NULL, instruction TEXT NOT NULL, status TEXT NOT NULL, cover TEXT NOT NULL,
        words TEXT NOT NULL, maker TEXT NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL, deleted TEXT
    );
    CREATE INDEX articles_by_person ON articles (person, changed);
    CREATE TABLE versions (
        article INTEGER NOT NULL REFERENCES articles, number INTEGER NOT NULL, parent INTEGER,
        created TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (article, number)
    );
    CREATE TABLE conversations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, title TEXT NOT NULL, words TEXT NOT NULL,
        turns INTEGER NOT NULL, cover TEXT NOT NULL, body TEXT NOT NULL,
        created TEXT NOT NULL, changed TEXT NOT NULL, deleted TEXT
    );
    CREATE INDEX conversations_by_person ON conversations (person, changed);
    CREATE TABLE files (
        key TEXT PRIMARY KEY, mime TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        elsewhere TEXT NOT NULL, created TEXT NOT NULL
    );
    CREATE TABLE picture_owner (
        key TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY (key, person)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE pictures (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, own INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0,
        origin TEXT NOT NULL, title_en TEXT NOT NULL, title_zh TEXT NOT NULL, caption_en TEXT NOT NULL,
        caption_zh TEXT NOT NULL, tags_en TEXT NOT NULL, tags_zh TEXT NOT NULL, vector BLOB, added TEXT NOT NULL
    );
    CREATE VIRTUAL TABLE pictures_en USING fts5 (title, caption, tags, tokenize = 'porter unicode61');
    CREATE VIRTUAL TABLE pictures_zh USING fts5 (title, caption, tags, tokenize = 'trigram');
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID
    """,
    """
    CREATE TABLE tables (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, title TEXT NOT NULL, words TEXT NOT NULL,
        body TEXT NOT NULL, pictures INTEGER NOT NULL, questions INTEGER NOT NULL, open INTEGER NOT NULL,
        cover TEXT NOT NULL, maker TEXT NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL, deleted TEXT
    );
    CREATE INDEX tables_by_person ON tables (person, changed);
    CREATE TABLE table_rows (
        id INTEGER NOT NULL REFERENCES tables, number INTEGER NOT NULL, picture TEXT NOT NULL,
        PRIMARY KEY (id, number)
    ) WITHOUT ROWID;
    CREATE TABLE table_cells (
        id INTEGER NOT NULL REFERENCES tables, number INTEGER NOT NULL, place INTEGER NOT NULL, cell TEXT NOT NULL,
        PRIMARY KEY (id, number, place)
    ) WITHOUT ROWID
    """,
    # Each kind of person gets a name space (see `persons`). Who added a picture to the library was not written down:
    # those that are there have no owner.
    f"""
    UPDATE articles SET person = {_PERSON};
    UPDATE conversations SET person = {_PERSON};
    UPDATE tables SET person = {_PERSON};
    UPDATE picture_owner SET person = {_PERSON};
    ALTER TABLE pictures ADD COLUMN owner TEXT NOT NULL DEFAULT ''
    """,
    # One index for words of every script, which the library fills, as it folds them (`library.search_words`).
    # `edited`: a person wrote the caption, so taking the file in again does not change it.
    """
    DROP TABLE pictures_en;
    DROP TABLE pictures_zh;
    CREATE VIRTUAL TABLE picture_words USING fts5 (
        title, caption, tags, tokenize = "porter unicode61 remove_diacritics 0 categories 'L* N* M* Co'"
    );
    ALTER TABLE pictures ADD COLUMN edited INTEGER NOT NULL DEFAULT 0
    """,
    """
    CREATE TABLE personas (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
        created TEXT NOT NULL, changed TEXT NOT NULL, deleted TEXT
    );
    CREATE INDEX personas_by_person ON personas (person, id);
    CREATE TABLE prompts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, body BLOB NOT NULL, created TEXT NOT NULL
    );
    ALTER TABLE conversations ADD COLUMN kind TEXT NOT NULL DEFAULT 'pictures'
    """,
    # Which model had a prompt, its token ids once they are known, and for articles (0: none) what it was for.
    """
    ALTER TABLE prompts ADD COLUMN model TEXT NOT NULL DEFAULT '';
    ALTER TABLE prompts ADD COLUMN article INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE prompts ADD COLUMN step TEXT NOT NULL DEFAULT '';
    ALTER TABLE prompts ADD COLUMN ids BLOB;
    CREATE INDEX prompts_by_person ON prompts (person, article)
    """,
    """
    CREATE TABLE web_pages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, current INTEGER NOT NULL, title TEXT NOT NULL,
        words TEXT NOT NULL, maker TEXT NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL, deleted TEXT
    );
    CREATE INDEX web_pages_by_person ON web_pages (person, changed);
    CREATE TABLE web_page_versions (
        page INTEGER NOT NULL, number INTEGER NOT NULL, parent INTEGER, created TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (page, number)
    )
    """,
]


def migrate(connection: sqlite3.Connection, path: Path, may_migrate: Callable[[], bool] = lambda: True) -> None:
    """Bring the database up to date, all of it or nothing; one that has rows is copied first (`backup`).

    `may_migrate` is asked once it is known that there is something to do to a database that is in use already. Raises
    StorageError for a database of a newer program, and where `may_migrate` says no.
    """
    if version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = version(connection)  # again, inside: another process may have migrated in between
        if found > len(MIGRATIONS):
            raise StorageError("database_newer", path=path, found=found, known=len(MIGRATIONS))
        if 0 < found < len(MIGRATIONS):
            if not may_migrate():
                raise StorageError("migration_waits", path=path)
            backup(path)
        for script in MIGRATIONS[found:]:
            for statement in script.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def version(connection: sqlite3.Connection) -> int:
    """How many scripts the database has seen."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def backup(path: Path) -> Path:
    """Copy the database to `NAME.before-N`, N being the version that is about to be made; keep the last two.

    For the process that holds the write lock: others read the same state, so a connection of its own copies it.
    """
    target = path.with_name(f"{path.name}.before-{len(MIGRATIONS)}")
    half = target.with_name(target.name + ".half")
    half.unlink(missing_ok=True)  # of a process that was killed here
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(half)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one whole file, to be put back by renaming it
    shutil.copymode(path, half)
    os.replace(half, target)
    for old in sorted(_backups(path), key=_number)[:-BACKUPS]:
        old.unlink(missing_ok=True)
    return target


def _backups(path: Path) -> list[Path]:
    return [p for p in path.parent.glob(f"{path.name}.before-*") if re.fullmatch(r"\d+", p.name.rpartition("-")[2])]


def _number(backup: Path) -> int:
    return int(backup.name.rpartition("-")[2])
