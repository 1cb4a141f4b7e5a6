"""Plain English sentences for a very small model (SmolLM2-135M).

It writes coherent prose when asked in one plain sentence, and fails at lists, choices by letter and "two paragraphs"
(measured on it). So every request here is one sentence, what must be there is forced as the beginning of the
answer, and places, captions and choices are left to retrieval.
"""

from __future__ import annotations

import re

from studio.prompts import chat_protocol
from studio.prompts.chat_protocol import END, START
from studio.prompts.messages import Message
from studio.prompts.part_edits import NOTHING, Around
from studio.prompts.writing_forms import Part
from studio.protocol import Image, Prompt, Sampling, Segment, Text

_REQUEST = re.compile(
    r"^(please\s+)?(can you\s+|could you\s+)?(write|compose|create|draft|tell|make)\b(\s+(me|us))?", re.IGNORECASE
)
_ABOUT = re.compile(r"\b(?:about|on|describing|explaining)\s+(.+)$", re.IGNORECASE | re.DOTALL)


class Starter:
    """See `Dialect`."""

    writing = Sampling(temperature=0.3, top_p=0.9, top_k=40, repetition_penalty=1.1, max_tokens=640)
    answering = Sampling(temperature=0.2, top_p=0.9, top_k=40, repetition_penalty=1.1, max_tokens=160)

    def title(self, instruction: str) -> Prompt:
        """The answer begins with a quotation mark and ends at the next."""
        return _ask(f"Write a short title for an article about {topic(instruction)}.", begin='"', system=True)

    def article(self, instruction: str, images: tuple[Image, ...], begin: str = "", materials: str = "") -> Prompt:
        """The person's own sentence, or one around their topic. From materials it keeps most facts when it is asked to
        rewrite them; with the title forced before its answer it writes lists of nonsense (measured)."""
        if materials:
            return _ask(f"Rewrite these notes as an article about {topic(instruction)}.\n\n{materials}", begin)
        if _REQUEST.match(instruction):
            return _ask(instruction, begin)
        return _ask(f"Write an article about {topic(instruction)}.", begin)

    def section(
        self,
        instruction: str,
        outline: tuple[str, ...],
        heading: str,
        before: str,
        images: tuple[Image, ...],
        materials: str = "",
    ) -> Prompt:
        """Each heading on its own: with the text before it the model drifts or repeats itself."""
        request = f"Write a paragraph about {_lowered(heading)}, for an article about {topic(instruction)}."
        return _ask(_with(request, materials))

    def outline(self, instruction: str, materials: str = "") -> Prompt:
        """A list started for it; `replies.headings` keeps what is usable."""
        return _ask(_with(f"List the parts of an article about {topic(instruction)}.", materials), begin="1.")

    def places(self, paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...], first: int = 0) -> None:
        """By retrieval."""
        return None

    def writing_form(self, request: str, part: Part = "words", sections: int = 0) -> str:
        """Free."""
        return ""

    def places_form(self, paragraphs: tuple[str, ...], count: int | None, first: int = 0) -> str:
        """Free."""
        return ""

    def caption(
        self, paragraphs: tuple[str, ...], place: int, past: tuple[tuple[int, str], ...], first: int = 0
    ) -> None:
        """The picture's own caption is used."""
        return None

    def choice(
        self, paragraphs: tuple[str, ...], chosen: tuple[tuple[int, Image], ...], candidates: tuple[Image, ...]
    ) -> None:
        """By retrieval."""
        return None

    def choice_by_captions(self, paragraphs: tuple[str, ...], captions: tuple[str, ...]) -> None:
        """By retrieval."""
        return None

    def edit(self, kind: str, paragraph: str, instruction: str, after: str = "", around: Around = NOTHING) -> Prompt:
        """One sentence, then the text. What stands around it would only be repeated."""
        wish = f" {instruction.strip().rstrip('.')}." if instruction.strip() else ""
        match kind:
            case "rewrite":
                return _ask(f"Rewrite this text in other words.{wish}\n\n{paragraph}")
            case "expand":
                return _ask(f"Rewrite this text with more details.{wish}\n\n{paragraph}")
            case "shorten":
                return _ask(f"Rewrite this text in one short sentence.\n\n{paragraph}")
            case "ask" | "translate":
                return _ask(f"Rewrite this text.{wish}\n\n{paragraph}")
            case _:
                return _ask(f"Write a paragraph about {instruction.strip() or 'what happens next'}.\n\n{paragraph}")

    def chat(self, turns: tuple[tuple[str, tuple[Image, ...], str], ...], begin: str = "") -> Prompt:
        """Pictures have been turned into words before; see `ask`."""
        segments: list[Segment] = []
        for question, _, answer in turns:
            segments += [START, Text(f"user\n{question}"), END, Text("\n"), START, Text(f"assistant\n{answer}")]
            segments += [END, Text("\n")]
        return (*segments[:-3], Text(f"assistant\n{begin}"))

    def talk(self, messages: tuple[Message, ...], begin: str = "") -> Prompt:
        """ChatML."""
        return chat_protocol.chatml(messages, begin)


def topic(instruction: str) -> str:
    """What an instruction is about: "Write a story about tea." → "tea". A bare topic stays as it is."""
    text = " ".join(instruction.split()).rstrip(".!。！")
    if _REQUEST.match(text) and (found := _ABOUT.search(text)):
        text = found.group(1)
    return text


def _with(request: str, materials: str) -> str:
    """A request and what it is to be done from."""
    return f"{request} Use these notes:\n\n{materials}" if materials else request


def _lowered(heading: str) -> str:
    """A heading inside a sentence: "The harvest" → "the harvest", but "Tea in China" keeps its names."""
    first, _, rest = heading.partition(" ")
    return f"{first.lower()} {rest}".strip() if first.istitle() and rest == rest.lower() else heading


def _ask(request: str, begin: str = "", system: bool = False) -> Prompt:
    about = "system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    intro: Prompt = (START, Text(about), END, Text("\n")) if system else ()
    return (*intro, START, Text(f"user\n{request}"), END, Text("\n"), START, Text(f"assistant\n{begin}"))
