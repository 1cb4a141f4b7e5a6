import json

import pytest

from studio.documents.article import Article, Brief, Illustration, Picture, Section, from_dict, to_dict
from studio.errors import InputError, NotFoundError

ARTICLE = Article(Brief("tea"), "Tea", (Section("a", id="1"), Section("b", id="2"), Section("c", id="3")))


def texts(article: Article) -> str:
    return "".join(s.text for s in article.sections)


def test_edits_return_new_articles() -> None:
    assert texts(ARTICLE.move("1", 2)) == "bca"
    assert texts(ARTICLE.move("3", -5)) == "cab"
    assert texts(ARTICLE.remove("2")) == "ac"
    assert texts(ARTICLE.insert(1, Section("x"))) == "axbc"
    assert texts(ARTICLE.edit("2", text="y")) == "ayc"
    assert texts(ARTICLE) == "abc"
    with pytest.raises(NotFoundError):
        ARTICLE.remove("9")


def test_survives_json() -> None:
    picture = Picture("k", "t", "c")
    article = ARTICLE.edit("1", illustration=Illustration(picture, "cap", (picture,)))
    assert from_dict(json.loads(json.dumps(to_dict(article)))) == article


def test_a_title_is_one_clean_line() -> None:
    brief = Brief(title=" The \n\x00last\x07 ferry \U0001f468\u200d\U0001f469 ", materials="\n a\n\n b ").check()
    assert (brief.title, brief.materials) == ("The last ferry \U0001f468\u200d\U0001f469", "a\n\n b")
    assert brief.subject == brief.title and brief.check() == brief


def test_articles_stored_before_there_were_titles_and_materials_open() -> None:
    old = to_dict(ARTICLE)
    for name in ("title", "materials", "beams"):
        del old["brief"][name]
    assert from_dict(old) == ARTICLE and from_dict(old).brief.subject == "tea"


@pytest.mark.parametrize(
    "brief",
    [
        Brief("  \n"),
        Brief("x" * 200_000),
        Brief("x", images=-1),
        Brief("x", images=99),
        Brief("x", outline=(" ", "")),
        Brief("x", top_p=2.0),
        Brief("x", beams=6),
        Brief(title=" "),
        Brief(materials="notes"),
        Brief("x", title="t"),
        Brief(title="t" * 201),
        Brief(title="t", materials="x" * 100_001),
    ],
)
def test_bad_briefs_are_refused(brief: Brief) -> None:
    with pytest.raises(InputError):
        brief.check()


def test_outline_lines_are_cleaned() -> None:
    assert Brief(" x ", outline=("", " ## One  two ", "Three")).check().outline == ("One two", "Three")
