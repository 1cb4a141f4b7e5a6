"""`studio models`: what is published and what is here, what suits this machine, getting it, comparing it with recorded
results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from studio.checkpoints import ladder, machine, what_fits
from studio.checkpoints.catalog import PUBLISHED, Published, find, find_incomplete
from studio.checkpoints.ladder import GB, LADDER, GgufModel
from studio.checkpoints.machine import gib
from studio.checkpoints.transfer import Transfer
from studio.errors import StudioError
from studio.roles import COMPOSER, ROLES, VIEWER
from studio.settings import Settings


def table(settings: Settings) -> list[dict[str, Any]]:
    """The models as plain data, each with the folder where it was found or an empty string."""
    rows: list[dict[str, Any]] = [
        {
            "name": model.name,
            "role": model.role,
            "roles": list(model.roles),
            "bytes": model.size,
            "modelscope": model.modelscope,
            "huggingface": model.huggingface,
            "folder": find(settings, model),
            "incomplete": incomplete(settings, model),
        }
        for model in PUBLISHED
    ]
    return rows + [
        {
            "name": model.name,
            "role": (VIEWER if model.sees else COMPOSER).name,
            "bytes": model.size,
            "modelscope": model.repository,
            "huggingface": model.repository,
            "folder": ladder.find(settings, model),
            "memory": model.memory,
            "licence": model.licence,
            "context": model.context,
            "packages": bool(model.packages),
        }
        for model in LADDER
    ]


def format_table(rows: list[dict[str, Any]]) -> str:
    """The table for people."""
    lines = []
    for row in rows:
        needs = f"in {row['memory'] // GB:2} GB" if "memory" in row else "on a GPU"
        verb = ", ".join(ROLES[role].verb for role in row.get("roles", [row["role"]]))
        place = row["folder"] or format_incomplete(row.get("incomplete")) or "not here"
        lines.append(f"{row['name']:22} {verb:12} {row['bytes'] / 1e9:5.1f} GB, {needs}  {place}")
    return "\n".join(
        [*lines, "To get one: studio models download NAME; which suits this machine: studio models suggest"]
    )


def incomplete(settings: Settings, model: Published) -> dict[str, Any] | None:
    """Where a part of a model is that is nowhere whole, as plain data."""
    part = find_incomplete(settings, model)
    return asdict(part) if part else None


def format_incomplete(part: dict[str, Any] | None) -> str:
    """For people; empty for None."""
    return f"incomplete ({part['present']} of {part['wanted']} files) {part['folder']}" if part else ""


def suggestion(settings: Settings) -> dict[str, Any]:
    """The highest rung of the ladder that this machine has room for, on its largest GPU, else in its memory: one model
    that writes and one that sees. On a CPU also the highest that it is quick with, where that is another."""
    card = max(machine.gpus(), key=lambda gpu: gpu.free, default=None)
    room = card.free if card else machine.host_free()
    whole = _xcomposer(settings, room) if card else None
    found = vars(ladder.suggest(room, bool(card)))
    rows = {name: _row(settings, model) if model else None for name, model in found.items()}
    return {"device": card.name if card else "CPU", "free": room, "xcomposer": whole, **rows}


def _xcomposer(settings: Settings, room: int) -> dict[str, Any] | None:
    """XComposer2.5, one model for everything, where a GPU has so much room for it; in 8 bits where it must be."""
    if (quantize := what_fits.quantization_for(what_fits.XCOMPOSER, room, settings.context)) is None:
        return None
    model = next(model for model in PUBLISHED if model.name == what_fits.XCOMPOSER)
    here = find(settings, model)
    flag = "" if quantize == "none" else f" --quantize {quantize}"
    command = f"studio serve --models {model.name}{flag}" if here else f"studio models download {model.name}"
    return {"name": model.name, "bytes": model.size, "quantize": quantize, "folder": here, "command": command}


def _row(settings: Settings, model: GgufModel) -> dict[str, Any]:
    here = ladder.find(settings, model)
    use = f"studio serve --models {model.name}"
    return {
        **{"name": model.name, "bytes": model.size, "memory": model.memory, "licence": model.licence},
        **{"folder": here, "command": use if here else f"studio models download {model.name}"},
    }


def format_suggestion(found: dict[str, Any]) -> str:
    """The suggestion for people: the rung, and the one command."""
    lines = [f"{found['device']}: {gib(found['free'])} free"]
    if row := found["xcomposer"]:
        bits = "" if row["quantize"] == "none" else ", in 8 bits"
        lines.append(f"{row['name']} writes and sees pictures{bits} ({row['bytes'] / 1e9:.1f} GB):\n  {row['command']}")
    for name, verb in (
        ("sees", "writes and sees pictures"),
        ("writes", "writes"),
        ("quick", "writes quicker on a CPU"),
    ):
        if row := found[name]:
            about = f"{row['bytes'] / 1e9:.1f} GB, runs in {row['memory'] // GB} GB, {row['licence']}"
            lines.append(f"{row['name']} {verb} ({about}):\n  {row['command']}")
    if len(lines) == 1:
        lines.append("There is no room for more than the starter model.")
    else:
        lines.append("What was downloaded runs at the next start, if no XComposer2 does.")
    return "\n".join(lines)


def download(settings: Settings, name: str, source: str, to: str, as_json: bool = False) -> Path:
    """Get a model. Progress goes to stderr; with `as_json` it goes to stdout, a line twice a second, and so do the end
    and an error, which ends it with exit code 1."""
    from studio.checkpoints import download as downloads

    try:
        model = downloads.known(name)
        folder = Path(to).expanduser().absolute() if to else downloads.folder_of(settings, model)
        if as_json:
            found = downloads.download(model, source, folder, lambda line: None, lambda t: _print(asdict(t)))
            _print({"folder": str(found)})
            return found
        if source != "packages":  # the hubs' clients show it themselves
            return downloads.download(model, source, folder, _tell)
        with _bar() as report:
            return downloads.download(model, source, folder, _tell, report)
    except StudioError as e:
        if as_json:
            _print({"error": {"en": e.say("en"), "zh": e.say("zh")}})
        raise


@contextmanager
def _bar() -> Iterator[Callable[[Transfer], None]]:
    """A progress bar on stderr: bytes, speed, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda t: bar.update(task, completed=t.done, total=t.total)


def _print(data: dict[str, Any]) -> None:
    click.echo(json.dumps(data, ensure_ascii=False))


def _tell(line: str) -> None:
    click.echo(line, err=True)


def check(folder: Path, golden: Path | None, as_json: bool) -> bool:
    """Print the comparison; True when everything agrees."""
    from studio.engine.native.check.golden import compare, compare_with_llama

    found = compare(folder, golden) if golden else compare_with_llama(folder)
    click.echo(json.dumps(found, ensure_ascii=False) if as_json else format_comparison(found))
    return bool(found["ok"])


def format_comparison(found: dict[str, Any]) -> str:
    """The comparison for people."""
    lines = [found["model"]]
    lines += [f"  {name}: largest difference {value:.2e}" for name, value in found["tensors"].items()]
    for name, entry in found["ids"].items():
        same = f"equal in all {entry['steps']} steps"
        lines.append(f"  {name}: {same if entry['equal'] else 'differs at step ' + str(entry['first_difference'])}")
    lines.append(f"{'Agrees' if found['ok'] else 'DOES NOT AGREE'} (tolerance {found['tolerance']:g})")
    return "\n".join(lines)
