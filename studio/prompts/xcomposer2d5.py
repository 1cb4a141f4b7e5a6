"""XComposer2.5: the prompts of XComposer2, its pictures named in the text, and its adapters for what it writes.

As the model repository's `modeling_internlm_xcomposer2.py` does (`chat`, `write_artical`): a picture alone stands in
front of everything, several are named where they are asked about; articles are the bare instruction in mode `write`.
The original has no prompts for placing pictures: those of XComposer2 are asked of the base weights, and each picture is
shown at its smallest there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from studio.prompts.chat_protocol import merged
from studio.prompts.part_edits import NOTHING, Around
from studio.prompts.xcomposer2 import END, SYSTEM, USER, XComposer2
from studio.protocol import Adapter, Image, Prompt, Sampling, Segment, Text

WRITE = Adapter("write")
ALONE, SEVERAL, MANY = 24, 6, 1  # the most tiles of a picture that is alone, of each of several, and of each of many
MOST_SEVERAL = 3


class XComposer2d5(XComposer2):
    """See `Dialect`."""

    writing = replace(XComposer2.writing, max_tokens=8192)
    answering = Sampling(temperature=1.0, top_p=0.8, top_k=50, repetition_penalty=1.005, max_tokens=1024)

    def article(self, instruction: str, images: tuple[Image, ...], begin: str = "", materials: str = "") -> Prompt:
        """The instruction, with the reference pictures."""
        return _written(super().article(instruction, (), begin, materials), images)

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
        return _written(super().section(instruction, outline, heading, before, (), materials), images)

    def outline(self, instruction: str, materials: str = "") -> Prompt:
        """As XComposer2."""
        return _written(super().outline(instruction, materials), ())

    def edit(self, kind: str, paragraph: str, instruction: str, after: str = "", around: Around = NOTHING) -> Prompt:
        """As XComposer2."""
        return _written(super().edit(kind, paragraph, instruction, after, around), ())

    def places(
        self, paragraphs: tuple[str, ...], count: int | None, images: tuple[Image, ...], first: int = 0
    ) -> Prompt:
        """As XComposer2."""
        return super().places(paragraphs, count, _cut(images, MANY), first)

    def choice(
        self, paragraphs: tuple[str, ...], chosen: tuple[tuple[int, Image], ...], candidates: tuple[Image, ...]
    ) -> tuple[Prompt, tuple[str, ...]] | None:
        """As XComposer2."""
        small = tuple((at, replace(image, tiles=MANY)) for at, image in chosen)
        return super().choice(paragraphs, small, _cut(candidates, MANY))

    def chat(self, turns: tuple[tuple[str, tuple[Image, ...], str], ...], begin: str = "") -> Prompt:
        """Pictures are numbered through the whole conversation."""
        pictures = [image for _, images, _ in turns for image in images]
        if len(pictures) == 1:
            blind = tuple((question, (), answer) for question, _, answer in turns)
            return (*_cut(pictures, ALONE), *super().chat(blind, begin))
        segments: list[Segment] = [USER, Text(f"system\n{SYSTEM}"), END, Text("\n")]
        number = 1
        for question, images, answer in turns:
            named = _named(_cut(images, SEVERAL), number)
            number += len(images)
            segments += [USER, Text("user\n"), *named, Text(question), END, Text("\n")]
            segments += [USER, Text(f"assistant\n{answer}"), END, Text("\n")]
        return merged((*segments[:-3], Text(f"assistant\n{begin}")))


def _written(prompt: Prompt, images: tuple[Image, ...]) -> Prompt:
    """One user turn in mode write: a picture alone in front of it, several named at its beginning."""
    if len(images) < 2:
        return (WRITE, *_cut(images, ALONE), *prompt)
    user, text, *rest = prompt
    assert isinstance(text, Text)
    named = _named(_cut(images, SEVERAL if len(images) <= MOST_SEVERAL else MANY), 1)
    return merged((WRITE, user, Text("user\n"), *named, Text(text.text.removeprefix("user\n")), *rest))


def _named(images: Sequence[Image], first: int) -> list[Segment]:
    """`Image1 <picture>; Image2 <picture>; `"""
    parts = ((Text(f"Image{i} "), image, Text("; ")) for i, image in enumerate(images, first))
    return [segment for part in parts for segment in part]


def _cut(images: Sequence[Image], tiles: int) -> tuple[Image, ...]:
    """With at most so many tiles, where nobody said how many."""
    return tuple(replace(image, tiles=image.tiles or tiles) for image in images)
