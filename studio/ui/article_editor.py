"""The document on the page: one gr.HTML component that `static/paper.js` draws, and what it asks of the studio.

Edits by hand are server functions: asked once, answered with the article as it is then. What takes a model is the
event "run", a stream of documents that follows a task and holds no thread. Everything that comes from the browser is
checked here: whose article, which edit, which picture.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import gradio as gr
from fastapi import Request

from studio import export
from studio.app import Studio
from studio.documents.article import Article, Picture
from studio.documents.edits import EDITS, set_picture
from studio.documents.passages import Selected, passages
from studio.errors import InputError, NotFoundError, StudioError
from studio.language import language_of
from studio.prompts import Edit
from studio.tasks.drafts import Draft
from studio.tasks.jobs import Job
from studio.tasks.task import Task
from studio.ui import examples
from studio.ui.arguments import call, check
from studio.ui.article_view import EMPTY, ArticleView, Changes, Proposal
from studio.ui.components import script_component
from studio.ui.identity import identity_of, language_for, normalise_upload, to_gradio_error
from studio.ui.page_data import (
    ArticleDocument,
    ArticlePrompts,
    Edited,
    Exported,
    Failure,
    Found,
    PageFacts,
    SeenPrompt,
)
from studio.ui.seen_prompt import article_prompts, seen_prompt
from studio.ui.threads import in_thread, threaded
from studio.ui.uploads import uploads_of

CHANGES = ("rewrite", "expand", "shorten", "translate", "ask")  # what a model can do with words that are there
_OPTIONS: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}


class ArticleEditor:
    """See the module. `component` makes it, inside the Blocks context where it stands."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self.by: gr.Radio | None = None  # the fields where an article's subject is typed, once the tab is laid out
        self.instruction: gr.Textbox | None = None
        self._proposing: dict[tuple[str, int], Task[Draft]] = {}

    def component(self) -> gr.HTML:
        """The component, connected."""

        def act(asked: dict[str, Any], request: gr.Request) -> Edited | Failure:
            return self.act(asked, request)

        def stop(asked: dict[str, Any], request: gr.Request) -> None:
            self.stop(asked, request)

        def find(asked: dict[str, Any], request: gr.Request) -> Found:
            return self.find(asked, request)

        def export(asked: dict[str, Any], request: gr.Request) -> Exported | Failure:
            return self.export(asked, request)

        def saw(asked: dict[str, Any], request: gr.Request) -> ArticlePrompts | SeenPrompt | Failure:
            return self.saw(asked, request)

        component = script_component(
            "paper.js",
            EMPTY,
            "paper",
            css="paper.css",
            events="run",
            functions=[
                threaded(act),
                threaded(stop),
                threaded(find, "worker"),
                threaded(export, pool="files"),
                threaded(saw, "worker"),
            ],
            examples=examples.cards(examples.WRITE),
        )
        component.run(self.run, None, component, trigger_mode="multiple", **_OPTIONS)
        return component

    async def follow(self, job: Job, request: gr.Request) -> AsyncGenerator[ArticleDocument, None]:
        """The documents of an article under way."""
        view, changes, open = self._view(request), Changes(), True
        async for progress in job.follow():
            yield changes.of(await in_thread(view.document, progress.article, progress, open))
            open = False

    async def open_article(self, id: int, request: gr.Request) -> AsyncGenerator[ArticleDocument, None]:
        """The document of an article, and how it goes on if it is under way. Raises NotFoundError."""
        person = identity_of(request)
        if job := self._studio.jobs.get(person, id):
            async for document in self.follow(job, request):
                yield document
        else:
            article = await in_thread(self._studio.store.article, person, id)
            yield await in_thread(self._view(request).document, article, None, True)

    # What the document asks

    async def run(self, request: gr.Request, event: gr.EventData) -> AsyncGenerator[ArticleDocument, None]:
        """Work that takes a model: go on, illustrate a section or the places that stayed empty, propose an edit."""
        person, asked, jobs = identity_of(request), event._data, self._studio.jobs
        try:
            match asked:
                case {"kind": "continue", "id": int(id)}:
                    documents = self.follow(await in_thread(jobs.continue_article, person, id), request)
                case {"kind": "fill", "id": int(id)}:
                    documents = self.follow(await in_thread(jobs.fill, person, id), request)
                case {"kind": "illustrate", "id": int(id), "section": str(section)}:
                    documents = self.follow(await in_thread(jobs.illustrate, person, id, section), request)
                case {"kind": "propose", "id": int(id), "section": str(section), "edit": str(edit), "wish": str(wish)}:
                    documents = self._propose_insertion(person, id, section, edit, wish, self._view(request))
                case {"kind": "propose", "id": int(id), "selected": list(given), "edit": str(edit), "wish": str(wish)}:
                    selected = check("selected", list[Selected], given)
                    documents = self._propose_change(person, id, selected, edit, wish, self._view(request))
                case _:
                    raise InputError("edit_unknown", name=str(asked)[:80])
            async with aclosing(documents):  # whoever goes away ends an edit at once
                async for document in documents:
                    yield document
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    def act(self, asked: dict[str, Any], request: gr.Request | Request) -> Edited | Failure:
        """An edit by hand: the article as it is afterwards, or the sentence why not."""
        person = identity_of(request)
        try:
            id = _article_id(asked.get("id"))
            if self._studio.jobs.get(person, id):
                raise InputError("article_busy")
            return {"doc": self._view(request).document(self._edited(person, id, asked))}
        except StudioError as e:
            return {"error": e.say(language_for(request))}

    def stop(self, asked: dict[str, Any], request: gr.Request | Request) -> None:
        """Stop what is under way for this article."""
        person, id = identity_of(request), _article_id(asked.get("id"))
        if job := self._studio.jobs.get(person, id):
            job.stop.press()
        if draft := self._proposing.get((person, id)):
            draft.stop.press()

    def find(self, asked: dict[str, Any], request: gr.Request | Request) -> Found:
        """Pictures of the library for some words."""
        view, words = self._view(request), str(asked.get("words", ""))[:500]
        hits = self._studio.library.search(words, limit=8, fill=True) if words.strip() else []
        return {"found": [view.candidate(hit.picture) for hit in hits]}

    def export(self, asked: dict[str, Any], request: gr.Request | Request) -> Exported | Failure:
        """The article as a file that can be fetched from `url`."""
        try:
            path = export_article(
                self._studio, identity_of(request), _article_id(asked.get("id")), str(asked.get("format"))
            )
        except StudioError as e:
            return {"error": e.say(language_for(request))}
        return {"url": download_url(path), "name": path.name}

    def saw(self, asked: dict[str, Any], request: gr.Request | Request) -> ArticlePrompts | SeenPrompt | Failure:
        """What models saw for an article: the steps, or with a `number` that one's prompt."""
        person, number = identity_of(request), asked.get("number")
        try:
            if number is None:
                id = _article_id(asked.get("id"))
                return article_prompts(self._studio, person, id, language_for(request))
            if not isinstance(number, int) or isinstance(number, bool):
                raise NotFoundError("prompt_missing", id=str(number)[:20])
            return seen_prompt(self._studio, person, number)
        except StudioError as e:
            return {"error": e.say(language_for(request))}

    def _edited(self, person: str, id: int, asked: dict[str, Any]) -> Article:
        store, kind = self._studio.store, str(asked.get("kind"))
        facts = {name: value for name, value in asked.items() if name not in ("kind", "id")}
        if kind in ("undo", "redo"):
            return store.step(person, id, -1 if kind == "undo" else 1)
        article = store.article(person, id)
        if kind == "show":
            return article
        if kind in ("place", "own"):
            article = call(self._with_picture, person, article, kind, **facts)
        elif kind in EDITS:
            article = call(EDITS[kind], article, **facts)
        else:
            raise InputError("edit_unknown", name=kind[:80])
        return store.save_article(person, article, kind)

    def _with_picture(
        self, person: str, article: Article, kind: str, section: str, picture: str = "", path: str = "", name: str = ""
    ) -> Article:
        """A candidate of the library, or one that was just uploaded, at a section."""
        if kind == "own":
            file = uploads_of(self._studio).take(person, path)
            own = normalise_upload(self._studio, person, file, Path(name).name or file.name)
            file.discard()
            return set_picture(article, section, own, own.title)
        if not self._studio.store.may_see(person, picture):
            raise NotFoundError("stored_picture_missing", picture=picture)
        if hit := self._studio.library.picture(picture, language_of(article.markdown)):
            return set_picture(article, section, hit.picture, hit.caption)
        shown = article.section(section).illustration
        known = {p.key: p for p in (*(shown.candidates if shown else ()), *article.brief.pictures)}
        chosen = known.get(picture, Picture(picture))
        return set_picture(article, section, chosen, chosen.title)

    async def _propose_insertion(
        self, person: str, id: int, section: str, edit: str, wish: str, view: ArticleView
    ) -> AsyncGenerator[ArticleDocument, None]:
        """A model's new paragraph before or after a section, as it grows."""
        if edit not in ("insert_before", "insert_after"):
            raise InputError("edit_unknown", name=edit[:80])
        article = await in_thread(self._idle_article, person, id)
        before, after = _around(article, section, edit)
        task = self._studio.drafts.insert(person, before, wish, after)
        async for draft in self._follow_draft(person, id, task):
            proposal = Proposal(section, edit, draft.text, (), draft.ended, draft.waiting)
            yield await in_thread(view.document, article, None, False, proposal)

    async def _propose_change(
        self, person: str, id: int, selected: list[Selected], edit: str, wish: str, view: ArticleView
    ) -> AsyncGenerator[ArticleDocument, None]:
        """A model's other words for what is selected, as they grow."""
        if edit not in CHANGES:
            raise InputError("edit_unknown", name=edit[:80])
        article = await in_thread(self._idle_article, person, id)
        chosen = await in_thread(passages, article, selected)
        task = self._studio.drafts.change(person, cast(Edit, edit), chosen, wish)
        async for draft in self._follow_draft(person, id, task):
            changes = tuple(passage.change(text) for passage, text in zip(chosen, draft.texts, strict=False))
            proposal = Proposal(chosen[0].section, edit, "", changes, draft.ended, draft.waiting)
            yield await in_thread(view.document, article, None, False, proposal)

    def _idle_article(self, person: str, id: int) -> Article:
        if self._studio.jobs.get(person, id):
            raise InputError("article_busy")
        return self._studio.store.article(person, id)

    async def _follow_draft(self, person: str, id: int, task: Task[Draft]) -> AsyncGenerator[Draft, None]:
        """Nothing is changed until it is accepted; whoever goes away, or asks for another, ends it."""
        if old := self._proposing.get((person, id)):
            old.stop.press()
        self._proposing[person, id] = task
        try:
            async for draft in task.follow():
                if draft.error:
                    raise draft.error
                yield draft
        finally:
            task.stop.press()
            if self._proposing.get((person, id)) is task:
                del self._proposing[person, id]

    def _view(self, request: gr.Request | Request) -> ArticleView:
        return ArticleView(self._studio.store, identity_of(request), language_for(request))


