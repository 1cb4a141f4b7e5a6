"""The Library tab: what pictures there are, found by what they show."""

from __future__ import annotations

import gradio as gr

from studio.services import Studio
from studio.ui.text import i18n


def library_tab(studio: Studio) -> None:
    """A search field and a gallery."""
    t = i18n()
    with gr.Tab(t("library"), id="library") as tab:
        words = gr.Textbox(label=t("search"), placeholder=t("search_hint"), elem_id="library-search")
        gallery = gr.Gallery(
            columns=4,
            height="auto",
            object_fit="cover",
            show_label=False,
            elem_id="library-gallery",
            buttons=["fullscreen"],
        )

    def find(words_: str) -> list[tuple[str, str]]:
        hits = studio.library.search(words_, limit=24) if words_.strip() else studio.library.browse(limit=60)
        return [(str(studio.store.file_path(hit.picture.key)), hit.caption) for hit in hits]

    for event in (tab.select, words.submit):
        event(find, words, gallery, api_visibility="private")
