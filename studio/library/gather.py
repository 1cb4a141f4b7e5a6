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
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from studio.documents.file_names import safe_path, unique_name
from studio.errors import InputError, NotFoundError, StudioError
from studio.library.picture_intake import NormalisedPicture, normalise_file
from studio.library.zip_names import read_names
from studio.pictures.cost import MAX_FILE_BYTES  # bytes of one file
from studio.storage.regular_file import open_regular, read_regular

MAX_FILES = 10_000
MAX_UNPACKED_BYTES = 8 << 30  # that all files of a zip together may decompress to
MAX_DIRECTORY_BYTES = 8 << 20  # of a zip's directory: 800 for each of 10,000 files; zipfile takes ten times
# Others are rare, and LZMA takes as much memory as its header asks for.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)
_BROKEN = (  # what zipfile raises at a damaged archive
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)
_HEAD_BYTES = 64  # that tell what a file is
# Of macOS, Synology, QNAP, Windows, Linux, of photo programs, and of the hubs' clients.
_SYSTEM_FOLDERS = frozenset(
    "__macosx @eadir #recycle @recycle @recently-snapshot #snapshot $recycle.bin recycler lost+found".split()
    + ["system volume information", "ipod photo cache", "found.000"]
)
_SYSTEM = frozenset(
    "thumbs.db ehthumbs.db ehthumbs_vista.db desktop.ini picasa.ini zbthumbnail.info pspbrwse.jbf icon\r icon?".split(
        " "
    )
)


@dataclass(frozen=True)
class File:
    """A file found and not read yet. `name` is its path inside what was given, made harmless and unlike any other's;
    `size` the most bytes that one in a zip can have, 0 for others."""

    name: str
    read: Callable[[int], bytes]  # raises InputError for more bytes than so many
    read_head: Callable[[], bytes]  # the first bytes
    size: int = 0


@dataclass(frozen=True)
class Refused:
    """A file that is no picture, and why."""

    name: str
    error: StudioError


def list_files(sources: Sequence[Path], limit: int = MAX_FILES) -> tuple[File, ...]:
    """The files in pictures, folders and zips, in order of name within each; none is read yet.

    Raises NotFoundError, and InputError for a zip that cannot be opened or is too large, more files than `limit`, or
    none.
    """
    files: list[File] = []
    names: set[str] = set()
    for source in sources:
        if not source.exists():
            raise NotFoundError("file_missing", path=source)
        for file in _inside(source, limit):
            files.append(replace(file, name=unique_name(file.name, names)))
            if len(files) > limit:
                raise InputError("too_many_files", limit=limit)
    if not files:
        raise InputError("table_no_pictures")
    return tuple(files)


def read_zip(data: bytes, name: str) -> tuple[File, ...]:
    """The files in the bytes of a zip called `name`, in order of name, what systems put there left out. Raises
    InputError."""
    taken: set[str] = set()
    files: list[File] = []
    for file in _inside_zip(BytesIO(data), name):
        if len(files) == MAX_FILES:
            raise InputError("too_many_files", limit=MAX_FILES)
        files.append(replace(file, name=unique_name(file.name, taken)))
    return tuple(file for file in files if not is_hidden(file.name))


def normalise_files(
    files: Iterable[File], normalise: Callable[[bytes, str], NormalisedPicture] = normalise_file
) -> Iterator[tuple[File, NormalisedPicture | Refused]]:
    """Each file cleaned, or refused with its sentence; one bad file does not stop the rest."""
    for file in files:
        try:
            if is_hidden(file.name):
                raise InputError("file_hidden", name=file.name)
            yield file, normalise(file.read(MAX_FILE_BYTES), file.name)
        except StudioError as e:
            yield file, Refused(file.name, e)


