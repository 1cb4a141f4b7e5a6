"""The line beside a question that says how much of the model's context its pictures take."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.app import Studio
from studio.roles import VIEWER
from studio.ui.components import AT_ONCE, script_component
from studio.ui.page_data import Room


def picture_room(studio: Studio, box: gr.MultimodalTextbox) -> None:
    """Lay it out where it stands, for the pictures of `box`; its value is their number, see `room.js`."""

    async def facts(_: Any) -> Room:  # of memory only: it needs no thread
        card = studio.worker.cards.get(VIEWER.name)
        return {"image": card.image_tokens, "context": card.context} if card and card.sees else {}

    room = script_component("room.js", 0, "question-room", css="", functions=[facts])
    box.change(None, box, room, js="box => (box && box.files || []).length", show_progress="hidden", **AT_ONCE)
