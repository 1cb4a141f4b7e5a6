"""The whole page as an ASGI application: Gradio mounted on FastAPI behind the gate, the routes, and the guard."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import cache
from hashlib import sha256
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request, Response
from starlette.routing import Mount

from studio.api.health import add_health_route
from studio.api.metrics import Metrics
from studio.app import Studio
from studio.errors import StudioError
from studio.settings import assets
from studio.ui import STATIC
from studio.ui.article_editor import ArticleEditor, script_facts
from studio.ui.icons import icons
from studio.ui.identity import http_status
from studio.ui.login import Login
from studio.ui.server.gate import Gate
from studio.ui.server.guard import Address, Guard, refusal
from studio.ui.server.limits import Limits, Refused
from studio.ui.server.page import page, theme
from studio.ui.server.receiving import Receiver
from studio.ui.server.request_log import RequestLog
from studio.ui.server.routes import add_routes
from studio.ui.uploads import MAX_UPLOAD, Uploads, uploads_of
from studio.ui.words import i18n, page_words

_BETWEEN_SWEEPS = 3600.0  # seconds


def application(studio: Studio, limits: Limits | None = None) -> FastAPI:
    """See the module."""
    limits, settings = limits or Limits(), studio.settings
    uploads = uploads_of(studio)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)  # else pandas counts all events at the end of each
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
    os.chdir(tempfile.mkdtemp(prefix="studio-"))  # Gradio may serve files of the working folder: let there be none
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=_sweeping(uploads))
    add_health_route(app, studio)
    metrics = Metrics(studio)
    metrics.add_route(app)
    add_routes(app, studio, uploads, Receiver(uploads, limits))
    login = Login(settings.login)
    login.add_route(app)
    blocks = page(studio, ArticleEditor(studio))
    gr.mount_gradio_app(
        app,
        blocks,
        "/",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        max_file_size=MAX_UPLOAD,
        auth=login.auth,
        i18n=i18n(),
        theme=theme(),
        css=(STATIC / "page.css").read_text(),
        favicon_path=str(STATIC / "logo.svg"),
        show_error=True,
        # what events may put into Chat; nothing is served from there but by our own route
        allowed_paths=[str(settings.folder / "files"), str(assets() / "pictures")],
    )
    blocks.has_launched = True  # mounted, Gradio believes that it has not: then it checks no path at all
    mount = next(m for m in app.routes if isinstance(m, Mount) and isinstance(m.app, gr.routes.App))
    mounted: Any = mount.app
    login.attach(mounted)
    for each in (app, mounted):
        each.add_exception_handler(StudioError, _say)
    mount.app = Gate(mounted, blocks, uploads, limits)
    app.add_middleware(
        Guard,
        address=Address.of(f"{settings.host},{settings.allow_host}", settings.root_path),
        limits=limits,
        head=_head_script,
        login=login.name_of,
        needs_login=login.auth is not None,
    )
    app.add_middleware(RequestLog, observe=metrics.observe)
    return app


async def _say(request: Request, error: Exception) -> Response:
    """What a server function could not do."""
    assert isinstance(error, StudioError)
    return refusal(Refused(http_status(error), error), request)


def _sweeping(uploads: Uploads) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Removes files of yesterday at the start and every hour."""

    async def sweep() -> None:
        while True:
            await asyncio.to_thread(uploads.sweep)
            await asyncio.sleep(_BETWEEN_SWEEPS)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(sweep())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return lifespan


def _head_script(identity: str) -> str:
    """What must be on the page before Gradio's own scripts run (its `head=` comes too late). Drafts are kept in the
    browser under a name that tells nothing of who they are of."""
    person = sha256(f"drafts of {identity}".encode()).hexdigest()[:16]
    return f'{_scripts()}\nwindow.studio.person = "{person}";'


@cache
def _scripts() -> str:
    return f"{(STATIC / 'language.js').read_text()}\n{script_facts(page_words(), icons(), MAX_UPLOAD)}"
