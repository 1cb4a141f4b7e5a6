"""How messages stand in a prompt: InternLM2's protocol, and plain ChatML for models that know no more."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, takewhile

from studio.prompts.messages import TOOL_KINDS, Message
from studio.protocol import ChatFormat, Control, Image, Prompt, Segment, Text

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


def by_template(chat: ChatFormat, messages: tuple[Message, ...], begin: str = "") -> Prompt:
    """In the form of the model's own chat template, which knows a system message, then questions and answers in turn:
    tools' results count as questions, neighbours of one kind are joined."""
    leading = [*takewhile(lambda message: message.role == "system", messages)]
    system = _joined(message.content for message in leading)
    turns: list[tuple[bool, Prompt]] = [(False, ())] if _answers(messages[len(leading) :]) else []
    for answers, group in groupby(messages[len(leading) :], lambda message: message.role == "assistant"):
        turns.append((answers, _joined(message.content for message in group)))
    (_, first), *rest = turns or [(False, ())]
    if system and chat.system is not None:
        before, between = chat.system
        segments = [*before, *system, *between, *first]
    else:
        segments = [*chat.begin, *_joined((system, first))]
    for answers, content in rest:
        segments += [*(chat.answered if answers else chat.following), *content]
    return merged((*segments, *chat.ask, Text(begin)))


def _answers(messages: tuple[Message, ...]) -> bool:
    """Whether an answer is the first, as a persona's greeting is."""
    return bool(messages) and messages[0].role == "assistant"


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
