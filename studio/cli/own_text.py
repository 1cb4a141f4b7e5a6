"""`studio convert`, `studio open`, `studio illustrate`: texts that somebody has already."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.cli.output import check_writable, require_article_format, write_article
from studio.cli.write import follow, own_pictures, read_pictures
from studio.documents.article import Article
from studio.errors import Language
from studio.export.about import about
from studio.library.picture_intake import DECODERS, NormalisedPicture
from studio.manuscript import open_manuscript
from studio.sampling import check
from studio.settings import Settings
from studio.storage.persons import CLI, ticket_person
from studio.storage.store import Store

_SEE = (
    "To see it, run `studio serve` and open {address} once: from then on it is in History of that browser or login.",
    "要查看这篇文章，请运行 `studio serve` 并打开一次 {address}，之后它就在该浏览器（或登录用户）的“历史”里。",
)


def convert(source: Path, out: Path) -> Path:
    """Export a text without any model and without the data folder; gives the file's path. Raises StudioError."""
    require_article_format(out)
    pictures: dict[str, bytes] = {}

    def keep(picture: NormalisedPicture) -> str:
        pictures[picture.key] = picture.data
        return picture.key

    try:
        article = open_manuscript(source, keep)
    finally:
        DECODERS.close()
    _show_notes(article)
    changed = datetime.fromtimestamp(source.stat().st_mtime, UTC)
    write_article(article, out, pictures.__getitem__, lambda: about(article, changed, changed))
    return out


def open_file(settings: Settings, source: Path) -> tuple[Article, str]:
    """Put a text, or what the studio has exported, into the data folder; gives the stored article and the address at
    which a browser takes it into its History. Raises StudioError."""
    ticket = secrets.token_urlsafe(24)
    person = ticket_person(ticket)
    store = Store(settings.folder)
    try:
        article = open_manuscript(source, lambda picture: store.add_file(picture, person))
        _show_notes(article)
        article = store.save_article(person, article, "open")
    finally:
        DECODERS.close()
        store.close()
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    return article, f"http://{host}:{settings.port}{settings.root_path.rstrip('/')}/open/{ticket}"


def how_to_see(address: str, language: Language) -> str:
    """What to do to see an article that was opened."""
    return _SEE[language == "zh"].format(address=address)


def illustrate(
    settings: Settings, source: Path, images: int | None, pictures: tuple[str, ...], out: Path, **sampling: Any
) -> Path:
    """Put pictures into a text and write the file; gives the file's path. Raises StudioError."""
    require_article_format(out)
    numbers = check("writing", sampling)
    files = read_pictures(pictures)
    check_writable(out)
    with Studio(settings, plan(settings)) as studio:
        article = open_manuscript(source, lambda picture: studio.store.add_file(picture, CLI))
        own = own_pictures(studio, files)
        brief = replace(article.brief, images=images, pictures=own, **numbers).check()
        last = follow(studio.jobs.illustrate_text(CLI, replace(article, brief=brief)))
        if last.error:
            raise last.error
        write_article(last.article, out, studio.store.read_file, lambda: studio.about(CLI, last.article))
    return out


def _show_notes(article: Article) -> None:
    for note in article.notes:
        click.echo(note, err=True)
