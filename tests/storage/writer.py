"""A process that keeps all kinds of things and confirms each, to be killed at any moment; and what of it must be there
afterwards. Used by `test_kill.py` and `benchmarks/chaos.py`."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.documents.article import Article, Brief, Section
from studio.documents.article import Picture as StoredPicture
from studio.documents.conversation import Conversation
from studio.documents.table import Cell, Row, Table
from studio.errors import StudioError
from studio.storage.store import Store

PERSON = "login:ann"
Fact = dict[str, Any]


@dataclass(frozen=True)
class File:
    """A picture's file as intake gives it."""

    data: bytes
    mime: str = "image/jpeg"
    width: int = 4
    height: int = 3

    @property
    def key(self) -> str:
        """Its sha256."""
        return hashlib.sha256(self.data).hexdigest()


def write_for_ever(folder: Path, pipe: int, seed: int) -> None:
    """Keep things, and write a line into `pipe` for each as soon as the store says that it is kept."""
    chance, store = random.Random(seed), Store(folder)

    def confirm(**fact: Any) -> None:
        os.write(pipe, json.dumps(fact).encode() + b"\n")

    confirm(kind="begun")
    kinds: list[Callable[[], None]] = [
        lambda: _article(store, chance, confirm),
        lambda: _conversation(store, chance, confirm),
        lambda: _table(store, chance, confirm),
        lambda: _picture(store, chance, confirm),
    ]
    while True:
        chance.choice(kinds)()


def _article(store: Store, chance: random.Random, confirm: Callable[..., None]) -> None:
    """Written in steps, then edited, undone and renamed."""
    article = Article(Brief("Write about tea"), status="writing")
    for step in range(chance.randint(1, 5)):
        article = store.save_article(PERSON, article.insert(99, Section(f"Part {step}. " * 50)), "write")
        confirm(kind="sections", id=article.id, count=len(article.sections))
    article = store.save_article(PERSON, replace(article, status="done"), "write")
    confirm(kind="version", id=article.id, title=article.title, sections=len(article.sections))
    for edit in range(chance.randint(0, 4)):
        article = store.save_article(PERSON, replace(article, title=f"Title {edit}"), "edit")
        confirm(kind="version", id=article.id, title=article.title, sections=len(article.sections))
    store.step(PERSON, article.id, -1)
    store.step(PERSON, article.id, 1)


def _conversation(store: Store, chance: random.Random, confirm: Callable[..., None]) -> None:
    talk = Conversation(model="m")
    for turn in range(chance.randint(1, 4)):
        talk = store.save_conversation(PERSON, talk.ask(f"Question {turn}?").answer(answer="Yes. " * 40, finish="stop"))
        confirm(kind="turns", id=talk.id, count=len(talk.turns))


def _table(store: Store, chance: random.Random, confirm: Callable[..., None]) -> None:
    rows = tuple(Row(StoredPicture(File(bytes([n])).key, str(n)), (Cell(),)) for n in range(4))
    table = store.tables.save(PERSON, Table(("What?",), rows))
    for row in range(len(rows)):
        table = table.put(row, 0, Cell(f"answer {row}", "stop"))
        store.tables.put(table, row, 0)
        confirm(kind="cells", id=table.id, count=row + 1)


def _picture(store: Store, chance: random.Random, confirm: Callable[..., None]) -> None:
    key = store.add_file(File(chance.randbytes(chance.randint(1, 60_000))), PERSON)
    confirm(kind="picture", key=key)


def kill_after(folder: Path, count: int, seconds: float, seed: int) -> list[Fact]:
    """Start the process, kill it (-9) so many seconds after it has confirmed `count` things, and give all that it had
    confirmed by then."""
    reader, pipe = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=write_for_ever, args=(folder, pipe, seed))
    process.start()
    os.close(pipe)
    with open(reader, "rb") as lines:
        told = [lines.readline() for _ in range(count + 1)]  # the first says that it has begun
        time.sleep(seconds)  # the moment is the input, nothing is waited for
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        return [json.loads(line) for line in (*told, *lines) if line.endswith(b"\n")]


def losses(folder: Path, facts: list[Fact]) -> list[str]:
    """What was confirmed and is not there, and whatever else is not as it should be."""
    lost = []
    with closing(Store(folder)) as store:
        store.mark_interrupted()
        if (answer := store.database.read("PRAGMA integrity_check")[0][0]) != "ok":
            lost.append(f"database: {answer}")
        for fact in facts:
            try:
                there = _is_there(store, fact)
            except StudioError:  # not found, or not to be read
                there = False
            if not there:
                lost.append(str(fact))
        lost += [f"still under way: {row.id}" for row in store.list_articles(PERSON) if row.status == "writing"]
    return lost


def _is_there(store: Store, fact: Fact) -> bool:
    match fact["kind"]:
        case "sections":
            return bool(len(store.article(PERSON, fact["id"]).sections) >= fact["count"])
        case "version":
            kept = (store.article_at(PERSON, fact["id"], v.number) for v in store.versions(PERSON, fact["id"]))
            return any((a.title, len(a.sections)) == (fact["title"], fact["sections"]) for a in kept)
        case "turns":
            return bool(len(store.conversation(PERSON, fact["id"]).turns) >= fact["count"])
        case "cells":
            table = store.tables.get(PERSON, fact["id"])
            return bool(table.cells - table.open >= fact["count"])
        case "picture":
            return bool(hashlib.sha256(store.read_file(fact["key"])).hexdigest() == fact["key"])
    return True
