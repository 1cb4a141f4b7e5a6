"""The Write tab: a form at the left, the article as one document at the right."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from studio import export
from studio.article import MAX_IMAGES, Article, Brief, to_dict
from studio.compose import Progress
from studio.errors import StudioError
from studio.services import Studio
from studio.settings import assets
from studio.ui.people import keep, language, shown, who
from studio.ui.text import i18n
from studio.ui.view import document


def write_tab(studio: Studio, person: gr.BrowserState) -> None:
    """Lay the tab out and connect it."""
    t = i18n()
    with gr.Tab(t("write"), id="write"), gr.Row(elem_id="write-row"):
        with gr.Column(scale=1, min_width=300):
            instruction = gr.Textbox(
                label=t("instruction"), placeholder=t("instruction_hint"), lines=3, elem_id="instruction"
            )
            outline = gr.Textbox(label=t("outline"), lines=3, elem_id="outline")
            pictures = gr.File(
                label=t("pictures"),
                file_count="multiple",
                file_types=["image", ".heic", ".heif"],
                elem_id="own-pictures",
                height=120,
            )
            images = gr.Dropdown(
                [(t("auto"), -1), *((str(n), n) for n in range(MAX_IMAGES + 1))],
                value=-1,
                label=t("images"),
                elem_id="images",
            )
            with gr.Accordion(t("more"), open=False):
                seed = gr.Number(8909, label=t("seed"), precision=0, elem_id="seed")
                length = gr.Number(None, label=t("length"), precision=0, elem_id="length")
                temperature = gr.Number(None, label=t("temperature"), elem_id="temperature")
            start = gr.Button(t("start"), variant="primary", elem_id="start")
            stop = gr.Button(t("stop"), elem_id="stop", interactive=False)
            with gr.Row():
                format = gr.Dropdown(
                    [(t(f"format_{name}"), name) for name in ("zip", "xlsx", "html")],
                    value="zip",
                    show_label=False,
                    elem_id="format",
                    min_width=120,
                )
                save = gr.Button(t("export"), elem_id="export", min_width=80)
            file = gr.File(elem_id="exported", visible=False)
        with gr.Column(scale=3, min_width=320):
            paper = gr.HTML(
                document(Article(Brief(""))),
                html_template=(assets() / "page/article.html").read_text(),
                css_template=(assets() / "page/article.css").read_text(),
                js_on_load="",
                apply_default_css=False,
                elem_id="paper",
            )
    number = gr.State(0)

    def write(
        about_: str,
        lines: str,
        files: list[str] | None,
        count: int,
        seed_: float | None,
        length_: float | None,
        temperature_: float | None,
        key: str,
        request: gr.Request,
    ) -> Iterator[tuple[Any, ...]]:
        try:
            mine = who(request, key)
            brief = Brief(
                about_,
                tuple(lines.splitlines()) if lines.strip() else (),
                None if count < 0 else count,
                keep(studio, mine, files or ()),
                int(seed_ if seed_ is not None else 8909),
                int(length_) if length_ else None,
                temperature_,
            )
            job = studio.jobs.start(mine, brief)
        except StudioError as e:
            raise shown(e, request) from e
        yield job.progress.article.id, gr.skip(), gr.Button(interactive=True)
        for progress in job.updates():
            view = document(progress.article, progress, language(request))
            yield progress.article.id, view, gr.Button(interactive=progress.step != "done")

    def press(id: int, key: str, request: gr.Request) -> None:
        if job := studio.jobs.get(who(request, key), id):
            job.stop.press()

    def to_file(id: int, kind: str, key: str, request: gr.Request) -> Any:
        try:
            return gr.File(str(exported(studio, who(request, key), id, kind)), visible=True)
        except StudioError as e:
            raise shown(e, request) from e

    form = [instruction, outline, pictures, images, seed, length, temperature, person]
    start.click(
        write, form, [number, paper, stop], show_progress="hidden", concurrency_limit=64, api_visibility="private"
    )
    stop.click(press, [number, person], queue=False, api_visibility="private")
    save.click(to_file, [number, format, person], file, api_visibility="private")


def exported(studio: Studio, person: str, id: int, kind: str) -> Path:
    """The article as a file in a fresh folder. Raises NotFoundError and InputError."""
    article = studio.store.article(person, id)
    folder = Path(tempfile.mkdtemp(dir=_folder(studio)))
    path = folder / export.filename(article, kind)
    path.write_bytes(studio.exported(person, article, kind))
    return path


def _folder(studio: Studio) -> Path:
    folder = studio.settings.folder / "page"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_api(studio: Studio) -> None:
    """The named endpoints for programs: /write and /export."""

    def write(
        request: gr.Request, instruction: str, outline: str = "", images: int = -1, seed: int = 8909
    ) -> Iterator[dict[str, Any]]:
        try:
            lines = tuple(outline.splitlines()) if outline.strip() else ()
            brief = Brief(instruction, lines, None if images == -1 else images, seed=seed)
            job = studio.jobs.start(who(request), brief)
        except StudioError as e:
            raise shown(e, request) from e
        for progress in job.updates():
            yield {"step": progress.step, **to_dict(progress.article)}
        _raise(job.progress, request)

    def export_(request: gr.Request, article: int, format: str) -> gr.FileData:
        try:
            return gr.FileData(path=str(exported(studio, who(request), article, format)))
        except StudioError as e:
            raise shown(e, request) from e

    gr.api(write, api_name="write", concurrency_limit=64)
    gr.api(export_, api_name="export")


def _raise(progress: Progress, request: gr.Request) -> None:
    if progress.error:
        raise shown(progress.error, request) from progress.error
