"""Files that a command writes: there whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from studio.documents.article import Article
from studio.errors import StorageError
from studio.export import export, find_format
from studio.export.images import ReadPicture
from studio.export.registry import About
from studio.storage.atomic_file import write_output


def write_file(out: Path, make: Callable[[], bytes]) -> None:
    """The bytes that `make` gives into a file. Raises StorageError, and leaves what was there."""
    with _written(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        write_output(out, make())


def write_article(article: Article, out: Path, read_picture: ReadPicture, about: Callable[[], About]) -> None:
    """An article in the format of the file's name; one of several files (.md) gets its pictures in a folder beside it,
    before the text that shows them. Raises StorageError."""
    name = format_name(out)
    folder = find_format("article", name).folder
    if not folder:
        write_file(out, lambda: export(article, name, read_picture, about()))
        return
    text, files = folder(article, read_picture)
    for path, data in files.items():
        write_file(out.parent / path, lambda data=data: data)  # type: ignore[misc]
    write_file(out, lambda: text)


def format_name(out: Path) -> str:
    """The format that a file's name asks for."""
    return out.suffix.lstrip(".").lower()


def require_article_format(out: Path) -> None:
    """Raises InputError where articles cannot be written to a file of such a name."""
    find_format("article", format_name(out) or out.name)


def check_writable(out: Path) -> None:
    """Raises StorageError when the file cannot be written: before any work, not after the writing."""
    there = out.exists()
    with _written(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out.open("ab").close()
        if not there:
            out.unlink()


@contextmanager
def _written(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise StorageError("file_unwritable", path=out, cause=e.strerror or e) from e
