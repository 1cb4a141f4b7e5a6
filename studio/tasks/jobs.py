"""Articles under way: each is a task of the runner that makes calls and saves after every step.

A job continues when the tab that started it is closed, and is found again by the article's number. The article has its
row before it waits for anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

from studio.documents.article import Article, Brief
from studio.errors import EngineError, InputError, StorageError, StudioError
from studio.storage.store import Store
from studio.tasks.progress import Progress, Stop
from studio.tasks.runner import Runner, UnderWay
from studio.tasks.sent_prompts import SentPrompts
from studio.tasks.task import Kind, Task
from studio.tasks.write import Composer

SAVE_EVERY = 2.0  # seconds, while text streams
Job = Task[Progress]
Work = Callable[[Article, str, Stop], Iterator[Progress]]


class Jobs:
    """Starts and finds the tasks that write articles; an article has at most one at a time."""

    def __init__(self, runner: Runner, composer: Composer, store: Store, prompts: SentPrompts) -> None:
        self._runner = runner
        self._composer = composer
        self._store, self._prompts = store, prompts

    def start(self, person: str, brief: Brief) -> Job:
        """Begin to write. Raises InputError when the brief cannot be written, BusyError when too much waits."""
        brief = brief.check()
        with self._runner.admit(person):
            article = self._store.save_article(person, Article(brief), "write")
            return self._begin(person, article, self._composer.write, "write")

    def illustrate_text(self, person: str, article: Article) -> Job:
        """Find pictures for a text of a person's own, which is kept before anything waits. Raises InputError for a
        brief that is wrong, BusyError."""
        article = replace(article, brief=article.brief.check(), status="done")
        with self._runner.admit(person):
            kept = self._store.save_article(person, article, "own_text")
            return self._begin(person, kept, self._composer.illustrate_text, "illustrate")

    def continue_article(self, person: str, id: int) -> Job:
        """Continue an article where it ended. Raises NotFoundError, InputError while it is being written, BusyError."""
        with self._runner.admit(person):
            article = replace(self._store.article(person, id), interrupted=False)
            return self._begin(person, article, self._composer.continue_article, "continue")

    def illustrate(self, person: str, id: int, section: str) -> Job:
        """Find a picture for a section. Raises NotFoundError, InputError while the article is being written,
        BusyError."""
        with self._runner.admit(person):
            article = self._store.article(person, id)
            article.section(section)

            def work(article: Article, person: str, stop: Stop) -> Iterator[Progress]:
                return self._composer.illustrate(article, section, person, stop)

            return self._begin(person, article, work, "illustrate")

    def fill(self, person: str, id: int) -> Job:
        """Find pictures for the places that stayed empty. Raises as `illustrate`."""
        with self._runner.admit(person):
            return self._begin(person, self._store.article(person, id), self._composer.fill, "illustrate")

    def get(self, person: str, id: int) -> Job | None:
        """The task that writes this article, if one does."""
        return cast("Job | None", self._runner.get(person, _key(id)))

    def _begin(self, person: str, article: Article, work: Work, kind: Kind) -> Job:
        def save_states(stop: Stop) -> Iterator[Progress]:
            yield from self._save_states(person, work(article, person, stop), kind, stop, Progress(article, "writing"))
            self._prompts.add_ids_of(person, article.id)

        try:
            return self._runner.start(person, kind, _key(article.id), Progress(article, "writing"), save_states)
        except UnderWay as e:
            raise InputError("article_busy") from e

    def _save_states(
        self, person: str, work: Iterator[Progress], reason: str, stop: Stop, last: Progress
    ) -> Iterator[Progress]:
        """The same states, saved in the store after each step and from time to time while text streams."""
        saved = time.monotonic()
        try:
            for progress in work:
                if progress.ended:
                    progress = _with_reason(progress, stop)
                step_done = progress.step != last.step or progress.article.pictures != last.article.pictures
                if progress.ended or step_done or time.monotonic() - saved > SAVE_EVERY:
                    progress = self._save(person, progress, reason)
                    saved = time.monotonic()
                last = progress
                yield progress
        except Exception as e:  # noqa: BLE001 - whatever it is, what was written must be saved and the person be told
            error = EngineError("engine_failed", cause=f"{type(e).__name__}: {e}")
            failed = replace(last.article, status="failed", error=error.say())
            yield self._save(person, Progress(failed, "done", error=error), reason)

    def _save(self, person: str, progress: Progress, reason: str) -> Progress:
        try:
            return replace(progress, article=self._store.save_article(person, progress.article, reason))
        except StudioError as e:  # a full disk must not end the writing: it is tried again at the next step
            if progress.ended and isinstance(e, StorageError):
                self._store.save_later(person, progress.article, reason)
            return replace(progress, error=e)


def _with_reason(progress: Progress, stop: Stop) -> Progress:
    """The end of an article that the studio's own end stopped: not failed, and to be gone on with."""
    if stop.reason != "interrupted" or progress.article.status not in ("stopped", "failed"):
        return progress
    return replace(
        progress, article=replace(progress.article, status="stopped", error="", interrupted=True), error=None
    )


def _key(id: int) -> tuple[str, int]:
    return "article", id
