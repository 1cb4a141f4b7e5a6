"""`studio models`: what is published and what is here, getting it, comparing it with recorded results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from studio.checkpoints.catalog import PUBLISHED, find, folder_of
from studio.roles import ROLES
from studio.settings import Settings


def table(settings: Settings) -> list[dict[str, Any]]:
    """The published models as plain data, each with the folder where it was found or an empty string."""
    return [
        {
            "name": model.name,
            "role": model.role,
            "bytes": model.size,
            "modelscope": model.modelscope,
            "huggingface": model.huggingface,
            "folder": find(settings, model),
        }
        for model in PUBLISHED
    ]


def format_table(rows: list[dict[str, Any]]) -> str:
    """The table for people."""
    lines = [
        f"{row['name']:20} {ROLES[row['role']].verb:7} {row['bytes'] / 1e9:5.1f} GB  {row['folder'] or 'not here'}"
        for row in rows
    ]
    return "\n".join([*lines, "To get one: studio models download NAME"])


def download(settings: Settings, name: str, source: str, to: str) -> Path:
    """Get a published model; progress goes to stderr."""
    from studio.checkpoints import download as downloads

    model = downloads.known(name)
    folder = Path(to).expanduser().absolute() if to else folder_of(settings, model)
    return downloads.download(model, source, folder, lambda line: click.echo(line, err=True))


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
