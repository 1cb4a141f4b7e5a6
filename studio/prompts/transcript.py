"""A prompt as people read it: what the model saw, to the character."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from studio.protocol import Adapter, Control, Image, Prompt, Segment, Text


def text_of(prompt: Prompt, bos: str = "") -> str:
    """The whole text, control tokens by their names, pictures as <picture 1> … in their order."""
    number, parts = 0, [bos]
    for segment in prompt:
        match segment:
            case Text(text):
                parts.append(text)
            case Control(piece):
                parts.append(piece)
            case Image():
                number += 1
                parts.append(f"<picture {number}>")
    return "".join(parts)


def to_list(prompt: Prompt) -> list[list[str]]:
    """As plain JSON data; pictures by their keys."""
    return [_entry(segment) for segment in prompt]


def from_list(data: Iterable[Sequence[str]]) -> Prompt:
    """Back from `to_list`; of pictures nothing but the key."""
    kinds: dict[str, Callable[[str], Segment]] = {
        "text": Text,
        "control": Control,
        "adapter": Adapter,
        "picture": lambda key: Image(key, b""),
    }
    return tuple(kinds[kind](value) for kind, value in data)


def _entry(segment: Segment) -> list[str]:
    match segment:
        case Text(text):
            return ["text", text]
        case Control(piece):
            return ["control", piece]
        case Image(key):
            return ["picture", key]
        case Adapter(name):
            return ["adapter", name]
