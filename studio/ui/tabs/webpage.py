"""The Web page tab: an instruction, a résumé or a screenshot becomes one HTML file, shown in a frame with a sandbox."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import gradio as gr

from studio.app import Studio
from studio.documents.file_names import file_stem
from studio.documents.web_page import KINDS, MAX_OWN, MAX_SOURCE, WebPage
from studio.errors import InputError, StudioError
from studio.manuscript import SUFFIXES, read_manuscript
from studio.tasks.page_jobs import PageJob, PageState
from studio.ui import page_data
from studio.ui.arguments import call_named
from studio.ui.article_editor import download_url
from studio.ui.components import AT_ONCE, script_component
from studio.ui.identity import identity_of, language_for, normalise_uploads, to_gradio_error
from studio.ui.threads import in_thread, pool_for, threaded
from studio.ui.uploads import uploads_of
from studio.ui.web_page_view import EMPTY, Changes, composer_card, makes_pages, stored, to_web_page_data
from studio.ui.words import i18n

ROWS = 100  # pages in the list
UNTIL_LOADED = 3.0  # seconds between two looks whether the model is there
_ON_THE_PAGE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
Views = AsyncGenerator[page_data.WebPageView, None]


def web_tab(studio: Studio) -> gr.Tab:
    """Lay the tab out and connect it; `offer` decides who sees it."""
    events, acts = _Events(studio), _Acts(studio)
    with gr.Tab(i18n()("web"), id="web", elem_id="tab-web", visible=makes_pages(studio)) as tab:
        view = script_component(
            "web_page.js",
            EMPTY,
            "web-page",
            css="web_page.css",
            events="make again change apply follow",
            functions=[acts.list, acts.act],
            suffixes=[suffix for suffix in SUFFIXES if suffix != ".zip"],
            most=MAX_OWN,
            longest=MAX_SOURCE,
        )
    for event, handler in (
        (view.make, events.make),
        (view.again, events.again),
        (view.change, events.change),
        (view.apply, events.apply),
        (view.follow, events.follow),
    ):
        begun = event(handler, None, view, trigger_mode="multiple", concurrency_limit=None, **_ON_THE_PAGE)
        begun.failure(None, None, None, js=_tell("failed"), **_ON_THE_PAGE)
    tab.select(None, None, None, js=_tell("opened"), **_ON_THE_PAGE)
    return tab


def offer(studio: Studio, blocks: gr.Blocks, tab: gr.Tab) -> None:
    """Show the tab where the model can make pages, and to whoever has some. Before it is loaded nobody may know: then
    the page looks again."""
    timer = gr.Timer(UNTIL_LOADED, active=False)

    def look(request: gr.Request) -> tuple[gr.Tab, gr.Timer]:
        there = makes_pages(studio) or bool(studio.store.web_pages.rows(identity_of(request)))
        return gr.Tab(visible=there), gr.Timer(active=not there and studio.worker.state == "starting")

    blocks.load(threaded(look), None, [tab, timer], **AT_ONCE)
    timer.tick(threaded(look), None, [tab, timer], **AT_ONCE)


def _tell(event: str) -> str:
    """For an event that the script itself must know of."""
    return f"() => document.querySelector('#web-page')?.dispatchEvent(new Event('{event}'))"


class _Events:
    """What takes long: each is a stream of views that follows a page until it is done, or another is opened."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._followed: dict[str, PageJob] = {}  # session → the job it follows: an older follower ends

    async def make(self, request: gr.Request, event: gr.EventData) -> Views:
        """A new page."""
        asked: Any = event._data
        async for view in self._stream(self._maker(request, asked), request, _files(asked)):
            yield view

    async def again(self, request: gr.Request, event: gr.EventData) -> Views:
        """The whole page once more."""
        match event._data:
            case {"id": int(id)}:
                person, jobs = identity_of(request), self._studio.page_jobs
                async for view in self._stream(lambda: jobs.again(person, id), request):
                    yield view

    async def change(self, request: gr.Request, event: gr.EventData) -> Views:
        """A change by the model."""
        match event._data:
            case {"id": int(id), "wish": str(wish)}:
                person, jobs = identity_of(request), self._studio.page_jobs
                async for view in self._stream(lambda: jobs.change(person, id, wish), request):
                    yield view

    async def apply(self, request: gr.Request, event: gr.EventData) -> Views:
        """A source that was typed."""
        match event._data:
            case {"id": int(id), "source": str(source)}:
                person, jobs = identity_of(request), self._studio.page_jobs
                async for view in self._stream(lambda: jobs.apply(person, id, source), request):
                    yield view

    async def follow(self, request: gr.Request, event: gr.EventData) -> Views:
        """A page that is under way; nothing for one that is not, but that another is followed no more."""
        self._followed.pop(str(request.session_hash), None)
        match event._data:
            case {"id": int(id)}:
                if job := self._studio.page_jobs.get(identity_of(request), id):
                    async for view in self._stream(lambda: job, request):
                        yield view

    def _maker(self, request: gr.Request, asked: Any) -> Callable[[], PageJob]:
        person, studio = identity_of(request), self._studio

        def make() -> PageJob:
            match asked:
                case {"kind": str(kind), "text": str(text), "screenshot": str(seen), "files": list(_)} if kind in KINDS:
                    pictures = _own(studio, person, _files(asked))
                    shot = _own(studio, person, [seen])[0].key if kind == "screenshot" and seen else ""
                    words = "" if kind == "screenshot" else text
                    return studio.page_jobs.start(person, WebPage(kind, words, shot, pictures))
            raise InputError("edit_unknown", name=str(asked)[:80])

        return make

    async def _stream(self, begin: Callable[[], PageJob], request: gr.Request, files: list[Any] | None = None) -> Views:
        session, person, language = str(request.session_hash), identity_of(request), language_for(request)
        changes = Changes()
        try:
            job = self._followed[session] = await in_thread(begin, pool=pool_for(files or []))
            try:
                async for state in job.follow():
                    if self._followed.get(session) is not job:
                        return
                    view = await in_thread(to_web_page_data, self._studio, person, state, language)
                    yield changes.of(view)
            finally:
                if self._followed.get(session) is job:
                    del self._followed[session]
        except StudioError as e:
            raise to_gradio_error(e, request) from e


