"""Python code as in a notebook: names stay from run to run, the last expression is shown, and what was drawn.

Runs in the sandbox's process and knows nothing of it. pandas and matplotlib are used where the code has loaded them.
"""

from __future__ import annotations

import ast
import builtins
import io
import linecache
import sys
import traceback
import types
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

MAX_TEXT = 20_000  # characters of output that are kept
MAX_PICTURES = 8
MAX_TABLES = 4
MAX_ROWS, MAX_COLUMNS, MAX_CELL = 50, 30, 200  # of a table that is shown
PACKAGES = ("numpy", "pandas", "matplotlib", "sympy", "scipy", "PIL", "openpyxl", "sklearn", "seaborn")
NAMES_OF_CHINESE_FONTS = ("SimHei", "SimSun", "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei", "Noto Sans CJK SC")


@dataclass
class Outcome:
    """What came of a run. A table is a list of columns, a list of rows, and how many rows are left out."""

    text: str = ""
    failed: bool = False
    pictures: list[bytes] = field(default_factory=list)
    tables: list[tuple[list[str], list[list[str]], int]] = field(default_factory=list)


class _Output(io.TextIOBase):
    """Keeps the beginning of what is printed, and counts the rest."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = MAX_TEXT
        self._left_out = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        kept = str(text)[: self._room]
        if kept:
            self._parts.append(kept)
        self._room -= len(kept)
        self._left_out += len(text) - len(kept)
        return len(text)

    def text(self) -> str:
        """What was kept, with a note about the rest."""
        note = f"\n… ({self._left_out:,} characters of output left out)" if self._left_out else ""
        return "".join(self._parts) + note


class Notebook:
    """The state of one conversation."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, "display": self._display}
        self._outcome = Outcome()
        self._output = _Output()
        self._count = 0
        self.running = False
        builtins.input = _no_input

    def run(self, code: str) -> Outcome:
        """Run code; what it raises is part of the outcome."""
        self._outcome, self._output = Outcome(), _Output()
        self._count += 1
        name = f"<cell {self._count}>"
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        with redirect_stdout(self._output), redirect_stderr(self._output):
            try:
                self.running = True
                self._execute(code, name)
                self._show_figures()
            except SystemExit:
                pass
            except BaseException as e:  # noqa: BLE001 - whatever the code raises is its result
                self.running = False
                self._outcome.failed = True
                self._output.write(_traceback(e, name))
            finally:
                self.running = False
        with suppress(Exception):
            _close_figures()
        self._outcome.text = self._output.text().strip()
        return self._outcome

    def interrupt(self, *_: object) -> None:
        """The handler of SIGINT: ends the code that runs."""
        if self.running:
            self.running = False
            raise KeyboardInterrupt

    def _execute(self, code: str, name: str) -> None:
        tree = _parse(code, name)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr) and not code.rstrip().endswith(";"):
            exec(compile(ast.Module(tree.body[:-1], []), name, "exec"), self._names)
            self._display(eval(compile(ast.Expression(last.value), name, "eval"), self._names))
        else:
            exec(compile(tree, name, "exec"), self._names)

    def _display(self, *values: Any) -> None:
        """Show values: tables and pictures as such, everything else by its repr."""
        for value in values:
            if value is None:
                continue
            self._names["_"] = value
            if (table := _table(value)) and len(self._outcome.tables) < MAX_TABLES:
                self._outcome.tables.append(table)
            if picture := _picture(value):
                self._add_picture(picture)
            elif not _is_drawing(value):
                self._output.write(f"{value!r}\n")

    def _add_picture(self, picture: bytes) -> None:
        if len(self._outcome.pictures) < MAX_PICTURES:
            self._outcome.pictures.append(picture)

    def _show_figures(self) -> None:
        """Every figure of pyplot that is open, also without `show`."""
        if pyplot := sys.modules.get("matplotlib.pyplot"):
            for number in pyplot.get_fignums():
                self._add_picture(_png(pyplot.figure(number)))


def _parse(code: str, name: str) -> ast.Module:
    try:
        return ast.parse(code, name)
    except SyntaxError:  # IPython's own lines, which say nothing here: %matplotlib inline
        lines = [line for line in code.split("\n") if not line.startswith("%")]
        if any(line.startswith("!") for line in lines):
            raise SyntaxError("Shell commands (!…) do not work here, and nothing can be installed.") from None
        return ast.parse("\n".join(lines), name)


