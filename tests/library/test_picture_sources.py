"""A source of pictures is one module: a toy one is asked in its turn, and passed over where it fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from studio.documents.article import Article, Brief, Picture, Section
from studio.errors import EngineError, StorageError
from studio.library import picture_sources, sources
from studio.protocol import Description
from studio.tasks.find import PictureFinder
from studio.tasks.illustrate import fill

TOY = '''
"""A toy: it has one picture, and fails when it is asked for a storm."""

from studio.documents.article import Picture
from studio.errors import StorageError
from studio.library.picture_sources import Candidate, Source


class Toy:
    def find(self, query, limit, exclude, by_meaning):
        if "storm" in query:
            raise StorageError("data_gone", path="toys")
        return [] if "toy" in exclude else [Candidate(Picture("toy"), f"a toy for {query}", 1.0)]


SOURCE = Source("toys", 50, lambda context: (Toy(), None))
'''


class Library:
    """Has one picture for everything; `error` is raised instead."""

    error: Exception | None = None

    def search(self, words: str, **options: Any) -> list[Any]:
        if self.error:
            raise self.error
        if "library" in options["exclude"]:
            return []
        return [SimpleNamespace(picture=Picture("library"), caption="a barn", score=0.5)]


class Worker:
    """Sees nothing in any picture."""

    def submit(self, call: Any, person: str = "") -> Any:
        return SimpleNamespace(result=lambda: Description())


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder of sources with one module more."""
    (tmp_path / "toy_pictures.py").write_text(TOY)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    picture_sources.all_sources.cache_clear()
    yield
    picture_sources.all_sources.cache_clear()


def finder(library: Library, embed: Any = lambda texts: ((),) * len(texts)) -> PictureFinder:
    return PictureFinder(Worker(), embed, library, lambda key: b"")  # type: ignore[arg-type]


def keys(found: PictureFinder, query: str, used: set[str]) -> list[str]:
    return [f.picture.key for f in found.find(query, 4, used)]


def test_one_module_is_a_source_and_each_is_asked_in_its_turn(toy: None) -> None:
    assert [s.name for s in picture_sources.all_sources()] == ["own pictures", "toys", "library"]
    found = finder(Library())
    assert found.prepare((Picture("mine", "my cow"),), "en") is None
    assert keys(found, "a cow", set()) == ["mine"]
    assert keys(found, "a cow", {"mine"}) == ["toy"]
    assert keys(found, "a cow", {"mine", "toy"}) == ["library"]
    assert keys(found, "a cow", {"mine", "toy", "library"}) == []
    assert found.failed() is None


def test_without_the_module_there_is_no_such_source() -> None:
    assert [s.name for s in picture_sources.all_sources()] == ["own pictures", "library"]


def test_a_source_that_fails_is_passed_over_and_the_article_says_so(toy: None) -> None:
    article = Article(Brief("a farm"), sections=(Section("A storm comes.", note="empty", id="a"),), status="done")
    found = finder(Library())
    calls: Any = SimpleNamespace(
        stop=SimpleNamespace(pressed=False),
        card=SimpleNamespace(sees=True),
        images=lambda pictures: (),
        budget=None,
        dialect=SimpleNamespace(caption=lambda *given: None),
    )
    found.prepare((), "en")
    assert keys(found, "a storm", set()) == ["library"]
    error = found.failed()
    assert isinstance(error, StorageError) and found.failed() is None
    *_, last = fill(article, calls, found)
    assert [s.illustration.picture.key for s in last.article.sections if s.illustration] == ["library"]
    assert any(note.startswith("A source of pictures was passed over.") for note in last.article.notes)


def test_when_no_source_has_any_the_error_is_raised(toy: None) -> None:
    library = Library()
    library.error = StorageError("data_gone", path="library")
    found = finder(library)
    found.prepare((), "en")
    with pytest.raises(StorageError):
        found.find("a storm", 1, set())
    assert keys(found, "a calm", set()) == ["toy"]


def test_a_source_that_cannot_be_opened_is_passed_over(toy: None, monkeypatch: pytest.MonkeyPatch) -> None:
    own, toys, library = picture_sources.all_sources()

    def broken(context: Any) -> Any:
        raise StorageError("data_gone", path="toys")

    monkeypatch.setattr("studio.tasks.find.all_sources", lambda: (own, replace(toys, open=broken), library))
    found = finder(Library())
    assert found.prepare((), "en") is None
    assert isinstance(found.failed(), StorageError) and keys(found, "a cow", set()) == ["library"]


def test_where_meaning_fails_the_same_source_is_asked_by_words() -> None:
    def embed(texts: tuple[str, ...]) -> Any:
        raise EngineError("worker_died")

    found = finder(Library(), embed)
    assert isinstance(found.prepare((Picture("a", "b"), Picture("c", "d")), "en"), EngineError)
    assert keys(found, "a cow", set()) == ["a", "c"]
    assert found.best_scores(["a cow"]) == [0.0]
