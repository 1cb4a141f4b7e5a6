"""`studio batch`, with the scripted engine in the place of a model."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from PIL import Image

from studio.cli import batch as command
from studio.cli.main import main
from studio.specs import Reply, ScriptedSpec
from studio.tasks.fill_table import TableJob

Run = Callable[..., int]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for n, name in enumerate(("a.png", "b.png")):
        Image.new("RGB", (8, 6), (n, 90, 200)).save(folder / name)
    (folder / "notes.txt").write_text("hello")
    return folder


@pytest.fixture
def run(tmp_path: Path, album: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run it with these replies; gives the exit code."""
    (tmp_path / "questions.txt").write_bytes(b"\xef\xbb\xbfWhat?\r\n\r\nWhere?\r\n")
    monkeypatch.setenv("STUDIO_LANGUAGE", "en")

    def run(out: Path, *arguments: str, replies: tuple[str | Reply, ...] = (), questions: str = "questions.txt") -> int:
        monkeypatch.setattr(
            command, "plan", lambda _: ScriptedSpec(tuple(r if isinstance(r, Reply) else Reply(r) for r in replies))
        )
        data = ("--data", str(tmp_path / "data"))
        asked = ("--questions", str(tmp_path / questions), "--out", str(out))
        try:
            main(["batch", str(album), *asked, *data, *arguments])
        except SystemExit as e:
            return int(e.code or 0)
        return 0

    return run


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_a_folder_becomes_a_sheet(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new folder" / "table.xlsx"
    assert run(out, replies=("A1.", "A2.", "B1.", "B2.")) == 0
    shown = capsys.readouterr()
    assert shown.out.strip() == str(out) and "notes.txt is not a picture" in shown.err
    sheet = openpyxl.load_workbook(out)["Table"]
    assert list(sheet.iter_rows(values_only=True)) == [
        ("Picture", "Name", "What?", "Where?"),
        (None, "a.png", "A1.", "A2."),
        (None, "b.png", "B1.", "B2."),
    ]
    assert len(sheet._images) == 2


def test_ctrl_c_keeps_what_is_there_and_resume_asks_the_rest(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.csv"

    def interrupted(running: TableJob) -> None:
        next(f for f in running.updates() if f.number == 3)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "_follow", interrupted)
        slow = Reply("and so on " * 500, pace=0.05)  # still at it when Ctrl+C comes
        assert run(out, replies=("A1.", "A2.", "B1.", slow)) == 130
    told = capsys.readouterr().err
    assert "Stopped: 3 of 4 answers are kept" in told and "--resume" in told
    assert rows(out)[1:2] == [["a.png", "A1.", "A2."]] and rows(out)[2][1] == "B1."
    assert run(out, "--resume", replies=("B2.",)) == 0  # there is no other reply: asking again would fail
    assert rows(out)[1:] == [["a.png", "A1.", "A2."], ["b.png", "B1.", "B2."]]


def test_failed_cells_are_an_exit_code_and_resume_asks_them_again(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.csv"
    assert run(out, replies=("A1.", "A2.", "B1.")) == 1
    assert "1 of 4 answers failed" in capsys.readouterr().err
    assert "no reply left" in rows(out)[2][2]
    assert run(out, "--resume", replies=("B2.",)) == 0
    assert rows(out)[2] == ["b.png", "B1.", "B2."]


def test_without_resume_everything_is_asked_again(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "t.csv"
    assert run(out, replies=("A1.", "A2.", "B1.", "B2.")) == 0
    assert run(out, replies=("a1.", "a2.", "b1.", "b2.")) == 0
    assert rows(out)[1] == ["a.png", "a1.", "a2."]


def test_chinese_questions_of_an_old_editor(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gbk.txt").write_bytes("图里有什么？".encode("gb18030"))
    assert run(tmp_path / "t.csv", replies=("猫。", "狗。"), questions="gbk.txt") == 0
    assert rows(tmp_path / "t.csv")[:2] == [["名称", "图里有什么？"], ["a.png", "猫。"]]
    assert "gbk.txt does not say its encoding; it was read as GB 18030" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "questions", "said"),
    [
        ("t.pdf", "questions.txt", "The format pdf is not known; choose one of xlsx, csv"),
        ("t.csv", "nowhere.txt", "There is no file"),
        ("t.csv", "empty.txt", "There is no question yet"),
        ("t.csv", "noise.txt", "is not a text file"),
    ],
)
def test_what_cannot_work_is_said_in_a_sentence(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, questions: str, said: str
) -> None:
    (tmp_path / "empty.txt").write_text("\r\n  \n")
    (tmp_path / "noise.txt").write_bytes(b"\xff\xff\xff\x80")
    assert run(tmp_path / out, questions=questions) == 1
    assert said in capsys.readouterr().err and not (tmp_path / out).exists()
