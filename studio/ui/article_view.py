"""An article as the data that the page's document shows. Text is rendered and sanitised here, never in the browser."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import lru_cache

from studio.documents.article import Article, Picture, Section
from studio.documents.passages import WordChange
from studio.errors import Language, NotFoundError
from studio.library.index import STARTER_SET
from studio.markdown import inline_html, parse, parse_inline, to_html
from studio.protocol import Queued
from studio.storage.store import Store
from studio.tasks.progress import Progress
from studio.ui import page_data
from studio.ui.words import t

STEPS = ("writing", "placing", "captioning", "finding", "choosing")
EMPTY: page_data.ArticleDocument = {
    "id": 0,
    "opening": "nothing",
    "title": "",
    "titleHtml": "",
    "sections": [],
    "steps": [],
    "said": "",
    "warns": False,
    "busy": False,
    "more": False,
    "empty": 0,
    "notes": [],
    "undo": False,
    "redo": False,
    "proposal": None,
}


@dataclass(frozen=True)
class Proposal:
    """What a model suggests, as it grows: a new paragraph beside a section, or changes from that section on."""

    section: str
    edit: str
    text: str = ""
    changes: tuple[WordChange, ...] = ()
    ended: bool = False
    waiting: Queued | None = None

    @property
    def data(self) -> page_data.Proposal:
        """What the page shows of it."""
        return {
            "section": self.section,
            "edit": self.edit,
            "text": self.text,
            "changes": list(self.changes),
            "ended": self.ended,
        }


class Changes:
    """Cuts sections that the page has seen down to their ids: a long article that grows at its end would else be sent
    and read whole, twenty times a second."""

    def __init__(self) -> None:
        self._sent: dict[str, page_data.Section | page_data.UnchangedSection] = {}

    def of(self, document: page_data.ArticleDocument) -> page_data.ArticleDocument:
        """What is left to send of a document."""
        sections = document["sections"]
        left: list[page_data.Section | page_data.UnchangedSection] = [
            {"id": s["id"]} if self._sent.get(s["id"]) == s else s for s in sections
        ]
        self._sent = {s["id"]: s for s in sections}
        return {**document, "sections": left}


class ArticleView:
    """Makes documents for one language; `store` knows the pictures' sizes and what can be undone."""

    def __init__(self, store: Store, person: str, language: Language) -> None:
        self._store, self._person, self._language = store, person, language

    def document(
        self, article: Article, progress: Progress | None = None, open: bool = False, proposal: Proposal | None = None
    ) -> page_data.ArticleDocument:
        """What `studio/ui/static/paper.js` shows. `open` makes the page change over to this article."""
        busy = bool(progress and progress.step != "done") or bool(proposal and not proposal.ended)
        undo, redo = (False, False) if busy or not article.id else self._store.can_step(self._person, article.id)
        error = progress.error if progress else None
        return {
            "id": article.id,
            "opening": secrets.token_hex(4) if open else "",
            "title": article.title,
            "titleHtml": inline_html(parse_inline(article.title)),
            "sections": [self._section(s) for s in article.sections],
            "steps": steps(progress, self._language) if progress else [],
            "said": status_line(article, progress, self._language)
            or queue_position(proposal.waiting if proposal else None, self._language),
            "warns": bool(error) or article.status in ("failed", "cut"),
            "busy": busy,
            "more": article.status in ("cut", "stopped") or (article.status == "failed" and bool(article.sections)),
            "empty": 0 if busy else len(article.empty_places),
            "notes": list(article.notes),
            "undo": undo,
            "redo": redo,
            "proposal": proposal.data if proposal else None,
        }

    def candidate(self, picture: Picture) -> page_data.Candidate:
        """A picture that could be shown."""
        return {"key": picture.key, "url": f"pictures/{picture.key}", "title": picture.title}

    def _section(self, section: Section) -> page_data.Section:
        shown = section.illustration
        width, height = self._size(shown.picture) if shown else (0, 0)
        return {
            "id": section.id,
            "html": html(section.text),
            "markdown": section.text,
            "note": section.note,
            "picture": f"pictures/{shown.picture.key}" if shown else "",
            "width": width,
            "height": height,
            "caption": shown.caption if shown else "",
            "credit": self._credit(shown.picture) if shown else "",
            "candidates": [self.candidate(p) for p in shown.candidates] if shown else [],
        }

    def _credit(self, picture: Picture) -> str:
        return t("starter_set", self._language) if picture.credit == STARTER_SET else picture.credit

    def _size(self, picture: Picture) -> tuple[int, int]:
        try:
            return self._store.picture_size(picture.key)
        except NotFoundError:
            return 8, 5  # a picture that is gone still leaves its caption, and room


def steps(progress: Progress, language: Language) -> list[page_data.Step]:
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


def queue_position(waiting: Queued | None, language: Language) -> str:
    """How many calls go first and how long that takes; nothing where none does."""
    if not waiting or not waiting.position:
        return ""
    key = "queue_time" if waiting.seconds else "queue"
    return t(key, language).format(n=waiting.position, seconds=round(waiting.seconds or 0))


def status_line(article: Article, progress: Progress | None, language: Language) -> str:
    """The line under the document: speed, place in the queue, how it ended."""
    if progress and progress.error:
        return progress.error.explain(language)
    if progress and progress.step != "done":
        if progress.loading:
            return t("loading", language)
        if ahead := queue_position(progress.waiting, language):
            return ahead
        return t("speed", language).format(n=round(progress.speed)) if progress.speed else ""
    if article.status == "failed":
        return article.error
    if article.status == "stopped" and article.interrupted:
        return t("status_interrupted", language)
    return t(f"status_{article.status}", language) if article.status in ("stopped", "cut") else ""


@lru_cache(maxsize=4096)  # sections that do not change are shown again with every token that is written
def html(markdown: str) -> str:
    """Markdown → safe HTML, the same as in every export. Its line end keeps the words apart from those of a caption for
    whoever reads the page as text."""
    return to_html(parse(markdown)) + "\n"
