"""A conversation as the messages that go to a model, whatever the model; a dialect's `talk` makes a prompt of them.

A message's content is segments, as a prompt is: what a person typed is `Text`, and only a `Control`, which this program
put there, becomes a control token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from studio.errors import InputError
from studio.protocol import Control, Segment, Text

MessageRole = Literal["system", "user", "assistant", "environment"]
ROLES: tuple[MessageRole, ...] = get_args(MessageRole)
CONTROLS = ("<|plugin|>", "<|interpreter|>", "<|action_end|>", "<|action_start|>", "<|im_end|>", "<|im_start|>")
TOOL_KINDS = CONTROLS[:2]  # as the name of a system or environment message they are control tokens

TOOL_LIST, TOOL_CALL = "tools", "call"  # names of a system message and of an assistant's, see Message


@dataclass(frozen=True)
class Message:
    """One turn. `name` says more of its role: `file` for an upload, `<|plugin|>` for tools; of an environment message
    it is the kind of the tool whose result this is. Where a model's chat template knows tools, a system message `tools`
    is their list as JSON, and an assistant's message `call` is a call as JSON."""

    role: MessageRole
    content: tuple[Segment, ...]
    name: str = ""

    @property
    def text(self) -> str:
        """The content's text, without control tokens."""
        return "".join(s.text for s in self.content if isinstance(s, Text))


def message(role: MessageRole, text: str, name: str = "") -> Message:
    """A message of nothing but text."""
    return Message(role, (Text(text),), name)


def read_messages(data: Any) -> tuple[Message, ...]:
    """Messages from JSON data: a list of {"role", "content", "name"?}, in which content is text or a list of texts and
    {"control": piece}. Raises InputError with the number of the first message that is none of this."""
    if not isinstance(data, list) or not data:
        raise InputError("messages_wrong", number=1, cause="the file must hold a list of messages")
    return tuple(_read(number, item) for number, item in enumerate(data, 1))


def _read(number: int, item: Any) -> Message:
    def refuse(cause: str) -> InputError:
        return InputError("messages_wrong", number=number, cause=cause)

    if not isinstance(item, Mapping):
        raise refuse("it is no object")
    role, name = item.get("role"), item.get("name") or ""
    if role not in ROLES:
        raise refuse(f"its role must be one of {', '.join(ROLES)}")
    if not isinstance(name, str) or "\n" in name:
        raise refuse("its name must be one line of text")
    content = item.get("content")
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else [content]
    segments: list[Segment] = []
    for part in parts:
        match part:
            case str():
                segments.append(Text(part))
            case {"control": str(piece)} if piece in CONTROLS:
                segments.append(Control(piece))
            case _:
                raise refuse('its content must be text, or a list of texts and {"control": "<|…|>"}')
    return Message(role, tuple(segments), name)
