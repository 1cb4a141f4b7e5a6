"""`studio users`: who may log in to the page."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from studio.errors import InputError
from studio.settings import Settings
from studio.storage import users


def add(settings: Settings, name: str, from_stdin: bool) -> None:
    """Add a user or change a password, which is asked for twice, or is the first line of standard input."""
    path = file_of(settings)
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt(f"Password of {name}", hide_input=True, confirmation_prompt=True, err=True)
    new = users.add(path, name, password)
    click.echo(f"{name} was added to {path}" if new else f"{name} has a new password in {path}")


def show(settings: Settings) -> None:
    """The names, one a line."""
    for name in sorted(users.read(file_of(settings))):
        click.echo(name)


def remove(settings: Settings, name: str) -> None:
    """Take a user out; what the user made stays in the data folder."""
    users.remove(file_of(settings), name)
    click.echo(f"{name} was removed from {file_of(settings)}")


def convert(settings: Settings) -> None:
    """Hash passwords that stand in plain text."""
    path = file_of(settings)
    click.echo(f"{users.convert(path)} passwords were hashed in {path}")


def file_of(settings: Settings) -> Path:
    """The file that --login names. Raises InputError."""
    if not settings.login:
        raise InputError("login_file_not_given")
    return Path(settings.login).expanduser().absolute()
