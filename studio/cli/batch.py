"""`studio batch`: many pictures × questions into a table."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.cli.options import read_text
from studio.cli.output import write_file
from studio.documents.table import questions_of
from studio.errors import EngineError, Language
from studio.export import export, find_format
from studio.library import gather
from studio.settings import Settings
from studio.storage.persons import CLI
from studio.tasks.fill_table import TableJob, TableProgress


def batch(
    settings: Settings, sources: tuple[str, ...], questions: str, out: Path, resume: bool, language: Language
) -> Path:
    """Fill the table and write the file; gives the file's path. Raises StudioError with what went wrong.

    Ctrl+C writes what there is, says how to go on, and is raised again.
    """
    format = out.suffix.lstrip(".").lower()
    find_format("table", format or out.name)
    asked = read_text(questions, language)
    paths = [Path(source).absolute() for source in sources]
    questions_of(asked), gather.list_files(paths)  # before any model is loaded
    origin = ", ".join(map(str, paths))
    with Studio(settings, plan(settings)) as studio:
        running = studio.table_jobs.start(CLI, asked, paths, language, origin, recall=resume)
        try:
            _follow(running)
        except KeyboardInterrupt:
            running.stop.press()
            running.wait(30)
            _write(running.state, out, format, studio)
            click.echo(_stopped(running.state, out), err=True)
            raise
        _write(running.state, out, format, studio)
    end = running.state
    if end.error:
        raise end.error
    for skipped in end.table.skipped:
        click.echo(skipped.reason, err=True)
    if end.table.failed:
        raise EngineError("table_cells_failed", failed=end.table.failed, of=end.table.cells, path=out)
    return out


def _follow(running: TableJob) -> None:
    """Show the progress until the end."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task: TaskID = bar.add_task("starting", total=None)
        step = ""
        for progress in running.updates():
            if progress.step != step and progress.step == "asking":
                bar.reset(task)
            step = progress.step
            bar.update(
                task, description=format_progress(progress), completed=progress.number, total=progress.of or None
            )


def format_progress(progress: TableProgress) -> str:
    """One line about where it is."""
    count = f" {progress.number}/{progress.of}" if progress.of else ""
    name = f"  {progress.table.rows[progress.place[0]].picture.credit}" if progress.place else ""
    speed = f"  {progress.speed:.0f} tokens/s" if progress.speed else ""
    return f"{progress.step}{count}{name}{speed}"


def _stopped(end: TableProgress, out: Path) -> str:
    table = end.table
    kept = f"Stopped: {table.cells - table.open} of {table.cells} answers are kept and in {out}."
    return f"{kept} Go on with the same command and --resume."


def _write(end: TableProgress, out: Path, format: str, studio: Studio) -> None:
    """Write what there is; a table of nothing leaves no file."""
    if not end.table.rows:
        return
    write_file(out, lambda: export(end.table, format, studio.store.read_file, {}))
