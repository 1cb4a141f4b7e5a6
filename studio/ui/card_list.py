"""Lists of cards: gr.HTML components that a script of `studio/ui/static` draws, and how they ask the studio.

A list asks `list` for its cards and `act` for everything else; both are answered at once, an error as its sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.ui.arguments import call_named, check
from studio.ui.components import script_component
from studio.ui.identity import language_for
from studio.ui.page_data import Cards, Failure, HistoryCard, LibraryCard
from studio.ui.threads import Pool, threaded

EventData = dict[str, Any]
PAGE = 48  # cards at a time


def card_list(
    script: str,
    cards: Callable[[EventData, Any], list[HistoryCard]] | Callable[[EventData, Any], list[LibraryCard]],
    acts: dict[str, Callable[..., Any]],
    event: str = "",
    pool: Pool = "quick",
) -> gr.HTML:
    """The component. `cards(asked, request)` gives all that fit, `acts[kind](request, **facts)` does a thing;
    they run in that pool of threads."""

    def list(asked: EventData, request: gr.Request) -> Cards | Failure:
        try:
            found = cards(asked, request)
        except StudioError as e:
            return {"error": e.say(language_for(request))}
        offset = max(0, check("offset", int, asked.get("offset") or 0))
        return {"items": found[offset : offset + PAGE], "more": len(found) > offset + PAGE}

    def act(asked: EventData, request: gr.Request) -> EventData:
        try:
            return call_named(acts, asked, request) or {}
        except StudioError as e:
            return {"error": e.say(language_for(request))}

    functions = [threaded(list, pool), threaded(act, pool)]
    id = script.removesuffix(".js") + "-shelf"
    return script_component(script, 0, id, css="shelf.css", events=event, functions=functions)
