"""One form for all ways to write the same, and searching in any script."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.library import index, search_words
from studio.library.index import Library
from studio.library.picture_rows import put
from studio.library.search_words import fold, index_text, parse_query
from studio.storage.store import Store

CAPTIONS = {
    "seoul": "서울의 밤, 창가에서 자는 고양이가 있다",
    "kyoto": "京都のお寺とカメラを持つ人",
    "dragon": "长城上空的龙舟，故宫旁的小猫",
    "taiwan": "臺灣的媽媽煮牛肉麵，龜與貓頭鷹",
    "moscow": "Кошка спит на окне, Красная площадь",
    "paris": "Fête de l’été au château, crème brûlée à l’œuf",
    "koeln": "Grüße aus Köln: Straße am Rhein",
    "athens": "Η Ακρόπολη στην Ελλάδα",
    "bangkok": "ตลาดน้ำในกรุงเทพ",
    "delhi": "दिल्ली का लाल किला",
    "cairo": "القاهرة في الليل",
    "english": "Ｔwo bicycles at the harbour, Łódź",
}
QUERIES = [
    ("고양이", "seoul"),
    ("서울", "seoul"),
    (unicodedata.normalize("NFD", "고양이"), "seoul"),
    ("カメラ", "kyoto"),
    ("ｶﾒﾗ", "kyoto"),
    ("お寺", "kyoto"),
    ("龍", "dragon"),
    ("龙", "dragon"),
    ("故宮", "dragon"),
    ("故宫", "dragon"),
    ("小貓", "dragon"),
    ("竜", "dragon"),
    ("台湾", "taiwan"),
    ("妈妈煮牛肉面", "taiwan"),
    ("猫头鹰", "taiwan"),
    ("кошка", "moscow"),
    ("КРАСНАЯ ПЛОЩАДЬ", "moscow"),
    ("кошки", "moscow"),
    ("fete", "paris"),
    ("ÉTÉ", "paris"),
    (unicodedata.normalize("NFD", "crème brûlée"), "paris"),
    ("oeuf", "paris"),
    ("grüsse", "koeln"),
    ("STRASSE", "koeln"),
    ("koln", "koeln"),
    ("ακροπολη", "athens"),
    ("ตลาด", "bangkok"),
    ("लाल किला", "delhi"),
    ("القاهرة", "cairo"),
    ("two bicycle", "english"),
    ("ＨＡＲＢＯＵＲ", "english"),
    ("lodz", "english"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


def add(store: Store, name: str, caption: str) -> None:
    entry = {"title": {"en": name, "zh": name}, "caption": {"en": caption, "zh": caption}, "tags": {"en": [], "zh": []}}
    with store.database.write() as connection:
        put(connection, name, entry, True, name, "cli")


@pytest.fixture
def library(store: Store, tmp_path: Path) -> Library:
    for name, caption in CAPTIONS.items():
        add(store, name, caption)
    return Library(store, tmp_path)


@pytest.mark.parametrize(("words", "found"), QUERIES)
def test_words_of_a_caption_are_found_in_any_script(library: Library, words: str, found: str) -> None:
    assert [hit.picture.key for hit in library.search(words)][:1] == [found]


def test_an_index_of_an_older_kind_is_made_anew(
    store: Store, tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a migration, which leaves it empty; vectors of another model go, too."""
    with store.database.write() as connection:
        connection.execute("DELETE FROM picture_words")
        connection.execute("UPDATE pictures SET vector = ?", (b"\0" * 4 * 384,))
    assert library.search("龍") == []
    assert Library(store, tmp_path).search("龍") == [], "nothing says that it is old"
    monkeypatch.setattr(search_words, "VERSION", "another")
    monkeypatch.setattr(index, "TEXT_EMBEDDER", "another")
    again = Library(store, tmp_path, lambda texts: tuple((1.0, 0.0) for _ in texts))
    assert [hit.picture.key for hit in again.search("龍", by_meaning=False)] == ["dragon"]
    assert len(again.search("anything", limit=99)) == len(CAPTIONS), "every vector was made anew"


@given(st.text(max_size=80))
def test_folding_twice_is_folding_once_and_width_and_form_do_not_matter(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
    assert fold(unicodedata.normalize("NFD", text)) == once
    index_text(text), parse_query(text)


def test_a_long_text_asks_for_a_bounded_number_of_words() -> None:
    query = parse_query("".join(chr(0x4E00 + i) for i in range(5000)) + " ".join(map(str, range(5000))))
    assert len(query.words) <= 120 and len(query.characters) <= 120
