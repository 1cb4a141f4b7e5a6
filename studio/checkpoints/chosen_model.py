"""Which model a person chose on the page, kept in the data folder until another is chosen."""

from __future__ import annotations

from contextlib import suppress

from studio.settings import Settings

FILE = "model"  # in the data folder: one line, a name of the catalogue


def read(settings: Settings) -> str:
    """The name, or an empty string."""
    with suppress(OSError, UnicodeDecodeError):
        return (settings.folder / FILE).read_text(encoding="utf-8").strip()[:200]
    return ""


def write(settings: Settings, name: str) -> None:
    """Choose it. Raises OSError."""
    (settings.folder / FILE).write_text(f"{name}\n", encoding="utf-8")
