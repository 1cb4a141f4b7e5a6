"""MCP servers of one's own: a real one over stdio, and all that can be wrong with a file or a server."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.errors import InputError, StudioError
from studio.settings import Settings
from studio.tasks.progress import Stop
from studio.tools.builtin import mcp_servers
from studio.tools.builtin.mcp_servers import McpTools, read_file
from studio.tools.registry import Tool, Toolbox, ToolContext, arguments_problem

STAND_IN = Path(__file__).with_name("mcp_stand_in.py")


def write(folder: Path, **servers: Any) -> Path:
    path = folder / "mcp.json"
    path.write_text(json.dumps({"mcpServers": servers}))
    return path


def connected(toolbox: Toolbox, name: str, seconds: float = 60.0) -> Tool:
    """The tool of that name, when its server has answered or failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if tool := toolbox.find(name):
            fault = tool.unavailable()
            if fault is None or fault.key != "mcp_connecting":
                return tool
        time.sleep(0.02)
    raise AssertionError(f"no {name} among {[tool.name for tool in toolbox.all]}")


def context(stop: Stop | None = None) -> ToolContext:
    return ToolContext("me", "c", "en", stop or Stop(), Path("/"))


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    folder = tmp_path_factory.mktemp("mcp")
    path = write(
        folder,
        stand_in={"command": sys.executable, "args": [str(STAND_IN)]},
        gone={"command": "/no/such/program"},
        nobody={"url": "http://127.0.0.1:9/mcp"},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_SECRET", "x")
        opened = Toolbox(Settings(data=str(folder), mcp=str(path)))
        yield opened
        opened.close()


def test_tools_of_a_server(toolbox: Toolbox) -> None:
    tool = connected(toolbox, "stand_in.add")
    assert tool.description[0] == "Add two numbers." and tool.words[0] == "stand_in: add"
    assert tool.run({"a": 2, "b": 3}, context()).text == "5"
    assert "'b' is a required property" in arguments_problem(tool, {"a": 1})
    drawn = connected(toolbox, "stand_in.draw").run({}, context())
    assert drawn.drawn[0].data.startswith(b"\x89PNG")
    failed = connected(toolbox, "stand_in.fail").run({}, context())
    assert failed.failed and "Error executing tool fail" in failed.text
    assert connected(toolbox, "stand_in.secret").run({}, context()).text == "[]", "it gets no settings of the studio"


def test_stop_and_slowness(toolbox: Toolbox, monkeypatch: pytest.MonkeyPatch) -> None:
    tool, stop, started = connected(toolbox, "stand_in.wait"), Stop(), time.monotonic()
    threading.Timer(0.3, stop.press).start()
    with pytest.raises(StudioError, match="stopped"):
        tool.run({}, context(stop))
    assert time.monotonic() - started < 10


def test_servers_that_do_not_work(toolbox: Toolbox) -> None:
    for name in ("gone", "nobody"):
        tool = connected(toolbox, name)
        fault = tool.unavailable()
        assert fault is not None and fault.key == "mcp_failed" and name in fault.say()
        with pytest.raises(StudioError):
            tool.run({}, context())


def test_a_server_that_ends_is_connected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_servers, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(mcp_servers, "CALL_SECONDS", 5.0)
    path = write(tmp_path, mine={"command": sys.executable, "args": [str(STAND_IN)]})
    toolbox = Toolbox(Settings(data=str(tmp_path), mcp=str(path)))
    try:
        with pytest.raises(StudioError) as caught:
            connected(toolbox, "mine.end").run({}, context())
        assert caught.value.key in ("mcp_failed", "mcp_slow")
        assert connected(toolbox, "mine.add").run({"a": 1, "b": 1}, context()).text == "2"
    finally:
        toolbox.close()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "Expecting value"),
        ("[]", "no mcpServers"),
        ('{"mcpServers": 3}', "no mcpServers"),
        ('{"mcpServers": {"a b": {"command": "x"}}}', "its name"),
        ('{"mcpServers": {"a": 3}}', "no command"),
        ('{"mcpServers": {"a": {"url": "file:///etc/passwd"}}}', "no command"),
        ('{"mcpServers": {"a": {"command": "x", "args": 3}}}', "args must be a list"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "mcp.json"
    path.write_text(text)
    with pytest.raises(InputError, match=cause):
        read_file(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        McpTools(tmp_path / "none.json")
