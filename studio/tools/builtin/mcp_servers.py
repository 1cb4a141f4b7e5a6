"""Tools of MCP servers that whoever runs the studio has named in a file (--mcp), in the form that other programs use:
`{"mcpServers": {"name": {"command": …, "args": […], "env": {…}}}}`, or `{"url": …}` for one that is reached over HTTP.

The official client speaks the protocol, in all its revisions, on an event loop of its own. Servers are connected when
somebody looks at the tools for the first time; until one has answered, an entry of its name says so.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.errors import InputError, StudioError
from studio.settings import Settings
from studio.tools.background import wait_for
from studio.tools.registry import (
    DrawnPicture,
    FixedTools,
    SimpleTool,
    ToolContext,
    ToolProvider,
    ToolResult,
    ToolSource,
)

if TYPE_CHECKING:
    from mcp import Client

CALL_SECONDS = 60.0
CONNECT_SECONDS = 20.0
RETRY_SECONDS = 30.0  # until a server that failed is connected again
MAX_TOOLS = 50  # of one server
MAX_TEXT = 20_000
MAX_PICTURES = 4
MAX_PICTURE_BYTES = 20 << 20
_NAME = re.compile(r"[\w-]{1,40}")


@dataclass(frozen=True)
class ServerEntry:
    """One server of the file: a program to start, or an address."""

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url: str = ""


def read_file(path: Path) -> tuple[ServerEntry, ...]:
    """The servers of a file. Raises InputError, with what is wrong."""
    try:
        data = json.loads(path.expanduser().read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise InputError("mcp_file_wrong", path=path, cause=str(e)) from e
    servers = data.get("mcpServers") if isinstance(data, dict) else None
    if not isinstance(servers, dict):
        raise InputError("mcp_file_wrong", path=path, cause="there is no mcpServers")
    return tuple(_entry(path, name, entry) for name, entry in servers.items())


def _entry(path: Path, name: str, entry: Any) -> ServerEntry:
    def wrong(cause: str) -> InputError:
        return InputError("mcp_file_wrong", path=path, cause=f"{name}: {cause}")

    if not _NAME.fullmatch(name):
        raise wrong("its name must have letters, digits, _ and - only")
    match entry:
        case {"url": str(url)} if url.startswith(("http://", "https://")):
            return ServerEntry(name, url=url)
        case {"command": str(command)} if command:
            args, env = entry.get("args", []), entry.get("env", {})
            if not isinstance(args, list) or not isinstance(env, dict):
                raise wrong("args must be a list, env an object")
            return ServerEntry(name, command, tuple(map(str, args)), {k: str(v) for k, v in env.items()})
    raise wrong("it has no command, and no url that begins with http")


class McpTool(SimpleTool):
    """One tool of a server."""

    def __init__(self, server: Server, name: str, title: str, description: str, parameters: Mapping[str, Any]) -> None:
        self._server, self._own_name = server, name
        self.name = f"{server.entry.name}.{name}"
        self.words = (f"{server.entry.name}: {title}", f"{server.entry.name}：{title}")
        self.description = (description, description)
        self.parameters = parameters

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Raises StudioError when the server does not answer."""
        return self._server.call(self._own_name, arguments, context)


