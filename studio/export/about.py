"""How an article was made, as the exports tell it."""

from __future__ import annotations

from studio import __version__
from studio.article import Article


def about(article: Article) -> dict[str, object]:
    """What an export says of how it was made."""
    brief = article.brief
    return {
        "instruction": brief.instruction,
        "outline": brief.outline,
        "settings": {"images": "auto" if brief.images is None else brief.images, "max_tokens": brief.max_tokens},
        "seed": brief.seed,
        "model": article.model,
        "studio": __version__,
    }
