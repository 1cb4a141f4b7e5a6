"""Python code, as in a notebook that belongs to the conversation. Where it runs and what holds it: `tools/sandbox`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.documents.steps import StepFile
from studio.errors import InputError, StudioError
from studio.prompts.tool_protocol import CODE_TOOL
from studio.settings import Settings
from studio.storage.conversation_files import agent_folder, list_files
from studio.storage.regular_file import read_regular
from studio.tools.registry import DrawnPicture, FixedTools, ToolContext, ToolResult, ToolSource
from studio.tools.sandbox.code_pool import CodePool
from studio.tools.sandbox.code_process import Run

MAX_CODE = 50_000  # characters
MAX_PICTURE_FILES = 4  # that code wrote, shown where it drew nothing else
MAX_PICTURE_BYTES = 20 << 20
MAX_FILES = 20  # that are named in a result


class PythonTool:
    """See the module."""

    name = CODE_TOOL
    words = ("Python", "Python 代码")
    description = (
        "Run Python code; variables stay for the whole conversation. The value of the last line, printed text, tables"
        " and plots are shown. The files of the conversation are in the current folder. There is no network.",
        "运行 Python 代码，变量在整个对话中保留。会显示最后一行的值、打印的文字、表格和图。"
        "对话的文件在当前文件夹中，不能联网。",
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"code": {"type": "string", "description": "The code / 代码"}},
        "required": ["code"],
    }

    def __init__(self, pool: CodePool) -> None:
        self.pool = pool

    def unavailable(self) -> StudioError | None:
        """Where code cannot be kept apart."""
        return self.pool.unavailable()

    def warm(self) -> None:
        """Start a process."""
        self.pool.warm()

    def close(self) -> None:
        """End all processes."""
        self.pool.close()

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Raises StudioError when the code was ended, because it took too much or the person stopped it."""
        code = arguments["code"]
        if len(code) > MAX_CODE:
            raise InputError("code_too_long", length=len(code), limit=MAX_CODE)
        before = _stamps(context.folder)
        run, forgot = self.pool.run(context.folder, code, context.stop)
        after = _stamps(context.folder)
        files = tuple(f for f in list_files(context.folder) if before.get(f.name) != after.get(f.name))[:MAX_FILES]
        drawn = tuple(DrawnPicture(data, f"plot {i}") for i, data in enumerate(run.pictures, 1))
        drawn = drawn or _drawn_files(context.folder, files)
        return ToolResult(_text(run, forgot, len(drawn), files), run.failed, drawn, (), run.tables, files)


def _text(run: Run, forgot: bool, drawn: int, files: tuple[StepFile, ...]) -> str:
    """What the model is told."""
    lines = ["(The variables of earlier code are gone: define them again.)"] if forgot else []
    lines += [run.text] if run.text else []
    lines += [f"({drawn} {'picture is' if drawn == 1 else 'pictures are'} shown to the person.)"] if drawn else []
    lines += [f"(Files written: {', '.join(file.name for file in files)})"] if files else []
    return "\n".join(lines)


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of each file, to see which change."""
    stamps = {}
    for file in list_files(folder):
        try:
            facts = os.stat(folder / file.name, follow_symlinks=False)
        except OSError:
            continue
        stamps[file.name] = (facts.st_size, facts.st_mtime_ns)
    return stamps


def _drawn_files(folder: Path, files: tuple[StepFile, ...]) -> tuple[DrawnPicture, ...]:
    drawn: list[DrawnPicture] = []
    for file in files:
        if file.name.lower().endswith((".png", ".jpg", ".jpeg", ".webp")) and len(drawn) < MAX_PICTURE_FILES:
            try:
                data = read_regular(folder / file.name, MAX_PICTURE_BYTES, follow_symlinks=False)
            except StudioError:
                continue  # it is there to be downloaded
            drawn.append(DrawnPicture(data, file.name))
    return tuple(drawn)


def _open(settings: Settings) -> FixedTools:
    return FixedTools(PythonTool(CodePool(agent_folder(settings.folder), settings.folder)))


TOOLS = ToolSource(10, _open)
