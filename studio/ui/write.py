"""The Write tab: a form at the left, the article as one document at the right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from studio.article import MAX_IMAGES, Brief, Picture, to_dict
from studio.errors import StudioError
from studio.services import Studio
from studio.settings import assets
from studio.steps import Progress, Stop
from studio.ui.desk import Desk, exported, uploaded
from studio.ui.people import keep_one, shown, who
from studio.ui.text import i18n

SEED = 8909


def write_tab(studio: Studio, desk: Desk) -> gr.HTML:
    """Lay the tab out and connect it; gives the document's component."""
    t = i18n()
    with gr.Tab(t("write"), id="write"), gr.Row(elem_id="write-row"):
        with gr.Column(scale=1, min_width=280, elem_id="form"):
            instruction = desk.instruction = gr.Textbox(
                label=t("instruction"), placeholder=t("instruction_hint"), lines=3, max_lines=12, elem_id="instruction"
            )
            outline = _part("outline.js", [], "outline", "draft")
            pictures = _part("own.js", [], "own-pictures")
            images = gr.Dropdown(
                [(t("auto"), -1), *((str(n), n) for n in range(MAX_IMAGES + 1))],
                value=-1,
                label=t("images"),
                elem_id="images",
            )
            with gr.Accordion(t("more"), open=False):
                seed = gr.Number(SEED, label=t("seed"), precision=0, elem_id="seed")
                own = [
                    gr.Number(
                        None,
                        label=t(name),
                        precision=digits,
                        placeholder=t("own_hint"),
                        elem_id=name,
                        minimum=low,
                        maximum=high,
                    )  # fmt: skip
                    for name, (digits, low, high) in _OWN.items()
                ]
            start = gr.Button(t("start"), variant="primary", elem_id="start")
        with gr.Column(scale=4, min_width=320):
            paper = desk.paper()

    def write(
        request: gr.Request, about: str, lines: list[str], files: list[dict[str, str]], count: int, *numbers: Any
    ) -> Iterator[dict[str, Any]]:
        try:
            brief = _brief(about, lines or [], count, numbers, _own(studio, who(request), files or []))
            job = studio.jobs.start(who(request), brief)
        except StudioError as e:
            raise shown(e, request) from e
        yield from desk.follow(job, request)

    def drafted(about: str, request: gr.Request) -> list[str]:
        try:
            Brief(about).check()
            return list(studio.composer.outline(about, who(request), Stop()))
        except StudioError as e:
            raise shown(e, request) from e

    form = [instruction, outline, pictures, images, seed, *own]
    gr.on(
        [start.click, instruction.submit],
        write,
        form,
        paper,
        show_progress="hidden",
        concurrency_limit=64,
        api_visibility="private",
    )
    outline.draft(drafted, instruction, outline, concurrency_limit=64, api_visibility="private")
    return paper


_OWN = {  # element → digits, limits
    "length": (0, 16, 4096),
    "temperature": (2, 0, 2),
    "top_p": (2, 0, 1),
    "top_k": (0, 0, 1000),
    "repetition_penalty": (3, 0.5, 2),
}


def _part(script: str, value: Any, name: str, event: str = "none") -> gr.HTML:
    """A part of the form that a script of the page draws; its value goes both ways."""
    return gr.HTML(
        value,
        html_template="<div></div>",
        css_template=(assets() / "page/form.css").read_text(),
        js_on_load=f"import(new URL('page/{script}', document.baseURI))"
        f".then(m => m.mount({{element, props, watch, trigger, upload}})); '{event}'",
        apply_default_css=False,
        elem_id=name,
    )


def _own(studio: Studio, person: str, files: list[dict[str, str]]) -> tuple[Picture, ...]:
    """The pictures that the browser uploaded. Raises NotFoundError for any other path, InputError for no picture."""
    pairs = [(str(file.get("path", "")), Path(str(file.get("name", ""))).name) for file in files]
    return tuple(keep_one(studio, person, uploaded(studio, path, name), name) for path, name in pairs)


def _brief(about: str, lines: list[str], count: int, numbers: tuple[Any, ...], own: Any) -> Brief:
    seed, length, temperature, top_p, top_k, penalty = numbers
    return Brief(
        about,
        tuple(map(str, lines)),
        None if count < 0 else count,
        own,
        SEED if seed is None else int(seed),
        None if length is None else int(length),
        temperature,
        top_p,
        None if top_k is None else int(top_k),
        penalty,
    )


def write_api(studio: Studio) -> None:
    """The named endpoints for programs: /write and /export."""

    def write(
        request: gr.Request, instruction: str, outline: str = "", images: int = -1, seed: int = SEED
    ) -> Iterator[dict[str, Any]]:
        try:
            brief = Brief(instruction, tuple(outline.splitlines()), None if images == -1 else images, seed=seed)
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
