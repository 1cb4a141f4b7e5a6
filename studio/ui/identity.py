"""Who is asking, and in which language: what the page's events share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from fastapi import Request

from studio.app import Studio
from studio.documents.article import Picture
from studio.errors import Language, StudioError
from studio.library.picture_intake import take_in
from studio.storage.persons import browser_person, login_person, session_person

COOKIE = "studio-person"  # a random key that the browser keeps and scripts cannot read, see server.py
_KEY = re.compile(r"[0-9a-f]{32}")


def who(request: gr.Request | Request) -> str:
    """The person: by the login where there is one, else by the key that the browser keeps, else by the session. Events
    are given Gradio's request, server functions FastAPI's."""
    login = request.state.login if isinstance(request, Request) else request.username
    if login:
        return login_person(login)
    key = (request.cookies.get(COOKIE) if request.cookies else None) or ""
    if _KEY.fullmatch(key):
        return browser_person(key)
    return session_person(getattr(request, "session_hash", None) or "")


def language(request: gr.Request | Request) -> Language:
    """What the page's switch says (a cookie), else the browser's first language."""
    chosen = request.cookies.get("studio-language") if request.cookies else None
    accepted = chosen or request.headers.get("accept-language", "en")
    return "zh" if accepted.lower().startswith("zh") else "en"


def shown(error: StudioError, request: gr.Request) -> gr.Error:
    """The error as Gradio shows it."""
    return gr.Error(error.say(language(request)), duration=12, print_exception=False)


def keep(studio: Studio, person: str, paths: Sequence[str]) -> tuple[Picture, ...]:
    """Take uploaded pictures in. Raises InputError for the first that is none."""
    return tuple(keep_one(studio, person, Path(path), Path(path).name) for path in paths)


def keep_one(studio: Studio, person: str, path: Path, name: str) -> Picture:
    """Take an uploaded picture in, under the name it had on the person's machine. Raises InputError if it is none."""
    taken = take_in(path.read_bytes(), name)
    return Picture(studio.store.add_file(taken, person), Path(name).stem, name)
