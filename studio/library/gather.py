"""Pictures out of files, folders and zips, one after another: each comes back clean, or as the reason why not.

A zip comes from a stranger. Nothing in it is written to the disk, its names become no path, its directory is read up to
a limit, and how much it would decompress to is added up before anything is decompressed (Python's zipfile gives no
entry more bytes than it declares). A zip inside a zip is no picture, so it is not opened.
"""

from __future__ import annotations

import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from studio.errors import InputError, NotFoundError, StudioError
from studio.library.picture_intake import TakenIn, take_in
from studio.library.zip_names import read_names
from studio.pictures.cost import LARGEST_FILE as LARGEST  # bytes of one file
from studio.storage.regular_file import open_regular, read_regular

MOST_PICTURES = 10_000
MOST_BYTES = 8 << 30  # that all files of a zip together may decompress to
LARGEST_DIRECTORY = 8 << 20  # bytes of a zip's directory: 800 for each of 10,000 files; zipfile takes ten times as much
# Others are rare, and LZMA takes as much memory as its header asks for.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_BROKEN = (  # what zipfile raises at a damaged archive
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)
_SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir"})
_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class File:
    """A file found and not read yet. `name` is its path inside what was given, made harmless and unlike any other's."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Refused:
    """A file that is no picture, and why."""

    name: str
    error: StudioError


def find(sources: Sequence[Path]) -> tuple[File, ...]:
    """The files in pictures, folders and zips, in order of name within each; none is read yet.

    Raises NotFoundError, and InputError for a zip that cannot be opened or is too large, too many files, or none.
    """
    files: list[File] = []
    names: set[str] = set()
    for source in sources:
        if not source.exists():
            raise NotFoundError("file_missing", path=source)
        for name, read in _inside(source):
            files.append(File(_unlike(name, names), read))
            if len(files) > MOST_PICTURES:
                raise InputError("too_many_files", limit=MOST_PICTURES)
    if not files:
        raise InputError("table_no_pictures")
    return tuple(files)


def take(files: Iterable[File]) -> Iterator[tuple[File, TakenIn | Refused]]:
    """Each file cleaned, or refused with its sentence; one bad file does not stop the rest."""
    for file in files:
        try:
            if is_hidden(file.name):
                raise InputError("file_hidden", name=file.name)
            yield file, take_in(file.read(), file.name)
        except StudioError as e:
            yield file, Refused(file.name, e)


def is_hidden(name: str) -> bool:
    """Whether a system put the file there and no person: dot files, Apple's `__MACOSX`, a Synology's
    `@eaDir`, Windows' Thumbs.db."""
    parts = PurePosixPath(name).parts
    return any(p.startswith(".") or p in _SYSTEM_FOLDERS for p in parts) or parts[-1].lower() in _SYSTEM


def _inside(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if source.is_dir():
        for path in _below(source):
            yield path.relative_to(source).as_posix(), _reader(path)
    elif source.suffix.lower() == ".zip":
        yield from _inside_zip(source)
    else:
        yield source.name, _reader(source)


def _below(folder: Path) -> list[Path]:
    """What lies in a folder and the folders below it, in order, links to folders not followed. Raises InputError."""
    found: list[Path] = []
    for place, _, names in os.walk(folder):
        found += (Path(place, name) for name in names)
        if len(found) > MOST_PICTURES:  # before the whole disk is listed
            raise InputError("too_many_files", limit=MOST_PICTURES)
    return sorted(found)


def _reader(path: Path) -> Callable[[], bytes]:
    return lambda: read_regular(path, LARGEST)


def _inside_zip(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """The archive stays open as long as one of its readers lives: its directory may take long to read."""
    try:
        archive = zipfile.ZipFile(_LimitedReads(open_regular(source)))
    except _BROKEN as e:
        raise InputError("zip_broken", name=source.name, cause=str(e) or type(e).__name__) from e
    entries = [e for e in archive.infolist() if not e.filename.endswith("/")]  # is_dir fails at an empty name
    if entries and all(e.flag_bits & 1 for e in entries):
        raise InputError("zip_encrypted", name=source.name)
    total = sum(e.file_size for e in entries if e.file_size <= LARGEST)
    if total > MOST_BYTES:
        raise InputError("zip_too_large", name=source.name, size=total >> 30, limit=MOST_BYTES >> 30)
    names = map(_harmless, read_names(entries))
    for name, entry in sorted(zip(names, entries, strict=True), key=lambda pair: pair[0]):
        yield name, _zip_reader(archive, entry, name)


class _LimitedReads:
    """A zip's file, of which zipfile may read no more than a directory's size at once: it reads the directory in one
    go, however large the file says that it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.close, self.seekable = file.seek, file.tell, file.close, file.seekable

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= LARGEST_DIRECTORY:
            size = LARGEST_DIRECTORY + 1
        data = self._file.read(size)
        if len(data) > LARGEST_DIRECTORY:
            raise zipfile.BadZipFile(f"its directory has more than {LARGEST_DIRECTORY >> 20} MiB")
        return data


def _zip_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Callable[[], bytes]:
    def read() -> bytes:
        if entry.flag_bits & 1:
            raise InputError("zip_encrypted", name=name)
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):  # a link's entry holds the name it leads to
            raise InputError("file_not_regular", name=name)
        if entry.compress_type not in _METHODS:
            raise InputError("zip_method", name=name)
        if entry.file_size > LARGEST:
            raise InputError("file_too_large", name=name, size=entry.file_size >> 20, limit=LARGEST >> 20)
        try:
            return archive.read(entry)
        except _BROKEN as e:
            raise InputError("picture_unreadable", name=name, cause=str(e) or type(e).__name__) from e

    return read


def _harmless(name: str) -> str:
    """The name without the parts that lead elsewhere."""
    parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".", "..") and not p.endswith(":")]
    clean = "/".join("".join(c if c.isprintable() else "?" for c in p) for p in parts)
    return clean or "?"


def _unlike(name: str, names: set[str]) -> str:
    """The name, with a number where another file has it already; it joins `names`."""
    stem, dot, suffix = name.rpartition(".")
    number, made = 1, name
    while made in names:
        number += 1
        made = f"{stem} ({number}).{suffix}" if dot else f"{name} ({number})"
    names.add(made)
    return made
