"""The line beside a question that says how much of the model's context its pictures take."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.app import Studio
from studio.roles import VIEWER
from studio.ui.components import AT_ONCE
from studio.ui.page_data import Room

_LOAD = "import(new URL('page/room.js', document.baseURI)).then(m => m.mount({element, props, watch, server}))"


def picture_room(studio: Studio, box: gr.MultimodalTextbox) -> None:
    """Lay it out where it stands, for the pictures of `box`; its value is their number, see `room.js`."""

    async def facts(_: Any) -> Room:  # of memory only: it needs no thread
        card = studio.worker.cards.get(VIEWER.name)
        return {"image": card.image_tokens, "context": card.context} if card and card.sees else {}

    room = gr.HTML(
        0,
        html_template="<div></div>",
        js_on_load=_LOAD,
        apply_default_css=False,
        elem_id="question-room",
        server_functions=[facts],
    )
    box.change(None, box, room, js="box => (box && box.files || []).length", show_progress="hidden", **AT_ONCE)
