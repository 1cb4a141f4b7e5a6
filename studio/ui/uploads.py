"""Files that browsers and programs hand in, and files that are made for them: whose a file is stands in its place.

    page/uploads/OWNER/TOKEN/NAME     what a person uploaded
    page/exports/OWNER/TOKEN/NAME     what was made for a person to fetch

OWNER is a hash of the person's identity and TOKEN is random, so a file is found only by who owns it and was told the
token, also after a restart, and nothing has to be remembered. `Uploads.take` is the one door for files: what does not
pass it is refused with one sentence, whether it exists or not.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.app import Studio
from studio.documents.file_names import safe_name
from studio.errors import InputError, StorageError
from studio.storage.database import make_folder, storage_errors

MAX_UPLOAD = 200 << 20
"""Bytes of one file, and of all files of one request."""
KEEP_SECONDS = 86_400.0
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
Kind = Literal["uploads", "exports"]


@dataclass(frozen=True)
class UploadedFile:
    """A file that the asking person uploaded. `name` is the one it had on the person's machine."""

    path: Path
    name: str

    def read(self) -> bytes:
        """The bytes, at most MAX_UPLOAD. Opened once, and looked at only through what was opened: a link, a device or
        a pipe put in the file's place is refused. Raises InputError."""
        try:
            handle = os.open(self.path, _READ)
        except OSError as e:
            raise InputError("not_uploaded") from e
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            os.close(handle)
            raise InputError("not_uploaded")
        with os.fdopen(handle, "rb") as file:
            if facts.st_size > MAX_UPLOAD:
                limit = MAX_UPLOAD >> 20
                raise InputError("file_too_large", name=self.name, size=facts.st_size >> 20, limit=limit)
            return file.read(MAX_UPLOAD)

    def discard(self) -> None:
        """Remove it: it has been used."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


class Uploads:
    """The folder of files that come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.realpath(folder))
        self.incoming = self.folder / "incoming"  # files whose end has not come yet

    def take(self, person: str, path: object) -> UploadedFile:
        """The file that this person uploaded to that path. Raises InputError, with the same sentence for all else."""
        found = self.find(person, path, "uploads")
        if not found:
            raise InputError("not_uploaded")
        return UploadedFile(found, found.name)

    def find(self, person: str, path: object, kind: Kind) -> Path | None:
        """A file of this person by its path; nothing is looked up on the disk for a path of any other shape."""
        mine = self._place(person, kind)
        if not isinstance(path, str) or not path.startswith(f"{mine}{os.sep}"):
            return None
        token, _, name = path[len(str(mine)) + 1 :].partition(os.sep)
        if not _TOKEN.fullmatch(token) or name != safe_name(name):
            return None
        return _regular(mine / token / name)

    def find_token(self, person: str, token: str, kind: Kind) -> Path | None:
        """A file of this person by its token."""
        if not _TOKEN.fullmatch(token):
            return None
        try:
            names = os.listdir(self._place(person, kind) / token)
        except OSError:
            return None
        return _regular(self._place(person, kind) / token / names[0]) if len(names) == 1 else None

    def new(self, person: str, name: str, kind: Kind) -> Path:
        """A place for a file of that name. Raises StorageError."""
        folder = self._place(person, kind) / secrets.token_urlsafe(24)
        self.make(folder)
        return folder / safe_name(name)

    def make(self, folder: Path) -> None:
        """Make a folder below this one. Raises StorageError."""
        make_folder(self.folder.parent, folder)

    def export(self, person: str, name: str, data: bytes) -> Path:
        """Keep a file that was made for this person. Raises StorageError, and leaves nothing then."""
        path = self.new(person, name, "exports")
        try:
            with storage_errors(path):
                path.write_bytes(data)
        except StorageError:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        return path

    def give(self, person: str, source: Path) -> Path:
        """A copy of one of the studio's own files, as if this person had uploaded it. Raises StorageError."""
        path = self.new(person, source.name, "uploads")
        with storage_errors(path):
            shutil.copyfile(source, path)
        return path

    def sweep(self, age: float = KEEP_SECONDS) -> int:
        """Remove files that nobody touched for `age` seconds, then empty folders; how many files there were."""
        before, removed = time.time() - age, 0
        for folder, _, names in os.walk(self.folder, topdown=False):
            for name in names:
                try:
                    facts = os.lstat(os.path.join(folder, name))
                    if max(facts.st_mtime, facts.st_ctime) < before:
                        os.unlink(os.path.join(folder, name))
                        removed += 1
                except FileNotFoundError:
                    continue  # its owner was faster
            if folder != str(self.folder):
                _remove_if_empty(folder, before)
        return removed

    def _place(self, person: str, kind: Kind) -> Path:
        return self.folder / kind / hashlib.sha256(person.encode()).hexdigest()[:32]


def uploads_of(studio: Studio) -> Uploads:
    """The folder of this studio; it keeps nothing in mind, so everybody may make one."""
    return Uploads(studio.settings.folder / "page")


def _regular(path: Path) -> Path | None:
    try:
        return path if stat.S_ISREG(os.lstat(path).st_mode) else None
    except (OSError, ValueError):
        return None


def _remove_if_empty(folder: str, before: float) -> None:
    try:
        if os.lstat(folder).st_mtime < before:
            os.rmdir(folder)
    except OSError as e:
        if e.errno not in (errno.ENOTEMPTY, errno.ENOENT, errno.EEXIST):
            raise
