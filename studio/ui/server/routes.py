"""The routes that Gradio does not bring: pictures, scripts, and files that come and go.

A picture, a thumbnail and a file are served to those who may see them; for everybody else they are not there.
"""

from __future__ import annotations

import mimetypes
import re
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from studio.app import Studio
from studio.errors import NotFoundError
from studio.settings import assets
from studio.storage.persons import ticket_person
from studio.ui import STATIC
from studio.ui.identity import identity_of
from studio.ui.server.policy import frame_policy
from studio.ui.server.receiving import Receiver
from studio.ui.threads import in_thread
from studio.ui.uploads import Uploads

_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}  # a picture's address names its bytes
_SHOWN = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp")  # all else is saved, never opened
_TICKET = re.compile(r"[A-Za-z0-9_-]{32}")
_COPY = re.compile(r"/[0-9a-f]{64}/([0-9a-f]{64})\.(jpg|png|webp)")


def add_routes(app: FastAPI, studio: Studio, uploads: Uploads, receiver: Receiver) -> None:
    """Declared before Gradio is mounted, they come first."""

    @app.get("/pictures/{key}")
    async def picture(key: str, request: Request) -> Response:
        return await in_thread(_picture, studio, identity_of(request), key, pool="pictures")

    @app.get("/thumbnails/{key}")
    async def thumbnail(key: str, request: Request) -> Response:
        return await in_thread(_thumbnail, studio, identity_of(request), key, pool="pictures")

    scripts = {script.name for script in STATIC.glob("*.js")}

    @app.get("/page/{name}")
    async def script(name: str) -> Response:
        if name not in scripts:
            return Response(status_code=404)
        return FileResponse(STATIC / name, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    personas = {picture.name: picture for picture in (assets() / "personas").glob("*.svg")}

    @app.get("/personas/{name}")
    async def persona(name: str) -> Response:
        if name not in personas:
            return Response(status_code=404)
        return FileResponse(personas[name], media_type="image/svg+xml", headers={"Cache-Control": "no-cache"})

    @app.get("/downloads/{token}")
    async def download(token: str, request: Request) -> Response:
        return _attachment(await in_thread(uploads.find_token, identity_of(request), token, "exports"))

    @app.get("/web/{id:int}/{version:int}")
    async def web_page(id: int, version: int, request: Request, scripts: bool = False) -> Response:
        """A person's web page for its frame, scripts only where the person switched them on."""
        return await in_thread(_web_page, studio, identity_of(request), id, version, scripts, pool="pictures")

    @app.get("/open/{ticket}")
    async def opened(ticket: str, request: Request) -> Response:
        """What `studio open` has kept for whoever comes with its ticket, once."""
        if _TICKET.fullmatch(ticket):
            await in_thread(studio.store.give_articles, ticket_person(ticket), identity_of(request))
        return RedirectResponse("../", 303)

    @app.api_route("/gradio_api/file={path:path}", methods=["GET", "HEAD"])
    async def file(path: str, request: Request) -> Response:
        """What Gradio's components show: uploads, exports, and the copies that it makes of pictures."""
        return await in_thread(find, identity_of(request), path, pool="pictures")

    def find(person: str, path: str) -> Response:
        if copy := _COPY.fullmatch(path.removeprefix(str(uploads.folder))):
            return _picture(studio, person, copy[1])
        if found := uploads.find(person, path, "uploads"):
            kind = mimetypes.guess_type(found.name)[0]
            if kind in _SHOWN:
                return FileResponse(found, media_type=kind)
        return _attachment(found or uploads.find(person, path, "exports"))

    app.add_api_route("/gradio_api/upload", receiver.receive, methods=["POST"])


def _picture(studio: Studio, person: str, key: str) -> Response:
    try:
        if not studio.store.may_see(person, key):
            raise NotFoundError("stored_picture_missing", picture=key)
        data, mime = studio.store.read_file(key), studio.store.file_type(key)
    except NotFoundError:
        return Response(status_code=404)
    return Response(data, media_type=mime, headers=_FOREVER)


def _thumbnail(studio: Studio, person: str, key: str) -> Response:
    try:
        if not studio.store.may_see(person, key):
            raise NotFoundError("stored_picture_missing", picture=key)
        return FileResponse(studio.thumbnails.path(key), media_type="image/webp", headers=_FOREVER)
    except NotFoundError:
        return Response(status_code=404)


def _web_page(studio: Studio, person: str, id: int, version: int, scripts: bool) -> Response:
    try:
        page = studio.store.web_pages.at(person, id, version)
    except NotFoundError:
        return Response(status_code=404)
    html = studio.page_writer.render(page.source, page.pictures, scripts)
    headers = {"Content-Security-Policy": frame_policy(scripts), "X-DNS-Prefetch-Control": "off"}
    return HTMLResponse(html, headers=headers | {"Cache-Control": "no-store"})


def _attachment(path: Path | None) -> Response:
    if path is None:
        return Response(status_code=404)
    return FileResponse(
        path, media_type="application/octet-stream", filename=path.name, content_disposition_type="attachment"
    )
