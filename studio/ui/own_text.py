"""A text of a person's own in the Write tab, pasted or a file: it becomes an article, its words stay as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from studio.app import Studio
from studio.documents.article import Article
from studio.manuscript import SUFFIXES, read_manuscript
from studio.tasks.jobs import Job
from studio.ui.components import script_component
from studio.ui.uploads import uploads_of


def own_text_fields(t: gr.I18n) -> tuple[gr.HTML, gr.Textbox]:
    """The file, and the text where there is none; page.css shows them where they are chosen."""
    file = script_component("my_text.js", None, "own-file", suffixes=list(SUFFIXES))
    text = gr.Textbox(label=t("own_text"), placeholder=t("own_text_hint"), lines=10, max_lines=24, elem_id="own-text")
    return file, text


def read_own_text(studio: Studio, person: str, text: str, file: dict[str, str] | None) -> Article:
    """The article that a person's uploaded file, or else the pasted Markdown, is. Raises InputError."""
    uploaded = uploads_of(studio).take(person, file.get("path")) if file else None
    data = uploaded.read() if uploaded else text.encode()
    return read_manuscript(data, _name(file), lambda picture: studio.store.add_file(picture, person))


def start_own_text(
    studio: Studio, person: str, article: Article, file: dict[str, str] | None, **wishes: Any
) -> Job | Article:
    """Illustrate the text as `wishes` (fields of its Brief) say; one that wants no pictures, and a zip that was
    exported, are kept as they are. Raises InputError and BusyError."""
    if wishes["images"] == 0 or _name(file).lower().endswith(".zip"):
        return studio.store.save_article(person, article, "open")
    return studio.jobs.illustrate_text(person, replace(article, brief=replace(article.brief, **wishes)))


def _name(file: dict[str, str] | None) -> str:
    return Path((file or {}).get("name", "")).name
