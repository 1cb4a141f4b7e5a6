"""The Write tab: a form at the left, the article as one document at the right."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from studio.app import Studio
from studio.documents.article import MAX_IMAGES, Brief, Picture, to_dict
from studio.errors import StudioError
from studio.protocol import Queued
from studio.sampling import SEED
from studio.specs import max_beams
from studio.tasks.task import Task
from studio.ui.article_editor import ArticleEditor, export_article
from studio.ui.components import Number, form_numbers, numbers, read, script_component
from studio.ui.form_drafts import sent
from studio.ui.identity import identity_of, normalise_upload, to_gradio_error
from studio.ui.own_text import own_text_fields, read_own_text, start_own_text
from studio.ui.page_data import ArticleDocument
from studio.ui.threads import in_thread
from studio.ui.uploads import uploads_of
from studio.ui.words import i18n

Documents = AsyncIterator[tuple[ArticleDocument, Any]]
_OPTIONS: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}


def write_tab(studio: Studio, editor: ArticleEditor, drafts: gr.HTML) -> gr.HTML:
    """Lay the tab out and connect it; gives the document's component."""
    t = i18n()
    fields = form_numbers("writing", beams=max_beams(studio.worker.spec))
    with gr.Tab(t("write"), id="write", elem_id="tab-write"), gr.Row(elem_id="write-row"):
        with gr.Column(scale=1, min_width=280, elem_id="form"):
            by, instruction, title, materials = subject = _subject(t)
            own_text = own_text_fields(t)
            editor.by, editor.instruction = by, instruction
            outline = script_component("outline.js", [], "outline", events="draft")
            pictures = script_component("own.js", [], "own-pictures")
            counts = [(t("auto"), -1), *((str(n), n) for n in range(MAX_IMAGES + 1))]
            images = gr.Dropdown(counts, value=-1, label=t("images"), elem_id="images")
            with gr.Accordion(t("more"), open=False):
                settings = numbers(fields, "settings")
            start = gr.Button(t("start"), variant="primary", elem_id="start")
            start_own = gr.Button(t("start_own"), variant="primary", elem_id="start-own")
        with gr.Column(scale=4, min_width=320):
            article_view = editor.component()
    events, wishes, views = WriteEvents(studio, editor, fields), [pictures, images, settings], [article_view, drafts]
    begun = [start.click, instruction.submit, title.submit, materials.submit]
    gr.on(begun, events.write, [*subject, outline, *wishes], views, **_OPTIONS)
    start_own.click(events.illustrate, [*own_text, *wishes], views, **_OPTIONS)
    outline.draft(events.draft_outline, [*subject], outline, concurrency_limit=None, api_visibility="private")
    return article_view


class WriteEvents:
    """What happens when somebody begins an article or asks for an outline; arguments are the fields' values."""

    def __init__(self, studio: Studio, editor: ArticleEditor, fields: tuple[Number, ...]) -> None:
        self._studio, self._editor, self._fields = studio, editor, fields

    async def write(
        self,
        request: gr.Request,
        by: str,
        about: str,
        title: str,
        materials: str,
        lines: list[str],
        files: list[dict[str, str]],
        count: int,
        settings: Any,
    ) -> Documents:
        """An article about something, as it grows."""
        person = identity_of(request)
        try:
            wishes = await self._wishes(person, files, count, settings)
            brief = replace(_brief(by, about, title, materials), outline=tuple(map(str, lines or [])), **wishes)
            job = await in_thread(self._studio.jobs.start, person, brief)
            async for document in _sent(self._editor.follow(job, request)):
                yield document
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    async def illustrate(
        self,
        request: gr.Request,
        text: str,
        file: list[dict[str, str]],
        files: list[dict[str, str]],
        count: int,
        settings: Any,
    ) -> Documents:
        """Pictures for a text that somebody brought."""
        person, studio, editor = identity_of(request), self._studio, self._editor
        try:
            wishes = await self._wishes(person, files, count, settings)
            article = await in_thread(read_own_text, studio, person, text, file, pool="files")
            begun = await in_thread(partial(start_own_text, studio, person, article, file, **wishes))
            going = editor.follow(begun, request) if isinstance(begun, Task) else editor.open_article(begun.id, request)
            async for document in _sent(going):
                yield document
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    async def draft_outline(self, by: str, about: str, title: str, materials: str, request: gr.Request) -> list[str]:
        """Headings for what the form asks for."""
        try:
            task = self._studio.drafts.outline(identity_of(request), _brief(by, about, title, materials))
            try:
                draft = await task.finish()
            finally:
                task.stop.press()
            if draft.error:
                raise draft.error
            return list(draft.headings)
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    async def _wishes(self, person: str, files: list[dict[str, str]], count: int, settings: Any) -> dict[str, Any]:
        """What a brief gets from the form beside its subject. Raises InputError."""
        own = await in_thread(_own, self._studio, person, files, pool="files") if files else ()
        return {"images": None if count < 0 else count, "pictures": own, **read(self._fields, settings)}


