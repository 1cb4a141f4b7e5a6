"""An MCP server for `test_mcp.py`: adds, draws, fails, waits, ends."""

from __future__ import annotations

import os
import time

from mcp.server import MCPServer
from mcp.server.mcpserver import Image

PNG = bytes.fromhex("89504e470d0a1a0a") + b"no more of it"
server = MCPServer("stand-in")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def draw() -> Image:
    """Draw something."""
    return Image(data=PNG, format="png")


@server.tool()
def fail() -> str:
    """Fail."""
    raise ValueError("on purpose")


@server.tool()
def wait() -> str:
    """Wait for a minute."""
    time.sleep(60)
    return "late"


@server.tool()
def end() -> str:
    """End the server."""
    os._exit(1)


@server.tool()
def secret() -> str:
    """The environment."""
    return str(sorted(name for name in os.environ if name.startswith("STUDIO")))


if __name__ == "__main__":
    server.run()
