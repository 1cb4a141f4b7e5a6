"""The models of About: what is here and what could be, downloads with their progress, and which one answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from studio.app import Studio
from studio.checkpoints import ladder, machine
from studio.errors import Language, StudioError
from studio.specs import GgufSpec, NativeSpec
from studio.tasks.model_manager import ManagedModel
from studio.ui.arguments import call_named
from studio.ui.components import script_component
from studio.ui.identity import language_for, may_manage, require_manager
from studio.ui.page_data import Banner, DownloadData, ManagedModelData, ModelList
from studio.ui.threads import threaded


def model_list(studio: Studio) -> gr.HTML:
    """The component; `models.js` draws it, and asks again while something is under way."""
    manager = studio.models

    def download(_: gr.Request, name: str, source: str) -> None:
        manager.download(name, source)

    def stop(_: gr.Request, name: str) -> None:
        manager.stop_download(name)

    def remove(_: gr.Request, name: str) -> None:
        manager.remove(name)

    def use(_: gr.Request, name: str) -> None:
        manager.use(name)

    acts: dict[str, Callable[..., None]] = {"download": download, "stop": stop, "remove": remove, "use": use}

    def models(_: Any, request: gr.Request) -> ModelList:
        return to_model_list(studio, may_manage(request, studio.settings), language_for(request))

    def manage(asked: dict[str, Any], request: gr.Request) -> dict[str, str]:
        try:
            require_manager(request, studio.settings)
            call_named(acts, asked, request)
        except StudioError as e:
            return {"error": e.say(language_for(request))}
        return {}

    functions = [threaded(models, "files"), threaded(manage, "files")]
    return script_component("models.js", 0, "models-list", css="models.css", functions=functions)


def to_model_list(studio: Studio, manages: bool, language: Language) -> ModelList:
    """What the page draws."""
    gpus = machine.gpus()
    room = max((gpu.free for gpu in gpus), default=0) or min(machine.host_free(), ladder.CPU_RUNG * ladder.GB)
    best = {model.name for sees in (True, False) if (model := ladder.best(room, sees))}
    worker = studio.worker
    return {
        "models": [_row(model, model.name in best, language) for model in studio.models.models()],
        "manages": manages,
        "state": worker.state,
        "error": worker.error.say(language) if worker.error else "",
        "banner": banner_of(studio),
    }


def banner_of(studio: Studio) -> Banner:
    """What people must know of the model that answers; the spec tells it before the model is loaded."""
    spec = studio.worker.spec
    if isinstance(spec, GgufSpec) and spec.card.note == "starter":
        return {"banner": "starter_banner", "kind": ""}
    if isinstance(spec, NativeSpec) and spec.random_weights:
        return {"banner": "random_banner", "kind": "wrong"}
    return {"banner": "", "kind": ""}


def _row(model: ManagedModel, suggested: bool, language: Language) -> ManagedModelData:
    return {
        "name": model.name,
        "roles": list(model.roles),
        "size": model.size,
        "memory": model.memory,
        "licence": model.licence,
        "presence": model.presence,
        "removable": model.removable,
        "running": model.running,
        "suggested": suggested,
        "sources": list(model.sources),
        "download": _download(model, language),
    }


def _download(model: ManagedModel, language: Language) -> DownloadData | None:
    state = model.download
    if state is None or (state.state == "done" and model.presence == "here"):
        return None
    t = state.transfer
    return {
        "state": state.state,
        "done": t.done,
        "total": t.total,
        "speed": t.speed,
        "left": t.left,
        "error": state.say(language),
    }