def is_hidden(name: str) -> bool:
    """Whether a system put the file there and no person: dot files, Apple's `__MACOSX`, a Synology's
    `@eaDir`, Windows' Thumbs.db."""
    parts = [part.lower() for part in PurePosixPath(name).parts]
    return any(p.startswith(".") or p in _SYSTEM_FOLDERS for p in parts) or parts[-1:] != [] and parts[-1] in _SYSTEM


def file_at(path: Path, name: str) -> File:
    """A file of this machine under the name by which it is spoken of."""

    def read_head() -> bytes:
        with open_regular(path) as file:
            return file.read(_HEAD_BYTES)

    return File(name, partial(read_regular, path), read_head)


def _inside(source: Path, limit: int) -> Iterator[File]:
    if source.is_dir():
        for path in _below(source, limit):
            yield file_at(path, path.relative_to(source).as_posix())
    elif source.suffix.lower() == ".zip":
        yield from _inside_zip(open_regular(source), source.name)
    else:
        yield file_at(source, source.name)


def _below(folder: Path, limit: int) -> list[Path]:
    """What lies in a folder and the folders below it, in order, links to folders not followed. Raises InputError."""
    found: list[Path] = []
    for place, _, names in os.walk(folder):
        found += (Path(place, name) for name in names)
        if len(found) > limit:  # before the whole disk is listed
            raise InputError("too_many_files", limit=limit)
    return sorted(found)


def _inside_zip(file: BinaryIO, source: str) -> Iterator[File]:
    """The archive stays open as long as one of its readers lives: its directory may take long to read."""
    limited = _LimitedReads(file)
    try:
        archive = zipfile.ZipFile(limited)
        limited.is_directory = False
    except _BROKEN as e:
        raise InputError("zip_broken", name=source, cause=str(e) or type(e).__name__) from e
    entries = [e for e in archive.infolist() if not e.filename.endswith("/")]  # is_dir fails at an empty name
    if entries and all(e.flag_bits & 1 for e in entries):
        raise InputError("zip_encrypted", name=source)
    total = sum(e.file_size for e in entries if e.file_size <= MAX_FILE_BYTES)
    if total > MAX_UNPACKED_BYTES:
        raise InputError("zip_too_large", name=source, size=total >> 30, limit=MAX_UNPACKED_BYTES >> 30)
    names = map(safe_path, read_names(entries))
    for name, entry in sorted(zip(names, entries, strict=True), key=lambda pair: pair[0]):
        read = _zip_reader(archive, entry, name)
        yield File(name, read, partial(read, MAX_FILE_BYTES, _HEAD_BYTES), entry.file_size)


class _LimitedReads:
    """A zip's file, of which zipfile may read no more than a directory's size at once as long as it reads the
    directory: it does so in one go, however large the file says that it is. Entries have a limit of their own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.is_directory = file, True
        self.seek, self.tell, self.close, self.seekable = file.seek, file.tell, file.close, file.seekable

    def read(self, size: int = -1) -> bytes:
        if not self.is_directory:
            return self._file.read(size)
        if not 0 <= size <= MAX_DIRECTORY_BYTES:
            size = MAX_DIRECTORY_BYTES + 1
        data = self._file.read(size)
        if len(data) > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its directory has more than {MAX_DIRECTORY_BYTES >> 20} MiB")
        return data


def _zip_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Callable[..., bytes]:
    def read(limit: int, size: int = -1) -> bytes:
        if entry.flag_bits & 1:
            raise InputError("zip_encrypted", name=name)
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):  # a link's entry holds the name it leads to
            raise InputError("file_not_regular", name=name)
        if entry.compress_type not in _METHODS:
            raise InputError("zip_method", name=name)
        if entry.file_size > limit:
            raise InputError("file_too_large", name=name, size=entry.file_size >> 20, limit=limit >> 20)
        try:
            with archive.open(entry) as file:
                return file.read(size)
        except _BROKEN as e:
            raise InputError("picture_unreadable", name=name, cause=str(e) or type(e).__name__) from e

    return read
