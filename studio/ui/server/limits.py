"""How much a request may bring and how long it may take: bodies, headers, connections.

uvicorn waits for ever for headers and bodies. `TimeoutProtocol` ends a connection whose headers do not come,
`read_chunks` a request whose body does not.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import h11
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive
from uvicorn.protocols.http.h11_impl import H11Protocol

from studio.errors import InputError, StudioError
from studio.ui.uploads import MAX_UPLOAD


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds. A body has `body_seconds`, and one more for every `slowest` bytes that came."""

    upload: int = MAX_UPLOAD + (1 << 20)  # with what a form adds
    json: int = 2 << 20
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    slowest: int = 8 << 10
    uploads_each: int = 6  # under way at once for one person
    uploads: int = 24  # and for all
    connections: int = 4000


class Refused(Exception):
    """A request that is answered with a status and a sentence, and goes no further."""

    def __init__(self, status: int, error: StudioError) -> None:
        super().__init__(status, error)
        self.status = status
        self.error = error


async def read_chunks(receive: Receive, limits: Limits, most: int) -> AsyncIterator[bytes]:
    """A body as it comes. Raises Refused for one that is too large or too slow, ClientDisconnect when it breaks off."""
    began, received, more = time.monotonic(), 0, True
    while more:
        left = began + limits.body_seconds + received / limits.slowest - time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), max(left, 0))
        except TimeoutError as e:
            raise Refused(408, InputError("body_too_slow")) from e
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        received += len(chunk)
        if received > most:
            raise Refused(413, InputError("body_too_large", limit=most >> 20))
        yield chunk


async def read_body(receive: Receive, limits: Limits, most: int) -> bytes:
    """A whole body. Raises as `read_chunks` does."""
    return b"".join([chunk async for chunk in read_chunks(receive, limits, most)])


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives this body first, then what comes after it: the client's leaving."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return waiting.pop() if waiting else await receive()

    return replayed


class TimeoutProtocol(H11Protocol):
    """HTTP/1.1 with a limit on how long the line and headers of a request may take; uvicorn makes one a connection."""

    head_seconds = Limits.head_seconds
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Some bytes came: of a head, or of the body of a request under way."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self.transport.close()
