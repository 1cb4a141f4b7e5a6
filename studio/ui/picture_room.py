"""The line beside a question that says how much of the model's context its pictures take."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.app import Studio

_LOAD = "import(new URL('page/room.js', document.baseURI)).then(m => m.mount({element, props, watch, server}))"


def picture_room(studio: Studio) -> gr.HTML:
    """The component; its value is the number of pictures, see `room.js`."""

    def facts(_: Any) -> dict[str, int]:
        card = studio.lane.cards.get("viewer")
        return {"image": card.image_tokens, "context": card.context} if card and card.sees else {}

    return gr.HTML(
        0,
        html_template="<div></div>",
        js_on_load=_LOAD,
        apply_default_css=False,
        elem_id="question-room",
        server_functions=[facts],
    )
