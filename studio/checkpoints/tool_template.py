"""How tools are listed, called and answered in a chat template, as plain data.

The template is given two tools and a few short conversations in which they are called; where it writes tools and calls
as JSON objects, as those of Qwen, Llama 3 and Mistral do, what stands around these is the format. Others have forms of
their own (signatures, XML), which cannot be read off: then there is none, and a convention of the studio's own serves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from studio.checkpoints.template_marks import ANSWERS, QUESTIONS, SYSTEM, BadTemplate, asking, segments
from studio.protocol import Prompt, Segment, Slot, ToolFormat

_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"tool7q{number}",
            "description": f"purpose7q{number}",
            "parameters": {"type": "object", "properties": {"key7q": {"type": "string"}}, "required": ["key7q"]},
        },
    }
    for number in (1, 2)
]
_CALLS = ("call7q1", "call7q2")
_IDS = ("idof7qqq1", "idof7qqq2")  # Mistral's have nine letters and figures
_RESULTS = ('result7q"1', 'result7q"2')  # the mark shows whether it is escaped
_THOUGHT = "thought7q"


def requests() -> list[dict[str, Any]]:
    """What the template is to write, for `read`."""
    question = {"role": "user", "content": QUESTIONS[0]}
    (call, result), (call2, result2) = (_call(0), _result(0)), (_call(1), _result(1))
    both = {"role": "assistant", "content": "", "tool_calls": call["tool_calls"] + call2["tool_calls"]}
    conversations = (
        [question, call, result, {"role": "assistant", "content": ANSWERS[0]}],
        [question, call, result, call2, result2],
        [{"role": "system", "content": SYSTEM}, question],
        [question, call | {"content": _THOUGHT}, result],
        [question, both, result, result2],
    )
    return [{"messages": messages, "tools": _TOOLS} for messages in conversations]


def read(texts: Sequence[str | None], controls: Sequence[str]) -> ToolFormat | None:
    """The format from what the template wrote for the requests; None where it cannot be read off."""
    try:
        return _read(texts, controls)
    except BadTemplate:
        return None


def _call(number: int) -> dict[str, Any]:
    function = {"name": _CALLS[number], "arguments": {"key7q": "value7q"}}
    calls = [{"id": _IDS[number], "type": "function", "function": function}]
    return {"role": "assistant", "content": "", "tool_calls": calls}


def _result(number: int) -> dict[str, Any]:
    return {"role": "tool", "name": _CALLS[number], "tool_call_id": _IDS[number], "content": _RESULTS[number]}


@dataclass(frozen=True)
class _Listing:
    """Where the tools stand in a text, and how they are written."""

    start: int
    end: int
    between: str
    wrapped: bool
    indent: int | None


def _read(texts: Sequence[str | None], controls: Sequence[str]) -> ToolFormat:
    answered, chained, with_system, thinking, several = texts
    listing = _listing(answered)
    text, opening = answered or "", _opening(answered, (QUESTIONS[0],), controls)
    first = _find_call(text, 0, text.index(QUESTIONS[0]))
    called, resulted, concluded, _ = _gaps(text, QUESTIONS[0], 0, _result_in(text, 0), ANSWERS[0])
    *_, again, resulted_again, end = _gaps(chained, QUESTIONS[0], 0, _result_in(text, 0), 1, _result_in(text, 1))
    call_id = _IDS[0] if _IDS[0] in text[first[0] : first[1]] else ""
    ask = end.replace(_IDS[1], _IDS[0])
    if resulted_again.replace(_IDS[1], _IDS[0]) != resulted:
        raise BadTemplate("one result stands otherwise than another")

    def optional(function: Any, *given: Any) -> Any:
        try:
            return function(*given)
        except BadTemplate:
            return None

    said = optional(_gaps, thinking, QUESTIONS[0], _THOUGHT, 0, _result_in(text, 0))
    together = optional(_gaps, several, QUESTIONS[0], 0, 1, _result_in(text, 0), _result_in(text, 1))
    if together and call_id:  # each result names its call; one id serves one call at a time
        together = None
    header = os.path.commonprefix((concluded, again))

    def prompt(part: str) -> Prompt:
        return segments(part, controls)

    return ToolFormat(
        opening=opening,
        system_opening=optional(_opening, with_system, (SYSTEM, QUESTIONS[0]), controls),
        wrapped=listing.wrapped,
        indent=listing.indent,
        between=listing.between,
        called=prompt(called),
        again=prompt(again),
        resulted=prompt(resulted),
        concluded=prompt(concluded),
        ask=prompt(asking(ask)),
        thought=prompt(said[1]) if said else None,
        next_call=prompt(together[1]) if together else None,
        next_result=prompt(together[3]) if together else None,
        mark=again[len(header) :],
        call_id=call_id,
        quoted=_result_in(text, 0) != _RESULTS[0],
    )


def _listing(text: str | None) -> _Listing:
    for wrapped in (True, False):
        for indent in (None, 2, 4):
            first, second = (json.dumps(tool if wrapped else tool["function"], indent=indent) for tool in _TOOLS)
            if text and text.count(first) == text.count(second) == 1 and text.index(first) < text.index(second):
                start, end = text.index(first), text.index(second)
                return _Listing(start, end + len(second), text[start + len(first) : end], wrapped, indent)
    raise BadTemplate("it does not list tools as JSON")


def _opening(text: str | None, marks: Sequence[str], controls: Sequence[str]) -> tuple[Segment | Slot, ...]:
    """The beginning of a conversation, up to its question; the slots may stand in any order."""
    listing = _listing(text)
    assert text is not None
    slots: dict[str, Slot] = {SYSTEM: "system", QUESTIONS[0]: "question"}
    found: list[tuple[int, int, Slot]] = [(listing.start, listing.end, "tools")]
    for mark in marks:
        if text.count(mark) != 1:
            raise BadTemplate("it leaves messages out")
        found.append((text.index(mark), text.index(mark) + len(mark), slots[mark]))
    parts: list[Segment | Slot] = []
    at = 0
    for start, end, slot in sorted(found):
        parts += [*segments(text[at:start], controls), slot]
        at = end
    if parts[-1] != "question":
        raise BadTemplate("something stands behind the question")
    return tuple(parts)


def _gaps(text: str | None, *items: str | int) -> list[str]:
    """What stands between the items, which are marks or numbers of calls, and after the last one. Raises BadTemplate
    where they do not stand in this order."""
    if text is None:
        raise BadTemplate("it fails")
    gaps, at = [], -1
    for item in items:
        if isinstance(item, int):
            start, end = _find_call(text, item, max(at, 0))
        elif (start := text.find(item, max(at, 0))) >= 0:
            end = start + len(item)
        else:
            raise BadTemplate("it leaves messages out")
        if at >= 0:
            gaps.append(text[at:start])
        at = end
    return [*gaps, text[at:]]


def _find_call(text: str, number: int, after: int) -> tuple[int, int]:
    """Where the JSON object of a call begins and ends."""
    at = text.find(_CALLS[number], after)
    for start in _braces_before(text, at, after):
        try:
            found, length = json.JSONDecoder().raw_decode(text[start:])
        except ValueError:
            continue
        if found.get("name") == _CALLS[number] and {"arguments", "parameters"} & {*found}:
            return start, start + length
    raise BadTemplate("it does not write calls as JSON")


def _braces_before(text: str, at: int, after: int) -> Iterator[int]:
    while at >= 0 and (at := text.rfind("{", after, at)) >= 0:
        yield at


def _result_in(text: str, number: int) -> str:
    """A result's mark as the template writes it: as it is, or as JSON."""
    quoted = json.dumps(_RESULTS[0])
    return json.dumps(_RESULTS[number]) if quoted in text else _RESULTS[number]
