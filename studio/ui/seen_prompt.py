"""What a model saw for an answer, as the page shows it."""

from __future__ import annotations

from studio.app import Studio
from studio.prompts.transcript import from_list, text_of
from studio.ui import page_data


def seen_prompt(studio: Studio, person: str, seen: int, model: str) -> page_data.SeenPrompt:
    """The prompt of that number; its ids where the model of that name is loaded. Raises NotFoundError."""
    prompt = from_list(studio.store.prompts.get(person, seen))
    encoded = studio.encode(prompt, model)
    text = text_of(prompt, encoded.bos if encoded else "")
    return {"model": model, "text": text, "ids": list(encoded.values) if encoded else None}