def export_article(studio: Studio, person: str, id: int, kind: str) -> Path:
    """The article as a file for this person. Raises NotFoundError, InputError and StorageError."""
    article = studio.store.article(person, id)
    data = studio.export_article(person, article, kind)
    return uploads_of(studio).export(person, export.filename(article, kind), data)


def download_url(path: Path) -> str:
    """Where an exported file is fetched, by whom it was made for."""
    return f"downloads/{path.parent.name}"


def script_facts(words: dict[str, tuple[str, str]], icons: dict[str, str], upload: int) -> str:
    """What the page's scripts know from the start (`upload`: bytes a file may have; `formats`: those an article can be
    exported to), as JavaScript that is safe inside a script element."""
    formats = list(export.formats_for("article"))
    facts: PageFacts = {"words": words, "icons": icons, "upload": upload, "formats": formats}
    return f"window.studio = {json.dumps(facts)};".replace("<", "\\u003c")


def _around(article: Article, section: str, edit: str) -> tuple[str, str]:
    """The paragraph an edit is about, and for an insertion the one after the gap."""
    at = article.index(section)
    texts = [s.text for s in article.sections]
    if edit == "insert_before":
        return (texts[at - 1] if at else ""), texts[at]
    if edit == "insert_after":
        return texts[at], (texts[at + 1] if at + 1 < len(texts) else "")
    return texts[at], ""


def _article_id(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise NotFoundError("article_missing", id=str(value)[:20])
