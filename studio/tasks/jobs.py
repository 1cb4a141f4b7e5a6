"""Articles under way: each is a thread of the page's process that makes calls and saves after every step.

A job goes on when the tab that started it closes, and is found again by the article's number.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from studio.documents.article import Article, Brief
from studio.errors import EngineError, InputError, StudioError
from studio.storage.store import Store
from studio.tasks.progress import Progress, Stop
from studio.tasks.write import Composer

SAVE_EVERY = 2.0  # seconds, while text streams
SHOW_EVERY = 0.05  # seconds between two updates that a reader gets
Work = Callable[[Article, str, Stop], Iterator[Progress]]


class Job:
    """One article under way. `progress` is its newest state."""

    def __init__(self, person: str, article: Article) -> None:
        self.person = person
        self.progress = Progress(article, "writing")
        self.stop = Stop()
        self._count = 0
        self._changed = threading.Condition()

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.progress.step == "done"

    def show(self, progress: Progress) -> None:
        """For the thread at work: a new state."""
        with self._changed:
            self.progress = progress
            self._count += 1
            self._changed.notify_all()

    def updates(self) -> Iterator[Progress]:
        """The newest state whenever it changed, not more often than a page can show; the last one has step "done"."""
        seen = -1
        while True:
            with self._changed:
                while not (self._count > seen or self.ended):
                    self._changed.wait()
                seen, progress = self._count, self.progress
            yield progress
            if progress.step == "done":
                return
            time.sleep(SHOW_EVERY)


class Jobs:
    """All jobs of this process. An article has at most one."""

    def __init__(self, composer: Composer, store: Store) -> None:
        self._composer = composer
        self._store = store
        self._jobs: dict[int, Job] = {}
        self._lock = threading.Lock()

    def start(self, person: str, brief: Brief) -> Job:
        """Begin to write. Raises InputError when the brief cannot be written."""
        article = self._store.save_article(person, Article(brief.check()), "write")
        return self._begin(person, article, self._composer.write, "write")

    def go_on(self, person: str, id: int) -> Job:
        """Write on where an article ended. Raises NotFoundError, and InputError while it is being written."""
        return self._begin(person, self._store.article(person, id), self._composer.go_on, "continue")

    def illustrate(self, person: str, id: int, section: str) -> Job:
        """Find a picture for a section. Raises NotFoundError, and InputError while the article is being written."""
        article = self._store.article(person, id)
        article.section(section)

        def work(article: Article, person: str, stop: Stop) -> Iterator[Progress]:
            return self._composer.illustrate(article, section, person, stop)

        return self._begin(person, article, work, "illustrate")

    def get(self, person: str, id: int) -> Job | None:
        """The job that writes this article, if one does."""
        job = self._jobs.get(id)
        return job if job and job.person == person else None

    def close(self) -> None:
        """Stop all; what was written stays."""
        for job in list(self._jobs.values()):
            job.stop.press()

    def _begin(self, person: str, article: Article, work: Work, reason: str) -> Job:
        with self._lock:
            if article.id in self._jobs:
                raise InputError("article_busy")
            job = self._jobs[article.id] = Job(person, article)
        thread = threading.Thread(target=self._run, args=(job, work, reason), name=f"article {article.id}", daemon=True)
        thread.start()
        return job

    def _run(self, job: Job, work: Work, reason: str) -> None:
        saved, last = time.monotonic(), job.progress
        try:
            for progress in work(job.progress.article, job.person, job.stop):
                step_done = progress.step != last.step or progress.article.pictures != last.article.pictures
                if progress.step == "done" or step_done or time.monotonic() - saved > SAVE_EVERY:
                    progress = self._save(job, progress, reason)
                    saved = time.monotonic()
                last = progress
                if progress.step == "done":  # first out of the list, then told: whoever reads on may edit at once
                    self._jobs.pop(progress.article.id, None)
                job.show(progress)
        except Exception as e:  # noqa: BLE001 - the edge of the thread: whoever reads on must be told, whatever it is
            error = EngineError("engine_failed", cause=f"{type(e).__name__}: {e}")
            failed = replace(job.progress.article, status="failed", error=error.say())
            job.show(self._save(job, Progress(failed, "done", error=error), reason))
        finally:
            self._jobs.pop(job.progress.article.id, None)

    def _save(self, job: Job, progress: Progress, reason: str) -> Progress:
        try:
            return replace(progress, article=self._store.save_article(job.person, progress.article, reason))
        except StudioError as e:  # a full disk must not end the writing: it is tried again at the next step
            return replace(progress, error=e)
