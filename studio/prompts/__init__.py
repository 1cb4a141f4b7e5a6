"""Every prompt and every parser of a model's reply, as pure functions.

The steps of composing are the same for all models; how a model is asked for them is its dialect.
`dialect_of(card)` gives the right one: `xcomposer2` has the prompts that model was trained on, `xcomposer2.5` and
`xcomposer1` those of its successor and its predecessor, `starter` plain English sentences that a very small model
understands, `internlm2` chat without pictures, `instruct` plain requests for any instruction model, in the form that
its own chat template has. A dialect that answers None to a step says that its model cannot do it, and the composer does
it by retrieval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from studio.prompts.instruct import Instruct
from studio.prompts.internlm2 import InternLM2
from studio.prompts.messages import Message
from studio.prompts.part_edits import NOTHING, Around
from studio.prompts.starter import Starter
from studio.prompts.writing_forms import Part
from studio.prompts.xcomposer1 import XComposer1
from studio.prompts.xcomposer2 import XComposer2
from studio.prompts.xcomposer2d5 import XComposer2d5
from studio.protocol import Image, ModelCard, Prompt, Sampling

Edit = Literal["rewrite", "expand", "shorten", "insert", "translate", "ask"]


class Dialect(Protocol):
    """How one family of models is asked. Images are given as protocol Images; paragraphs and headings as text."""

    writing: Sampling  # what suits the model for articles
    answering: Sampling  # … for chat

    def title(self, instruction: str) -> Prompt | None:
        """Ask for a title that ends at a quotation mark; None where the article brings its own."""
        ...

    def article(self, instruction: str, images: tuple[Image, ...], begin: str = "", materials: str = "") -> Prompt:
        """Ask for a whole article; `begin` is what is written already and goes on. With `materials`, here and
        below, the instruction is the article's title and they are what it is written from."""
        ...

    def section(
        self,
        instruction: str,
        outline: tuple[str, ...],
        heading: str,
        before: str,
        images: tuple[Image, ...],
        materials: str = "",
    ) -> Prompt:
        """Ask for the text under `heading`; `before` is the article's Markdown up to and with that heading."""
        ...

    def outline(self, instruction: str, materials: str = "") -> Prompt:
        """Ask for headings, one a line."""
        ...

    def places(
        self, paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...], first: int = 0
    ) -> Prompt | None:
        """Ask which paragraphs want a picture after them; None `count` leaves the number to the model. The paragraphs
        given are those from number `first` on, and keep their numbers."""
        ...

    def writing_form(self, request: str, part: Part = "words", sections: int = 0) -> str:
        """The grammar (GBNF) that a text for this request keeps to, the instruction standing first in it; empty where
        it is free. An article has `sections`, as many as its prompt asks for where that is 0."""
        ...

    def places_form(self, paragraphs: tuple[str, ...], count: int | None, first: int = 0) -> str:
        """The grammar (GBNF) that the answer to `places` keeps to; empty where it is free."""
        ...

    def caption(
        self, paragraphs: tuple[str, ...], place: int, past: tuple[tuple[int, str], ...], first: int = 0
    ) -> Prompt | None:
        """Ask for the caption of the picture after paragraph `place`; `past` are the captions so far by place, and the
        paragraphs before number `first` are not shown."""
        ...

    def choice(
        self, paragraphs: tuple[str, ...], chosen: tuple[tuple[int, Image], ...], candidates: tuple[Image, ...]
    ) -> tuple[Prompt, tuple[str, ...]] | None:
        """Ask which candidate fits after the last paragraph; the prompt and one option a candidate."""
        ...

    def choice_by_captions(
        self, paragraphs: tuple[str, ...], captions: tuple[str, ...]
    ) -> tuple[Prompt, tuple[str, ...]] | None:
        """As `choice`, for a model that does not see: by what is known of the candidates."""
        ...

    def edit(self, kind: Edit, paragraph: str, instruction: str, after: str = "", around: Around = NOTHING) -> Prompt:
        """Ask for a changed paragraph, or for a new one between `paragraph` and `after`. Where only words are to be
        changed, they are `paragraph`, and what stands before and after them is `around`."""
        ...

    def chat(self, turns: tuple[tuple[str, tuple[Image, ...], str], ...], begin: str = "") -> Prompt:
        """Turns of (question, pictures, answer); the last answer is empty and starts with `begin`."""
        ...

    def talk(self, messages: tuple[Message, ...], begin: str = "") -> Prompt:
        """Messages of any roles, as a person's own system texts and tools make them; the answer starts with `begin`."""
        ...


DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "xcomposer1": XComposer1,
    "xcomposer2": XComposer2,
    "xcomposer2.5": XComposer2d5,
    "internlm2": InternLM2,
    "instruct": Instruct,
    "starter": Starter,
}


def dialect_of(card: ModelCard) -> Dialect:
    """The dialect a loaded model understands: its family or its file says which."""
    dialect = DIALECTS[card.dialect]
    return Instruct(card) if dialect is Instruct else dialect()
