"""What a caller gives is checked by the type hints of the function that takes it, before the function is called.

One mechanism for the endpoints of programs, the page's events and its server functions. A component whose value has
another form on the wire than in the function (a file, a conversation kept by the server) says so in `_ON_THE_WIRE`.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_type_hints

import gradio as gr
from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from studio.errors import InputError

_MAX_DEPTH = 40  # levels of a JSON body; the page's deepest has 8
_MAX_BYTES = 2**53 - 1  # what JavaScript and SQLite both count to
_MISSING = inspect.Parameter.empty
_OF_A_CLASS = re.compile(r" or instance of \w+")  # a name of ours in pydantic's sentence
_SPECIAL = (gr.Request, Request, gr.EventData, gr.Progress)


class FileReference(BaseModel):
    """A file as Gradio's pages and clients name it; only the path counts, see the gate."""

    model_config = ConfigDict(extra="ignore")
    path: Annotated[str, Field(max_length=4096)]
    meta: dict[str, Any] = {"_type": "gradio.FileData"}


class Message(TypedDict):
    """The value of a gr.MultimodalTextbox."""

    text: str | None
    files: Annotated[list[FileReference], Field(max_length=200)]


class Opinion(BaseModel):
    """What a gr.Chatbot tells of a message that was liked."""

    model_config = ConfigDict(extra="ignore")
    index: int | list[int]
    liked: bool | str
    value: Annotated[Any, BeforeValidator(lambda _: None)] = None  # the message itself: the server has its own


_ON_THE_WIRE: tuple[tuple[type[gr.components.Component], Any], ...] = (
    (gr.File, Annotated[list[FileReference], Field(max_length=200)] | FileReference | None),
    (gr.MultimodalTextbox, Message),
)


@dataclass(frozen=True)
class Argument:
    """One argument of a function: its name, its type, and what it is when it is not given."""

    name: str
    hint: Any
    default: Any = _MISSING
    held: bool = False  # by the server: what a caller says of it is not listened to


def check(name: str, hint: Any, value: Any) -> Any:
    """The value as plain JSON of that type. Raises InputError, which names the argument."""
    try:
        adapter = _adapter(hint)
        return adapter.dump_python(adapter.validate_python(value), mode="json")
    except ValidationError as e:
        first = e.errors(include_url=False, include_context=False, include_input=False)[0]
        place = "".join(f"[{part!r}]" for part in first["loc"])
        raise InputError(
            "argument_wrong", name=name + place[:80], cause=_OF_A_CLASS.sub("", first["msg"])[:200]
        ) from None


def check_all(arguments: tuple[Argument, ...], values: list[Any]) -> list[Any]:
    """Values for all arguments. Raises InputError for the first that is wrong, missing, or too many."""
    if len(values) > len(arguments):
        raise InputError("arguments_too_many", count=len(values), limit=len(arguments))
    checked: list[Any] = []
    for at, argument in enumerate(arguments):
        if argument.held:
            checked.append(None)
        elif at < len(values):
            checked.append(check(argument.name, argument.hint, values[at]))
        elif argument.default is not _MISSING:
            checked.append(argument.default)
        else:
            raise InputError("argument_missing", name=argument.name)
    return checked


def call(function: Callable[..., Any], *given: Any, **facts: Any) -> Any:
    """Call with `given`, and with `facts` from outside once they fit the hints of the function. Raises InputError."""
    open_ = list(inspect.signature(function).parameters)[len(given) :]
    expected = {argument.name: argument for argument in arguments_of(function) if argument.name in open_}
    for name in facts:
        if name not in expected:
            raise InputError("argument_unknown", name=name[:80])
    for name, argument in expected.items():
        if name in facts:
            facts[name] = check(name, argument.hint, facts[name])
        elif argument.default is _MISSING:
            raise InputError("argument_missing", name=name)
    return function(*given, **facts)


@cache
def arguments_of(function: Callable[..., Any]) -> tuple[Argument, ...]:
    """The arguments that are not Gradio's own."""
    hints = get_type_hints(function, include_extras=True)
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # one of Python's own that is written in C, like time.time: it takes nothing of a caller's
        return ()
    return tuple(
        Argument(name, hints.get(name, Any), parameter.default)
        for name, parameter in parameters.items()
        if not _is_special(hints.get(name))
    )


def event_arguments(function: gr.blocks.BlockFunction) -> tuple[Argument, ...]:
    """The arguments of an event as a caller sends them, one for each input component."""
    named = arguments_of(function.fn) if function.fn else ()
    arguments = []
    for at, component in enumerate(function.inputs):
        own = named[at] if at < len(named) else Argument(component.label or "value", Any)
        if isinstance(component, gr.State):
            own = Argument(own.name, Any, held=True)
        for kind, hint in _ON_THE_WIRE:
            if isinstance(component, kind):
                own = Argument(own.name, hint, own.default)
        arguments.append(own)
    return tuple(arguments)


def event_data(function: gr.blocks.BlockFunction, data: Any) -> Any:
    """What an event tells beside its inputs, for functions that ask for it. Raises InputError."""
    hints = get_type_hints(function.fn).values() if function.fn else ()
    if any(hint is gr.LikeData for hint in hints):
        return check("event_data", Opinion, data)
    return data if any(isinstance(hint, type) and issubclass(hint, gr.EventData) for hint in hints) else None


def parse(body: bytes) -> Any:
    """JSON that everything behind can keep: no NaN, no number beyond 2^53, no half of a character, bounded depth.
    Raises InputError."""
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as e:
        raise InputError("json_broken") from e
    waiting = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise InputError("json_broken")
        if isinstance(item, dict):
            waiting += ((part, depth + 1) for pair in item.items() for part in pair)
        elif isinstance(item, list):
            waiting += ((part, depth + 1) for part in item)
        else:
            _check_leaf(item)
    return value


def call_named(acts: Mapping[str, Callable[..., Any]], asked: dict[str, Any], request: Any) -> Any:
    """Call the function that `asked` names as its kind, with the request and the rest as arguments. Raises InputError
    for a name that is not offered, and for arguments that do not fit."""
    kind = str(asked.get("kind"))
    if kind not in acts:
        raise InputError("edit_unknown", name=kind[:80])
    return call(acts[kind], request, **{name: value for name, value in asked.items() if name != "kind"})


def _check_leaf(item: Any) -> None:
    if isinstance(item, float) and not math.isfinite(item):
        raise InputError("number_too_large")
    if isinstance(item, int) and not -_MAX_BYTES <= item <= _MAX_BYTES:
        raise InputError("number_too_large")
    if isinstance(item, str) and any("\ud800" <= c <= "\udfff" for c in item):
        raise InputError("half_character")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _is_special(hint: Any) -> bool:
    kinds = getattr(hint, "__args__", (hint,))
    return any(isinstance(kind, type) and issubclass(kind, _SPECIAL) for kind in kinds)


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)
