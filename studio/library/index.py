"""The library: pictures with captions and tags in two languages, found by words and by meaning.

Words are found by SQLite's FTS5, in any script (see `search_words`), meaning by the vectors of a small language model
where one is at hand. A picture's score is the sum of both, each scaled to 0..1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from studio.errors import InputError, Language, NotFoundError
from studio.language import language_of
from studio.library import gather, search_words
from studio.library.captions import find_sidecars, sidecars_beside
from studio.library.folder_intake import Describe as Describe
from studio.library.folder_intake import FolderIntake, Report
from studio.library.picture_intake import NormalisedPicture, normalise_file
from studio.library.picture_rows import HIT, Hit, changeable, find, index_words, put, to_hit
from studio.library.search_words import parse_query
from studio.pictures.stored import read_header
from studio.protocol import TEXT_EMBEDDER
from studio.storage.database import clean
from studio.storage.persons import CLI
from studio.storage.store import Store

Embed = Callable[[tuple[str, ...]], tuple[tuple[float, ...], ...]]
Vector = npt.NDArray[np.float32]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
CHARACTERS_WEIGHT = 0.3  # of single Han characters beside words and pairs
WEAK = 0.1  # of the best match by words: under it, a picture shares a word by chance
NEAR = 0.2  # cosine from which on a picture is found by its meaning, see benchmarks/search.py
WORDS_WEIGHT = 0.3  # the best match by words has 1 whatever it is worth, so meaning counts more where it is known
STARTER_SET = "Starter set"  # where its pictures say they come from
OWN_BONUS = 0.05  # own pictures win at equal match
MAX_FILES = 200_000  # of a folder or zip


class Library:
    """See the module. `embed` turns texts into unit vectors; without it only words are searched."""

    def __init__(self, store: Store, starter: Path, embed: Embed | None = None) -> None:
        self._store = store
        self._database = store.database
        self._embed = embed
        self._renew()
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
        sql = f"SELECT {HIT}, id, vector, tags_en, tags_zh FROM pictures WHERE NOT removed"
        rows = [r for r in self._database.read(sql) if r["key"] not in gone]
        by_words = self._by_words(words)
        meaning = self._by_meaning(words, rows) if by_meaning else {}
        scored = [
            (WORDS_WEIGHT * by_words.get(r["id"], 0.0) + meaning.get(r["id"], 0.0) + OWN_BONUS * r["own"], r)
            for r in rows
            if fill or r["id"] in by_words or meaning.get(r["id"], 0.0) > NEAR
        ]
        scored.sort(key=lambda pair: (-pair[0], pair[1]["id"]))
        return [to_hit(row, score, spoken) for score, row in scored[:limit]]

    def add(
        self,
        place: Path,
        describe: Describe | None = None,
        progress: Callable[[str], None] = lambda name: None,
        person: str = CLI,
        restore: bool = False,
        language: Language = "en",
    ) -> Report:
        """Take in a picture, or all pictures of a folder or zip, as this person's; one bad file does not stop the rest,
        nor does one that is another's already. What a file is its content says.

        A picture that is there already gets the words of its file anew, unless a person wrote others. One that this
        person took out stays away, unless it is added by itself or `restore` asks for it. Raises NotFoundError.
        """
        if not place.exists():
            raise NotFoundError("folder_missing", path=place)
        try:
            files = gather.list_files([place], MAX_FILES)
        except InputError as e:
            if e.key != "table_no_pictures":
                raise
            files = ()
        alone = not place.is_dir() and [file.name for file in files] == [place.name]
        sidecars = sidecars_beside(place) if alone else find_sidecars(files)
        intake = FolderIntake(self._store, describe, person, sidecars, restore or alone, alone)
        for file in files:
            progress(file.name)
            intake.take(file)
        return intake.report(language)

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
            put(connection, key, entry, row["own"], row["origin"], row["owner"], row["removed"], edited=True)

    def _set_removed(self, key: str, person: str, removed: bool) -> None:
        with self._database.write() as connection:
            changeable(connection, key, person)
            connection.execute("UPDATE pictures SET removed = ? WHERE key = ?", (removed, key))

    def _by_words(self, words: str) -> dict[int, float]:
        """Picture id → 0..1 by bm25, relative to the best match."""
        query = parse_query(words)
        ranks = self._ranked(query.words)
        for id, rank in self._ranked(query.characters).items():
            ranks[id] = ranks.get(id, 0.0) + CHARACTERS_WEIGHT * rank
        best = max(ranks.values(), default=0.0)
        return {id: rank / best for id, rank in ranks.items() if rank >= WEAK * best} if best > 0 else {}

    def _ranked(self, tokens: tuple[str, ...]) -> dict[int, float]:
        if not tokens:
            return {}
        sql = "SELECT rowid, bm25(picture_words, 2.0, 1.0, 2.0) AS rank FROM picture_words WHERE picture_words MATCH ?"
        return {row["rowid"]: -row["rank"] for row in self._database.read(sql, " OR ".join(tokens))}

    def _by_meaning(self, words: str, rows: list[Any]) -> dict[int, float]:
        """Picture id → cosine with the text."""
        if not self._embed or not rows or not words.strip():
            return {}
        (about,) = self._embed((words,))
        if not about:
            return {}
        fresh = self._embed_missing([r for r in rows if r["vector"] is None])
        matrix = np.stack([fresh.get(r["id"], _vector(r["vector"])) for r in rows])
        scores = matrix @ np.asarray(about, np.float32)
        return {r["id"]: max(0.0, float(score)) for r, score in zip(rows, scores, strict=True)}

    def _embed_missing(self, rows: list[Any]) -> dict[int, Vector]:
        """Picture id → its vector, computed now and stored: the mean of its words in both languages."""
        if not rows or not self._embed:
            return {}
        texts = [_words(row, language) for language in LANGUAGES for row in rows]
        both = np.asarray(self._embed(tuple(texts)), np.float32).reshape(2, len(rows), -1).sum(0)
        vectors = both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-6)
        fresh = {r["id"]: vector for r, vector in zip(rows, vectors, strict=True)}
        with self._database.write() as connection:
            for id, vector in fresh.items():
                connection.execute("UPDATE pictures SET vector = ? WHERE id = ?", (vector.tobytes(), id))
        return fresh

    def _renew(self) -> None:
        """Make the index of words and the vectors anew where they are of another kind than this program's."""
        facts = {r["name"]: r["value"] for r in self._database.read("SELECT name, value FROM facts")}
        if facts.get("words") == search_words.VERSION and facts.get("vectors") == TEXT_EMBEDDER:
            return
        columns = ("title_en", "title_zh", "caption_en", "caption_zh", "tags_en", "tags_zh")
        with self._database.write() as connection:
            if facts.get("words") != search_words.VERSION:
                for row in connection.execute(f"SELECT id, {', '.join(columns)} FROM pictures").fetchall():
                    index_words(connection, row["id"], [row[name] for name in columns])
            if facts.get("vectors") != TEXT_EMBEDDER:
                connection.execute("UPDATE pictures SET vector = NULL")
            for name, value in (("words", search_words.VERSION), ("vectors", TEXT_EMBEDDER)):
                connection.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))

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


def _words(row: Any, language: Language) -> str:
    return f"{row[f'title_{language}']}. {row[f'caption_{language}']} {row[f'tags_{language}']}"


def _vector(stored: bytes | None) -> Vector:
    return np.frombuffer(stored or b"", np.float32)
