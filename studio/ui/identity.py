"""Who is asking, and in which language: what the page's events share.

The server's guard looks once at each request and notes the identity with it: `login:NAME` where there is a login, else
`browser:KEY` by a cookie that scripts cannot read. Who brings no cookie is given one with the answer, browsers and
programs alike.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from fastapi import Request

from studio.app import Studio
from studio.documents.article import Picture
from studio.errors import EngineError, InputError, Language, ModelError, NotFoundError, StorageError, StudioError
from studio.logs import log_error
from studio.settings import Settings
from studio.storage.users import Users
from studio.ui.uploads import UploadedFile

COOKIE = "studio-person"  # a random name that the browser keeps and scripts cannot read
_KEY = re.compile(r"[0-9a-f]{32}")


def new_key() -> str:
    """A name for a browser that has none yet."""
    return secrets.token_hex(16)


def is_key(cookie: str) -> bool:
    """Whether a cookie can be the name of a browser."""
    return bool(_KEY.fullmatch(cookie))


def identity_of(request: gr.Request | Request) -> str:
    """The identity that the guard noted. Events are given Gradio's request, server functions FastAPI's."""
    return str(request.state.identity)


def require_manager(request: gr.Request | Request, settings: Settings) -> None:
    """Models are managed by the first user of the login file; without a login by whoever is on the machine itself, or
    reaches it through a tunnel of their own. Raises InputError for all others."""
    if not may_manage(request, settings):
        raise InputError("models_not_yours")


def may_manage(request: gr.Request | Request, settings: Settings) -> bool:
    """See `require_manager`."""
    if settings.login:
        login = request.state.login
        return login is not None and login == Users(Path(settings.login).expanduser().absolute()).first
    return bool(request.state.on_this_machine)


def language_for(request: gr.Request | Request) -> Language:
    """What the page's switch says (a cookie), else the browser's first language."""
    chosen = request.cookies.get("studio-language") if request.cookies else None
    accepted = chosen or request.headers.get("accept-language", "en")
    return "zh" if accepted.lower().startswith("zh") else "en"


def to_gradio_error(error: StudioError, request: gr.Request) -> gr.Error:
    """The error as Gradio shows it; the gate gives a direct call's answer the status that is noted here."""
    request.state.failure = http_status(error)
    log_error(error)
    return gr.Error(error.explain(language_for(request)), duration=12, print_exception=False)


def http_status(error: StudioError) -> int:
    """The status of HTTP that says whose fault it was."""
    match error:
        case InputError():
            return 422
        case NotFoundError():
            return 404
        case StorageError():
            return 507 if error.key == "disk_full" else 503
        case ModelError() | EngineError():
            return 503
    return 500


def normalise_uploads(studio: Studio, person: str, files: Sequence[UploadedFile]) -> tuple[Picture, ...]:
    """Take uploaded pictures in. Raises InputError for the first that is none."""
    return tuple(normalise_upload(studio, person, file, file.name) for file in files)


def normalise_upload(studio: Studio, person: str, file: UploadedFile, name: str) -> Picture:
    """Take an uploaded picture in, under the name it had on the person's machine. Raises InputError if it is none."""
    taken = studio.library.normalise(file.read(), name)
    return Picture(studio.store.add_file(taken, person), Path(name).stem, name)
