"""`studio library`: a person's own pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.errors import Language
from studio.settings import Settings
from studio.specs import EngineSpec


def add(settings: Settings, folder: Path, restore: bool, language: Language) -> None:
    """Take a folder in; names and reasons of files that were not taken go to stderr. `restore` brings pictures back
    that were taken out of the library."""
    with Studio(settings, _spec(settings)) as studio:
        report = studio.library.add(folder, describe=studio.describe, restore=restore, language=language)
    for name, sentence in (*report.warnings, *report.passed_over, *report.refused):
        click.echo(f"{name}: {sentence}", err=True)
    counts = f"{report.added} added, {report.updated} updated, {len(report.refused)} refused"
    click.echo(f"{counts}, {len(report.passed_over)} passed over")


def search(settings: Settings, words: str, limit: int, as_json: bool) -> None:
    """The pictures that fit, best first."""
    with Studio(settings, _spec(settings)) as studio:
        hits = studio.library.search(words, limit=limit) if words.strip() else studio.library.browse(limit=limit)
    if as_json:
        rows = [
            {
                "key": h.picture.key,
                "title": h.picture.title,
                "caption": h.caption,
                "source": h.picture.credit,
                "score": round(h.score, 4),
                "own": h.own,
            }
            for h in hits
        ]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for hit in hits:
        click.echo(f"{hit.score:6.3f}  {hit.picture.title}: {hit.caption}  ({hit.picture.credit})")


def _spec(settings: Settings) -> EngineSpec:
    return plan(settings)
