"""Folders as people have them: what is taken, with which words, what is passed over, and what a second time changes."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from studio.library.gather import is_hidden
from studio.library.index import Library
from studio.storage.persons import CLI
from studio.storage.store import Store

CASES = Path(__file__).parents[3] / "shared" / "cases" / "pictures"
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" {attributes}>{properties}</rdf:Description>
</rdf:RDF></x:xmpmeta>"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


@pytest.fixture
def library(store: Store, tmp_path: Path) -> Library:
    return Library(store, tmp_path / "no starter set")


def jpeg(path: Path, red: int, format: str = "JPEG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    image = Image.new("RGB", (64, 48), "white")
    image.paste((red * 23 % 256, 20, 30), (0, 0, 32, 48))
    image.save(out, format)
    path.write_bytes(out.getvalue())
    return path


def captions(library: Library) -> dict[str, str]:
    return {hit.picture.credit: hit.caption for hit in library.browse()}


def test_what_a_file_is_its_content_says(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for number, name in enumerate(("browser saved.jfif", "old scan.jpe", "no suffix", "a photo.dat", "UPPER.JPG")):
        jpeg(folder / name, number)
    jpeg(folder / "really a png.jpg", 99, "PNG")
    (folder / "letter.docx").write_bytes(b"PK\x03\x04 words")
    (folder / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    (folder / "text as picture.png").write_text("no picture")
    report = library.add(folder)
    assert report.added == 6
    assert [name for name, _ in report.refused] == ["text as picture.png"]
    assert [name for name, _ in report.passed_over] == ["film.mp4", "letter.docx"]


def test_files_of_systems_are_passed_over_and_named(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    jpeg(folder / "a harbour.jpg", 1)
    hidden = ["._a harbour.jpg", ".DS_Store", "@eaDir/a harbour.jpg/SYNOPHOTO_THUMB_M.jpg", "Thumbs.db"]
    hidden += ["__MACOSX/._a.jpg", "sub/.@__thumb/t.jpg", "$RECYCLE.BIN/S-1/$R1.jpg", "#recycle/x.jpg"]
    hidden += ["System Volume Information/x.jpg"]
    for number, name in enumerate(hidden):
        jpeg(folder / name, 10 + number)
    report = library.add(folder, language="zh")
    assert report.added == 1 and {name for name, _ in report.passed_over} == set(hidden)
    assert all("隐藏文件" in sentence for _, sentence in report.passed_over)


@pytest.mark.parametrize("name", ["a/b.jpg", "eaDir/x.jpg", "recycle/x.jpg", "My@eaDir.jpg", "desktop.ini.jpg"])
def test_what_people_named_is_not_hidden(name: str) -> None:
    assert not is_hidden(name)


def test_texts_beside_pictures_in_any_encoding(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    texts = {
        "DSC1": "黄山日出云海".encode("gb18030"),
        "DSC2": "ランタン祭り".encode("shift_jis"),
        "DSC3": "﻿Fête".encode(),
    }
    texts |= {
        "DSC4": "Harbour".encode("utf-16"),
        "DSC5": "台北夜市的小吃".encode("big5"),
        "DSC6": "서울의 밤".encode("euc_kr"),
    }
    for number, (name, text) in enumerate(texts.items()):
        jpeg(folder / f"{name}.JPG", number)
        (folder / f"{name}.txt").write_bytes(text)
    (folder / "DSC7.txt").write_text("of no picture")
    report = library.add(folder)
    assert sorted(captions(library).values()) == sorted(
        ["黄山日出云海", "ランタン祭り", "Fête", "Harbour", "台北夜市的小吃", "서울의 밤"]
    )
    assert [name for name, _ in report.passed_over] == ["DSC7.txt"]
    assert {name: sentence.split("read as ")[1].split(".")[0] for name, sentence in report.warnings} == {
        "DSC1.JPG": "GB 18030",
        "DSC2.JPG": "Shift-JIS",
        "DSC5.JPG": "Big5",
        "DSC6.JPG": "EUC-KR",
    }


def test_xmp_sidecars_of_both_names_and_both_forms(library: Library, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    alt = (
        "<dc:description><rdf:Alt><rdf:li xml:lang='zh-CN'>补网的渔民</rdf:li>"
        "<rdf:li xml:lang='x-default'>Fishermen mending nets</rdf:li></rdf:Alt></dc:description>"
        "<dc:subject><rdf:Bag><rdf:li>seine</rdf:li></rdf:Bag></dc:subject>"
        "<dc:creator><rdf:Seq><rdf:li>Wang Xiaoming</rdf:li></rdf:Seq></dc:creator>"
    )
    jpeg(folder / "DSC1.jpg", 1)
    (folder / "DSC1.xmp").write_text(XMP.format(attributes="", properties=alt), "utf-8")
    jpeg(folder / "DSC2.jpg", 2)
    (folder / "DSC2.jpg.xmp").write_text(XMP.format(attributes="dc:description='Old tram'", properties=""), "utf-8")
    jpeg(folder / "DSC3.jpg", 3)
    (folder / "DSC3.xmp").write_text("<!DOCTYPE x [<!ENTITY a 'b'>]>" + XMP.format(attributes="", properties=alt))
    report = library.add(folder)
    assert (report.added, report.passed_over) == (3, ())
    found = captions(library)
    assert found["DSC2.jpg"] == "Old tram" and found["DSC3.jpg"] == "DSC3"
    assert found["DSC1.jpg · Wang Xiaoming"] == "Fishermen mending nets"
    (hit,) = library.search("seine", language="zh")
    assert hit.caption == "补网的渔民" and library.search("wang xiaoming")[0].picture.key == hit.picture.key


def test_a_text_beside_wins_over_a_sidecar_which_wins_over_the_file(library: Library, tmp_path: Path) -> None:
    path = jpeg(tmp_path / "mine" / "DSC1.jpg", 1)
    Image.open(path).save(path, comment=b"by the file")
    assert captions_after(library, path) == {"by the file"}
    path.with_suffix(".xmp").write_text(XMP.format(attributes="dc:description='by XMP'", properties=""))
    assert captions_after(library, path) == {"by XMP"}
    path.with_suffix(".txt").write_text("by hand")
    assert captions_after(library, path) == {"by hand"}


def captions_after(library: Library, path: Path) -> set[str]:
    library.add(path)
    return set(captions(library).values())


def test_a_folder_again_keeps_what_a_person_changed(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    jpeg(folder / "a red boat.jpg", 1)
    jpeg(folder / "a blue boat.jpg", 2)
    jpeg(folder / "a green boat.jpg", 3)
    library.add(folder)
    keys = {hit.picture.credit: hit.picture.key for hit in library.browse()}
    library.describe(keys["a red boat.jpg"], "Grandfather's boat", CLI)
    library.remove(keys["a blue boat.jpg"], CLI)
    (folder / "a green boat.txt").write_text("better words")
    for _ in range(2):
        report = library.add(folder)
        assert (report.added, report.updated, [name for name, _ in report.passed_over]) == (0, 2, ["a blue boat.jpg"])
        assert captions(library) == {"a red boat.jpg": "Grandfather's boat", "a green boat.jpg": "better words"}
        assert library.search("grandfather") and not library.search("blue")
    assert library.add(folder, restore=True).updated == 3
    library.remove(keys["a red boat.jpg"], CLI)
    library.add(folder / "a red boat.jpg")
    assert captions(library)["a red boat.jpg"] == "Grandfather's boat", "it comes back as it was"


def test_a_zip_is_taken_like_a_folder(library: Library, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(jpeg(tmp_path / "DSC1.jpg", 1), "照片/DSC1.jpg")
        archive.writestr("照片/DSC1.txt", "西湖边的荷花".encode("gbk"))
        archive.writestr("__MACOSX/照片/._DSC1.jpg", b"x")
        archive.writestr("readme.txt", b"x")
    report = library.add(tmp_path / "all.zip")
    assert (report.added, [name for name, _ in report.passed_over]) == (1, ["__MACOSX/照片/._DSC1.jpg", "readme.txt"])
    assert set(captions(library).values()) == {"西湖边的荷花"}


def test_an_empty_folder_and_huge_files_beside(library: Library, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert library.add(tmp_path / "empty").added == 0
    path = jpeg(tmp_path / "mine" / "a quiet pond.jpg", 1)
    for name in ("a quiet pond.txt", "a quiet pond.xmp"):
        with (path.parent / name).open("wb") as file:
            file.truncate(1 << 30)
    assert library.add(path.parent).added == 1 and set(captions(library).values()) == {"a quiet pond"}


@pytest.mark.skipif(not CASES.is_dir(), reason="the collected cases are not on this machine")
def test_a_folder_that_people_reported(library: Library, tmp_path: Path) -> None:
    shutil.copytree(CASES, tmp_path / "mine")
    report = library.add(tmp_path / "mine")
    found = captions(library)
    expected = {
        "DSC00003.jpg": "西湖边的荷花",
        "DSC00007.jpg": "海边的灯塔",
        "DSC00008.jpg": "A harvest festival parade",
        "DSC00009.jpg": "A comment written in the camera",
        "DSC00010.jpg": "Windmill beside a frozen canal",
        "DSC00011.jpg": "Fishermen mending nets at dawn",
        "DSC00012.jpg": "Old tram in Lisbon",
        "DSC00013.jpg": "黄山日出云海",
        "DSC00014.jpg": "Lantern fair",
        "DSC00015.jpg": "元宵节的花灯",
        "orange no suffix": "orange no suffix",
        "orange saved from browser.jfif": "orange saved from browser",
    }
    assert expected.items() <= found.items()
    assert {name for name, _ in report.passed_over} == {"._orange upper.JPG", "@eaDir/SYNOPHOTO_THUMB_M.jpg"}
    assert report.refused == ()
