"""Who is asking, and in which language: what the page's events share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from studio.article import Picture
from studio.errors import Language, StudioError
from studio.library.intake import take_in
from studio.services import Studio


def who(request: gr.Request, key: str = "") -> str:
    """The login name where there is a login, else the key that the browser keeps, else the session."""
    return request.username or key or f"session {request.session_hash}"


def language(request: gr.Request) -> Language:
    """What the page's switch says (a cookie), else the browser's first language."""
    chosen = request.cookies.get("studio-language") if request.cookies else None
    accepted = chosen or request.headers.get("accept-language", "en")
    return "zh" if accepted.lower().startswith("zh") else "en"


def shown(error: StudioError, request: gr.Request) -> gr.Error:
    """The error as Gradio shows it."""
    return gr.Error(error.say(language(request)), duration=12, print_exception=False)


def keep(studio: Studio, person: str, paths: Sequence[str]) -> tuple[Picture, ...]:
    """Take uploaded pictures in. Raises InputError for the first that is none."""
    pictures = []
    for path in map(Path, paths):
        taken = take_in(path.read_bytes(), path.name)
        pictures.append(Picture(studio.store.add_file(taken, person), path.stem, path.name))
    return tuple(pictures)
