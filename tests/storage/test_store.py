"""The store, on a real folder: versions, people, files, crashes, and other processes."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import sqlite3
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.documents.article import Article, Brief, Illustration, Picture, Section
from studio.documents.conversation import Conversation, Turn
from studio.errors import NotFoundError, StorageError
from studio.storage.migrations import MIGRATIONS
from studio.storage.picture_files import PictureFiles
from studio.storage.store import Store

DONE = Article(Brief("Write about tea"), title="Tea", sections=(Section("Leaves."),), status="done")


@dataclass(frozen=True)
class File:
    """A file as intake gives it."""

    data: bytes
    mime: str = "image/jpeg"
    width: int = 4
    height: int = 3

    @property
    def key(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


def test_an_article_gets_a_number_and_comes_back(store: Store) -> None:
    saved = store.save_article("ann", DONE, "write")
    assert saved.id == 1 and store.article("ann", 1) == saved


def test_every_edit_is_a_version_and_the_same_content_is_none(store: Store) -> None:
    first = store.save_article("ann", DONE, "write")
    second = store.save_article("ann", first.insert(1, Section("More.")), "edit")
    store.save_article("ann", second, "edit")
    assert [(v.number, v.reason, v.current) for v in store.versions("ann", 1)] == [
        (1, "write", False),
        (2, "edit", True),
    ]
    assert store.article_at("ann", 1, 1) == first


def test_an_article_under_way_is_one_version(store: Store) -> None:
    article = store.save_article("ann", replace(DONE, status="writing", sections=()), "write")
    for text in ("One.", "Two."):
        article = store.save_article("ann", article.insert(9, Section(text)), "write")
    done = store.save_article("ann", replace(article, status="done"), "write")
    assert len(store.versions("ann", 1)) == 1 and store.article("ann", 1) == done
    again = store.save_article("ann", replace(done, status="illustrating"), "pictures")
    finished = store.save_article("ann", replace(again, status="done", title="Green tea"), "pictures")
    assert len(store.versions("ann", 1)) == 2
    assert store.step("ann", 1, -1) == done and store.step("ann", 1, 1) == finished


def test_undo_and_redo_follow_the_newest_branch_and_lose_nothing(store: Store) -> None:
    a = store.save_article("ann", DONE)
    b = store.save_article("ann", replace(a, title="B"))
    assert store.can_step("ann", 1) == (True, False)
    assert store.step("ann", 1, -1) == a
    assert store.can_step("ann", 1) == (False, True)
    c = store.save_article("ann", replace(a, title="C"))
    assert store.step("ann", 1, 1) == c, "nothing newer: it stays"
    assert store.step("ann", 1, -1) == a and store.step("ann", 1, -1) == a
    assert store.step("ann", 1, 1) == c
    assert store.article_at("ann", 1, 2) == b
    assert store.list_articles("ann")[0].title == "C"


def test_what_is_anothers_is_not_found(store: Store) -> None:
    mine = store.save_article("ann", DONE)
    talk = store.save_conversation("ann", Conversation().ask("What?"))
    assert store.list_articles("bob") == [] and store.list_conversations("bob") == []
    for attempt in (
        lambda: store.article("bob", 1),
        lambda: store.versions("bob", 1),
        lambda: store.article_at("bob", 1, 1),
        lambda: store.step("bob", 1, -1),
        lambda: store.can_step("bob", 1),
        lambda: store.rename("bob", 1, "Mine"),
        lambda: store.delete_article("bob", 1),
        lambda: store.undelete_article("bob", 1),
        lambda: store.save_article("bob", replace(mine, title="Mine")),
        lambda: store.conversation("bob", 1),
        lambda: store.save_conversation("bob", talk.ask("And?")),
        lambda: store.delete_conversation("bob", 1),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert store.article("ann", 1) == mine and store.conversation("ann", 1) == talk


@pytest.mark.parametrize("id", [0, -1, 7, 2**70])
def test_a_number_that_is_nowhere(store: Store, id: int) -> None:
    for attempt in (store.article, store.conversation, store.delete_article, store.delete_conversation):
        with pytest.raises(NotFoundError) as caught:
            attempt("ann", id)
        assert str(id) in str(caught.value)


def test_deleting_hides_and_undeleting_brings_back(store: Store) -> None:
    saved = store.save_article("ann", DONE)
    store.delete_article("ann", 1)
    assert store.list_articles("ann") == [] and len(store.list_articles("ann", deleted=True)) == 1
    with pytest.raises(NotFoundError):
        store.article("ann", 1)
    store.save_article("ann", replace(saved, title="A job that was still at work"))
    assert store.list_articles("ann") == []
    store.undelete_article("ann", 1)
    assert store.article("ann", 1).title == "A job that was still at work"


def test_lists_find_words_in_any_language(store: Store) -> None:
    store.save_article("ann", DONE)
    store.save_article(
        "ann", Article(Brief("写一篇关于秋天茶园的文章"), title="茶园", sections=(Section("100% 满山"),))
    )
    for search, titles in {
        "": ["茶园", "Tea"],
        "LEAVES tea": ["Tea"],
        "leaves coffee": [],
        "茶园": ["茶园"],
        "100%": ["茶园"],
        "%": ["茶园"],
        "'; DROP TABLE articles": [],
        "\ud800": [],
    }.items():
        assert [row.title for row in store.list_articles("ann", search)] == titles, search


def test_rename_is_a_version(store: Store) -> None:
    store.save_article("ann", DONE)
    assert store.rename("ann", 1, "  A new\n name ").title == "A new name"
    assert [v.reason for v in store.versions("ann", 1)] == ["", "rename"]


def test_conversations(store: Store) -> None:
    picture = Picture(store.add_file(File(b"cat"), "ann"))
    talk = store.save_conversation("ann", Conversation(model="m").ask("Which animal?", (picture,)))
    talk = store.save_conversation("ann", talk.answer(answer="A cat.", finish="stop").ask("Sure?"))
    assert store.conversation("ann", talk.id) == talk
    (row,) = store.list_conversations("ann", "CAT")
    assert (row.id, row.title, row.turns, row.cover) == (1, "Which animal?", 2, picture.key)
    store.delete_conversation("ann", 1)
    assert store.list_conversations("ann") == []
    store.undelete_conversation("ann", 1)
    assert len(store.list_conversations("ann")) == 1


def test_files_are_kept_once_and_belong_to_someone(store: Store) -> None:
    file = File(b"picture")
    assert store.add_file(file, "ann") == store.add_file(file, "ann") == file.key
    assert store.read_file(file.key) == b"picture"
    assert store.file_path(file.key) == store.folder / "files" / file.key[:2] / f"{file.key}.jpg"
    assert store.file_type(file.key) == "image/jpeg"
    assert store.may_see("ann", file.key) and not store.may_see("bob", file.key)
    assert [p.name for p in (store.folder / "files").rglob("*") if p.is_file()] == [f"{file.key}.jpg"]


@pytest.mark.parametrize("key", ["", "0" * 64, "../../studio.sqlite3", "0" * 63 + "/", "é" * 64])
def test_a_picture_that_is_nowhere(store: Store, key: str) -> None:
    for attempt in (store.read_file, store.file_path, store.file_type):
        with pytest.raises(NotFoundError):
            attempt(key)


def test_a_picture_elsewhere_is_copied_when_something_shows_it(store: Store, tmp_path: Path) -> None:
    file, path = File(b"fox", "image/webp"), tmp_path / "fox.webp"
    path.write_bytes(file.data)
    PictureFiles(store.folder, store.database).add_external(file.key, file.mime, 4, 3, path)
    assert store.file_path(file.key) == path
    shown = replace(DONE, sections=(Section("Fox.", Illustration(Picture(file.key), "A fox")),))
    assert store.save_article("ann", shown).pictures[0].key == store.list_articles("ann")[0].cover == file.key
    path.unlink()
    assert store.read_file(file.key) == b"fox"


texts = st.text(st.characters(), max_size=40)
pictures = st.builds(Picture, key=st.just("ab" * 32), title=texts, credit=texts)
sections = st.builds(
    Section,
    text=texts,
    illustration=st.none() | st.builds(Illustration, pictures, texts, st.lists(pictures, max_size=2).map(tuple)),
    note=texts,
)
articles = st.builds(
    Article,
    brief=st.builds(
        Brief,
        instruction=texts,
        outline=st.lists(texts, max_size=3).map(tuple),
        images=st.none() | st.integers(0, 15),
        pictures=st.lists(pictures, max_size=2).map(tuple),
        temperature=st.none() | st.floats(0, 2),
    ),
    title=texts,
    sections=st.lists(sections, max_size=4).map(tuple),
    status=st.sampled_from(["writing", "illustrating", "done", "stopped", "cut", "failed"]),
    error=texts,
)
on_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


@on_one_folder
@given(articles, texts)
def test_any_article_comes_back_as_it_was(store: Store, article: Article, search: str) -> None:
    saved = store.save_article("ann", article)
    assert replace(saved, id=0) == replace(article, id=0)
    assert store.article("ann", saved.id) == saved
    store.list_articles("ann", search)


@on_one_folder
@given(st.lists(texts, max_size=4), texts)
def test_any_conversation_comes_back_as_it_was(store: Store, questions: list[str], search: str) -> None:
    talk = store.save_conversation("ann", Conversation(tuple(Turn(q, answer=q[::-1]) for q in questions)))
    assert store.conversation("ann", talk.id) == talk
    store.list_conversations("ann", search)


@settings(on_one_folder, max_examples=25)
@given(st.lists(st.sampled_from(["undo", "redo", "save"]), max_size=12))
def test_undo_and_redo_are_each_others_opposite(store: Store, moves: list[str]) -> None:
    article = store.save_article("ann", DONE)
    for i, move in enumerate(moves):
        if move == "save":
            article = store.save_article("ann", replace(article, title=f"v{i}"))
            continue
        by: Literal[-1, 1] = -1 if move == "undo" else 1
        possible = store.can_step("ann", article.id)[by > 0]
        before, article = article, store.step("ann", article.id, by)
        assert (article != before) == possible
        if possible and by > 0:
            assert store.step("ann", article.id, -1) == before
            article = store.step("ann", article.id, 1)
    assert store.article("ann", article.id) == article
    assert len(store.versions("ann", article.id)) == 1 + moves.count("save")


def test_many_threads(store: Store) -> None:
    def work(person: str) -> None:
        article = store.save_article(person, DONE)
        for i in range(20):
            article = store.save_article(person, replace(article, title=str(i)))

    threads = [threading.Thread(target=work, args=(f"p{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(store.versions(f"p{i}", store.list_articles(f"p{i}")[0].id)) == 21 for i in range(6))


def _write_from_another_process(folder: Path, person: str) -> None:
    store = Store(folder)
    article = store.save_article(person, DONE)
    for i in range(10):
        article = store.save_article(person, replace(article, title=str(i)))


def _start_and_hang(folder: Path, ready: multiprocessing.synchronize.Event) -> None:
    store = Store(folder)
    store.save_article("ann", replace(DONE, status="writing"))
    ready.set()
    signal.pause()


def test_many_processes_open_a_new_folder_at_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    folder = tmp_path / "data"
    processes = [spawn.Process(target=_write_from_another_process, args=(folder, f"p{i}")) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [p.exitcode for p in processes] == [0] * 4
    store = Store(folder)
    assert all(len(store.versions(f"p{i}", store.list_articles(f"p{i}")[0].id)) == 11 for i in range(4))


def test_only_what_a_dead_process_left_is_interrupted(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    folder, ready = tmp_path / "data", spawn.Event()
    process = spawn.Process(target=_start_and_hang, args=(folder, ready), daemon=True)
    process.start()
    assert ready.wait(30)
    store = Store(folder)
    mine = store.save_article("ann", replace(DONE, status="illustrating"))
    assert store.mark_interrupted() == 0, "both writers live"
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert store.mark_interrupted() == 1
    assert store.article("ann", 1).status == store.list_articles("ann")[1].status == "stopped"
    assert store.article("ann", mine.id).status == "illustrating"
    store.close()
    assert Store(folder).mark_interrupted() == 1


def test_a_version_left_under_way_comes_back_stopped(store: Store) -> None:
    article = store.save_article("ann", DONE)
    store.save_article("ann", replace(article, status="illustrating", title="B"))
    store.step("ann", 1, -1)
    assert store.step("ann", 1, 1).status == store.article("ann", 1).status == "stopped"


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    saved, key = store.save_article("ann", DONE), store.add_file(File(b"cat"), "ann")
    store.close()
    again = Store(tmp_path)
    assert again.article("ann", 1) == saved and again.read_file(key) == b"cat"


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "studio.sqlite3")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(StorageError) as caught:
        Store(tmp_path)
    assert caught.value.key == "database_newer"


def test_an_old_database_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("studio.storage.migrations.MIGRATIONS", MIGRATIONS[:1])
        store = Store(tmp_path)
        saved = store.save_article("ann", DONE)
        store.close()
    assert Store(tmp_path).article("login:ann", 1) == saved


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "data", Path("/proc/studio")):
        with pytest.raises(StorageError) as caught:
            Store(folder)
        assert caught.value.key == "data_unwritable" and str(folder) in str(caught.value)


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "studio.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError) as caught:
        Store(tmp_path)
    assert caught.value.key == "database_broken"


def test_a_full_disk_keeps_what_was_saved(store: Store) -> None:
    saved = store.save_article("ann", DONE)
    pages = store.database.read("PRAGMA page_count")[0][0]
    store.database.read(f"PRAGMA max_page_count = {pages + 2}")  # SQLite's own way to have no more room
    with pytest.raises(StorageError) as caught:
        store.save_article("ann", replace(saved, title="x" * 100_000))
    assert caught.value.key == "disk_full"
    assert store.article("ann", 1) == saved
    store.database.read(f"PRAGMA max_page_count = {pages + 1000}")
    store.save_article("ann", replace(saved, title="There is room again"))
