"""Web pages under way: each is a task of the runner that saves its page, so that it goes on when the tab is closed.

A page has its row in the database before it waits for anything; while it is written it is saved every two seconds, and
at its end, however it ends. A change of which nothing was written leaves the page as it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from studio.documents.html_page import title_of, wanted_pictures
from studio.documents.web_page import WebPage, check_source, check_wish
from studio.errors import InputError, StorageError, StudioError
from studio.prompts.web_pages import PageRequest
from studio.protocol import Image, Queued
from studio.storage.store import Store
from studio.tasks.progress import Stop
from studio.tasks.runner import Runner
from studio.tasks.task import Task
from studio.tasks.write_page import PageProgress, PageWriter, PictureWishes

SAVE_EVERY = 2.0  # seconds, while text streams


@dataclass(frozen=True)
class PageState:
    """A page as it stands, whether its pictures are looked for, its place in the queue, and what ended it."""

    page: WebPage
    finding: bool = False
    waiting: Queued | None = None
    error: StudioError | None = None
    ended: bool = False

    def fail(self, error: StudioError) -> PageState:
        """The last state, after an error."""
        return replace(self, ended=True, error=error, waiting=None)


PageJob = Task[PageState]
Write = Callable[[PictureWishes, Stop], Iterator[PageProgress]]


class PageJobs:
    """Starts and finds the tasks that make web pages; a page has at most one at a time."""

    def __init__(self, runner: Runner, writer: PageWriter, store: Store) -> None:
        self._runner, self._writer, self._store = runner, writer, store
        self._starting = threading.Lock()

    def start(self, person: str, page: WebPage) -> PageJob:
        """Begin a new page. Raises InputError for one that cannot be made, BusyError."""
        return self._begin(person, page.check(), self._from_request(person, page))

    def again(self, person: str, id: int) -> PageJob:
        """Make the whole page once more, from what it was made from. Raises NotFoundError, InputError while it is being
        written, BusyError."""
        page = self._store.web_pages.get(person, id)
        return self._begin(person, replace(page, wish=""), self._from_request(person, page))

    def change(self, person: str, id: int, wish: str) -> PageJob:
        """Change a page as a person wishes. Raises as `again` does."""
        page = self._store.web_pages.get(person, id)
        request = PageRequest("change", check_wish(wish), html=check_source(page.source))

        def write(wishes: PictureWishes, stop: Stop) -> Iterator[PageProgress]:
            return self._writer.write(request, wishes, person, stop)

        return self._begin(person, replace(page, wish=wish.strip()), write)

    def apply(self, person: str, id: int, source: str) -> PageJob:
        """Take over the source that a person typed. Raises as `again` does."""
        page, source = self._store.web_pages.get(person, id), check_source(source)
        return self._begin(
            person, replace(page, wish=""), lambda wishes, stop: self._writer.fill(source, wishes, stop), source
        )

    def get(self, person: str, id: int) -> PageJob | None:
        """The task that writes this page, if one does."""
        return cast("PageJob | None", self._runner.get(person, _key(id)))

    def require_idle(self, person: str, id: int) -> None:
        """Raises InputError while the page is being written."""
        if self.get(person, id):
            raise InputError("web_page_busy")

    def _from_request(self, person: str, page: WebPage) -> Write:
        images = (Image(page.screenshot, self._store.read_file(page.screenshot)),) if page.screenshot else ()
        request = PageRequest(page.kind, page.text, images)
        return lambda wishes, stop: self._writer.write(request, wishes, person, stop)

    def _begin(self, person: str, before: WebPage, write: Write, source: str = "") -> PageJob:
        known = {query: key for query, key in zip(wanted_pictures(before.source), before.pictures, strict=False) if key}
        wishes = PictureWishes(before.own, known)
        with self._runner.admit(person), self._starting:
            if before.id:
                self.require_idle(person, before.id)
            new = replace(before, source=source, pictures=(), status="writing", cut=False, error="")
            page = self._store.web_pages.save(person, new)

            def work(stop: Stop) -> Iterator[PageState]:
                return self._save_states(person, page, write(wishes, stop), stop)

            return self._runner.start(person, "webpage", _key(page.id), PageState(page), work)

    def _save_states(self, person: str, page: WebPage, work: Iterator[PageProgress], stop: Stop) -> Iterator[PageState]:
        saved, progress = time.monotonic(), PageProgress("writing", page.source)
        for progress in work:
            if progress.step != "done":
                page = replace(page, source=progress.source, cut=progress.cut)
                if time.monotonic() - saved > SAVE_EVERY:
                    page, saved = self._save(person, page)[0], time.monotonic()
                yield PageState(page, progress.step == "finding", progress.waiting)
        yield self._end(person, page, progress, stop)

    def _end(self, person: str, page: WebPage, progress: PageProgress, stop: Stop) -> PageState:
        error = progress.error
        page = replace(
            page,
            source=progress.source,
            pictures=progress.pictures,
            title=title_of(progress.source) or page.title,
            status="failed" if error else "stopped" if stop.pressed else "done",
            cut=progress.cut,
            error=error.say() if error else "",
        )
        if page.source:
            page, problem = self._save(person, page)
        else:
            page, problem = self._discard(person, page)
        return PageState(page, error=error or problem, ended=True)

    def _discard(self, person: str, page: WebPage) -> tuple[WebPage, StudioError | None]:
        try:
            before = self._store.web_pages.discard(person, page)
            return (before, None) if before.version != page.version else self._save(person, page)
        except StorageError as e:
            return page, e

    def _save(self, person: str, page: WebPage) -> tuple[WebPage, StudioError | None]:
        try:
            return self._store.web_pages.save(person, page), None
        except StorageError as e:  # a full disk must not end the writing: it is tried again, and told at the end
            return page, e


def _key(id: int) -> tuple[str, int]:
    return "web_page", id
