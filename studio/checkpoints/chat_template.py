"""From a model's chat template, which is a Jinja program, to plain data: what stands around each message.

The template comes with a file of strangers. It is run in Jinja's sandbox, once, when the model is loaded, on messages
that are marks; what it puts around the marks is the format. So no text of a person ever goes through a template, and
none can become a control token by it. A file without a usable template gets ChatML, which most instruction models know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from studio.errors import ModelError
from studio.protocol import CHATML, ChatFormat, Control, Prompt, Segment, Text

PLAIN = ChatFormat(  # for a model that was trained on texts and not on conversations
    begin=(Text("Question: "),),
    answered=(Text("\n\nAnswer: "),),
    following=(Text("\n\nQuestion: "),),
    ask=(Text("\n\nAnswer: "),),
)
LONGEST = 1 << 16  # characters of what a template may write around four short messages


def format_of(template: str, controls: Sequence[str], bos: str = "", eos: str = "") -> ChatFormat:
    """The format that a template stands for. `controls` are the control tokens of the vocabulary.

    Falls back to ChatML where there is no template or it does not work, and to plain words where the vocabulary has no
    such tokens.
    """
    if template:
        try:
            return _read(_Template(template, bos, eos), controls)
        except ModelError:
            pass
    known = {s.piece for s in CHATML.ask if isinstance(s, Control)}
    return CHATML if known <= {*controls} else PLAIN


class _Template:
    """A compiled template. Calling it gives the text for messages; raises ModelError where it fails."""

    def __init__(self, source: str, bos: str, eos: str) -> None:
        from jinja2 import TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        class Environment(ImmutableSandboxedEnvironment):
            intercepted_binops = frozenset(("*", "**"))

            def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
                return _multiplied(operator, left, right)

        self._failures = (
            *(TemplateError, ArithmeticError, AttributeError, LookupError),
            *(MemoryError, RuntimeError, TypeError, ValueError),
        )
        environment = Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
        # `tojson` is Jinja's own. What transformers offers to templates beside it:
        environment.globals |= {"raise_exception": _refuse, "strftime_now": _today}
        self._given = {"bos_token": bos, "eos_token": eos, "enable_thinking": False, "add_generation_prompt": True}
        try:
            self._compiled = environment.from_string(source)
        except self._failures as e:
            raise _bad(e) from e

    def __call__(self, messages: list[dict[str, str]], **given: Any) -> str:
        try:
            text = "".join(self._limited(self._compiled.generate(messages=messages, **self._given | given)))
        except self._failures as e:
            raise _bad(e) from e
        return text

    def _limited(self, pieces: Any) -> Any:
        length = 0
        for piece in pieces:
            length += len(piece)
            if length > LONGEST:
                raise ValueError("the chat template writes without end")
            yield piece


MARKS = ("first7q", "reply7q", "second7q", "answer7q", "third7q")  # a conversation; no template knows such words
SYSTEM_MARK = "system7q"


def _read(template: _Template, controls: Sequence[str]) -> ChatFormat:
    roles = ("user", "assistant", "user", "assistant", "user")
    messages = [{"role": role, "content": mark} for role, mark in zip(roles, MARKS, strict=True)]
    begin, answered, following, again, next_, ask = _around(template(messages), MARKS)
    if (again, next_) != (answered, following):
        raise _bad("the turns of a conversation differ from each other")
    system = None
    try:
        with_system = template([{"role": "system", "content": SYSTEM_MARK}, *messages[:1]])
        *halves, _ = _around(with_system, (SYSTEM_MARK, MARKS[0]))
        system = (_segments(halves[0], controls), _segments(halves[1], controls))
    except ModelError:  # it takes no system message, as Gemma's
        pass
    if re.search(r"<think>\s*$", ask):  # a model that always thinks aloud is asked to have done so
        ask = f"{ask.rstrip()}\n\n</think>\n\n"
    first, middle, next_turn, last = (_segments(part, controls) for part in (begin, answered, following, ask))
    return ChatFormat(first, middle, next_turn, last, system)


def _around(text: str, marks: Sequence[str]) -> list[str]:
    """The parts before, between and after the marks. Raises ModelError where they are not all there, once and in
    order."""
    parts = []
    for mark in marks:
        part, found, text = text.partition(mark)
        if not found or mark in text:
            raise _bad("it leaves messages out")
        parts.append(part)
    return [*parts, text]


def _segments(text: str, controls: Sequence[str]) -> Prompt:
    """Text of a template as control tokens and what is between them."""
    pattern = "|".join(re.escape(piece) for piece in sorted(controls, key=len, reverse=True)) or r"(?!)"
    found: list[Segment] = []
    for number, part in enumerate(re.split(f"({pattern})", text)):
        if part:
            found.append(Control(part) if number % 2 else Text(part))
    return tuple(found)


def _refuse(reason: object) -> str:
    raise ValueError(str(reason)[:200])


def _multiplied(operator: str, left: Any, right: Any) -> Any:
    """A product or power, of small numbers only: nothing that a template multiplies is long."""
    limit = 1 << 10 if isinstance(left, int | float) and isinstance(right, int | float) else 64
    if any(isinstance(value, int | float) and abs(value) > limit for value in (left, right)):
        raise ValueError("too large a number")
    return left * right if operator == "*" else left**right


def _today(pattern: str) -> str:
    """A date that stays: today's would make every day's prompts new to the prefix cache."""
    from datetime import date

    return date(2026, 1, 1).strftime(str(pattern)[:40])


def _bad(cause: object) -> ModelError:
    return ModelError("model_broken", path="", cause=f"its chat template cannot be used ({cause})")
