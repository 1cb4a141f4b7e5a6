"""How messages stand in a prompt: InternLM2's protocol, and plain ChatML for models that know no more."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, takewhile
from typing import Literal

from studio.prompts.messages import TOOL_CALL, TOOL_KINDS, TOOL_LIST, Message
from studio.protocol import ChatFormat, Control, Image, Prompt, Segment, Slot, Text

START = Control("<|im_start|>")
END = Control("<|im_end|>")


def internlm2(messages: tuple[Message, ...], begin: str = "") -> Prompt:
    """Turns as they are, nothing stripped or added, then the header of the answer, which starts with `begin`; the name
    of a tool's turn is a control token (chat/chat_format.md of InternLM/InternLM). Pictures stand right before their
    turn, as XComposer2 has them."""
    segments: list[Segment] = []
    for message in messages:
        images = [s for s in message.content if isinstance(s, Image)]
        words = [s for s in message.content if not isinstance(s, Image)]
        segments += [*images, START, *_header(message), *words, END, Text("\n")]
    return merged((*segments, START, Text(f"assistant\n{begin}")))


def chatml(messages: tuple[Message, ...], begin: str = "") -> Prompt:
    """Roles and contents alone. A tool's result is told as a person would, as the role is not known everywhere."""
    segments: list[Segment] = []
    for message in messages:
        role = "user" if message.role == "environment" else message.role
        segments += [START, Text(f"{role}\n"), *message.content, END, Text("\n")]
    return merged((*segments, START, Text(f"assistant\n{begin}")))


Kind = Literal["question", "answer", "call", "result"]


def by_template(chat: ChatFormat, messages: tuple[Message, ...], begin: str = "") -> Prompt:
    """In the form of the model's own chat template, which knows a system message, then questions and answers in turn,
    neighbours of one kind joined. Calls of tools and their results have a place of their own where the template knows
    tools; else results count as questions."""
    leading = [*takewhile(lambda message: message.role == "system", messages)]
    turns = _turns(chat, messages[len(leading) :])
    system = _joined(message.content for message in leading if message.name != TOOL_LIST)
    listing = _joined(message.content for message in leading if message.name == TOOL_LIST)
    (_, first), *rest = turns
    segments = [*_opening(chat, system, listing, first)]
    before: Kind = "question"
    for kind, content in rest:
        segments += [*_between(chat, before, kind), *content]
        before = kind
    ask = chat.tools.ask if chat.tools and before == "result" else chat.ask
    return merged((*segments, *ask, Text(begin)))


def _turns(chat: ChatFormat, messages: tuple[Message, ...]) -> list[tuple[Kind, Prompt]]:
    """Kinds and contents; the first is a question, an empty one where an answer is the first, as a persona's greeting
    is. Calls and results stay apart from each other."""
    turns: list[tuple[Kind, Prompt]] = []
    for kind, group in groupby(messages, lambda message: _kind(chat, message)):
        contents = [message.content for message in group]
        turns += (
            [(kind, content) for content in contents] if kind in ("call", "result") else [(kind, _joined(contents))]
        )
    return turns if turns and turns[0][0] == "question" else [("question", ()), *turns]


def _kind(chat: ChatFormat, message: Message) -> Kind:
    if message.role == "assistant":
        return "call" if chat.tools and message.name == TOOL_CALL else "answer"
    return "result" if chat.tools and message.role == "environment" else "question"


def _opening(chat: ChatFormat, system: Prompt, listing: Prompt, question: Prompt) -> Prompt:
    """Everything up to the end of the first question."""
    if chat.tools and listing:
        slots: dict[Segment | Slot, Prompt] = {"system": system, "tools": listing, "question": question}
        parts = chat.tools.opening
        if system and chat.tools.system_opening:
            parts = chat.tools.system_opening
        elif system:
            slots["question"] = _joined((system, question))
        return tuple(s for part in parts for s in (slots[part] if isinstance(part, str) else (part,)))
    if system and chat.system is not None:
        before, between = chat.system
        return (*before, *system, *between, *question)
    return (*chat.begin, *_joined((listing, system, question)))


def _between(chat: ChatFormat, before: Kind, after: Kind) -> Prompt:
    """What stands between two turns."""
    gaps: dict[tuple[Kind, Kind], Prompt | None] = {
        ("question", "answer"): chat.answered,
        ("answer", "question"): chat.following,
    }
    if tools := chat.tools:
        gaps |= {
            ("question", "call"): tools.called,
            ("answer", "call"): tools.thought,
            ("call", "call"): tools.next_call,
            ("call", "result"): tools.resulted,
            ("result", "result"): tools.next_result,
            ("result", "call"): tools.again,
            ("result", "answer"): tools.concluded,
            ("result", "question"): (*tools.concluded, *chat.following),
        }
    return gaps.get((before, after)) or chat.following


def _joined(contents: Iterable[Prompt]) -> Prompt:
    """One after another, an empty line between them."""
    segments: list[Segment] = []
    for content in contents:
        segments += [Text("\n\n"), *content] if segments and content else content
    return tuple(segments)


def merged(prompt: Prompt) -> Prompt:
    """Neighbouring texts joined, since a tokenizer may join their characters into one token."""
    result: list[Segment] = []
    for segment in prompt:
        last = result[-1] if result else None
        if isinstance(segment, Text) and isinstance(last, Text):
            result[-1] = Text(last.text + segment.text)
        else:
            result.append(segment)
    return tuple(result)


def _header(message: Message) -> tuple[Segment, ...]:
    if message.role in ("system", "environment") and message.name in TOOL_KINDS:
        return Text(f"{message.role} name="), Control(message.name), Text("\n")
    return (Text(f"{message.role} name={message.name}\n" if message.name else f"{message.role}\n"),)
