"""The Write tab: a form at the left, the article as one document at the right."""

from __future__ import annotations

from collections.abc import AsyncIterator
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
from studio.ui.components import form_numbers, numbers, read, script_component
from studio.ui.form_drafts import sent
from studio.ui.identity import identity_of, normalise_upload, to_gradio_error
from studio.ui.own_text import own_text_fields, read_own_text, start_own_text
from studio.ui.page_data import ArticleDocument
from studio.ui.threads import in_thread
from studio.ui.uploads import uploads_of
from studio.ui.words import i18n


def write_tab(studio: Studio, editor: ArticleEditor, drafts: gr.HTML) -> gr.HTML:
    """Lay the tab out and connect it; gives the document's component."""
    t = i18n()
    fields = form_numbers("writing", beams=max_beams(studio.worker.spec))
    with gr.Tab(t("write"), id="write", elem_id="tab-write"), gr.Row(elem_id="write-row"):
        with gr.Column(scale=1, min_width=280, elem_id="form"):
            by, instruction, title, materials = subject = _subject(t)
            own_text, own_file = own_text_fields(t)
            editor.by, editor.instruction = by, instruction
            outline = script_component("outline.js", [], "outline", events="draft")
            pictures = script_component("own.js", [], "own-pictures")
            images = gr.Dropdown(
                [(t("auto"), -1), *((str(n), n) for n in range(MAX_IMAGES + 1))],
                value=-1,
                label=t("images"),
                elem_id="images",
            )
            with gr.Accordion(t("more"), open=False):
                settings = numbers(fields, "settings")
            start = gr.Button(t("start"), variant="primary", elem_id="start")
            start_own = gr.Button(t("start_own"), variant="primary", elem_id="start-own")
        with gr.Column(scale=4, min_width=320):
            article_view = editor.component()

    async def write(
        request: gr.Request,
        by: str,
        about: str,
        title: str,
        materials: str,
        lines: list[str],
        files: list[dict[str, str]],
        count: int,
        set_: Any,
    ) -> AsyncIterator[tuple[ArticleDocument, Any]]:
        try:
            brief = replace(
                _brief(by, about, title, materials),
                outline=tuple(map(str, lines or [])),
                images=None if count < 0 else count,
                pictures=await in_thread(_own, studio, identity_of(request), files, pool="files") if files else (),
                **read(fields, set_),
            )
            job = await in_thread(studio.jobs.start, identity_of(request), brief)
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        forget: Any = sent("write")
        async for document in editor.follow(job, request):
            yield document, forget
            forget = gr.skip()

    async def illustrate(
        request: gr.Request,
        text: str,
        file: list[dict[str, str]],
        files: list[dict[str, str]],
        count: int,
        set_: Any,
    ) -> AsyncIterator[tuple[ArticleDocument, Any]]:
        person = identity_of(request)
        try:
            own = await in_thread(_own, studio, person, files, pool="files") if files else ()
            article = await in_thread(read_own_text, studio, person, text, file, pool="files")
            wishes = {"images": None if count < 0 else count, "pictures": own, **read(fields, set_)}
            begun = await in_thread(partial(start_own_text, studio, person, article, file, **wishes))
            forget: Any = sent("write")
            going = editor.follow(begun, request) if isinstance(begun, Task) else editor.open_article(begun.id, request)
            async for document in going:
                yield document, forget
                forget = gr.skip()
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    async def drafted(by: str, about: str, title: str, materials: str, request: gr.Request) -> list[str]:
        try:
            task = studio.drafts.outline(identity_of(request), _brief(by, about, title, materials))
            try:
                draft = await task.finish()
            finally:
                task.stop.press()
            if draft.error:
                raise draft.error
            return list(draft.headings)
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    gr.on(
        [start.click, instruction.submit, title.submit, materials.submit],
        write,
        [*subject, outline, pictures, images, settings],
        [article_view, drafts],
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="private",
    )
    start_own.click(
        illustrate,
        [own_text, own_file, pictures, images, settings],
        [article_view, drafts],
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="private",
    )
    outline.draft(drafted, [*subject], outline, concurrency_limit=None, api_visibility="private")
    return article_view


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
