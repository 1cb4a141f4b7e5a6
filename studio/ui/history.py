"""The History tab: the articles a person has written, to be opened again."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.errors import StudioError
from studio.services import Studio
from studio.settings import assets
from studio.ui.people import language, shown, who
from studio.ui.text import i18n, t
from studio.ui.view import document
from studio.ui.write import exported


def history_tab(studio: Studio, person: gr.BrowserState) -> None:
    """A list at the left, the chosen article at the right."""
    words = i18n()
    with gr.Tab(words("history"), id="history") as tab, gr.Row():
        with gr.Column(scale=1, min_width=300):
            chosen = gr.Radio([], show_label=False, elem_id="articles")
            format = gr.Dropdown(
                [(words(f"format_{name}"), name) for name in ("zip", "xlsx", "html")], value="zip", show_label=False
            )
            save = gr.Button(words("export"))
            file = gr.File(visible=False)
        with gr.Column(scale=3):
            paper = gr.HTML(
                {},
                html_template=(assets() / "page/article.html").read_text(),
                css_template=(assets() / "page/article.css").read_text(),
                js_on_load="",
                apply_default_css=False,
            )

    def listed(key: str, request: gr.Request) -> Any:
        rows = studio.store.list_articles(who(request, key))
        said = language(request)
        return gr.Radio(
            [(f"{row.title or row.instruction[:60]} · {t(f'status_{row.status}', said)}", row.id) for row in rows]
        )

    def opened(id: int | None, key: str, request: gr.Request) -> Any:
        if id is None:
            return gr.skip()
        try:
            return document(studio.store.article(who(request, key), id), None, language(request))
        except StudioError as e:
            raise shown(e, request) from e

    def to_file(id: int | None, kind: str, key: str, request: gr.Request) -> Any:
        try:
            return gr.File(str(exported(studio, who(request, key), id or 0, kind)), visible=True)
        except StudioError as e:
            raise shown(e, request) from e

    tab.select(listed, person, chosen, api_visibility="private")
    chosen.change(opened, [chosen, person], paper, api_visibility="private")
    save.click(to_file, [chosen, format, person], file, api_visibility="private")