def _table(value: Any) -> tuple[list[str], list[list[str]], int] | None:
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.DataFrame | pandas.Series):
        return None
    frame = value.to_frame() if isinstance(value, pandas.Series) else value
    shown = frame.iloc[:MAX_ROWS, :MAX_COLUMNS]
    if not isinstance(shown.index, pandas.RangeIndex):
        shown = shown.reset_index()
    rows = [[_cell(cell) for cell in row] for row in shown.itertuples(index=False, name=None)]
    return [_cell(column) for column in shown.columns], rows, max(0, len(frame) - MAX_ROWS)


def _cell(value: Any) -> str:
    return str(value)[:MAX_CELL]


def _picture(value: Any) -> bytes | None:
    """The PNG of a figure or a Pillow image."""
    if (figures := sys.modules.get("matplotlib.figure")) and isinstance(value, figures.Figure):
        number = getattr(value, "number", None)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot and number is not None and pyplot.fignum_exists(number):
            return None  # it is shown with all open ones
        return _png(value)
    if (images := sys.modules.get("PIL.Image")) and isinstance(value, images.Image):
        buffer = io.BytesIO()
        value.convert("RGB").save(buffer, "PNG")
        return buffer.getvalue()
    return None


def _is_drawing(value: Any) -> bool:
    """What pyplot's functions return says nothing to people: axes, lines, bars."""
    parts = value if isinstance(value, list | tuple) and value else [value]
    first = parts[0]
    return type(first).__module__.startswith(("matplotlib.", "PIL.")) or (
        type(first).__module__ == "numpy" and first.dtype.kind == "O"
    )


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    return buffer.getvalue()


def _close_figures() -> None:
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def _traceback(error: BaseException, name: str) -> str:
    """What a notebook says of an error, with the frames of its own cells alone: what a library did below them says
    nothing to a model, and fills its context. With a hint where one helps."""
    if isinstance(error, KeyboardInterrupt):
        return "\nStopped.\n"
    shown = traceback.TracebackException.from_exception(error, limit=30)
    chain: traceback.TracebackException | None = shown
    while chain:
        frames = [frame for frame in chain.stack if frame.filename.startswith("<cell")]
        chain.stack = traceback.StackSummary.from_list(frames)
        chain = chain.__cause__ or chain.__context__
    text = "".join(shown.format())
    return (text if len(text) < 6_000 else f"{text[:2_000]}\n…\n{text[-4_000:]}") + _hint(error)


def _hint(error: BaseException) -> str:
    match error:
        case ModuleNotFoundError():
            here = ", ".join(package for package in PACKAGES if find_spec(package))
            return f"There is no package {error.name} here, and none can be installed. There are: {here}.\n"
        case MemoryError():
            return "The code needs more memory than it may have.\n"
        case PermissionError() | ConnectionError():
            return "Code has no network here, starts no programs, and reaches only files in its current folder.\n"
        case OSError() if type(error).__name__ in ("gaierror", "URLError"):
            return "Code has no network here.\n"
    return ""


def _no_input(prompt: object = "") -> str:
    raise RuntimeError("Nobody can type here: input() does not work. Put the value into the code.")


def prepare() -> None:
    """Load what most code wants, so that it starts at once, and make plots readable: no windows, Chinese characters."""
    with suppress(Exception):
        import pandas  # noqa: F401
    with suppress(Exception):
        import sympy  # noqa: F401
    with suppress(Exception):
        from matplotlib import font_manager, pyplot, rcParams

        pyplot.show = lambda *args, **kwargs: None
        rcParams["axes.unicode_minus"] = False
        rcParams["figure.max_open_warning"] = 0
        with suppress(ImportError):
            from pylopdf_fonts_zh_cn import sans_path

            _add_chinese_font(font_manager, rcParams, str(sans_path()))


def _add_chinese_font(font_manager: types.ModuleType, settings: Any, path: str) -> None:
    """As a fallback of the default font, and under the names that Chinese code asks for."""
    manager = font_manager.fontManager
    manager.addfont(path)
    entry = manager.ttflist[-1]
    settings["font.family"] = ["DejaVu Sans", entry.name]
    for name in NAMES_OF_CHINESE_FONTS:
        manager.ttflist.append(font_manager.FontEntry(fname=path, name=name, style="normal", weight=400))


def to_data(outcome: Outcome) -> tuple[Mapping[str, Any], list[bytes]]:
    """As JSON data, and the pictures."""
    return {"text": outcome.text, "failed": outcome.failed, "tables": outcome.tables}, outcome.pictures