class Unconnected(SimpleTool):
    """Stands for a server that cannot be used now."""

    parameters: Mapping[str, Any] = {"type": "object"}

    def __init__(self, server: Server) -> None:
        self._server = server
        self.name = server.entry.name
        self.words = self.description = (server.entry.name, server.entry.name)

    def unavailable(self) -> StudioError | None:
        """Why."""
        return self._server.fault

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Raises StudioError."""
        raise self._server.fault


class Server:
    """A server and the connection to it, which lives in a task on the event loop."""

    def __init__(self, entry: ServerEntry, loop: asyncio.AbstractEventLoop) -> None:
        self.entry, self._loop = entry, loop
        self.fault = StudioError("mcp_connecting", name=entry.name)
        self.tools: tuple[McpTool, ...] = ()
        self._client: Client | None = None
        self._tried = -RETRY_SECONDS
        self._task: Any = None

    def connect(self) -> None:
        """Begin to connect where it is not, and was not tried a moment ago. Returns at once."""
        now = time.monotonic()
        if self._client is None and now - self._tried >= RETRY_SECONDS and (self._task is None or self._task.done()):
            self._tried = now
            self._task = asyncio.run_coroutine_threadsafe(self._live(), self._loop)

    def call(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """The result of a tool. Raises StudioError."""
        if self._client is None:
            raise self.fault
        asked = self._client.call_tool(name, dict(arguments), read_timeout_seconds=CALL_SECONDS)
        try:
            answer = wait_for(asyncio.run_coroutine_threadsafe(asked, self._loop), context.stop, CALL_SECONDS)
        except TimeoutError as e:
            raise StudioError("mcp_slow", name=self.entry.name, seconds=round(CALL_SECONDS)) from e
        except StudioError:
            raise
        except Exception as e:  # noqa: BLE001 - a foreign server makes the client raise anything
            if not _is_answer(e):
                self._client, self.tools = None, ()  # it is connected again later
                self.close()
            raise StudioError("mcp_failed", name=self.entry.name, cause=_cause(e)) from e
        return read_answer(answer)

    def close(self) -> None:
        """End the connection, and the program that was started for it."""
        if self._task:
            self._task.cancel()

    async def _live(self) -> None:
        """The connection, from its beginning to its end, in one task, as the client wants it."""
        from mcp import Client, StdioServerParameters

        entry = self.entry
        target: Any = entry.url or StdioServerParameters(
            command=entry.command, args=[*entry.args], env=dict(entry.env) or None
        )
        client: Client | None = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS) as patience, Client(target) as client:
                listed = await client.list_tools()
                patience.reschedule(None)
                self.tools = tuple(self._tool(tool) for tool in listed.tools[:MAX_TOOLS])
                self._client = client
                await asyncio.Event().wait()
        except Exception as e:  # noqa: BLE001 - as in `call`
            self.fault = StudioError("mcp_failed", name=entry.name, cause=_cause(e))
        finally:
            if self._client is client:  # and not one that has taken its place
                self._client, self.tools = None, ()

    def _tool(self, tool: Any) -> McpTool:
        schema = tool.input_schema if isinstance(tool.input_schema, dict) else {"type": "object"}
        return McpTool(self, tool.name, tool.title or tool.name, (tool.description or tool.name)[:2_000], schema)


class McpTools:
    """The tools of all servers; see `ToolProvider`."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers = [Server(entry, self._loop) for entry in read_file(path)]
        self._thread = threading.Thread(target=self._loop.run_forever, name="mcp", daemon=True)

    @property
    def tools(self) -> Sequence[McpTool | Unconnected]:
        """Those of connected servers, and an entry for each other one, which is being connected from now on."""
        if not self._thread.is_alive():
            self._thread.start()
        for server in self._servers:
            server.connect()
        return [tool for server in self._servers for tool in server.tools or (Unconnected(server),)]

    def close(self) -> None:
        """End all connections."""
        if self._thread.is_alive():
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    async def _end(self) -> None:
        """Cancel the servers' tasks and wait until their programs have ended."""
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def read_answer(answer: Any) -> ToolResult:
    """What a server answered, of which nothing is believed."""
    texts: list[str] = []
    drawn: list[DrawnPicture] = []
    for part in answer.content:
        if part.type == "text":
            texts.append(str(part.text))
        elif part.type == "image" and len(drawn) < MAX_PICTURES and len(part.data) < MAX_PICTURE_BYTES * 4 // 3:
            with suppress(ValueError):
                drawn.append(DrawnPicture(base64.b64decode(part.data, validate=True), "picture"))
        else:
            texts.append(f"({part.type} is not shown)")
    structured = getattr(answer, "structured_content", None)
    if not texts and structured is not None:
        texts.append(json.dumps(structured, ensure_ascii=False))
    return ToolResult("\n".join(texts)[:MAX_TEXT], bool(answer.is_error), tuple(drawn))


def _is_answer(error: Exception) -> bool:
    """Whether the server itself refused the call."""
    from mcp import MCPError

    return isinstance(error, MCPError) and "closed" not in str(error).lower()


def _cause(error: BaseException) -> str:
    """The words of an error, or of the first one in a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return (str(error) or type(error).__name__)[:200]


def _open(settings: Settings) -> ToolProvider:
    return McpTools(Path(settings.mcp)) if settings.mcp else FixedTools()


TOOLS = ToolSource(60, _open)
