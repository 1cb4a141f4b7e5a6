"""What models saw for an answer or an article, as the page shows it."""

from __future__ import annotations

from collections import Counter

from studio.app import Studio
from studio.errors import Language, NotFoundError
from studio.ui import page_data
from studio.ui.words import t


def seen_prompt(studio: Studio, person: str, number: int) -> page_data.SeenPrompt:
    """The prompt of that number. Raises NotFoundError."""
    sent = studio.prompts.get(person, number)
    return {"model": sent.row.model, "text": sent.text, "ids": list(sent.ids) if sent.ids is not None else None}


def article_prompts(studio: Studio, person: str, article: int, language: Language) -> page_data.ArticlePrompts:
    """The steps of an article in their order, "captions 2" for example. Raises NotFoundError for another's article, and
    where none of its prompts is kept."""
    studio.store.article(person, article)
    rows, count, steps = studio.prompts.of_article(person, article), Counter[str](), list[page_data.PromptStep]()
    if not rows:
        raise NotFoundError("article_prompts_missing")
    for row in rows:
        count[row.step] += 1
        steps.append({"number": row.id, "name": f"{t(f'step_{row.step}', language)} {count[row.step]}"})
    return {"steps": steps}
