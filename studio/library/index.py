"""The library: pictures with captions and tags in two languages, found by words and by meaning.

Words are found by SQLite's FTS5 (porter stems for English, trigrams for Chinese), meaning by the vectors of a small
language model where one is at hand. A picture's score is the sum of both, each scaled to 0..1.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from studio.errors import InputError, Language, NotFoundError, StorageError, StudioError
from studio.language import language_of
from studio.library.picture_intake import NormalisedPicture, normalise_file
from studio.library.picture_rows import HIT, Hit, changeable, find, put, to_hit
from studio.pictures.cost import MAX_FILE_BYTES
from studio.pictures.stored import read_header
from studio.prompts import replies
from studio.protocol import Description, Image
from studio.storage.database import clean
from studio.storage.persons import CLI
from studio.storage.regular_file import read_regular
from studio.storage.store import Store

Embed = Callable[[tuple[str, ...]], tuple[tuple[float, ...], ...]]
Describe = Callable[[Image], Description]
STOP_WORDS = frozenset(
    "a an and are as at be been but by for from had has have he her his i in into is it its not of on or our she that "
    "the their them there they this to was we were what when which who will with you your".split()
)
WORDS_WEIGHT = 0.3  # the best match by words has 1 whatever it is worth, so meaning counts more where it is known
STARTER_SET = "Starter set"  # where its pictures say they come from
OWN_BONUS = 0.05  # own pictures win at equal match
_MAX_SIDECAR_BYTES = 1 << 20  # bytes of a text file beside a picture
SUFFIXES = frozenset(".jpg .jpeg .png .webp .gif .bmp .tif .tiff .heic .heif .avif".split())


@dataclass(frozen=True)
class Report:
    """What taking a folder in did; `refused` are (file, sentence) pairs."""

    added: int
    updated: int
    refused: tuple[tuple[str, str], ...]


class Library:
    """See the module. `embed` turns texts into unit vectors; without it only words are searched."""

    def __init__(self, store: Store, starter: Path, embed: Embed | None = None) -> None:
        self._store = store
        self._database = store.database
        self._embed = embed
        self._load_starter(starter)

    def count(self) -> int:
        """How many pictures there are."""
        return int(self._database.read("SELECT count(*) FROM pictures WHERE NOT removed")[0][0])

    def browse(self, offset: int = 0, limit: int = 60, language: Language = "en") -> list[Hit]:
        """All, own ones first, the newest first."""
        sql = f"SELECT {HIT} FROM pictures WHERE NOT removed ORDER BY own DESC, added DESC, id LIMIT ? OFFSET ?"
        return [to_hit(row, 0.0, language) for row in self._database.read(sql, limit, offset)]

    def picture(self, key: str, language: Language = "en") -> Hit | None:
        """That picture, if it is in the library."""
        rows = self._database.read(f"SELECT {HIT} FROM pictures WHERE key = ? AND NOT removed", key)
        return to_hit(rows[0], 0.0, language) if rows else None

    def words(self, key: str, language: Language = "en") -> str:
        """What people said of that picture: its caption, and on a second line its tags; empty where it is not in the
        library."""
        sql = "SELECT caption_en, caption_zh, tags_en, tags_zh FROM pictures WHERE key = ? AND NOT removed"
        rows = self._database.read(sql, key)
        if not rows:
            return ""
        caption, tags = (str(rows[0][f"{part}_{language}"]).strip() for part in ("caption", "tags"))
        return "\n".join(part for part in (caption, tags) if part)

    def normalise(self, data: bytes, name: str) -> NormalisedPicture:
        """A picture's file from outside, cleaned; one of the library's own files is that picture as it is, with all
        that is known of it. Raises as `normalise_file`."""
        key = hashlib.sha256(data).hexdigest()
        if self.picture(key) is None:
            return normalise_file(data, name)
        width, height = self._store.picture_size(key)
        return NormalisedPicture(data, key, self._store.file_type(key), width, height)

    def search(
        self,
        words: str,
        limit: int = 4,
        exclude: Iterable[str] = (),
        language: Language | None = None,
        fill: bool = False,
        by_meaning: bool = True,
    ) -> list[Hit]:
        """The best `limit` pictures for any text; with `fill` also weak ones, as long as there are any. By words alone
        without `by_meaning`: then no model is asked."""
        words = clean(words)
        spoken = language or language_of(words)
        gone = set(exclude)
        sql = f"SELECT {HIT}, id, vector, tags_en FROM pictures WHERE NOT removed"
        rows = [r for r in self._database.read(sql) if r["key"] not in gone]
        by_words = self._by_words(words)
        meaning = self._by_meaning(words, rows) if by_meaning else {}
        scored = [
            (WORDS_WEIGHT * by_words.get(r["id"], 0.0) + meaning.get(r["id"], 0.0) + OWN_BONUS * r["own"], r)
            for r in rows
            if fill or r["id"] in by_words or meaning.get(r["id"], 0.0) > 0.35
        ]
        scored.sort(key=lambda pair: (-pair[0], pair[1]["id"]))
        return [to_hit(row, score, spoken) for score, row in scored[:limit]]

    def add(
        self,
        place: Path,
        describe: Describe | None = None,
        progress: Callable[[str], None] = lambda name: None,
        person: str = CLI,
    ) -> Report:
        """Take in a picture or all pictures below a folder as this person's; one bad file does not stop the rest, nor
        does one that is another's already."""
        if not place.exists():
            raise NotFoundError("folder_missing", path=place)
        found = place.rglob("*") if place.is_dir() else [place]
        files = sorted(f for f in found if f is place or f.suffix.lower() in SUFFIXES)
        added, updated, refused = 0, 0, []
        for file in files:
            progress(file.name)
            try:
                if self._add_file(file, describe, person):
                    added += 1
                else:
                    updated += 1
            except StorageError:  # the disk is full, or gone: so it is for the rest
                raise
            except StudioError as e:
                refused.append((str(file), e.say()))
        return Report(added, updated, tuple(refused))

    def remove(self, key: str, person: str) -> None:
        """Take a picture out of search; its file stays for the articles that show it. Raises NotFoundError, and
        InputError for another's."""
        self._set_removed(key, person, True)

    def restore(self, key: str, person: str) -> None:
        """Back into search. Raises NotFoundError, and InputError for another's."""
        self._set_removed(key, person, False)

    def describe(self, key: str, caption: str, person: str) -> None:
        """Other words for a picture, in both languages: nobody says in which one they are. Raises NotFoundError, and
        InputError for another's."""
        with self._database.write() as connection:
            row = changeable(connection, key, person)
            title = {"en": row["title_en"], "zh": row["title_zh"]}
            entry = {"title": title, "caption": {"en": caption, "zh": caption}, "tags": {"en": [], "zh": []}}
            put(connection, key, entry, row["own"], row["origin"], row["owner"], row["removed"])

    def _set_removed(self, key: str, person: str, removed: bool) -> None:
        with self._database.write() as connection:
            changeable(connection, key, person)
            connection.execute("UPDATE pictures SET removed = ? WHERE key = ?", (removed, key))

    def _add_file(self, file: Path, describe: Describe | None, person: str) -> bool:
        """True when it is new."""
        taken = normalise_file(read_regular(file, MAX_FILE_BYTES), file.name)
        caption = _sidecar(file) or taken.hints.caption or _telling_name(file.stem)
        if not caption and describe:
            caption = replies.describe_in_words(1, 1, describe(Image(taken.key, taken.data)))
        caption = caption or file.stem
        self._store.add_file(taken)
        entry = {"title": {"en": file.stem, "zh": file.stem}, "caption": {"en": caption, "zh": caption}}
        with self._database.write() as connection:
            old = find(connection, taken.key)
            if old and not old["removed"] and not to_hit(old, 0, "en").may_change(person):
                raise InputError("picture_in_library", name=file.name)
            put(connection, taken.key, {**entry, "tags": {"en": [], "zh": []}}, True, file.name, person)
        return old is None

    def _by_words(self, words: str) -> dict[int, float]:
        """Picture id → 0..1 by bm25, relative to the best match."""
        english = [w for w in re.findall(r"[a-z0-9]+", words.lower()) if w not in STOP_WORDS][:40]
        ranks: dict[int, float] = {}
        if english:
            query = " OR ".join(f'"{word}"' for word in dict.fromkeys(english))
            ranks |= self._ranked("pictures_en", query)
        runs = re.findall(r"[\u4e00-\u9fff]+", words)
        trigrams = dict.fromkeys(run[i : i + 3] for run in runs for i in range(len(run) - 2))
        if trigrams:
            query = " OR ".join(f'"{gram}"' for gram in list(trigrams)[:80])
            for id, rank in self._ranked("pictures_zh", query).items():
                ranks[id] = ranks.get(id, 0.0) + rank
        if runs:  # words of one and two characters: a trigram cannot match them
            short = [run for run in runs if len(run) < 3]
            for row in self._database.read("SELECT id, title_zh, caption_zh, tags_zh FROM pictures WHERE NOT removed"):
                if rank := _short_words(words, short, row["title_zh"], row["caption_zh"], row["tags_zh"].split()):
                    ranks[row["id"]] = ranks.get(row["id"], 0.0) + rank
        best = max(ranks.values(), default=0.0)
        return {id: rank / best for id, rank in ranks.items()} if best > 0 else {}

    def _ranked(self, table: str, query: str) -> dict[int, float]:
        sql = f"SELECT rowid, bm25({table}, 2.0, 1.0, 2.0) AS rank FROM {table} WHERE {table} MATCH ?"
        return {row["rowid"]: -row["rank"] for row in self._database.read(sql, query)}

    def _by_meaning(self, words: str, rows: list[Any]) -> dict[int, float]:
        """Picture id → cosine with the text, for English (the model reads nothing else)."""
        if not self._embed or not rows or not re.search(r"[a-z]{3}", words.lower()):
            return {}
        (about,) = self._embed((words,))
        if not about:
            return {}
        missing = [r for r in rows if r["vector"] is None]
        fresh: dict[int, Any] = {}
        if missing:
            vectors = self._embed(tuple(f"{r['title_en']}. {r['caption_en']} {r['tags_en']}" for r in missing))
            fresh = {r["id"]: np.asarray(v, np.float32) for r, v in zip(missing, vectors, strict=True)}
            with self._database.write() as connection:
                for id, vector in fresh.items():
                    connection.execute("UPDATE pictures SET vector = ? WHERE id = ?", (vector.tobytes(), id))
        matrix = np.stack(
            [fresh[r["id"]] if r["id"] in fresh else np.frombuffer(r["vector"], np.float32) for r in rows]
        )
        scores = matrix @ np.asarray(about, np.float32)
        return {r["id"]: max(0.0, float(score)) for r, score in zip(rows, scores, strict=True)}

    def _load_starter(self, folder: Path) -> None:
        """Take the starter set's catalogues in, again only when they have changed."""
        catalogs = [file.read_bytes() for file in sorted(folder.glob("catalog*.json"))]
        stamp = hashlib.sha256(b"".join(catalogs) + str(folder).encode()).hexdigest()
        if any(r["value"] == stamp for r in self._database.read("SELECT value FROM facts WHERE name = 'starter'")):
            return
        for entry in (entry for catalog in catalogs for entry in json.loads(catalog)):
            path = folder / entry["file"]
            if not path.is_file():
                continue
            data = path.read_bytes()
            key = hashlib.sha256(data).hexdigest()
            header = read_header(data, path.name)
            self._store.add_external_file(key, "image/webp", header.width, header.height, path)
            with self._database.write() as connection:
                old = find(connection, key)
                if not (old and old["own"]):  # one that people added keeps their words
                    put(connection, key, entry, False, STARTER_SET, "")
        with self._database.write() as connection:
            connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES ('starter', ?)", (stamp,))


