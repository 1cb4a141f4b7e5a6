"""The Library tab: every picture that articles are illustrated with; own ones are added and described here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gradio as gr

from studio.app import Studio
from studio.errors import InputError
from studio.library.picture_rows import Hit
from studio.ui.card_list import EventData, card_list
from studio.ui.components import AT_ONCE
from studio.ui.identity import identity_of, language_for
from studio.ui.page_data import Failure, LibraryCard
from studio.ui.uploads import uploads_of
from studio.ui.words import i18n


def library_tab(studio: Studio) -> None:
    """Lay the tab out."""
    with gr.Tab(i18n()("library"), id="library", elem_id="tab-library") as tab:
        pictures = LibraryCards(studio)
        acts = {name: getattr(pictures, name) for name in ("add", "describe", "delete", "undelete")}
        cards = card_list("library.js", pictures.cards, acts, pool="worker")
    tab.select(time.time, None, cards, **AT_ONCE)


class LibraryCards:
    """What the list of cards asks. The library is for everybody to see; a picture is changed only by who added it."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._library = studio.library

    def cards(self, asked: EventData, request: Any) -> list[LibraryCard]:
        """Pictures that fit the words, or all, own ones first."""
        words, spoken = str(asked.get("search", ""))[:500], language_for(request)
        found = (
            self._library.search(words, limit=200, language=spoken)
            if words.strip()
            else self._library.browse(limit=2000, language=spoken)
        )
        own = {"own_pictures": True, "starter_pictures": False}.get(str(asked.get("filter")))
        person = identity_of(request)
        return [_card(hit, person) for hit in found if own is None or hit.own == own]

    def add(self, request: Any, path: str, name: str) -> Failure | None:
        """Take an uploaded picture in; the eyes describe it where neither its name nor its data do."""
        file = uploads_of(self._studio).take(identity_of(request), path)
        person, language = identity_of(request), language_for(request)
        report = self._library.add(file.path, self._studio.describe, person=person, restore=True, language=language)
        file.discard()
        left = (*report.refused, *report.passed_over)
        return {"error": " ".join(sentence for _, sentence in left[:10])} if left else None

    def describe(self, request: Any, key: str, caption: str) -> None:
        """Other words for a picture that this person added."""
        words = " ".join(caption.split())
        if not words:
            raise InputError("caption_empty")
        self._library.describe(key, words[:500], identity_of(request))

    def delete(self, request: Any, key: str) -> None:
        """Take one out of search; articles that show it keep it."""
        self._library.remove(key, identity_of(request))

    def undelete(self, request: Any, key: str) -> None:
        """Back into search."""
        self._library.restore(key, identity_of(request))


def _card(hit: Hit, person: str) -> LibraryCard:
    key = hit.picture.key
    return {
        "key": key,
        "title": hit.picture.title or Path(hit.picture.credit).stem,
        "caption": hit.caption,
        "picture": f"pictures/{key}",
        "small": f"thumbnails/{key}",
        "own": hit.may_change(person),
    }
