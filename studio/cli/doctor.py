"""`studio doctor`: what is installed, what was found, what would run, and what keeps it from running."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from studio import __version__
from studio.checkpoints import ladder, what_fits
from studio.checkpoints.catalog import PUBLISHED, find, plan
from studio.checkpoints.machine import gpus
from studio.checkpoints.memory_plan import before_loading
from studio.cli.models import format_incomplete, incomplete, suggestion
from studio.cli.preflight import findings
from studio.errors import Language, ModelError
from studio.roles import ROLES
from studio.settings import Settings
from studio.specs import GgufSpec, NativeSpec

PACKAGES = (
    "gradio",
    "torch",
    "transformers",
    "timm",
    "sentencepiece",
    "modelscope",
    "huggingface-hub",
    "pillow",
    "xllamacpp",
    "rapidocr",
)


def report(settings: Settings, language: Language = "en", memory: int = 0) -> dict[str, Any]:
    """Everything as plain data; the sentences under "problems" are in the language asked for. With `memory`, in GB, it
    says which models would fit so much memory, of a GPU or without one."""
    found = [
        {"check": f.check, "stops": f.stops, "key": f.error.key, "sentence": f.error.say(language)}
        for f in findings(settings)
    ]
    runs: dict[str, Any] = {}
    try:
        spec = plan(settings)
        runs |= {"engine": type(spec).__name__.removesuffix("Spec").lower(), "problem": ""}
        if isinstance(spec, GgufSpec):
            runs |= {"model": spec.card.name, "file": spec.path}
        elif isinstance(spec, NativeSpec):
            runs |= {role: spec.folders.get(role, "") for role in (*ROLES, *spec.folders)}
            runs["random_weights"] = spec.random_weights
            plan_of_memory = before_loading(spec)
            runs["memory"] = plan_of_memory.lines() if plan_of_memory else ["known only when the models are loaded"]
    except ModelError as e:
        runs |= {"engine": "", "problem": str(e)}
    host = psutil.virtual_memory()
    return {
        "studio": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "gpus": [vars(gpu) for gpu in gpus()],
        "memory": {"total": host.total, "free": host.available},
        "data": {"folder": str(settings.folder), "free": _free(settings)},
        "models": {
            **{model.name: find(settings, model) for model in PUBLISHED},
            **{model.name: ladder.find(settings, model) for model in ladder.LADDER},
        },
        "suggested": suggestion(settings),
        "incomplete": {model.name: part for model in PUBLISHED if (part := incomplete(settings, model))},
        "runs": runs,
        "fits": what_fits.lines(memory * ladder.GB, settings.context) if memory else [],
        "ladder_fits": what_fits.ladder_lines(memory * ladder.GB, settings.context) if memory else [],
        "problems": found,
    }


def would_run(report: dict[str, Any]) -> bool:
    """Whether nothing was found that keeps the page from running."""
    return not any(problem["stops"] for problem in report["problems"])


def format_report(report: dict[str, Any]) -> str:
    """The report as lines for people."""
    gib = 1 << 30
    lines = [f"studio {report['studio']}, Python {report['python']}"]
    lines += [f"  {name} {number or 'not installed'}" for name, number in report["packages"].items()]
    cards = report["gpus"]
    lines += [f"GPU {g['name']}: {g['free'] / gib:.1f} of {g['total'] / gib:.1f} GiB free" for g in cards] or [
        "GPU: none found"
    ]
    lines.append(f"Memory: {report['memory']['free'] / gib:.1f} of {report['memory']['total'] / gib:.1f} GiB free")
    lines.append(f"Data: {report['data']['folder']} ({report['data']['free'] / gib:.0f} GiB free)")
    parts = {name: format_incomplete(part) for name, part in report["incomplete"].items()}
    lines += [f"{name}: {folder or parts.get(name, 'not found')}" for name, folder in report["models"].items()]
    runs = report["runs"]
    if runs["engine"]:
        lines.append(f"{'Would run' if would_run(report) else 'Chosen'}: {runs['engine']}, {_what(runs)}")
    if runs.get("random_weights"):
        lines.append("WARNING: random weights, the text means nothing. This is for trying the GPU only.")
    elif runs.get("engine") == "native":
        lines += [f"  {role.without}" for role in ROLES.values() if not runs[role.name]]
    lines += [f"  {line}" for line in runs.get("memory", ())]
    lines += [f"  {name.partition(':')[2]}: here, for its persona" for name in runs if name.startswith("talk:")]
    lines += [f"GPU of this size: {line}" for line in report["fits"]]
    lines += [f"So much memory: {line}" for line in report["ladder_fits"]]
    named = [found["name"] for found in report["suggested"].values() if isinstance(found, dict)]
    lines.append(f"Suggested for this machine: {', '.join(named) or 'the starter model'}, see studio models suggest")
    for word, stops in (("Warning", False), ("Cannot run", True)):
        lines += [f"{word} ({p['check']}): {p['sentence']}" for p in report["problems"] if p["stops"] == stops]
    return "\n".join(lines)


def _free(settings: Settings) -> int:
    """Bytes; 0 where the folder cannot even be looked at, which a check tells."""
    try:
        folder = next(p for p in (settings.folder, *settings.folder.parents) if p.exists())
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _what(runs: dict[str, Any]) -> str:
    if runs.get("random_weights"):
        return f"XComposer2 with random weights ({runs['random_weights']})"
    return str(runs.get("model") or ", ".join(dict.fromkeys(filter(None, map(runs.get, ROLES)))))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
