"""The files of conversations with an agent: a folder each, in which code may write.

Code of strangers writes there, so nothing in it is trusted: names are those of ordinary files directly in the folder,
links are not followed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from studio.documents.file_names import safe_name
from studio.documents.steps import StepFile
from studio.errors import InputError, NotFoundError, StorageError
from studio.storage.regular_file import read_regular

MAX_FILE_BYTES = 64 << 20
MAX_LISTED = 500
TEXTS = (".csv", ".tsv", ".txt", ".md", ".json", ".jsonl")
HEAD, HEAD_LINES = 300, 4  # characters and lines of a text that a model is told


def agent_folder(data: Path) -> Path:
    """Where the folders of conversations are."""
    return data / "agent"


def list_files(folder: Path) -> tuple[StepFile, ...]:
    """The ordinary files in a conversation's folder by name; hidden ones are libraries' own."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                    found.append(StepFile(_shown(entry.name), entry.stat(follow_symlinks=False).st_size))
            if len(found) == MAX_LISTED:
                break
    return tuple(sorted(found, key=lambda file: file.name))


def remove_folder(folder: Path) -> None:
    """Remove a folder in which code wrote: it may be nested more deeply than Python can follow."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", str(folder)], check=False, stderr=subprocess.DEVNULL)


class ConversationFiles:
    """See the module."""

    def __init__(self, data: Path) -> None:
        self._root = agent_folder(data)

    def folder(self, person: str, conversation: str) -> Path:
        """The folder of a conversation, made where it is missing. Its name cannot be guessed from outside the studio's
        data. Raises StorageError."""
        folder = self._path(person, conversation)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise StorageError("data_unwritable", path=folder.parent, cause=e.strerror or str(e)) from e
        return folder

    def list(self, person: str, conversation: str) -> tuple[StepFile, ...]:
        """See `list_files`."""
        return list_files(self._path(person, conversation))

    def add(self, person: str, conversation: str, name: str, data: bytes) -> StepFile:
        """Put a file into a conversation; one of the same name is replaced. Raises InputError, StorageError."""
        if len(data) > MAX_FILE_BYTES:
            raise InputError("file_too_large", name=name, size=len(data) >> 20, limit=MAX_FILE_BYTES >> 20)
        path = self.folder(person, conversation) / safe_name(name)
        temporary = path.with_name(f".{path.name}.new")
        try:
            with suppress(FileNotFoundError):
                os.unlink(temporary)  # whatever it is: it is not followed
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, 0o666)  # the code's user may write it
                file.write(data)
            os.replace(temporary, path)
        except OSError as e:
            raise StorageError("data_unwritable", path=path.parent, cause=e.strerror or str(e)) from e
        return StepFile(path.name, len(data), _head(path.name, data))

    def read(self, person: str, conversation: str, name: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """The bytes of a file. Raises NotFoundError for a name that is not in the folder, InputError."""
        if name not in {file.name for file in self.list(person, conversation)}:
            raise NotFoundError("file_missing", path=name)
        return read_regular(self._path(person, conversation) / name, limit, follow_symlinks=False)

    def remove(self, person: str, conversation: str) -> None:
        """Remove a conversation's folder."""
        remove_folder(self._path(person, conversation))

    def _path(self, person: str, conversation: str) -> Path:
        return self._root / hashlib.sha256(f"{person}\0{conversation}".encode()).hexdigest()[:40]


def _head(name: str, data: bytes) -> str:
    """The first lines of a text or table."""
    if not name.lower().endswith(TEXTS):
        return ""
    lines = data[: 4 * HEAD].decode("utf-8-sig", "replace").splitlines()[:HEAD_LINES]
    return "\n".join(lines)[:HEAD]


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode()
