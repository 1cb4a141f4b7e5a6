"""A studio with forty articles under way, for `test_shutdown.py`: `python stopping.py DATA`."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from studio.protocol import ModelCard
from studio.specs import Reply, ScriptedSpec

SPEC = ScriptedSpec(
    (Reply("Words come one by one. " * 4000, pace=0.004, times=0),),
    ModelCard("scripted model", "starter", ("en", "zh"), sees=False, context=65536),
    batch=16,
)
PEOPLE = 40


def main(data: Path) -> None:
    """Begin the articles and an answer, say "ready" when text streams, and serve until a signal."""
    from studio.app import Studio
    from studio.documents.article import Brief
    from studio.documents.conversation import Conversation
    from studio.settings import Settings
    from studio.ui.shutdown import Server

    with socket.socket() as listening, Studio(Settings(data=str(data)), SPEC) as studio:
        listening.bind(("127.0.0.1", 0))
        answer = studio.answers.start("asker", Conversation().ask("Tell me about the sea"))
        jobs = [studio.jobs.start(f"person {i}", Brief(title=f"The sea {i}", images=0)) for i in range(PEOPLE)]
        next(state for state in answer.updates() if len(state.conversation.turns[-1].answer) > 20)
        next(state for state in jobs[0].updates() if len(state.article.markdown) > 50)

        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[None]:
            print("ready", studio.worker.pid, listening.getsockname()[1], flush=True)  # noqa: T201 - uvicorn takes signals from here on
            yield

        Server(studio, Starlette(routes=[Route("/", forever)], lifespan=lifespan)).run(sockets=[listening])


async def forever(request: Request) -> Response:
    """A page that stays open."""
    await asyncio.Event().wait()
    return Response()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs the tests in the background ignores it
    main(Path(sys.argv[1]))
