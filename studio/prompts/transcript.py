"""A prompt as people read it: what the model saw, to the character."""

from __future__ import annotations

from studio.protocol import Control, Image, Prompt, Text


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
