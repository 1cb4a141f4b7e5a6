"""Options that several commands have: the settings, the numbers of the sampling, `--out`; and errors for a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

import click

from studio import settings
from studio.errors import InputError, Language, StudioError
from studio.sampling import Task, fields_for
from studio.settings import Settings
from studio.storage.text_files import read_text_file

Command = Callable[..., None]


def fail_softly(error: StudioError, wish: str) -> None:
    """The error's sentence on stderr; the command goes on."""
    click.echo(error.say(language_of_messages(wish)), err=True)


def fail(error: StudioError, wish: str) -> NoReturn:
    """The error's sentence on stderr, and exit code 1. `wish` is the setting --language."""
    click.echo(error.say(language_of_messages(wish)), err=True)
    sys.exit(1)


def language_of_messages(wish: str) -> Language:
    """The language that was asked for, or that of the terminal."""
    if wish == "auto":
        wish = os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"
    return "zh" if wish.lower().startswith("zh") else "en"


def read_text(name: str, language: Language) -> str:
    """The text of a file that was named; on stderr, what is to be known of how it was read. Raises NotFoundError and
    InputError."""
    found = read_text_file(Path(name))
    if warning := found.warning(name):
        click.echo(warning.say(language), err=True)
    return found.text


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Add a flag for every setting, and pass the command the Settings read from them."""

    def run(**given: Any) -> None:
        own = {f.name: given.pop(f.name) for f in fields(Settings)}
        chosen = settings.read(own)
        try:
            command(chosen, **given)
        except StudioError as e:
            fail(e, chosen.language)
        except ModuleNotFoundError as e:
            if (e.name or "").partition(".")[0] in ("", "studio"):
                raise
            fail(InputError("package_missing", names=e.name), chosen.language)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for f in reversed(fields(Settings)):
        closed = "choices" in f.metadata and not f.metadata.get("names")
        kind: Any = click.Choice(f.metadata["choices"]) if closed else type(f.default)
        if isinstance(f.default, int):
            kind = click.IntRange(f.metadata["low"], f.metadata["high"])
        flag = "--" + f.name.replace("_", "-")
        run = click.option(flag, f.name, type=kind, default=None, help=f"{f.metadata['help']} [{f.default or 'none'}]")(
            run
        )
    return run


def with_language(command: Command) -> Command:
    """Say errors of a command without other settings in the language of `--language`."""

    def run(language: str, **given: Any) -> None:
        try:
            command(**given)
        except StudioError as e:
            fail(e, language)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    languages = click.Choice(("auto", "en", "zh"))
    return click.option("--language", type=languages, default="auto", help="Language of messages")(run)


def sampled(task: Task) -> Callable[[Command], Command]:
    """Add a flag for every number of `studio.sampling` that a task offers; those not given are None."""

    def add(command: Command) -> Command:
        for field in reversed(fields_for(task)):
            low, high, offer = field.lowest(task), field.high, field.offer(task)
            kind = click.FloatRange(low, high) if field.digits else click.IntRange(int(low), int(high))
            initial = offer.initial if offer and offer.initial is not None else "what suits the model"
            flag, help = "--" + field.name.replace("_", "-"), f"{field.help} [{initial}]"
            command = click.option(flag, field.name, type=kind, help=help)(command)
        return command

    return add


class Out(click.Option):
    """`--out`. Its help names the formats there are, which are looked up only when somebody asks for it."""

    def __init__(self, *names: Any, kind: Any, **options: Any) -> None:
        super().__init__(*names, **options)
        self._kind = kind

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from studio.export import formats_for

        self.help = "FILE" + ", ".join(f".{name}" for name in formats_for(self._kind))
        return super().get_help_record(ctx)
