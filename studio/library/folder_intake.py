"""Taking files into the library one after another, and the report of what became of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from studio.errors import InputError, Language, StorageError, StudioError
from studio.library.captions import Sidecars, files_beside, words_of
from studio.library.gather import File, is_hidden
from studio.library.picture_intake import NormalisedPicture, normalise_file
from studio.library.picture_rows import find, put, to_hit
from studio.pictures.cost import MAX_FILE_BYTES
from studio.pictures.kinds import is_picture
from studio.prompts import replies
from studio.protocol import Description, Image
from studio.storage.store import Store

Describe = Callable[[Image], Description]
Sentences = tuple[tuple[str, str], ...]
_SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .heic .heif .avif".split())


@dataclass(frozen=True)
class Report:
    """What taking files in did. The lists are of (file, sentence) pairs: `refused` are pictures that cannot be used,
    `passed_over` what is no picture, or was taken out of the library before; `warnings` are of texts beside them."""

    added: int
    updated: int
    refused: Sentences
    passed_over: Sentences = ()
    warnings: Sentences = ()


class FolderIntake:
    """See the module. `restore`: pictures that were taken out come back; `alone`: the one file was named itself, so it
    is never passed over."""

    def __init__(
        self, store: Store, describe: Describe | None, person: str, sidecars: Sidecars, restore: bool, alone: bool
    ) -> None:
        self._store, self._describe, self._person = store, describe, person
        self._sidecars, self._restore, self._alone = sidecars, restore, alone
        self._added = self._updated = 0
        self._described: set[str] = set()  # names of files beside pictures that were read for them
        self._refused: list[tuple[str, StudioError]] = []
        self._passed_over: list[tuple[str, StudioError]] = []
        self._warnings: list[tuple[str, StudioError]] = []

    def take(self, file: File) -> None:
        """One file. Raises StorageError: the disk is full, or gone, and so it is for the rest."""
        try:
            if reason := self._reason_to_pass(file):
                self._passed_over.append((file.name, reason))
                return
            self._described |= {found.name for found in files_beside(file, self._sidecars)}
            if reason := self._add(file):
                self._passed_over.append((file.name, reason))
        except StorageError:
            raise
        except StudioError as e:
            self._refused.append((file.name, e))

    def report(self, language: Language) -> Report:
        """What became of all files, in this language."""

        def say(found: list[tuple[str, StudioError]]) -> Sentences:
            return tuple((name, error.say(language)) for name, error in found)

        left = [(name, error) for name, error in self._passed_over if name not in self._described]
        return Report(self._added, self._updated, say(self._refused), say(left), say(self._warnings))

    def _reason_to_pass(self, file: File) -> InputError | None:
        if self._alone:
            return None
        if is_hidden(file.name):
            return InputError("file_hidden", name=file.name)
        suffix = PurePosixPath(file.name).suffix.lower()
        if suffix not in _SUFFIXES and not is_picture(file.read_head()):
            return InputError("file_no_picture", name=file.name)
        return None

    def _add(self, file: File) -> InputError | None:
        """Take it in; what is returned is why it stays away."""
        taken = normalise_file(file.read(MAX_FILE_BYTES), file.name)
        with self._store.database.write() as connection:
            old = find(connection, taken.key)
            mine = old is not None and to_hit(old, 0, "en").may_change(self._person)
            if mine and old["removed"] and not self._restore:
                return InputError("picture_removed", name=file.name)
            if mine and old["edited"]:
                connection.execute("UPDATE pictures SET removed = 0 WHERE key = ?", (taken.key,))
                self._updated += 1
                return None
            if old and not old["removed"] and not mine:
                raise InputError("picture_in_library", name=file.name)
        self._put(file, taken)
        self._added += old is None
        self._updated += old is not None
        return None

    def _put(self, file: File, taken: NormalisedPicture) -> None:
        words = words_of(file, taken.hints, self._sidecars)
        name = PurePosixPath(file.name).name
        seen = ""
        if not words.caption and self._describe:
            seen = replies.describe_in_words(1, 1, self._describe(Image(taken.key, taken.data)))
        self._store.add_file(taken)
        with self._store.database.write() as connection:
            old = find(connection, taken.key)  # again: looking at the picture takes its time
            if old and not old["removed"] and not to_hit(old, 0, "en").may_change(self._person):
                raise InputError("picture_in_library", name=file.name)
            put(connection, taken.key, words.entry(seen or words.title), True, words.credit(name), self._person)
        if words.warning:
            self._warnings.append((file.name, words.warning))
