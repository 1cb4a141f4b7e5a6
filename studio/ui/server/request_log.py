"""A line of the log and a metric for every request, and a number for it that the answer carries."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.logs import log

_ROUTE = re.compile(
    r"/(?:(?:pictures|thumbnails|downloads|page|assets|static|svelte|healthz|metrics|login|logout|config|theme\.css)\b"
    r"|gradio_api/(?:queue/(?:join|data)|call|run|upload|file|component_server|cancel|heartbeat|info|config)\b|$)"
)
HEADER = "X-Request-ID"


class RequestLog:
    """The outermost layer. `observe(route, status, seconds)` is told of every answer."""

    def __init__(self, app: ASGIApp, observe: Callable[[str, int, float], None]) -> None:
        self._app, self._observe = app, observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, began, status = secrets.token_hex(4), time.monotonic(), 0

        async def numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = number
            await send(message)

        try:
            await self._app(scope, receive, numbered)
        finally:
            seconds, route = time.monotonic() - began, route_of(scope["path"])
            self._observe(route, status, seconds)
            log("request", id=number, method=scope["method"], route=route, status=status, seconds=round(seconds, 3))


def route_of(path: str) -> str:
    """The part of a path that is the studio's own: what follows may be a name or a secret."""
    found = _ROUTE.match(path)
    return found[0] if found else "other"
