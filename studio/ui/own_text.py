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


def own_text_fields(t: gr.I18n) -> tuple[gr.Textbox, gr.HTML]:
    """The text, or the file of one; page.css shows them where they are chosen."""
    text = gr.Textbox(label=t("own_text"), placeholder=t("own_text_hint"), lines=10, max_lines=24, elem_id="own-text")
    return text, script_component("my_text.js", [], "own-file", suffixes=list(SUFFIXES))


def read_own_text(studio: Studio, person: str, text: str, files: list[dict[str, str]]) -> Article:
    """The article that a person's uploaded file, or else the pasted Markdown, is. Raises InputError."""
    uploaded = uploads_of(studio).take(person, files[0].get("path")) if files else None
    data = uploaded.read() if uploaded else text.encode()
    return read_manuscript(data, _name(files), lambda picture: studio.store.add_file(picture, person))


def start_own_text(
    studio: Studio, person: str, article: Article, files: list[dict[str, str]], **wishes: Any
) -> Job | Article:
    """Illustrate the text as `wishes` (fields of its Brief) say; one that wants no pictures, and a zip that was
    exported, are kept as they are. Raises InputError and BusyError."""
    if wishes["images"] == 0 or _name(files).lower().endswith(".zip"):
        return studio.store.save_article(person, article, "open")
    return studio.jobs.illustrate_text(person, replace(article, brief=replace(article.brief, **wishes)))


def _name(files: list[dict[str, str]]) -> str:
    return Path(files[0].get("name", "")).name if files else ""
