"""From a model's chat template, which is a Jinja program, to plain data: what stands around each message.

The template comes with a file of strangers. It runs in a process of its own (`template_process`), once, when the model
is loaded, on messages that are marks; what it puts around the marks is the format. So no text of a person ever goes
through a template, and none can become a control token by it. A file without a usable template gets ChatML, which most
instruction models know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from studio.checkpoints import template_process, tool_template
from studio.checkpoints.template_marks import ANSWERS, QUESTIONS, SYSTEM, BadTemplate, around, asking, segments, talk
from studio.protocol import CHATML, ChatFormat, Control, Text

PLAIN = ChatFormat(  # for a model that was trained on texts and not on conversations
    begin=(Text("Question: "),),
    answered=(Text("\n\nAnswer: "),),
    following=(Text("\n\nQuestion: "),),
    ask=(Text("\n\nAnswer: "),),
)
Render = Callable[[str, Mapping[str, Any], Sequence[Mapping[str, Any]]], list[str | None]]


def format_of(
    template: str, controls: Sequence[str], bos: str = "", eos: str = "", render: Render = template_process.render
) -> ChatFormat:
    """The format that a template stands for. `controls` are the control tokens of the vocabulary.

    Falls back to ChatML where there is no template or it does not work, and to plain words where the vocabulary has no
    such tokens.
    """
    if template:
        common = {"bos_token": bos, "eos_token": eos, "enable_thinking": False, "add_generation_prompt": True}
        tools = tool_template.requests() if re.search(r"\btools\b", template) else []
        plain, with_system, *others = render(template, common, [*_REQUESTS, *tools])
        try:
            chat = _read(plain, with_system, controls)
        except BadTemplate:
            pass
        else:
            return replace(chat, tools=tool_template.read(others, controls) if tools else None)
    known = {s.piece for s in CHATML.ask if isinstance(s, Control)}
    return CHATML if known <= {*controls} else PLAIN


_TURNS = (("user", QUESTIONS[0]), ("assistant", ANSWERS[0]), ("user", QUESTIONS[1]), ("assistant", ANSWERS[1]))
_CONVERSATION = (*_TURNS, ("user", QUESTIONS[2]))
_REQUESTS = [talk(*_CONVERSATION), talk(("system", SYSTEM), _CONVERSATION[0])]


def _read(plain: str | None, with_system: str | None, controls: Sequence[str]) -> ChatFormat:
    begin, answered, following, again, next_, ask = around(plain, [mark for _, mark in _CONVERSATION])
    if (again, next_) != (answered, following):
        raise BadTemplate("the turns of a conversation differ from each other")
    system = None
    try:
        before, between, _ = around(with_system, (SYSTEM, QUESTIONS[0]))
        system = (segments(before, controls), segments(between, controls))
    except BadTemplate:  # it takes no system message, as Gemma's
        pass
    parts = (begin, answered, following, asking(ask))
    first, middle, next_turn, last = (segments(part, controls) for part in parts)
    return ChatFormat(first, middle, next_turn, last, system)
