"""Word files as texts: every word, its structure and its pictures; what a hostile file tries is refused."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from studio.documents.article import Article, Brief, Illustration, Picture, Section
from studio.errors import InputError
from studio.export import export
from studio.library.picture_intake import NormalisedPicture
from studio.manuscript import read_manuscript
from studio.markdown import parse, to_text

CAT = (Path(__file__).parents[2] / "assets" / "pictures" / "cat.webp").read_bytes()


def keep(picture: NormalisedPicture) -> str:
    return picture.key


def read(document: Any) -> Article:
    out = BytesIO()
    document.save(out)
    return read_manuscript(out.getvalue(), "trip.docx", keep)


def replaced(data: bytes, **parts: bytes) -> bytes:
    """A Word file with other parts; `_` stands for the dot and the folder `word`."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, parts.get(name.rpartition("/")[2].replace(".", "_"), old.read(name)))
    return out.getvalue()


def saved(document: Any) -> bytes:
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def test_words_and_structure_come_along() -> None:
    d = docx.Document()
    d.add_heading("The trip *to* sea", 0)
    words = d.add_paragraph("First ")
    words.add_run("bold").bold = True
    words.add_run(" and ")
    words.add_run("italic ").italic = True
    words.add_run("a_b_c 2*3*4 <b> #tag [x](y) $5 and $6.")
    d.add_heading("Part", 1)
    for text, style in [("one", "List Bullet"), ("one a", "List Bullet 2"), ("two", "List Bullet")]:
        d.add_paragraph(text, style=style)
    d.add_paragraph("# not a heading")
    d.add_paragraph("1. not an item")
    d.add_paragraph("first", style="List Number")
    d.add_paragraph("second", style="List Number")
    table = d.add_table(2, 2)
    for cell, text in zip((c for row in table.rows for c in row.cells), ["a|b", "c", "d\ne", "f"], strict=True):
        cell.text = text
    d.add_paragraph("A quote", style="Quote")
    d.add_paragraph("Line one\nline two")
    article = read(d)
    assert article.title == r"The trip \*to\* sea"
    assert [s.text for s in article.sections] == [
        r"First **bold** and *italic* a\_b\_c 2\*3\*4 \<b\> #tag [x]&#40;y) \$5 and \$6.",
        "# Part",
        "- one\n  - one a\n- two",
        r"\# not a heading",
        r"1\. not an item",
        "1. first\n2. second",
        "| a\\|b | c |\n| --- | --- |\n| d e | f |",
        "> A quote",
        "Line one\\\nline two",
    ]
    assert "First bold and italic a_b_c 2*3*4 <b> #tag [x](y) $5 and $6." in to_text(parse(article.markdown))


def test_pictures_come_with_their_captions() -> None:
    from PIL import Image

    png = BytesIO()
    Image.new("RGB", (90, 60), "red").save(png, "PNG")
    d = docx.Document()
    d.add_paragraph("Text.")
    d.add_paragraph().add_run().add_picture(png)
    d.add_paragraph("Figure 1: Red", style="Caption")
    (section,) = read(d).sections
    assert section.illustration and section.illustration.caption == "Figure 1: Red"


def test_links_footnotes_insertions_and_text_boxes() -> None:
    d = docx.Document()
    d.part.relate_to("https://example.org/", RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    id = next(r.rId for r in d.part.rels.values() if r.is_external)
    w = nsdecls("w", "r")
    body = d.element.body
    inside = (
        f'<w:hyperlink r:id="{id}"><w:r><w:t>a link</w:t></w:r></w:hyperlink>'
        "<w:ins><w:r><w:t> inserted</w:t></w:r></w:ins><w:del><w:r><w:delText> deleted</w:delText></w:r></w:del>"
        "<w:sdt><w:sdtContent><w:r><w:t> controlled</w:t></w:r></w:sdtContent></w:sdt>"
        '<w:r><w:footnoteReference w:id="2"/></w:r>'
        "<w:r><w:pict><w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent></w:pict></w:r>"
    )
    body.insert(0, parse_xml(f"<w:p {w}>{inside}</w:p>"))
    data = saved(d)
    out = BytesIO(data)
    with zipfile.ZipFile(out, "a") as archive:
        note = '<w:footnote w:id="2"><w:p><w:r><w:t>The note.</w:t></w:r></w:p></w:footnote>'
        archive.writestr("word/footnotes.xml", f"<w:footnotes {w}>{note}</w:footnotes>")
    article = read_manuscript(out.getvalue(), "trip.docx", keep)
    assert [s.text for s in article.sections] == [
        "[a link](<https://example.org/>) inserted controlled[^1]",
        "in a box",
        "[^1]: The note.",
    ]


def test_what_the_studio_exports_to_word_comes_back() -> None:
    text = (
        "# Tea\n\n**Green** hills.\n\n## Brewing\n\n- one\n- two\n\n1. a\n2. b\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
    )
    text += "\n\n> Old."
    shown = Illustration(Picture("c" * 64), "A cat")
    sections = tuple(map(Section, text.split("\n\n")[1:])) + (Section("End.", shown),)
    data = export(Article(Brief("tea"), "Tea", sections), "docx", lambda key: CAT, {})
    article = read_manuscript(data, "tea.docx", keep)
    assert to_text(parse(article.markdown)).split() == to_text(parse(f"{text}\n\nEnd.")).split()
    assert len(article.pictures) == 1


ENTITY = b'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><d>&x;</d>'
LAUGHS = b'<!DOCTYPE d [<!ENTITY a "lol"><!ENTITY b "' + b"&a;" * 1000 + b'">]><d>' + b"&b;" * 1000 + b"</d>"


@pytest.mark.parametrize(
    ("part", "key"),
    [
        (ENTITY, "word_broken"),
        (LAUGHS, "word_broken"),
        (b"not xml", "word_broken"),
        (b"", "word_broken"),
        (b"<a>" * 5000 + b"</a>" * 5000, "word_broken"),
        (b"<a>" + b" " * (30 << 20) + b"</a>", "word_too_large"),
    ],
)
def test_hostile_files_are_one_sentence(part: bytes, key: str) -> None:
    d = docx.Document()
    d.add_paragraph("x")
    for name in ("document_xml", "styles_xml"):
        with pytest.raises(InputError) as caught:
            read_manuscript(replaced(saved(d), **{name: part}), "evil.docx", keep)
        assert caught.value.key == key and "evil.docx" in caught.value.say()


def test_a_picture_elsewhere_is_named_and_not_fetched() -> None:
    d = docx.Document()
    relation = RELATIONSHIP_TYPE.IMAGE
    id = d.part.relate_to("http://127.0.0.1:9/spy.png", relation, is_external=True)
    blip = f'<w:drawing><a:blip {nsdecls("a", "r")} r:link="{id}"/></w:drawing>'
    d.element.body.insert(0, parse_xml(f"<w:p {nsdecls('w')}><w:r><w:t>Words.</w:t>{blip}</w:r></w:p>"))
    article = read(d)
    assert "spy.png" in article.notes[0] and not article.pictures


def test_old_word_and_protected_files_say_what_to_do() -> None:
    with pytest.raises(InputError) as caught:
        read_manuscript(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old.doc", keep)
    assert "save it as .docx" in caught.value.say()