def _short_words(words: str, short: list[str], title: str, caption: str, tags: list[str]) -> float:
    """How well Chinese fits by whole tags, and by the `short` runs of a query; the first tag and the title name what a
    picture is about, so they count more than what else is in it."""
    found = [2.0 * len(tag) * (1 + (tag == tags[0]) + (tag in title)) for tag in tags if tag in words]
    return sum(found) + sum(4.0 * (run in title) + 2.0 * (run in caption) for run in short)


def _sidecar(file: Path) -> str:
    for beside in (file.with_name(file.name + ".txt"), file.with_suffix(".txt"), file.with_suffix(".md")):
        with suppress(StudioError):  # there is none, or something that is no text
            return " ".join(read_regular(beside, _MAX_SIDECAR_BYTES).decode("utf-8", "replace").split())[:500]
    return ""


def _telling_name(stem: str) -> str:
    """A file name as a caption, unless it is a camera's number or a hash."""
    words = re.sub(r"[_\-.+]+", " ", stem).strip()
    letters = re.sub(r"[^A-Za-z\u00c0-\uffff]", "", words)
    dull = re.fullmatch(
        r"(?i)(img|dsc|dscn|dscf|pxl|mvimg|image|photo|picture|screenshot|wechat|mmexport|p|wx)[\d ]*", words
    )
    hashed = re.fullmatch(r"[0-9a-fA-F ]{8,}", words)
    short = len(letters) < (2 if re.search(r"[\u4e00-\u9fff]", letters) else 3)
    return "" if dull or hashed or short else words
