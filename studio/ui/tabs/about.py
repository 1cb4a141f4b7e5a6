"""The About tab: what answers, what it needs and has, and how to get the real models or reach a server from afar."""

from __future__ import annotations

import time
from typing import Any

import gradio as gr

from studio import __version__
from studio.app import Studio
from studio.checkpoints.catalog import PUBLISHED, Published, find, find_incomplete
from studio.checkpoints.machine import gpus
from studio.settings import Settings
from studio.ui.components import AT_ONCE, script_component
from studio.ui.model_list import model_list
from studio.ui.page_data import PublishedModel, Report
from studio.ui.threads import threaded
from studio.ui.words import i18n

GIB = 1 << 30


def about_tab(studio: Studio) -> None:
    """One component, drawn by `studio/ui/static/about.js` whenever the tab is opened."""

    def report(_: Any) -> Report:
        return facts(studio)

    with gr.Tab(i18n()("about"), id="about", elem_id="tab-about") as tab:
        models = model_list(studio)
        functions = [threaded(report, "files")]
        component = script_component("about.js", 0, "about-facts", css="about.css", functions=functions)
    tab.select(lambda: (time.time(), time.time()), None, [component, models], **AT_ONCE)


def facts(studio: Studio) -> Report:
    """Plain data: keys are words of the page, values are shown as they are."""
    worker, settings = studio.worker, studio.settings
    return {
        "models": [
            {"role": role, "name": card.name, "context": card.context, "languages": list(card.languages)}
            for role, card in worker.cards.items()
        ],
        "state": worker.state,
        "waiting": worker.waiting + studio.runner.waiting,
        "restarts": worker.restarts,
        "memory": [{"name": name, "size": f"{size / GIB:.1f} GiB"} for name, size in worker.memory.items()],
        "gpus": [{"name": g.name, "size": f"{g.free / GIB:.1f} / {g.total / GIB:.1f} GiB"} for g in gpus()],
        "found": [_published(settings, model) for model in PUBLISHED],
        "pictures": studio.library.count(),
        "data": str(settings.folder),
        "port": settings.port,
        "version": __version__,
    }


def _published(settings: Settings, model: Published) -> PublishedModel:
    part = find_incomplete(settings, model)
    if part:
        return {"name": model.name, "folder": part.folder, "present": part.present, "wanted": part.wanted}
    return {"name": model.name, "folder": find(settings, model), "present": 0, "wanted": 0}
