"""The page's server: Gradio mounted on FastAPI, with the routes and guards that Gradio does not bring.

Pictures are served by their hash, which nobody can guess who was not given it. Answers to other origins' posts, and
pages that load anything from another host, are refused.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import gradio as gr
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from starlette.routing import Mount

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.errors import NotFoundError, StorageError
from studio.settings import Settings
from studio.specs import GgufSpec, NativeSpec
from studio.storage.process_locks import FolderLock
from studio.ui import STATIC
from studio.ui.article_editor import Desk, script_facts
from studio.ui.icons import icons
from studio.ui.identity import COOKIE, language
from studio.ui.login import Login
from studio.ui.shutdown import Server
from studio.ui.tabs.about import about_tab
from studio.ui.tabs.chat import chat_api, chat_tab
from studio.ui.tabs.history import history_tab
from studio.ui.tabs.library import library_tab
from studio.ui.tabs.table import table_tab
from studio.ui.tabs.write import write_api, write_tab
from studio.ui.words import WORDS, i18n

MAX_UPLOAD = 500 << 20  # bytes: a zip of a hundred phone pictures
MAX_EVENTS = 4000  # of all pages at once
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:;"
    " script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; worker-src 'self' blob:; connect-src 'self';"
    " frame-ancestors 'self'"
)
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # a picture's address names its bytes
Next = Callable[[Request], Awaitable[Response]]


def serve(settings: Settings) -> None:
    """Run until Ctrl+C. Raises StorageError when the port is taken."""
    listening = _listen(settings.host, settings.port)
    address = f"http://{settings.host}:{settings.port}"
    with FolderLock(settings.folder, address), Studio(settings, plan(settings)) as studio:
        server = Server(studio, application(studio))
        os.write(2, f"XComposer Studio: {address}  (Ctrl+C ends it)\n".encode())
        server.run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Bind before any model is loaded, so that a taken port is told at once."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as e:
        raise StorageError("port_in_use", host=host, port=port) from e
    return listening


def application(studio: Studio) -> FastAPI:
    """The whole page as an ASGI application."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)  # else pandas counts all events at the end of each
    os.environ["GRADIO_TEMP_DIR"] = str(studio.settings.folder / "page")
    os.chdir(tempfile.mkdtemp(prefix="studio-"))  # Gradio may serve files of the working folder: let there be none
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(_guard)
    app.add_exception_handler(StorageError, _say_fault)

    @app.get("/healthz")
    def health() -> JSONResponse:
        return JSONResponse({"state": studio.lane.state, "waiting": studio.lane.waiting})

    @app.get("/pictures/{key}")
    def picture(key: str) -> Response:
        try:
            data, mime = studio.store.read_file(key), studio.store.file_type(key)
        except NotFoundError:
            return Response(status_code=404)
        return Response(data, media_type=mime, headers=_FOREVER)

    @app.get("/thumbnails/{key}")
    def thumbnail(key: str) -> Response:
        try:
            return FileResponse(studio.thumbnails.path(key), media_type="image/webp", headers=_FOREVER)
        except NotFoundError:
            return Response(status_code=404)

    scripts = {script.name for script in STATIC.glob("*.js")}

    @app.get("/page/{name}")
    def script(name: str) -> Response:
        if name not in scripts:
            return Response(status_code=404)
        return FileResponse(STATIC / name, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    desk = Desk(studio)
    login = Login(studio.settings.login)
    login.add_route(app)

    @app.get("/downloads/{token}")
    def download(token: str) -> Response:
        if not (path := desk.downloads.pop(token, None)):
            return Response(status_code=404)
        return FileResponse(path, filename=path.name, content_disposition_type="attachment")

    gr.mount_gradio_app(
        app,
        page(studio, desk),
        "/",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        max_file_size=MAX_UPLOAD,
        auth=login.auth,
        i18n=i18n(),
        theme=_theme(),
        css=(STATIC / "page.css").read_text(),
        favicon_path=str(STATIC / "logo.svg"),
        show_error=True,
    )
    login.attach(_mounted(app))
    app.state.login = login.name_of
    return app


def _mounted(app: FastAPI) -> gr.routes.App:
    return next(m.app for m in app.routes if isinstance(m, Mount) and isinstance(m.app, gr.routes.App))


def _theme() -> gr.themes.Base:
    """Paper and ink; the colours themselves are variables of `page.css`, which has a light and a dark set."""
    theme = gr.themes.Base(
        radius_size=gr.themes.sizes.radius_md,
        font=["system-ui", "PingFang SC", "Noto Sans CJK SC", "sans-serif"],
        primary_hue=gr.themes.colors.red,
        neutral_hue=gr.themes.colors.stone,
    )
    colours = {
        "body_background_fill": "paper",
        "block_background_fill": "raised",
        "background_fill_primary": "raised",
        "background_fill_secondary": "paper",
        "input_background_fill": "paper",
        "block_border_color": "line",
        "border_color_primary": "line",
        "input_border_color": "line",
        "body_text_color": "ink",
        "block_label_text_color": "soft",
        "block_title_text_color": "ink",
        "body_text_color_subdued": "soft",
        "input_placeholder_color": "soft",
        "button_secondary_background_fill": "raised",
        "button_secondary_border_color": "line",
        "button_secondary_text_color": "ink",
        "button_primary_background_fill": "cinnabar",
        "color_accent": "cinnabar",
    }
    both = {name + mode: f"var(--{colour})" for name, colour in colours.items() for mode in ("", "_dark")}
    both = {name: value for name, value in both.items() if hasattr(theme, name)}
    return theme.set(**both, input_border_width="1px", button_border_width="1px", block_shadow="none")


def page(studio: Studio, desk: Desk) -> gr.Blocks:
    """The tabs."""
    logo = (STATIC / "logo.svg").read_text().replace("<svg ", '<svg class="seal" ')
    with gr.Blocks(title="XComposer Studio", analytics_enabled=False, delete_cache=(3600, 86400)) as blocks:
        gr.HTML(
            _banner(studio),
            html_template=f'<div id="masthead">{logo}<b>XComposer Studio</b><span class="told"></span></div>',
            js_on_load="import(new URL('page/masthead.js', document.baseURI)).then(m => m.mount({element, props}))",
            apply_default_css=False,
        )
        write_api(studio)  # first: a name is given to whoever asks for it first, and the page's events have names, too
        chat_api(studio)
        with gr.Tabs() as tabs:
            paper = write_tab(studio, desk)
            talk = chat_tab(studio, desk, tabs)
            table_tab(studio, desk)
            library_tab(studio)
            history_tab(studio, desk, tabs, paper, talk)
            about_tab(studio)
    _follow_many(blocks)
    return blocks


def _follow_many(blocks: gr.Blocks) -> None:
    """Let Gradio's queue run as many events at once as there may be people who follow something: its forty are meant
    for events that hold a thread, and these hold none. The runner of tasks decides what waits."""
    threads, blocks.max_threads = blocks.max_threads, MAX_EVENTS
    blocks.queue(default_concurrency_limit=None, max_size=MAX_EVENTS)
    blocks.max_threads = threads


def _banner(studio: Studio) -> dict[str, str]:
    """What people must know of the model that answers; the spec tells it before the model is loaded."""
    spec = studio.lane.spec
    if isinstance(spec, GgufSpec) and spec.card.note == "starter":
        return {"banner": "starter_banner", "kind": ""}
    if isinstance(spec, NativeSpec) and spec.random_weights:
        return {"banner": "random_banner", "kind": "wrong"}
    return {"banner": "", "kind": ""}


async def _say_fault(request: Request, error: Exception) -> Response:
    """The data folder is gone, full or cannot be written: the sentence, and no error of the program's."""
    assert isinstance(error, StorageError)
    status = 507 if error.key == "disk_full" else 503
    return JSONResponse({"error": error.say(language(request))}, status)


async def _guard(request: Request, call_next: Next) -> Response:
    """Refuse posts that another site's page sends, and tell browsers to load nothing from elsewhere."""
    origin = request.headers.get("origin")
    if request.method not in ("GET", "HEAD") and origin and urlsplit(origin).netloc != request.headers.get("host"):
        return JSONResponse({"error": "This request came from another site."}, status_code=403)
    request.state.login = request.app.state.login(request)
    response = await call_next(request)
    if response.headers.get("content-type", "").startswith("text/html"):
        response = await _with_language(response, request.cookies.get(COOKIE, ""))
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Content-Security-Policy"] = _POLICY
    return response


async def _with_language(response: Response, person: str) -> Response:
    """What must be on the page before Gradio's own scripts run (its `head=` comes too late), and the cookie by which
    a person without a login is known."""
    body = b"".join([chunk async for chunk in response.body_iterator])  # type: ignore[attr-defined]
    facts = script_facts(WORDS, icons(), MAX_UPLOAD)
    script = f"<script>{(STATIC / 'language.js').read_text()}\n{facts}</script>".encode()
    headers = {k: v for k, v in response.headers.items() if k != "content-length"}
    page = Response(body.replace(b"<head>", b"<head>" + script, 1), response.status_code, headers)
    if not person:
        page.set_cookie(COOKIE, secrets.token_hex(16), max_age=10 * 365 * 86400, httponly=True, samesite="lax")
    return page
