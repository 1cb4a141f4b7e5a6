"""What a model suggests and a person then takes or leaves: an edit of a paragraph, an outline. Nothing is kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from studio.documents.article import Brief
from studio.documents.passages import Passage
from studio.errors import InputError, StudioError
from studio.prompts import Edit
from studio.protocol import Queued
from studio.tasks.progress import Stop, until_loaded
from studio.tasks.runner import Runner
from studio.tasks.task import Task, Work
from studio.tasks.write import Composer
from studio.worker.client import WorkerClient


@dataclass(frozen=True)
class Draft:
    """A suggestion as it grows: a new paragraph, new words for passages (as many as are begun), or the headings of an
    outline."""

    text: str = ""
    texts: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    waiting: Queued | None = None
    ended: bool = False
    error: StudioError | None = None

    def fail(self, error: StudioError) -> Draft:
        """The last state, after an error."""
        return replace(self, ended=True, error=error)


class Drafts:
    """All suggestions under way in this process."""

    def __init__(self, runner: Runner, composer: Composer, worker: WorkerClient) -> None:
        self._runner, self._composer, self._worker = runner, composer, worker
        self._numbers = itertools.count(1)

    def insert(self, person: str, before: str, instruction: str, after: str) -> Task[Draft]:
        """A new paragraph between two. Raises BusyError."""

        def work(stop: Stop) -> Iterator[Draft]:
            draft = Draft()
            for text in self._composer.edit("insert", before, instruction, after, person, stop):
                draft = Draft(text)
                yield draft
            yield replace(draft, ended=True)

        return self._start_edit(person, work)

    def change(self, person: str, kind: Edit, passages: tuple[Passage, ...], instruction: str) -> Task[Draft]:
        """New words for passages, one after the other, see `Composer.edit`. Raises BusyError, and InputError for a free
        wish that is empty."""
        if kind == "ask" and not instruction.strip():
            raise InputError("edit_without_wish")

        def work(stop: Stop) -> Iterator[Draft]:
            done: tuple[str, ...] = ()
            for passage in passages:
                around, text = (_with_words(passage.before), _with_words(passage.after)), ""
                for text in self._composer.edit(kind, passage.words, instruction, "", person, stop, around):
                    yield Draft(texts=(*done, text))
                if stop.pressed:
                    break
                done = (*done, text)
            yield Draft(texts=done, ended=True)

        return self._start_edit(person, work)

    def _start_edit(self, person: str, work: Work[Draft]) -> Task[Draft]:
        with self._runner.admit(person):
            return self._runner.start(person, "edit", ("edit", next(self._numbers)), Draft(), work)

    def outline(self, person: str, brief: Brief) -> Task[Draft]:
        """Headings for an article. Raises InputError for a brief that cannot be written, and BusyError."""
        brief = brief.check()

        def work(stop: Stop) -> Iterator[Draft]:
            until_loaded(self._worker, stop)
            yield Draft(headings=() if stop.pressed else self._composer.outline(brief, person, stop), ended=True)

        with self._runner.admit(person):
            return self._runner.start(person, "outline", ("outline", next(self._numbers)), Draft(), work)


def _with_words(context: str) -> str:
    """What stands beside a passage, unless it is signs alone, such as those of a heading."""
    return context if any(c.isalnum() for c in context) else ""
