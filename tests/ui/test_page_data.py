"""What Python says of the data that it hands to the page, and what the page's scripts say of it, is the same."""

from __future__ import annotations

import re
from types import NoneType, UnionType
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints

import pytest
from typing_extensions import is_typeddict

from studio.ui import STATIC, article_view, page_data, table_view

NAMES = {str: "string", int: "number", float: "number", bool: "boolean", NoneType: "null"}
DECLARED = {name: type for name, type in vars(page_data).items() if is_typeddict(type)}
INTERFACES = {
    name: re.findall(r"^  (\w+\??: .*);$", body, re.MULTILINE)
    for name, body in re.findall(
        r"^export interface (\w+) \{\n(.*?)^\}", (STATIC / "types.d.ts").read_text(), re.DOTALL | re.MULTILINE
    )
}


def typescript(type: Any) -> str:
    """A type of Python's in TypeScript, as JSON carries it."""
    arguments = [typescript(argument) for argument in get_args(type)]
    if get_origin(type) is list:
        return f"({arguments[0]})[]" if " | " in arguments[0] else f"{arguments[0]}[]"
    if get_origin(type) is tuple:
        return f"[{', '.join(arguments)}]"
    if get_origin(type) is dict:
        return f"Record<{', '.join(arguments)}>"
    if get_origin(type) in (Union, UnionType):
        return " | ".join(arguments)
    return NAMES.get(type) or str(type.__name__)


def fields(declared: Any) -> list[str]:
    """The lines of the interface that a TypedDict is."""
    hints = get_type_hints(declared, include_extras=True).items()
    return [
        f"{name}?: {typescript(get_args(type)[0])}"
        if get_origin(type) is NotRequired
        else f"{name}: {typescript(type)}"
        for name, type in hints
    ]


def test_every_type_has_both_sides() -> None:
    assert list(INTERFACES) == list(DECLARED)


@pytest.mark.parametrize("name", DECLARED)
def test_fields_agree(name: str) -> None:
    assert INTERFACES[name] == fields(DECLARED[name])


def test_nothing_is_left_out_where_there_is_nothing() -> None:
    """A script that finds `undefined` for a flag does something else than for false: classList.toggle flips."""
    assert set(article_view.EMPTY) == page_data.ArticleDocument.__required_keys__
    assert set(table_view.EMPTY) == page_data.TableView.__required_keys__
