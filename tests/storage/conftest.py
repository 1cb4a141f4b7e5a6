"""What the tests of the data folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.documents.article import Article, Brief, Section
from studio.storage.store import Store

from .writer import File

__all__ = ["DONE", "File", "folder", "store"]

DONE = Article(Brief("Write about tea"), title="Tea", sections=(Section("Leaves."),), status="done")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    store = Store(folder)
    yield store
    store.close()
