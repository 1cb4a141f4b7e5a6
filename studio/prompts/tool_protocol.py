"""How models call tools: what they are told of them, how a call stands in a reply, how its result comes back.

Three conventions, one a module: `internlm2_tools` (plugin and interpreter turns, marked by control tokens),
`template_tools` (as the chat template of the model's file has it) and `json_tools` (a JSON object between `<tool_call>`
marks, or by itself). A convention makes messages and reads replies;
the model's dialect makes a prompt of the messages. Pure functions: a reply that makes no sense becomes a `Call` with a
`problem`, which the model is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from studio.documents.steps import AgentStep, CallForm
from studio.prompts.messages import Message
from studio.protocol import Image

CODE_TOOL = "python"  # the tool that runs what is written as code
MAX_RESULT = 6_000  # characters of a result that go into a prompt


@dataclass(frozen=True)
class ToolSpec:
    """What a model is told of a tool: `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Exchange:
    """A question, the files that came with it (name and size in bytes), the pictures that the model sees, what was done
    for it, and its answer. `heads` are the first lines of the files, "" for what is no text."""

    question: str
    files: tuple[tuple[str, int], ...] = ()
    steps: tuple[AgentStep, ...] = ()
    answer: str = ""
    images: tuple[Image, ...] = ()
    heads: tuple[str, ...] = ()

    @property
    def with_files(self) -> str:
        """The question with its files, for models that know no turn for files."""
        lines, heads = [self.question], (*self.heads, *[""] * len(self.files))
        for (name, size), head in zip(self.files, heads, strict=False):
            lines.append(f"[{name}, {size:,} bytes]" + (f" begins:\n{head}" if head else ""))
        return "\n".join(lines)


@dataclass(frozen=True)
class Call:
    """A call as it was read from a reply: `written` is its text. `problem` says to the model why it cannot be read."""

    tool: str
    written: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    form: CallForm = "plugin"
    problem: str = ""


@dataclass(frozen=True)
class AgentReply:
    """A reply of a model: what it says, and the calls at its end; without any, it is the answer."""

    thought: str
    calls: tuple[Call, ...] = ()


class ToolConvention(Protocol):
    """One way to call tools."""

    @property
    def controls(self) -> tuple[str, ...]:
        """Control tokens that a reply must keep as text, see `Generate.keep_controls`."""
        ...

    def messages(
        self,
        system: str,
        tools: tuple[ToolSpec, ...],
        exchanges: tuple[Exchange, ...],
        opening: tuple[Message, ...] = (),
    ) -> tuple[Message, ...]:
        """The messages for the next reply to the last exchange, whose steps have all ended. `opening` stands before the
        first exchange: a persona's examples and greeting."""
        ...

    def read(self, reply: str) -> AgentReply:
        """A reply, whole or as far as it is written."""
        ...


def clip(text: str, limit: int = MAX_RESULT) -> str:
    """A result as it goes into a prompt: its beginning and its end, with how much is left out between them."""
    if len(text) <= limit:
        return text
    head, tail = limit * 2 // 3, limit // 3
    return f"{text[:head]}\n… ({len(text) - head - tail:,} characters left out) …\n{text[-tail:]}"


def read_json_call(written: str, form: CallForm = "plugin") -> Call:
    """A call written as a JSON object with `name` and `parameters`, or `arguments`, which may be JSON in a string."""
    try:
        data, _ = _DECODER.raw_decode(written.strip())
    except (ValueError, RecursionError) as e:
        cause = e.msg if isinstance(e, json.JSONDecodeError) else "it is nested too deeply"
        return Call("", written, form=form, problem=f"The call is not valid JSON ({cause}). {_HOW}")
    if not isinstance(data, dict) or not isinstance(name := data.get("name"), str) or not name.strip():
        return Call("", written, form=form, problem=f"The call names no tool. {_HOW}")
    arguments: Any = next((data[key] for key in ("parameters", "arguments") if key in data), {})
    if isinstance(arguments, str):
        try:
            arguments = _DECODER.decode(arguments)
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        return Call(name.strip(), written, form=form, problem=f"The arguments are not a JSON object. {_HOW}")
    return Call(name.strip(), written, arguments, form)


_HOW = 'Write {"name": "<tool>", "parameters": {…}} with one of the tools you were given.'
_DECODER = json.JSONDecoder(strict=False)  # small models write line breaks into strings
