"""`studio webpage`: a web page into one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.cli.options import read_text
from studio.cli.output import check_writable, write_file
from studio.cli.write import read_picture
from studio.documents.article import Picture
from studio.errors import InputError, Language
from studio.library.picture_intake import normalise_file
from studio.prompts.web_pages import PageRequest
from studio.protocol import Image
from studio.settings import Settings
from studio.storage.persons import CLI
from studio.tasks.progress import Stop
from studio.tasks.write_page import PageProgress, PictureWishes


def webpage(
    settings: Settings,
    instruction: str,
    resume: str | None,
    screenshot: str | None,
    pictures: tuple[str, ...],
    scripts: bool,
    out: Path,
    language: Language = "en",
) -> Path:
    """Make the page and the file; gives its path. Raises StudioError with what went wrong."""
    if sum(map(bool, (instruction.strip(), resume, screenshot))) != 1:
        raise InputError("page_of_one_thing")
    text = read_text(resume, language) if resume else instruction
    seen = normalise_file(read_picture(screenshot), Path(screenshot).name) if screenshot else None
    own_files = [(Path(name), normalise_file(read_picture(name), Path(name).name)) for name in pictures]
    check_writable(out)
    with Studio(settings, plan(settings)) as studio:
        own = tuple(Picture(studio.store.add_file(taken, CLI), path.stem, path.name) for path, taken in own_files)
        if seen:
            key = studio.store.add_file(seen, CLI)
            request = PageRequest("screenshot", images=(Image(key, studio.store.read_file(key)),))
        else:
            request = PageRequest("resume" if resume else "instruction", text)
        last = PageProgress("writing")
        for last in studio.page_writer.write(request, PictureWishes(own), CLI, Stop()):
            if last.error:
                raise last.error
        if last.cut:
            click.echo("The page ends at the limit of its length.", err=True)
        html = studio.page_writer.render(last.source, last.pictures, scripts)
        write_file(out, html.encode)
    return out
