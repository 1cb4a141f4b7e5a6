"""Asking for a web page: of the models here, XComposer2.5 was trained for it, with an adapter of its own.

As its modeling file does (`write_webpage`, `resume_2_webpage`, `screen_2_webpage`). A change of a page is in no prompt
of the original; it is worded like them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from studio.prompts.xcomposer2d5 import XComposer2d5
from studio.protocol import Adapter, Image, ModelCard, Prompt, Sampling

WEB = Adapter("web")
SAMPLING = Sampling(temperature=1.0, beams=2, repetition_penalty=3.0, max_tokens=4800)

Kind = Literal["instruction", "resume", "screenshot", "change"]
REQUESTS: dict[Kind, str] = {
    "instruction": "{text}",
    "resume": " Generate a personal page using the content in the resume:{text}",
    "screenshot": " Generate the HTML code of this web image with Tailwind CSS.",
    "change": " Change the html code: {text}\n{html}",
}


@dataclass(frozen=True)
class PageRequest:
    """What a page is made from: an instruction, a résumé in Markdown, a screenshot, or another page and a wish."""

    kind: Kind
    text: str = ""
    images: tuple[Image, ...] = ()
    html: str = ""


def can_make_pages(card: ModelCard) -> bool:
    """Whether a loaded model was trained for it."""
    return card.dialect == "xcomposer2.5" and WEB.name in card.adapters


def page_prompt(request: PageRequest) -> Prompt:
    """The question, without a system part."""
    text = REQUESTS[request.kind].format(text=request.text, html=request.html)
    _, *prompt = XComposer2d5().article(text, request.images)
    return (WEB, *prompt)
