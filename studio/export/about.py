"""How an article was made, as every export tells it: about.json, the About sheet, the page's small print."""

from __future__ import annotations

from datetime import datetime

from studio import __version__
from studio.documents.article import Article, Brief
from studio.sampling import fields_for


def about(article: Article, created: datetime, updated: datetime) -> dict[str, object]:
    """Instruction (or title and materials), outline, what was set (None: what suits the model), seed, model, dates to
    the second, version."""
    brief = article.brief
    return {
        **_subject(brief),
        "outline": brief.outline,
        "settings": {
            "images": "auto" if brief.images is None else brief.images,
            "own_pictures": [picture.credit or picture.title for picture in brief.pictures],
            **{f.name: getattr(brief, f.name) for f in fields_for("writing") if f.name != "seed"},
        },
        "seed": brief.seed,
        "model": article.model,
        "created": created.isoformat(timespec="seconds"),
        "updated": updated.isoformat(timespec="seconds"),
        "studio": __version__,
    }


def _subject(brief: Brief) -> dict[str, object]:
    if brief.own_text:
        return {"title": brief.title, "own_text": True}
    if brief.title is None:
        return {"instruction": brief.instruction}
    return {"title": brief.title, "materials": brief.materials}
