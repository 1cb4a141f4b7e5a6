"""The library: taking folders in, where captions come from, and finding in both languages."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from studio.auxiliary.text_embedder import TextEmbedder
from studio.errors import InputError, NotFoundError
from studio.library.index import Library
from studio.protocol import Description, Label
from studio.storage.persons import CLI
from studio.storage.store import Store

STARTER = Path(__file__).parents[2] / "assets" / "pictures"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


@pytest.fixture
def library(store: Store) -> Library:
    return Library(store, STARTER)


@pytest.fixture(scope="module")
def embed() -> Callable[[tuple[str, ...]], tuple[tuple[float, ...], ...]]:
    meaning = TextEmbedder()
    return lambda texts: tuple(tuple(v) for v in meaning.embed(texts))


def picture(path: Path, colour: tuple[int, int, int], caption: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if caption:
        exif[ExifTags.Base.ImageDescription] = caption
    out = io.BytesIO()
    image = Image.new("RGB", (64, 48), "white")
    image.paste(colour, (0, 0, 32, 48))
    image.save(out, "JPEG", exif=exif)
    path.write_bytes(out.getvalue())
    return path


def captions(library: Library) -> dict[str, str]:
    return {hit.picture.credit: hit.caption for hit in library.browse() if hit.own}


def test_captions_come_from_the_most_deliberate_source(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    picture(folder / "IMG_0001.jpg", (40, 0, 0), "said by EXIF")
    (folder / "IMG_0001.jpg.txt").write_text("written  beside\nit")
    picture(folder / "deep" / "IMG_0002.jpg", (80, 0, 0), "said by EXIF")
    picture(folder / "a_red-fox_in.snow.jpg", (120, 0, 0))
    picture(folder / "茶园.jpg", (160, 0, 0))
    picture(folder / "DSC00042.jpg", (200, 0, 0))
    picture(folder / "9f8a7b6c5d4e.jpg", (240, 0, 0))
    asked: list[str] = []

    def describe(image: object) -> Description:
        asked.append("x")
        return Description((Label("teapot", 0.9 if len(asked) == 1 else 0.1),))

    report = library.add(folder, describe)
    assert (report.added, report.updated, report.refused) == (6, 0, ())
    assert captions(library) == {
        "IMG_0001.jpg": "written beside it",
        "IMG_0002.jpg": "said by EXIF",
        "a_red-fox_in.snow.jpg": "a red fox in snow",
        "茶园.jpg": "茶园",
        "9f8a7b6c5d4e.jpg": "The picture shows a teapot.",
        "DSC00042.jpg": "I am not sure what the picture shows; it might be a teapot.",
    }
    assert len(asked) == 2  # the image tagger is asked only where there is no other caption


def test_a_bad_file_does_not_stop_the_rest(library: Library, tmp_path: Path) -> None:
    picture(tmp_path / "mine/good one.jpg", (1, 2, 3))
    (tmp_path / "mine/broken.png").write_bytes(b"\x89PNG....")
    (tmp_path / "mine/empty.jpg").touch()
    (tmp_path / "mine/notes.txt").write_text("not a picture, not looked at")
    report = library.add(tmp_path / "mine")
    assert report.added == 1 and [Path(name).name for name, _ in report.refused] == ["broken.png", "empty.jpg"]
    assert report.passed_over == (("notes.txt", "notes.txt is no picture, so it was passed over."),)


def test_the_same_folder_again_updates(library: Library, tmp_path: Path) -> None:
    picture(tmp_path / "mine/IMG_1.jpg", (1, 2, 3))
    (tmp_path / "mine/IMG_1.txt").write_text("first words")
    before = library.count()
    assert library.add(tmp_path / "mine").added == 1
    (tmp_path / "mine/IMG_1.txt").write_text("better words")
    report = library.add(tmp_path / "mine")
    assert (report.added, report.updated, library.count()) == (0, 1, before + 1)
    assert [h.caption for h in library.search("better")] == ["better words"] and not library.search("first")


def test_a_single_file_and_a_missing_folder(library: Library, tmp_path: Path) -> None:
    assert library.add(picture(tmp_path / "one.jpg", (9, 9, 9))).added == 1
    with pytest.raises(NotFoundError):
        library.add(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("bicycles", "bicycle"),
        ("a lighthouse at night", "lighthouse"),
        ("horses running", "horse"),
        ("一只猫", "cat"),
        ("猫", "cat"),
        ("冲刺", "sport"),
        ("灯塔", "lighthouse"),
        ("自行车", "bicycle"),
        ("秋天我们骑着自行车去山里", "bicycle"),
    ],
)
def test_words_find_in_both_languages(library: Library, store: Store, words: str, file: str) -> None:
    best = library.search(words)[0]
    assert store.file_path(best.picture.key).stem == file
    assert any("\u4e00" <= c <= "\u9fff" for c in best.caption) == any("\u4e00" <= c <= "\u9fff" for c in words)


def test_every_starter_picture_is_found_by_its_own_title(library: Library, store: Store) -> None:
    for hit in library.browse(limit=100):
        assert library.search(hit.picture.title)[0].picture.key == hit.picture.key
        (chinese,) = store.database.read("SELECT title_zh FROM pictures WHERE key = ?", hit.picture.key)
        assert hit.picture.key in {h.picture.key for h in library.search(chinese["title_zh"], limit=2)}


@pytest.mark.real
@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("a purring pet", "cat"),
        ("a vehicle with two wheels and pedals", "bicycle"),
        ("physicians and patients", "doctor"),
    ],
)
def test_meaning_finds_without_a_common_word(store: Store, embed, words: str, file: str) -> None:  # type: ignore[no-untyped-def]
    library = Library(store, STARTER, embed)
    assert file in {store.file_path(h.picture.key).stem for h in library.search(words, limit=3)}


def test_own_pictures_win_at_equal_match(library: Library, store: Store, tmp_path: Path) -> None:
    theirs = library.search("bicycle", limit=1)[0]
    (row,) = store.database.read("SELECT * FROM pictures WHERE key = ?", theirs.picture.key)
    picture(tmp_path / "mine/IMG_7.jpg", (7, 7, 7))
    (tmp_path / "mine/IMG_7.txt").write_text(f"{row['title_en']} {row['caption_en']} {row['tags_en']}")
    library.add(tmp_path / "mine")
    assert library.search("bicycle", limit=1)[0].own


def test_used_pictures_are_left_out_and_weak_ones_fill_up(library: Library) -> None:
    first = library.search("a cat on a windowsill", limit=1)[0].picture.key
    assert first not in {h.picture.key for h in library.search("a cat on a windowsill", limit=40, exclude=[first])}
    assert library.search("zzzz qqqq") == []
    assert len(library.search("zzzz qqqq", limit=4, fill=True)) == 4


def test_vectors_are_computed_once(store: Store, embed) -> None:  # type: ignore[no-untyped-def]
    asked: list[int] = []

    def counting(texts: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
        asked.append(len(texts))
        found: tuple[tuple[float, ...], ...] = embed(texts)
        return found

    Library(store, STARTER, counting).search("tea")
    Library(store, STARTER, counting).search("coffee")  # as after a restart
    assert asked == [1, 92, 1]  # the words, all pictures once in both languages, the other words


def test_removed_pictures_are_not_found_and_can_come_back(library: Library, tmp_path: Path) -> None:
    picture(tmp_path / "mine/a strange gadget.jpg", (7, 1, 7))
    library.add(tmp_path / "mine")
    hit = library.search("strange gadget")[0]
    library.remove(hit.picture.key, CLI)
    assert hit.picture.key not in {h.picture.key for h in library.search("strange gadget", fill=True, limit=99)}
    assert [name for name, _ in library.add(tmp_path / "mine").passed_over] == ["a strange gadget.jpg"]
    assert library.picture(hit.picture.key) is None, "a folder that is added again does not bring it back"
    library.add(tmp_path / "mine", restore=True)
    assert library.search("strange gadget")[0].picture.key == hit.picture.key
    library.remove(hit.picture.key, CLI)
    library.add(tmp_path / "mine/a strange gadget.jpg")
    assert library.picture(hit.picture.key), "one that is added by itself was asked for"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.text(max_size=60) | st.sampled_from(['"', "a OR", "NEAR(", "茶*", "-tea", "\0", "'; DROP TABLE x", "^a:b"])
)
def test_any_words_can_be_searched(library: Library, words: str) -> None:
    assert len(library.search(words, limit=3)) <= 3


ANN, BOB = "login:ann", "browser:" + "0" * 32


def own(library: Library, key: str) -> tuple[str, str]:
    """Caption and owner."""
    hit = library.picture(key)
    assert hit
    return hit.caption, hit.owner


def test_a_picture_is_changed_only_by_who_added_it(library: Library, tmp_path: Path) -> None:
    library.add(picture(tmp_path / "a tin robot.jpg", (7, 7, 9)), person=ANN)
    (key,) = [hit.picture.key for hit in library.browse() if hit.own]
    attempts: list[Callable[[str], None]] = [
        lambda person: library.describe(key, "mine now", person),
        lambda person: library.remove(key, person),
        lambda person: library.restore(key, person),
    ]
    for person in (BOB, "", "login:bob", "browser:ann", "ann", "login:"):
        for attempt in attempts:
            with pytest.raises(InputError) as caught:
                attempt(person)
            assert caught.value.key == "not_your_picture"
        assert not library.picture(key).may_change(person)  # type: ignore[union-attr]
    assert own(library, key) == ("a tin robot", ANN)
    for person in (ANN, CLI):
        for attempt in attempts:
            attempt(person)
        assert own(library, key) == ("mine now", ANN), "the command line may change it, and it stays hers"


def test_the_same_picture_of_another_stays_as_it_is(library: Library, tmp_path: Path) -> None:
    library.add(picture(tmp_path / "a tin robot.jpg", (7, 7, 9)), person=ANN)
    (key,) = [hit.picture.key for hit in library.browse() if hit.own]
    file = picture(tmp_path / "b" / "stolen.jpg", (7, 7, 9))
    ((_, sentence),) = library.add(file, person=BOB).refused
    assert "in the library already" in sentence and own(library, key) == ("a tin robot", ANN)
    library.remove(key, ANN)
    assert library.add(file, person=BOB).updated == 1, "she took hers out: it is free to be his"
    assert own(library, key) == ("stolen", BOB)
    with pytest.raises(InputError):
        library.restore(key, ANN)


def test_the_starter_set_cannot_be_taken_over(library: Library, store: Store, tmp_path: Path) -> None:
    fox = library.search("a lighthouse at night")[0]
    (tmp_path / "mine.webp").write_bytes(store.read_file(fox.picture.key))
    for person in (ANN, ""):
        library.add(tmp_path / "mine.webp", person=person)
        assert own(library, fox.picture.key) == (fox.caption, "")
        with pytest.raises(InputError):
            library.remove(fox.picture.key, person)


def test_one_that_nobody_is_known_to_have_added_is_everybodys(library: Library, store: Store, tmp_path: Path) -> None:
    library.add(picture(tmp_path / "a tin robot.jpg", (7, 7, 9)), person=ANN)
    (key,) = [hit.picture.key for hit in library.browse() if hit.own]
    with store.database.write() as connection:
        connection.execute("UPDATE pictures SET owner = ''")  # as an older database comes out of its migration
    for person in (ANN, BOB, ""):
        with pytest.raises(InputError):
            library.describe(key, "x", person)
    library.describe(key, "said at the command line", CLI)
    assert own(library, key) == ("said at the command line", "")


def test_a_picture_that_is_nowhere(library: Library) -> None:
    with pytest.raises(NotFoundError):
        library.remove("0" * 64, CLI)
