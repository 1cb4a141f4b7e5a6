"""`studio convert`, `illustrate` and `open`: texts that somebody has."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.markdown import parse, to_text
from studio.settings import Settings
from studio.specs import Reply
from studio.storage.store import Store

from .test_cli import PICTURES, quiet, scripted, studio  # noqa: F401

Run = Callable[..., tuple[int, str, str]]
WORDS = """# My farm

The cow **wakes** up first[^1].

- milk
- hay

`code` and [a link](https://example.org).

[^1]: Always."""


@pytest.fixture
def text(tmp_path: Path) -> Path:
    (tmp_path / "in" / "images").mkdir(parents=True)
    (tmp_path / "in" / "images" / "cat.webp").write_bytes((PICTURES / "cat.webp").read_bytes())
    path = tmp_path / "in" / "farm.md"
    path.write_text(f"{WORDS}\n\n![The cat](images/cat.webp)\n\n![Gone](images/gone.png)\n")
    return path


@pytest.mark.parametrize("suffix", ["docx", "pdf", "html", "xlsx", "zip", "md"])
def test_convert_exports_without_any_model(studio: Run, text: Path, tmp_path: Path, suffix: str) -> None:  # noqa: F811
    out = tmp_path / "out" / f"farm.{suffix}"
    code, said, error = studio("convert", text, "--out", out, "--composer", "/nowhere")
    assert (code, said.strip()) == (0, str(out)) and "images/gone.png was not found" in error
    assert out.stat().st_size > 100
    assert not Path("data").exists(), "nothing is kept"
    if suffix == "md":
        assert out.read_text().startswith("# My farm") and list((tmp_path / "out" / "images").iterdir())


def test_convert_says_what_is_wrong(studio: Run, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "empty.md").write_text(" ")
    for arguments, words in [
        (["none.md", "--out", "a.pdf"], "no file none.md"),
        (["empty.md", "--out", "a.pdf"], "no text yet"),
        (["empty.md", "--out", "a.exe"], "format exe is not known"),
    ]:
        code, _, error = studio("convert", *arguments)
        assert code == 1 and words in error and "Traceback" not in error


def test_illustrate_keeps_every_word(
    studio: Run,  # noqa: F811
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(monkeypatch, "own_text", Reply("never asked for words", match="no such prompt"))
    out = tmp_path / "farm.zip"
    code, _, error = studio("illustrate", text, "--images", "2", "--out", out)
    assert code == 0, error
    with zipfile.ZipFile(out) as made:
        shown, about = made.read("article.md").decode(), json.loads(made.read("about.json"))
    assert len(about["pictures"]) == 3, "the person's own one, and two more"
    assert about["own_text"] is True and about["model"] == ""
    kept = [line for line in shown.split("\n\n") if not line.startswith(("![The cat](", "![A ", "*"))]
    words = to_text(parse("\n\n".join(kept))).split()
    assert [w for w in to_text(parse(WORDS)).split() if w not in words] == []
    assert "![The cat](images/" in shown and "The cat\\*" not in shown


def test_open_puts_an_export_back_for_whoever_has_the_address(studio: Run, text: Path, tmp_path: Path) -> None:  # noqa: F811
    assert studio("convert", text, "--out", "farm.zip")[0] == 0
    code, said, error = studio("open", "farm.zip", "--port", "7777")
    assert (code, said.strip()) == (0, "My farm") and "http://127.0.0.1:7777/open/" in error
    ticket = error.split("/open/")[1].split()[0]
    store = Store(Settings(data=str(tmp_path / "data")).folder)
    assert store.give_articles("ticket:other", "me") == 0 and store.list_articles("me") == []
    assert store.give_articles(f"ticket:{ticket}", "me") == 1
    (row,) = store.list_articles("me")
    article = store.article("me", row.id)
    assert article.title == "My farm" and all(store.may_see("me", p.key) for p in article.pictures)
    assert store.give_articles(f"ticket:{ticket}", "you") == 0
    store.close()
