"""Who may log in: a file of lines NAME:HASH, the hashes made by argon2id.

The file is written whole, readable for its owner only. Whoever asks whether a password is right gets the answer after
the same time, whether there is such a user or not.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

from studio.errors import InputError, NotFoundError, StorageError, StudioError
from studio.storage.database import storage_errors

LEAST, MAX_USERS = 8, 1000  # characters of a password
HASHER = PasswordHasher()  # the second recommendation of RFC 9106: 64 MiB, three passes
_NAME = re.compile(r"(?!#)[^:\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,64}")
_HEAD = "# Users of XComposer Studio; passwords are hashed by argon2. To change it: studio users --help\n"


class Users:
    """The file. It is read again when it has changed, so that who was removed is out at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._hashes: dict[str, str] = {}
        self._nobody = HASHER.hash(os.urandom(16).hex())

    def check(self) -> None:
        """Raises StudioError when nobody could log in with this file, and says what to do."""
        if not read(self.path):
            raise InputError("login_file_empty", path=self.path)

    @property
    def first(self) -> str:
        """Who was added first, and manages what all share; an empty string while the file cannot be read."""
        with self._lock, suppress(StudioError):
            self._refresh()
        return next(iter(self._hashes), "")

    def hash_of(self, name: str) -> str | None:
        """The user's hash, by which a login of before a new password is told from one after it."""
        with self._lock, suppress(StudioError):  # while the file cannot be read nobody new gets in, nobody is put out
            self._refresh()
        return self._hashes.get(name)

    def verify(self, name: str, password: str) -> bool:
        """Whether that is the user's password. Takes about a tenth of a second, and 64 MiB."""
        known = self.hash_of(name)
        try:
            HASHER.verify(known or self._nobody, password[: MAX_USERS + 1])
        except (VerificationError, InvalidHashError):
            return False
        return known is not None

    def _refresh(self) -> None:
        try:
            found = self.path.stat()
        except OSError as e:
            raise _unreadable(self.path, e) from e
        stamp = found.st_ino, found.st_mtime_ns, found.st_size
        if stamp != self._stamp:
            self._hashes = read(self.path)
            self._stamp = stamp


def read(path: Path) -> dict[str, str]:
    """Name → hash. Raises StudioError for a file that is missing, unreadable, or has a password in plain text."""
    users = {}
    for number, name, secret in _lines(path):
        try:
            extract_parameters(secret)
        except InvalidHashError as e:
            raise InputError("login_file_plain", path=path, line=number) from e
        users[name] = secret
    return users


def add(path: Path, name: str, password: str) -> bool:
    """Add a user, or change the password of one; True when the user is new. The file is made when there is none."""
    if not _NAME.fullmatch(name) or name != name.strip():
        raise InputError("user_name_bad", name=name[:80])
    if len(password) < LEAST:
        raise InputError("password_short", length=len(password), least=LEAST)
    if len(password) > MAX_USERS:
        raise InputError("password_long", length=len(password), most=MAX_USERS)
    users = read(path) if path.exists() else {}
    new = name not in users
    write(path, {**users, name: HASHER.hash(password)})
    return new


def remove(path: Path, name: str) -> None:
    """Take a user out. Raises NotFoundError."""
    users = read(path)
    if name not in users:
        raise NotFoundError("user_missing", name=name, path=path)
    del users[name]
    write(path, users)


def convert(path: Path) -> int:
    """Hash the passwords that stand in plain text; how many there were. No copy of the old file stays."""
    users, count = {}, 0
    for _, name, secret in _lines(path):
        try:
            extract_parameters(secret)
        except InvalidHashError:
            secret = HASHER.hash(secret)
            count += 1
        users[name] = secret
    if count:
        write(path, users)
    return count


def write(path: Path, users: dict[str, str]) -> None:
    """Write the file, whole or not at all, for its owner's eyes only."""
    target = path.resolve()  # what a link points to is replaced, not the link
    with storage_errors(target / "users"):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".users-")  # mode 600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(_HEAD + "".join(f"{user}:{secret}\n" for user, secret in sorted(users.items())))
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _lines(path: Path) -> list[tuple[int, str, str]]:
    """(line number, name, what stands behind the colon). Raises StudioError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as e:
        raise NotFoundError("login_file_missing", path=path) from e
    except (OSError, UnicodeDecodeError) as e:
        raise _unreadable(path, e) from e
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, secret = line.partition(":")
        if not (colon and name.strip() and secret.strip()):
            raise InputError("login_file_bad", path=path, line=number)
        found.append((number, name.strip(), secret.strip()))
    return found


def _unreadable(path: Path, error: Exception) -> StorageError:
    cause = (error.strerror if isinstance(error, OSError) else "not UTF-8 text") or type(error).__name__
    return StorageError("login_file_unreadable", path=path, cause=cause)