class _Acts:
    """What is answered at once. `list` and `act` are server functions of the tab's component."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._pages = studio, studio.store.web_pages
        names = "open undo redo stop delete undelete read download"
        self._acts: dict[str, Callable[..., Any]] = {name: getattr(self, name) for name in names.split()}
        self.list, self.act = threaded(self._list), threaded(self._act, "files")
        self.list.__name__, self.act.__name__ = "list", "act"  # by which the page calls them

    def _list(self, _: Any, request: gr.Request) -> page_data.WebPageList | page_data.Failure:
        try:
            rows = self._pages.rows(identity_of(request))[:ROWS]
        except StudioError as e:
            return {"error": e.say(language_for(request))}
        card = composer_card(self._studio)
        return {
            "rows": [{"id": r.id, "title": r.title, "changed": r.changed.isoformat()} for r in rows],
            "cannot": card.name if card and not makes_pages(self._studio) else "",
        }

    def _act(self, asked: dict[str, Any], request: gr.Request) -> Any:
        try:
            return call_named(self._acts, asked, request) or {}
        except StudioError as e:
            return {"error": e.say(language_for(request))}

    def open(self, request: Any, id: int) -> page_data.WebPageView:
        """That page; one under way is followed by the event of that name."""
        person = identity_of(request)
        page = self._pages.get(person, id)
        job = self._studio.page_jobs.get(person, id)
        return self._view(request, job.now() if job else stored(page))

    def undo(self, request: Any, id: int) -> page_data.WebPageView:
        """The version before."""
        return self._step(request, id, -1)

    def redo(self, request: Any, id: int) -> page_data.WebPageView:
        """The version after."""
        return self._step(request, id, 1)

    def stop(self, request: Any, id: int) -> None:
        """End what is under way; what was written stays."""
        if job := self._studio.page_jobs.get(identity_of(request), id):
            job.stop.press()

    def delete(self, request: Any, id: int) -> None:
        """Hide it."""
        self.stop(request, id)
        self._pages.delete(identity_of(request), id)

    def undelete(self, request: Any, id: int) -> None:
        """Bring it back."""
        self._pages.undelete(identity_of(request), id)

    def read(self, request: Any, path: str, name: str) -> page_data.ReadText:
        """The words of a résumé's file, as Markdown."""
        file = uploads_of(self._studio).take(identity_of(request), path)
        article = read_manuscript(file.read(), Path(name).name or file.name, lambda picture: "")
        file.discard()
        return {"text": article.markdown.strip()}

    def download(self, request: Any, id: int, scripts: bool) -> page_data.Exported:
        """The page as one file; its scripts run where they were switched on."""
        person = identity_of(request)
        page = self._pages.get(person, id)
        html = self._studio.page_writer.render(page.source, page.pictures, scripts)
        name = f"{file_stem(page.title or page.text, 'page')}.html"
        path = uploads_of(self._studio).export(person, name, html.encode())
        return {"url": download_url(path), "name": path.name}

    def _step(self, request: Any, id: int, by: Any) -> page_data.WebPageView:
        person = identity_of(request)
        self._studio.page_jobs.require_idle(person, id)
        return self._view(request, stored(self._pages.step(person, id, by)))

    def _view(self, request: Any, state: PageState) -> page_data.WebPageView:
        return to_web_page_data(self._studio, identity_of(request), state, language_for(request))


def _files(asked: Any) -> list[Any]:
    return asked["files"][: MAX_OWN + 1] if isinstance(asked, dict) and isinstance(asked.get("files"), list) else []


def _own(studio: Studio, person: str, paths: list[Any]) -> tuple[Any, ...]:
    """Pictures that the browser uploaded. Raises InputError for any other path, and for what is no picture."""
    taken = [uploads_of(studio).take(person, path) for path in paths]
    return normalise_uploads(studio, person, taken)
