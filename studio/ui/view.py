"""An article as the data that the page's document shows. Text is rendered and sanitised here, never in the browser."""

from __future__ import annotations

from typing import Any

import markdown2
import nh3

from studio.article import Article
from studio.compose import Progress
from studio.errors import Language
from studio.ui.text import t

STEPS = ("writing", "placing", "captioning", "finding", "choosing")


def document(article: Article, progress: Progress | None = None, language: Language = "en") -> dict[str, Any]:
    """What `assets/page/article.html` fills in."""
    return {
        "id": article.id,
        "title": article.title,
        "empty": "" if article.title or article.sections else t("empty", language),
        "sections": [
            {
                "id": s.id,
                "html": html(s.text),
                "note": s.note,
                "picture": f"pictures/{s.illustration.picture.key}" if s.illustration else "",
                "caption": s.illustration.caption if s.illustration else "",
                "credit": s.illustration.picture.credit if s.illustration else "",
            }
            for s in article.sections
        ],
        "steps": steps(progress, language) if progress else [],
        "said": said(article, progress, language),
    }


def steps(progress: Progress, language: Language) -> list[dict[str, str]]:
    """The line of steps: each done, current or still to come."""
    at = STEPS.index(progress.step) if progress.step in STEPS else len(STEPS)
    if progress.step == "done" and progress.article.status != "done":
        return []
    count = f" {progress.number}/{progress.of}" if progress.of else ""
    states = ["done" if i < at else "current" if i == at else "waiting" for i in range(len(STEPS))]
    return [
        {"state": state, "name": t(f"step_{name}", language) + (count if state == "current" else "")}
        for name, state in zip(STEPS, states, strict=True)
    ]


def said(article: Article, progress: Progress | None, language: Language) -> str:
    """The line under the document: speed, place in the queue, how it ended."""
    if progress and progress.error:
        return progress.error.say(language)
    if progress and progress.step != "done":
        if progress.waiting and progress.waiting.position:
            return t("queue", language).format(n=progress.waiting.position)
        return f"{progress.speed:.0f} tokens/s" if progress.speed else ""
    if article.status == "failed":
        return article.error
    return t(f"status_{article.status}", language) if article.status in ("stopped", "cut") else ""


def html(markdown: str) -> str:
    """Markdown → safe HTML without pictures of other hosts."""
    raw = markdown2.markdown(markdown, extras=["tables", "fenced-code-blocks", "strike", "cuddled-lists"])
    return nh3.clean(raw, tags=nh3.ALLOWED_TAGS - {"img", "video", "audio", "map", "area"})
