"""InternLM2-Chat: the same language model without pictures, asked as its model repository's
`modeling_internlm2.py` does (`chat`)."""

from __future__ import annotations

from dataclasses import replace

from studio.prompts.chat_protocol import END, START
from studio.prompts.part_edits import NOTHING, Around
from studio.prompts.xcomposer2 import XComposer2
from studio.protocol import Control, Image, Prompt, Sampling, Segment, Text

SYSTEM = """You are an AI assistant whose name is InternLM (书生·浦语).
- InternLM (书生·浦语) is a conversational language model that is developed by Shanghai AI Laboratory \
(上海人工智能实验室). It is designed to be helpful, honest, and harmless.
- InternLM (书生·浦语) can understand and communicate fluently in the language chosen by the user such as English and \
中文."""

NAMES = {"[UNUSED_TOKEN_146]": START, "[UNUSED_TOKEN_145]": END}


class InternLM2(XComposer2):
    """XComposer2's requests without pictures, in this model's control tokens. It places no pictures."""

    writing = Sampling(temperature=0.8, top_p=0.8, top_k=0, repetition_penalty=1.0, max_tokens=2048)
    answering = replace(writing, max_tokens=1024)

    def article(self, instruction: str, images: tuple[Image, ...], begin: str = "", materials: str = "") -> Prompt:
        """The instruction alone."""
        return _renamed(super().article(instruction, (), begin, materials))

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
        return _renamed(super().section(instruction, outline, heading, before, (), materials))

    def outline(self, instruction: str, materials: str = "") -> Prompt:
        """As XComposer2."""
        return _renamed(super().outline(instruction, materials))

    def places(
        self, paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...], first: int = 0
    ) -> Prompt:
        """As XComposer2, without pictures: the answer is only used where it parses."""
        return _renamed(super().places(paragraphs, count, (), first))

    def caption(
        self, paragraphs: tuple[str, ...], place: int, past: tuple[tuple[int, str], ...], first: int = 0
    ) -> Prompt:
        """As XComposer2."""
        return _renamed(super().caption(paragraphs, place, past, first))

    def choice(
        self, paragraphs: tuple[str, ...], chosen: tuple[tuple[int, Image], ...], candidates: tuple[Image, ...]
    ) -> None:
        """It cannot see the candidates."""
        return None

    def edit(self, kind: str, paragraph: str, instruction: str, after: str = "", around: Around = NOTHING) -> Prompt:
        """As XComposer2."""
        return _renamed(super().edit(kind, paragraph, instruction, after, around))

    def chat(self, turns: tuple[tuple[str, tuple[Image, ...], str], ...], begin: str = "") -> Prompt:
        """Its own system part."""
        segments: list[Segment] = [START, Text(f"system\n{SYSTEM}"), END, Text("\n")]
        for question, _, answer in turns:
            segments += [START, Text(f"user\n{question}"), END, Text("\n"), START, Text(f"assistant\n{answer}")]
            segments += [END, Text("\n")]
        return (*segments[:-3], Text(f"assistant\n{begin}"))


def _renamed(prompt: Prompt) -> Prompt:
    return tuple(NAMES[s.piece] if isinstance(s, Control) else s for s in prompt)