async def _sent(documents: AsyncGenerator[ArticleDocument, None]) -> Documents:
    """Documents for the page, the first with word that the form's draft was sent."""
    forget: Any = sent("write")
    async with aclosing(documents):
        async for document in documents:
            yield document, forget
            forget = gr.skip()


def _subject(t: gr.I18n) -> tuple[gr.Radio, gr.Textbox, gr.Textbox, gr.Textbox]:
    """What the article is about: which of the ways, the instruction, or the title and materials."""
    by = gr.Radio(
        [(t("ask_instruction"), "instruction"), (t("ask_title"), "title"), (t("ask_text"), "text")],
        value="instruction",
        label=t("ask_by"),
        elem_id="by",  # page.css hides the fields of the other choices
    )
    instruction = gr.Textbox(
        label=t("instruction"), placeholder=t("instruction_hint"), lines=3, max_lines=12, elem_id="instruction"
    )
    title = gr.Textbox(
        label=t("article_title"), placeholder=t("article_title_hint"), max_lines=1, elem_id="article-title"
    )
    materials = gr.Textbox(
        label=t("materials"), placeholder=t("materials_hint"), lines=6, max_lines=16, elem_id="materials"
    )
    return by, instruction, title, materials


def _own(studio: Studio, person: str, files: list[dict[str, str]]) -> tuple[Picture, ...]:
    """The pictures that the browser uploaded. Raises InputError for any other path, and for what is no picture."""
    taken = [(uploads_of(studio).take(person, file.get("path")), Path(file.get("name", "")).name) for file in files]
    return tuple(normalise_upload(studio, person, file, name or file.name) for file, name in taken)


def _brief(by: str, about: str, title: str, materials: str) -> Brief:
    """Of what the form holds, only the side that is chosen counts."""
    return Brief(title=title, materials=materials) if by == "title" else Brief(about)


def write_api(studio: Studio) -> None:
    """The named endpoints for programs: /write, /stop and /export."""

    async def write(
        request: gr.Request,
        instruction: str = "",
        outline: str = "",
        images: int = -1,
        seed: int = SEED,
        title: str = "",
        materials: str = "",
    ) -> AsyncIterator[dict[str, Any]]:
        try:
            count = None if images == -1 else images
            lines = tuple(outline.splitlines())
            brief = Brief(instruction, lines, count, seed=seed, title=title or None, materials=materials)
            job = await in_thread(studio.jobs.start, identity_of(request), brief)
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        try:
            async for progress in job.follow():
                yield {"step": progress.step, **to_dict(progress.article), **_waiting(progress.waiting)}
        finally:
            job.stop.press()  # a program that goes away, or cancels, wants no more of it; what was written stays
        if progress.error:
            raise to_gradio_error(progress.error, request) from progress.error

    async def stop(request: gr.Request, article: int) -> bool:
        """End what /write, or the page, has under way for an article; whether there was something."""
        if job := studio.jobs.get(identity_of(request), article):
            await in_thread(job.stop.press)
        return job is not None

    async def export_(request: gr.Request, article: int, format: str) -> gr.FileData:
        try:
            return gr.FileData(
                path=str(await in_thread(export_article, studio, identity_of(request), article, format, pool="files"))
            )
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    gr.api(write, api_name="write", concurrency_limit=None)
    gr.api(stop, api_name="stop", queue=False)
    gr.api(export_, api_name="export", concurrency_limit=None)


def _waiting(place: Queued | None) -> dict[str, Any]:
    """The place in the queue, for a program."""
    return {"waiting": {"position": place.position, "seconds": place.seconds} if place else None}
