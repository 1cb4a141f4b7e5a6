"""Articles under way: each is a thread of the page's process that makes calls and saves after every step.

A job goes on when the tab that started it closes, and is found again by the article's number.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from studio.article import Article, Brief
from studio.compose import Composer, Progress, Stop
from studio.errors import StudioError
from studio.store import Store

SAVE_EVERY = 2.0  # seconds, while text streams
SHOW_EVERY = 0.05  # seconds between two updates that a reader gets


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
    """All jobs of this process."""

    def __init__(self, composer: Composer, store: Store) -> None:
        self._composer = composer
        self._store = store
        self._jobs: dict[int, Job] = {}

    def start(self, person: str, brief: Brief) -> Job:
        """Begin to write. Raises InputError when the brief cannot be written."""
        article = self._store.save_article(person, Article(brief.check()), "write")
        job = self._jobs[article.id] = Job(person, article)
        threading.Thread(target=self._run, args=(job,), name=f"article {article.id}", daemon=True).start()
        return job

    def get(self, person: str, id: int) -> Job | None:
        """The job that writes this article, if one does."""
        job = self._jobs.get(id)
        return job if job and job.person == person else None

    def close(self) -> None:
        """Stop all; what was written stays."""
        for job in list(self._jobs.values()):
            job.stop.press()

    def _run(self, job: Job) -> None:
        saved, last = time.monotonic(), job.progress
        for progress in self._composer.write(job.progress.article, job.person, job.stop):
            step_done = progress.step != last.step or progress.article.pictures != last.article.pictures
            if progress.step == "done" or step_done or time.monotonic() - saved > SAVE_EVERY:
                progress = self._save(job, progress)
                saved = time.monotonic()
            job.show(progress)
            last = progress
        self._jobs.pop(job.progress.article.id, None)

    def _save(self, job: Job, progress: Progress) -> Progress:
        try:
            return replace(progress, article=self._store.save_article(job.person, progress.article, "write"))
        except StudioError as e:  # a full disk must not end the writing: it is tried again at the next step
            return replace(progress, error=e)
