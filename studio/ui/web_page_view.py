"""A web page as the data that `studio/ui/static/web_page.js` draws. The page itself comes by a route of its own, into a
frame with a sandbox; its source is drawn as text."""

from __future__ import annotations

import time
from dataclasses import replace

from studio.app import Studio
from studio.documents.web_page import WebPage
from studio.errors import Language
from studio.prompts.web_pages import can_make_pages
from studio.protocol import ModelCard
from studio.roles import COMPOSER
from studio.specs import NativeSpec
from studio.tasks.page_jobs import PageState
from studio.ui import page_data
from studio.ui.article_view import queue_position
from studio.ui.words import t

EMPTY: page_data.WebPageView = {
    "id": 0,
    "version": 0,
    "title": "",
    "kind": "instruction",
    "text": "",
    "wish": "",
    "at": 0,
    "source": "",
    "running": False,
    "said": "",
    "wrong": False,
    "undo": False,
    "redo": False,
    "frame": "",
    "shown": 0.0,
}


class Changes:
    """Cuts off the part of a growing source that the page has already."""

    def __init__(self) -> None:
        self._sent = ""

    def of(self, view: page_data.WebPageView) -> page_data.WebPageView:
        """What is left to send of a view."""
        source, sent = view["source"], self._sent
        self._sent = source
        if sent and source.startswith(sent):
            return {**view, "at": len(sent.encode("utf-16-le")) // 2, "source": source[len(sent) :]}
        return view


def to_web_page_data(studio: Studio, person: str, state: PageState, language: Language) -> page_data.WebPageView:
    """What the page shows."""
    page, running = state.page, not state.ended
    undo, redo = studio.store.web_pages.can_step(person, page.id)
    return {
        "id": page.id,
        "version": page.version,
        "title": page.title or " ".join(page.text.split())[:80],
        "kind": page.kind,
        "text": page.text,
        "wish": page.wish,
        "at": 0,
        "source": page.source,
        "running": running,
        "said": _said(studio, state, language),
        "wrong": not running and bool(state.error or page.error),
        "undo": undo and not running,
        "redo": redo and not running,
        "frame": f"web/{page.id}/{page.version}" if page.source and not running else "",
        "shown": time.time(),
    }


def stored(page: WebPage) -> PageState:
    """A page that nothing is done with: one that was left in the middle counts as stopped."""
    return PageState(replace(page, status="stopped") if page.status == "writing" else page, ended=True)


def composer_card(studio: Studio) -> ModelCard | None:
    """The card of the model that would make pages; None as long as it is not known."""
    spec = studio.worker.spec
    return studio.worker.cards.get(COMPOSER.name) or (None if isinstance(spec, NativeSpec) else spec.card)


def makes_pages(studio: Studio) -> bool:
    """Whether the model can."""
    card = composer_card(studio)
    return card is not None and can_make_pages(card)


def _said(studio: Studio, state: PageState, language: Language) -> str:
    page = state.page
    if not state.ended:
        if studio.worker.state == "starting":
            return t("loading", language)
        return queue_position(state.waiting, language) or t("web_finding" if state.finding else "web_writing", language)
    if state.error:
        return state.error.say(language)
    if page.error:
        return page.error
    if page.status == "stopped":
        return t("web_stopped", language)
    return t("web_cut" if page.cut else "web_ready", language)
