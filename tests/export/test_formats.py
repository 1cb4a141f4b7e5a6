"""Adding an export format touches one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from studio.documents.article import Article
from studio.errors import InputError
from studio.export import export, filename, find_format, formats, formats_for, registry
from studio.ui.article_editor import script_facts
from studio.ui.words import page_words

TOY = '''
"""A toy: the title in capital letters."""

from studio.export.registry import Format


def article(article, read_picture, about):
    return article.title.upper().encode()


FORMAT = Format("toy", ("Toy file", "玩具文件"), "text/x-toy", rank=99, article=article)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder of formats with one file more."""
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    registry._all.cache_clear()
    yield
    registry._all.cache_clear()


def test_one_module_is_a_format_everywhere(toy: None, tea: Article, read_picture: Callable[[str], bytes]) -> None:
    from studio.cli.main import studio

    assert export(tea, "toy", read_picture, {}) == b"THE TEA ROAD"
    assert filename(tea, "toy") == "The tea road.toy"
    assert "toy" in formats_for("article") and "toy" not in formats_for("conversation")
    facts = json.loads(script_facts(page_words(), {}, 1).removeprefix("window.studio = ").removesuffix(";"))
    assert facts["formats"][-1] == "toy" and facts["words"]["format_toy"] == ["Toy file", "玩具文件"]
    assert ".toy" in CliRunner().invoke(studio, ["write", "--help"]).output


def test_without_the_module_there_is_no_such_format(tea: Article) -> None:
    with pytest.raises(InputError, match="The format toy is not known; choose one of zip, xlsx, html, docx, pdf, md"):
        filename(tea, "toy")


def test_every_format_has_words_in_both_languages_and_makes_something() -> None:
    for kind in ("article", "conversation", "table"):
        for name, format in formats_for(kind).items():
            assert name == format.name and all(format.words) and all(format.button) and format.mime
    assert [*formats_for("conversation")] == ["zip", "xlsx"] and [*formats_for("table")] == ["xlsx", "csv"]
    assert find_format("article", "md").folder is not None
