"""What the tests of the data folder share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from studio.documents.article import Article, Brief, Section
from studio.storage.store import Store

DONE = Article(Brief("Write about tea"), title="Tea", sections=(Section("Leaves."),), status="done")


@dataclass(frozen=True)
class File:
    """A picture's file as intake gives it."""

    data: bytes
    mime: str = "image/jpeg"
    width: int = 4
    height: int = 3

    @property
    def key(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    store = Store(folder)
    yield store
    store.close()
