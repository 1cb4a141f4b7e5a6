"""The History tab: the articles a person has written, to be opened again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.services import Studio
from studio.ui.desk import Desk
from studio.ui.people import language, shown, who
from studio.ui.text import i18n, t


def history_tab(studio: Studio, desk: Desk, tabs: gr.Tabs, paper: gr.HTML) -> None:
    """A list; what is chosen opens on the desk of the Write tab."""
    words = i18n()
    with gr.Tab(words("history"), id="history") as tab:
        chosen = gr.Radio([], show_label=False, elem_id="articles")

    def listed(request: gr.Request) -> Any:
        rows = studio.store.list_articles(who(request))
        said = language(request)
        return gr.Radio(
            [(f"{row.title or row.instruction[:60]} · {t(f'status_{row.status}', said)}", row.id) for row in rows],
            value=None,
        )

    def opened(id: int | None, request: gr.Request) -> Iterator[tuple[Any, Any]]:
        if id is None:
            return
        try:
            for document in desk.opened(id, request):
                yield gr.Tabs(selected="write") if document["open"] else gr.skip(), document
        except StudioError as e:
            raise shown(e, request) from e

    tab.select(listed, None, chosen, api_visibility="private")
    chosen.input(opened, chosen, [tabs, paper], show_progress="hidden", concurrency_limit=64, api_visibility="private")
