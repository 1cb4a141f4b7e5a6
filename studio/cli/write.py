"""`studio write`: an article into a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.cli.options import read_text
from studio.cli.output import check_writable, require_article_format, write_article
from studio.documents.article import Brief, Picture
from studio.errors import Language
from studio.pictures.cost import MAX_FILE_BYTES
from studio.sampling import check
from studio.settings import Settings
from studio.storage.persons import CLI
from studio.storage.regular_file import read_regular
from studio.tasks.jobs import Job
from studio.tasks.progress import Progress

STEPS = {
    "writing": "writing",
    "placing": "choosing places",
    "captioning": "captions",
    "finding": "finding pictures",
    "choosing": "choosing pictures",
    "done": "done",
}


def write(
    settings: Settings,
    brief: Brief,
    pictures: tuple[str, ...],
    out: Path,
) -> Path:
    """Write the article and the file; gives the file's path. `pictures` are files of own ones. Raises StudioError with
    what went wrong."""
    require_article_format(out)
    brief.check()  # before any model is loaded
    files = read_pictures(pictures)
    check_writable(out)
    with Studio(settings, plan(settings)) as studio:
        last = follow(studio.jobs.start(CLI, replace(brief, pictures=own_pictures(studio, files))))
        if last.error:
            raise last.error
        write_article(last.article, out, studio.store.read_file, lambda: studio.about(CLI, last.article))
    return out


def read_pictures(names: tuple[str, ...]) -> list[tuple[Path, bytes]]:
    """Files of own pictures: what cannot be read is told before a model is loaded. Raises NotFoundError, InputError."""
    return [(Path(name), read_picture(name)) for name in names]


def own_pictures(studio: Studio, files: list[tuple[Path, bytes]]) -> tuple[Picture, ...]:
    """Own pictures, kept. Raises InputError for what is no picture."""
    own = []
    for path, data in files:
        key = studio.store.add_file(studio.library.normalise(data, path.name), CLI)
        own.append(Picture(key, path.stem, path.name))
    return tuple(own)


def follow(job: Job) -> Progress:
    """Show the progress until the end, and the article's notes; the last state."""
    last = job.state
    with Bar(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task("loading the model", total=None)
        for last in job.updates():
            bar.update(task, description="stopped" if last.error else format_progress(last))
    if not last.error:
        for note in last.article.notes:
            bar.console.print(note, markup=False)
    return last


def brief_from_options(
    instruction: str,
    title: str | None,
    materials: str | None,
    outline: str | None,
    images: int | None,
    language: Language = "en",
    **sampling: Any,
) -> Brief:
    """What the flags ask for; `materials` and `outline` are files, `sampling` numbers of writing; `language`
    is that of warnings about the files. Raises NotFoundError and InputError."""
    headings = () if outline is None else tuple(read_text(outline, language).splitlines()) or ("",)
    notes = "" if materials is None else read_text(materials, language)
    return Brief(instruction, headings, images, title=title, materials=notes, **check("writing", sampling))


def format_progress(progress: Progress) -> str:
    """One line about where it is."""
    count = f" {progress.number}/{progress.of}" if progress.of else ""
    speed = f"  {progress.speed:.0f} tokens/s" if progress.speed else ""
    words = len(progress.article.markdown.split())
    return f"{STEPS[progress.step]}{count}  {words} words{speed}"


def read_picture(name: str) -> bytes:
    """The bytes of a file given on the command line."""
    return read_regular(Path(name), MAX_FILE_BYTES)
