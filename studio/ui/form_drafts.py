"""Drafts of what is typed into the forms: the browser keeps them (`static/form_drafts.js`), none of it comes here."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from studio.ui.components import script_component
from studio.ui.page_data import SentForm

FORMS: dict[str, tuple[str, ...]] = {
    "write": ("by", "instruction", "article-title", "materials", "own-text", "outline", "images", "settings"),
    "chat": ("question", "chat-settings"),
    "table": ("table-questions",),
}
"""Ids of the elements whose values are kept, by the form that sends them together."""
_ON_THE_PAGE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def form_drafts() -> gr.HTML:
    """The component; events of a form put `sent` into it when they have taken what was typed."""
    forms = {name: list(fields) for name, fields in FORMS.items()}
    return script_component("form_drafts.js", None, "form-drafts", css="", events="restore", forms=forms)


def sent(form: str) -> SentForm:
    """Makes the page forget the drafts of a form."""
    return {"form": form, "at": time.time()}


def keep_drafts(drafts: gr.HTML, blocks: gr.Blocks) -> None:
    """Connect all fields, once they are laid out. It all happens in the browser."""
    laid_out: dict[str | None, Any] = {component.elem_id: component for component in blocks.blocks.values()}
    fields = [laid_out[field] for form in FORMS.values() for field in form]
    for field in fields:
        js = f"value => {{ window.studioDrafts?.keep('{field.elem_id}', value); }}"
        field.change(None, field, None, js=js, **_ON_THE_PAGE)
    drafts.restore(None, None, fields, js="() => window.studioDrafts.restore()", **_ON_THE_PAGE)
