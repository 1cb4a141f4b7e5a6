"""The server's end, in order: nothing new, what is under way stopped and kept, pages told, the worker and files closed.

uvicorn sends the process the signal once more when its loop has ended, and SIGTERM then kills it: no `with` and no
`finally` around `run` is left. So the studio is closed inside, before uvicorn goes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from studio.app import Studio

GRACE = 2  # seconds for pages to read the last words; open ones hold their connections for ever


class Server(uvicorn.Server):
    """Serves a studio until SIGTERM or Ctrl+C, and then closes it. A second Ctrl+C ends at once."""

    def __init__(self, studio: Studio, app: ASGIApp, **config: object) -> None:
        options = {"log_level": "warning", "timeout_graceful_shutdown": GRACE} | config
        super().__init__(uvicorn.Config(app, **options))  # type: ignore[arg-type]
        self._studio = studio

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop what is under way first, so that open pages are told; close the studio last."""
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        await asyncio.to_thread(self._studio.stop)
        await super().shutdown(sockets)
        await asyncio.to_thread(self._studio.close)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; at a second Ctrl+C without any order: what is kept is kept, the worker ends with its pipe."""
        if self.should_exit and sig == signal.SIGINT:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)
