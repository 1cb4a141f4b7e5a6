"""A tool touches one file; what every tool has; what the small ones do."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.documents.article import Picture
from studio.errors import InputError
from studio.settings import Settings
from studio.tasks.progress import Stop
from studio.tools import builtin, registry
from studio.tools.builtin.calculator import calculate, solve
from studio.tools.registry import FoundPicture, Toolbox, ToolContext, arguments_problem, named_nearly, spec_of

TOY = '''
"""A toy: says it back."""

from studio.tools.registry import FixedTools, SimpleTool, ToolResult, ToolSource


class Echo(SimpleTool):
    name = "echo"
    words = ("Echo", "回声")
    description = ("Say it back.", "重复一遍。")
    parameters = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}

    def run(self, arguments, context):
        return ToolResult(arguments["text"] * 2)


TOOLS = ToolSource(99, lambda settings: FixedTools(Echo()))
'''


@pytest.fixture
def toolbox(tmp_path: Path) -> Iterator[Toolbox]:
    opened = Toolbox(Settings(data=str(tmp_path)))
    yield opened
    opened.close()


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder of tools with one file more."""
    (tmp_path / "toy_tool.py").write_text(TOY)
    monkeypatch.setattr(builtin, "__path__", [*builtin.__path__, str(tmp_path)])
    registry.all_sources.cache_clear()
    yield
    sys.modules.pop(f"{builtin.__name__}.toy_tool", None)
    registry.all_sources.cache_clear()


def context(tmp_path: Path) -> ToolContext:
    def find(query: str, limit: int) -> list[FoundPicture]:
        return [FoundPicture(Picture(str(n)), f"{query} {n}") for n in range(limit)] if query != "nothing" else []

    return ToolContext("me", "c", "en", Stop(), tmp_path, find)


def test_one_module_is_a_tool_everywhere(toy: None, toolbox: Toolbox, tmp_path: Path) -> None:
    assert [tool.name for tool in toolbox.all][-1] == "echo"
    tool = toolbox.find("echo")
    assert tool is not None and tool.run({"text": "ha"}, context(tmp_path)).text == "haha"
    assert spec_of(tool, "zh").description == "重复一遍。" and toolbox.find("Toys.echo") is tool
    assert "'text' is a required property" in arguments_problem(tool, {})
    assert "wrong at text: 3 is not of type 'string'" in arguments_problem(tool, {"text": 3})
    assert arguments_problem(tool, {"text": ""}) == ""


def test_without_the_module_there_is_no_such_tool(toolbox: Toolbox) -> None:
    assert toolbox.find("echo") is None
    assert [tool.name for tool in toolbox.all] == ["python", "arxiv", "library", "calculator", "date"]


def test_every_tool_has_words_in_both_languages_and_a_schema(toolbox: Toolbox) -> None:
    from jsonschema import Draft202012Validator

    for tool in toolbox.all:
        Draft202012Validator.check_schema(dict(tool.parameters))
        assert tool.parameters["type"] == "object"
        for english, chinese in (tool.words, tool.description):
            assert english.isascii() and any("\u4e00" <= c <= "\u9fff" for c in chinese)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(1 + 2) ÷ 3 × 4 =", 4),
        ("2^10", 1024),
        ("-7 // 2 % 5", 1),
        ("sqrt(16) + round(pi, 2)", 7.14),
        ("max(1, 2, 3) - abs(-1)", 2),
        ("2 ** 100", 2**100),
        ("1e3", 1000.0),
    ],
)
def test_the_calculator(expression: str, value: float) -> None:
    assert calculate(expression) == pytest.approx(value)


@pytest.mark.parametrize(
    "expression",
    [
        "", "1 / 0", "2 +", "x", "__import__('os')", "(1).real", "[1]", "'a' * 9", "9 ** 9 ** 9", "2 ** 100000",
        "1" * 501, "(" * 240 + "1" + ")" * 240, "-" * 300 + "1", "sqrt(-1)", "(-1) ** 0.5", "True + 1", "lambda: 1",
        "log(0)", "round(1, 2, 3)", "1e308 * 10 ** 400", "sqrt(x=1)", "\0", "10 ** 3000 * 10 ** 3000",
    ],
)  # fmt: skip
def test_what_is_no_arithmetic_is_told_at_once(expression: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError, match="cannot be calculated"):
        calculate(expression)
    assert time.monotonic() - started < 1


def test_dates(toolbox: Toolbox, tmp_path: Path) -> None:
    tool = toolbox.find("date")
    assert tool is not None
    text = tool.run({"date": "2024-02-29", "since": "2024-01-01", "time_zone": "Asia/Shanghai"}, context(tmp_path)).text
    assert "2024-02-29: Thursday 星期四" in text and "From 2024-01-01 to 2024-02-29: 59 days" in text and "CST" in text
    assert tool.run({}, context(tmp_path)).text.startswith(f"Now: {time.strftime('%Y-%m-%d')}")
    for wrong in (
        {"date": "2023-02-29"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "Mars"},
        {"time_zone": "/etc"},
    ):
        with pytest.raises(InputError):
            tool.run(wrong, context(tmp_path))


def test_pictures(toolbox: Toolbox, tmp_path: Path) -> None:
    tool = toolbox.find("library")
    assert tool is not None
    result = tool.run({"query": "lake", "count": 2}, context(tmp_path))
    assert result.text == "These pictures are shown:\n1. lake 0\n2. lake 1" and len(result.pictures) == 2
    assert "No picture" in tool.run({"query": "nothing"}, context(tmp_path)).text
    assert arguments_problem(tool, {"query": "a", "count": 99})


@pytest.mark.parametrize(
    ("equation", "solved"),
    [
        ("2*X=1360", ("X", 680)),
        ("2X＝1360", ("X", 680)),
        ("2*x + 3 = x - 7", ("x", -10)),
        ("4 * t = 2", ("t", 0.5)),
        *((other, None) for other in ("x**2 = 4", "x = y", "1/x = 2", "3 = 3", "1 + 1 =", "0*x = 1", "10**3000*x = 1")),
    ],
)
def test_a_linear_equation_is_solved_and_no_other(equation: str, solved: tuple[str, float] | None) -> None:
    assert solve(equation) == solved


def test_a_tool_is_known_by_nearly_its_name(tmp_path: Path) -> None:
    toolbox = Toolbox(Settings(data=str(tmp_path)))
    try:
        on = {tool.name: tool for tool in toolbox.all if tool.name in ("python", "calculator", "arxiv")}
        meant = {
            "Calculator": "calculator",
            "calculater": "calculator",
            "python_interpreter": "python",
            "arxiv.search": "arxiv",
        }
        for written, name in meant.items():
            tool = named_nearly(written, on)
            assert tool is not None and tool.name == name
        for written in ("weather", "", "_", "python calculator", "library"):
            assert named_nearly(written, on) is None
    finally:
        toolbox.close()
