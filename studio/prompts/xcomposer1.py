"""InternLM-XComposer v1: the prompts of its demo (InternLM-XComposer-1.0/ of InternLM/InternLM-XComposer, before it was
removed). The requests are those of XComposer2 with other ends of turns, and it wants beams."""

from __future__ import annotations

from collections.abc import Sequence

from studio.prompts.chat_protocol import merged
from studio.prompts.messages import Message
from studio.prompts.part_edits import NOTHING, Around
from studio.prompts.xcomposer2 import END as END2
from studio.prompts.xcomposer2 import XComposer2
from studio.protocol import Control, Image, Prompt, Sampling, Segment, Text

ASKED = Control("<TOKENS_UNUSED_0>")  # ends a question
USER, BOT = " <|User|>:", " <|Bot|>:"

META = """meta instruction
You are an AI assistant whose name is 浦语.
- 浦语 is a conversational language model that is developed by Shanghai AI Laboratory (上海人工智能实验室). It is \
designed to be helpful, honest, and harmless.
- 浦语 can understand and communicate fluently in the language chosen by the user such as English and 中文.
conversation
"""


class XComposer1(XComposer2):
    """See `Dialect`."""

    writing = Sampling(temperature=0.0, repetition_penalty=1.5, beams=5, max_tokens=1024)
    answering = Sampling(temperature=0.0, repetition_penalty=1.5, beams=5, max_tokens=500)

    def article(self, instruction: str, images: tuple[Image, ...], begin: str = "", materials: str = "") -> Prompt:
        """It was trained on titles."""
        content, _ = _content(super().article(instruction, images, "", materials))
        return _ask((Text("根据给定标题写一个图文并茂，不重复的文章："), *content), begin)

    def section(
        self,
        instruction: str,
        outline: tuple[str, ...],
        heading: str,
        before: str,
        images: tuple[Image, ...],
        materials: str = "",
    ) -> Prompt:
        """As XComposer2."""
        return _ask(*_content(super().section(instruction, outline, heading, before, images, materials)))

    def outline(self, instruction: str, materials: str = "") -> Prompt:
        """As XComposer2."""
        return _ask(*_content(super().outline(instruction, materials)))

    def places(
        self, paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...], first: int = 0
    ) -> Prompt:
        """As XComposer2."""
        content, begin = _content(super().places(paragraphs, count, images, first))
        return _ask((*content, Text(" ")), begin)

    def caption(
        self, paragraphs: tuple[str, ...], place: int, past: tuple[tuple[int, str], ...], first: int = 0
    ) -> Prompt:
        """As XComposer2, of the text up to the place."""
        content, begin = _content(super().caption(paragraphs[: place + 1], place, past, first))
        return _ask((Text(" "), *content, Text(" ")), f" {begin}")

    def choice(
        self, paragraphs: tuple[str, ...], chosen: tuple[tuple[int, Image], ...], candidates: tuple[Image, ...]
    ) -> tuple[Prompt, tuple[str, ...]] | None:
        """As XComposer2."""
        asked = super().choice(paragraphs, chosen, candidates)
        if asked is None:
            return None
        content, begin = _content(asked[0])
        return _ask((*content, Text("\n")), begin), asked[1]

    def edit(self, kind: str, paragraph: str, instruction: str, after: str = "", around: Around = NOTHING) -> Prompt:
        """As XComposer2."""
        return _ask(*_content(super().edit(kind, paragraph, instruction, after, around)))

    def chat(self, turns: tuple[tuple[str, tuple[Image, ...], str], ...], begin: str = "") -> Prompt:
        """Earlier turns have no end of the question."""
        segments: list[Segment] = [Text(META)]
        for question, images, answer in turns[:-1]:
            segments += [Text(USER), *images, Text(question), Text(f"{BOT}{answer}")]
        question, images, _ = turns[-1]
        return merged((*segments, *_ask((*images, Text(question)), begin)))

    def talk(self, messages: tuple[Message, ...], begin: str = "") -> Prompt:
        """It has no protocol for more than chat: a system text stands before the turns."""
        segments: list[Segment] = []
        for message in messages:
            header = {"assistant": BOT, "system": ""}.get(message.role, USER)
            segments += [Text(header), *(s for s in message.content if not isinstance(s, Control))]
            if message.role == "system":
                segments.append(Text("\n"))
        return merged((*segments, Text("\n"), ASKED, Text(f"{BOT}{begin}")))


def _ask(content: Sequence[Segment], begin: str = "") -> Prompt:
    """One question and the beginning of the answer."""
    return merged((Text(USER), *content, Text("\n"), ASKED, Text(f"{BOT}{begin}")))


def _content(prompt: Prompt) -> tuple[tuple[Segment, ...], str]:
    """What is asked in a prompt of XComposer2, and what its answer begins with."""
    asked, last = list(prompt[1 : prompt.index(END2)]), prompt[-1]
    assert isinstance(asked[0], Text) and isinstance(last, Text)
    asked[0] = Text(asked[0].text.removeprefix("user\n"))
    return tuple(asked), last.text.removeprefix("assistant\n")
