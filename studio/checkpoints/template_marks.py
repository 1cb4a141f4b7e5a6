"""The messages that are put to a chat template, made of words that no template knows, and what stands around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from studio.protocol import Control, Prompt, Segment, Text

SYSTEM = "system7q"
QUESTIONS = ("first7q", "second7q", "third7q")
ANSWERS = ("reply7q", "answer7q")


class BadTemplate(Exception):
    """What a template writes cannot be taken apart, for the reason that is given."""


def talk(*turns: tuple[str, str]) -> dict[str, Any]:
    """A request for a conversation: roles and contents."""
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def around(text: str | None, marks: Sequence[str]) -> list[str]:
    """The parts before, between and after the marks. Raises BadTemplate where they are not all there, once and in
    order."""
    if text is None:
        raise BadTemplate("it fails")
    parts = []
    for mark in marks:
        part, found, text = text.partition(mark)
        if not found or mark in text:
            raise BadTemplate("it leaves messages out")
        parts.append(part)
    return [*parts, text]


def asking(text: str) -> str:
    """What an answer begins after; a model that always thinks aloud is asked to have done so."""
    return f"{text.rstrip()}\n\n</think>\n\n" if re.search(r"<think>\s*$", text) else text


def segments(text: str, controls: Sequence[str]) -> Prompt:
    """Text of a template as control tokens and what is between them."""
    pattern = "|".join(re.escape(piece) for piece in sorted(controls, key=len, reverse=True)) or r"(?!)"
    found: list[Segment] = []
    for number, part in enumerate(re.split(f"({pattern})", text)):
        if part:
            found.append(Control(part) if number % 2 else Text(part))
    return tuple(found)
