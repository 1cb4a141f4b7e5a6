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
    files = [(name, read_picture(name)) for name in pictures]
    check_writable(out)
    with Studio(settings, plan(settings)) as studio:
        own = []
        for name, data in files:
            taken = studio.library.normalise(data, Path(name).name)
            own.append(Picture(studio.store.add_file(taken, CLI), Path(name).stem, Path(name).name))
        job = studio.jobs.start(CLI, replace(brief, pictures=tuple(own)))
        last = None
        with Bar(
            SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True)
        ) as bar:
            task = bar.add_task("loading the model", total=None)
            for last in job.updates():
                bar.update(task, description="stopped" if last.error else format_progress(last))
        assert last is not None
        if last.error:
            raise last.error
        for note in last.article.notes:
            bar.console.print(note, markup=False)
        write_article(last.article, out, studio.store.read_file, lambda: studio.about(CLI, last.article))
    return out


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
