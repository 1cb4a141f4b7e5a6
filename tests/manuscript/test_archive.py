"""What the studio exported is opened again: words, pictures, captions, how it was made. A stranger's zip is bounded."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from studio.documents.article import Article, Brief, Illustration, Picture, Section
from studio.errors import InputError
from studio.export import export
from studio.export.about import about
from studio.library.picture_intake import NormalisedPicture, normalise_file
from studio.manuscript import read_manuscript

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
CAT = normalise_file((PICTURES / "cat.webp").read_bytes(), "cat.webp")


def shown(caption: str, credit: str = "Starter set") -> Illustration:
    picture = Picture(CAT.key, "A cat", credit)
    return Illustration(picture, caption, (picture,))


SECTIONS = (
    Section("Green **hills**.", shown("The * hills [1]")),
    Section("*An emphasised line.*"),
    Section("## Part"),
    Section("", shown("Alone")),
    Section("- one\n- two", shown("", "")),
    Section("*Below a picture without a caption.*"),
)
BRIEFS = (
    Brief("Write about tea", ("One", "  Two"), 3, seed=7, max_tokens=300, temperature=0.5),
    Brief(title="Tea", materials="Notes."),
    Brief(title="Tea", own_text=True),
)


def exported(article: Article) -> bytes:
    return export(article, "zip", lambda key: CAT.data, about(article, NOW, NOW))


def keep(picture: NormalisedPicture) -> str:
    return picture.key


@pytest.mark.parametrize("brief", BRIEFS)
def test_an_exported_article_comes_back(brief: Brief) -> None:
    article = Article(brief, "Tea", SECTIONS, "done", "XComposer2")
    again = read_manuscript(exported(article), "tea.zip", keep)
    assert (again.title, again.brief, again.model, again.notes) == ("Tea", brief, "XComposer2", ())
    assert [s.text for s in again.sections] == [s.text for s in SECTIONS]
    for old, new in zip(SECTIONS, again.sections, strict=True):
        assert bool(old.illustration) == bool(new.illustration)
        if old.illustration and new.illustration:
            assert new.illustration.caption == old.illustration.caption
            assert new.illustration.picture.credit == old.illustration.picture.credit
    first, second = (json.loads(zipfile.ZipFile(BytesIO(exported(a))).read("about.json")) for a in (article, again))
    assert first == second


def rezipped(**files: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name.replace("_", "/", 1).replace("DOT", "."), data)
    return out.getvalue()


@pytest.mark.parametrize(
    "facts",
    [
        *(b"", b"{", b"[]", b"null", b'{"settings": 5, "outline": 7, "seed": "x"}', b'{"title": 5}', b"[" * 100_000),
        b'{"instruction": "tea", "settings": {"temperature": 99}}',
        b'{"instruction": "tea", "seed": 1e400}',
        b'{"pictures": [{"file": 1}], "outline": [[]], "instruction": {"a": 1}}',
    ],
)
def test_facts_that_make_no_sense_leave_a_text(facts: bytes) -> None:
    article = read_manuscript(rezipped(articleDOTmd=b"# Tea\n\nGreen.", aboutDOTjson=facts), "tea.zip", keep)
    assert article.markdown == "# Tea\n\nGreen." and article.brief.check() == article.brief


def test_a_zip_of_ones_own(tmp_path: Path) -> None:
    cat = (PICTURES / "cat.webp").read_bytes()
    data = rezipped(blog_postDOTmd="茶。\n\n![猫](pics/cat.webp)".encode("gb18030"), blog_pics=b"")
    with zipfile.ZipFile(out := BytesIO(data), "a") as made:
        made.writestr("blog/pics/cat.webp", cat)
        made.writestr("__MACOSX/blog/._post.md", b"\0")
    article = read_manuscript(out.getvalue(), "blog.zip", keep)
    assert article.sections[0].text == "茶。" and len(article.pictures) == 1


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (rezipped(aDOTtxt=b"x"), "zip_no_article"),
        (rezipped(conversationDOTmd=b"x"), "zip_no_article"),
        (rezipped(aDOTmd=b"x", bDOTmd=b"y"), "zip_no_article"),
        (b"PK\x03\x04 no zip", "zip_broken"),
        (rezipped(articleDOTmd=b" " * (9 << 20)), "own_text_too_long"),
        (rezipped(articleDOTmd=b"![x](../../etc/passwd)"), ""),
    ],
)
def test_other_zips_are_one_sentence(data: bytes, key: str) -> None:
    if not key:
        article = read_manuscript(data, "x.zip", keep)
        assert not article.pictures and "did not come" in article.notes[0]
        return
    with pytest.raises(InputError) as caught:
        read_manuscript(data, "x.zip", keep)
    assert caught.value.key == key


def test_an_article_that_was_cut_stays_whole() -> None:
    article = replace(Article(BRIEFS[0], "Tea", SECTIONS[:1]), status="cut")
    assert read_manuscript(exported(article), "tea.zip", keep).status == "done"
