"""Filling a table: many pictures and a few questions in, every answer saved as soon as it is there.

`TableFiller.fill` is a generator of `TableProgress`. It asks through the same `ChatAnswerer` as a conversation, cell by
cell, so that between two cells everybody else's calls have their turn. `TableJobs` runs it as tasks of the runner: they
continue when the tab is closed, and a table that was left half full is continued from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from studio.documents.article import Picture
from studio.documents.conversation import Conversation
from studio.documents.table import Cell, Skipped, Table, questions_of
from studio.errors import InputError, Language, StudioError
from studio.library import gather
from studio.library.picture_intake import NormalisedPicture, normalise_file
from studio.protocol import Queued, Sampling
from studio.storage.store import Store
from studio.tasks.answer_stream import AnswerProgress
from studio.tasks.chat import ChatAnswerer
from studio.tasks.progress import Stop, until_loaded
from studio.tasks.runner import Runner, UnderWay
from studio.tasks.task import Task, Work
from studio.worker.client import WorkerClient

Step = Literal["reading", "asking", "done"]


@dataclass(frozen=True)
class TableProgress:
    """A table as it fills. `number` of `of` files are read or cells asked; `place` is the (row, column) under way and
    `answer` what it has so far, `speed` tokens a second; `error` is what ended the whole job early."""

    table: Table
    step: Step
    number: int = 0
    of: int = 0
    place: tuple[int, int] | None = None
    answer: str = ""
    speed: float = 0.0
    waiting: Queued | None = None
    stopped: bool = False
    error: StudioError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.step == "done"

    def fail(self, error: StudioError) -> TableProgress:
        """The last state, after an error."""
        return replace(self, step="done", error=error)


TableJob = Task[TableProgress]
Normalise = Callable[[bytes, str], NormalisedPicture]


class TableFiller:
    """Reads files into a table and asks its open cells, see the module."""

    def __init__(
        self, answerer: ChatAnswerer, worker: WorkerClient, store: Store, normalise: Normalise = normalise_file
    ) -> None:
        self._normalise = normalise
        self._answerer = answerer
        self._worker = worker
        self._store = store

    def read(
        self, table: Table, files: Sequence[gather.File], person: str, language: Language, stop: Stop
    ) -> Iterator[TableProgress]:
        """Take the files in as the table's rows. Raises InputError when none of them is a picture."""
        for number, (file, taken) in enumerate(gather.normalise_files(files, self._normalise), 1):
            if stop.pressed:
                table = replace(table, unread=len(files) - number + 1)
                break
            if isinstance(taken, gather.Refused):
                skipped = Skipped(file.name, taken.error.say(language))
                table = replace(table, skipped=(*table.skipped, skipped))
            else:
                key = self._store.add_file(taken, person)
                table = table.add(Picture(key, Path(file.name).stem, file.name))
            yield TableProgress(table, "reading", number, len(files))
        if not table.rows and not stop.pressed:
            raise InputError("table_all_skipped", count=len(files), reason=table.skipped[0].reason)
        yield TableProgress(table, "reading", len(table.rows) + len(table.skipped), len(files))

    def fill(self, table: Table, person: str, language: Language, stop: Stop) -> Iterator[TableProgress]:
        """Ask every open cell of a saved table, and save each answer. Ends with step "done".

        A cell that fails has the error's sentence and the next one is asked; when no model can answer at all, the
        job ends with that error and the cells stay open.
        """
        of, number, open_cells = table.cells, table.cells - table.open, list(table.places())
        yield TableProgress(table, "asking", number, of)
        try:
            until_loaded(self._worker, stop)
            sampling = (
                self._answerer.sampling() if open_cells and not stop.pressed else None
            )  # raises what fails all cells
            for row, column in open_cells:
                if stop.pressed:
                    break
                asking = TableProgress(table, "asking", number, of, (row, column))
                state = None
                for state in self._ask(asking, person, stop, sampling):
                    yield replace(asking, answer=_answer(state), speed=state.speed, waiting=state.waiting)
                cell = self._cell(state, language)
                if cell is None:
                    continue
                assert state is not None
                table = replace(table.put(row, column, cell), model=state.conversation.model or table.model)
                self._store.tables.put(table, row, column)
                number += not cell.is_open
                yield TableProgress(table, "asking", number, of, (row, column), speed=state.speed)
            yield TableProgress(table, "done", number, of, stopped=stop.pressed)
        except StudioError as e:
            yield TableProgress(table, "done", number, of, error=e)

    def _ask(
        self, asking: TableProgress, person: str, stop: Stop, sampling: Sampling | None
    ) -> Iterator[AnswerProgress]:
        row, column = asking.place or (0, 0)
        picture = asking.table.rows[row].picture
        return self._answerer.ask(
            Conversation().ask(asking.table.questions[column], (picture,)), person, stop, sampling
        )

    def _cell(self, end: AnswerProgress | None, language: Language) -> Cell | None:
        """The cell that an answer's end makes; None when a stop left it open. Raises what makes all cells fail."""
        if end is None or not end.ended:
            return None
        turn = end.conversation.turns[-1]
        if end.error:
            if self._worker.state in ("failed", "closed"):
                raise end.error
            return Cell(turn.answer, "failed", end.error.say(language))
        return Cell(turn.answer, turn.finish) if turn.finish in ("stop", "length") else None


class TableJobs:
    """Starts and finds the tasks that fill tables; a table has at most one at a time."""

    def __init__(
        self,
        runner: Runner,
        answerer: ChatAnswerer,
        worker: WorkerClient,
        store: Store,
        normalise: Normalise = normalise_file,
    ) -> None:
        self._runner = runner
        self._filler = TableFiller(answerer, worker, store, normalise)
        self._store = store

    def start(
        self,
        person: str,
        questions: str,
        sources: Sequence[Path],
        language: Language = "en",
        origin: str = "",
        recall: bool = False,
    ) -> TableJob:
        """Begin a table of the pictures in `sources` and the questions, one a line.

        Raises InputError, NotFoundError and BusyError before any work. With `recall`, what the newest table of the same
        `origin` has answered is not asked again; that table itself is filled on if its questions are the same.
        """
        table = Table(questions_of(questions), origin=origin or ", ".join(path.name for path in sources))
        files = gather.list_files(sources)
        with self._runner.admit(person):
            old = self._store.tables.newest(person, table.origin) if recall else None
            goes_on = old is not None and old.questions == table.questions
            table = replace(table, id=old.id) if old and goes_on else self._store.tables.save(person, table)

            def work(stop: Stop) -> Iterator[TableProgress]:
                progress = TableProgress(table, "reading")
                for progress in self._filler.read(table, files, person, language, stop):
                    yield progress
                read = progress.table.recall(old) if old else progress.table
                saved = self._store.tables.save(person, read)
                yield from self._filler.fill(saved, person, language, stop)

            return self._begin(person, table, work)

    def resume(self, person: str, id: int, language: Language = "en") -> TableJob:
        """Fill the open cells of a table. Raises NotFoundError, BusyError, and InputError when another process does."""
        if under_way := self.get(person, id):
            return under_way
        with self._runner.admit(person):
            table = self._store.tables.claim(person, id)
            return self._begin(person, table, lambda stop: self._filler.fill(table, person, language, stop))

    def get(self, person: str, id: int) -> TableJob | None:
        """The task that fills this table, if one does."""
        return cast("TableJob | None", self._runner.get(person, _key(id)))

    def _begin(self, person: str, table: Table, work: Work[TableProgress]) -> TableJob:
        first = TableProgress(table, "reading" if not table.rows else "asking", of=table.cells)
        try:
            return self._runner.start(
                person,
                "table",
                _key(table.id),
                first,
                lambda stop: self._release_at_end(first, work(stop)),
                _between_cells,
            )
        except UnderWay as e:
            return cast(TableJob, e.task)

    def _release_at_end(self, last: TableProgress, work: Iterator[TableProgress]) -> Iterator[TableProgress]:
        """The same states; before the last one the table is released, so that another process may fill it."""
        try:
            for last in work:
                if not last.ended:
                    yield last
        except StudioError as e:  # nothing could be read, or kept: a full disk
            last = last.fail(e)
        finally:
            self._store.tables.release(last.table.id)
        yield last


def _between_cells(progress: TableProgress) -> bool:
    """Whether everybody else may have a turn now: no call of this table is under way."""
    return not progress.answer and progress.waiting is None


def _key(id: int) -> tuple[str, int]:
    return "table", id


def _answer(state: AnswerProgress) -> str:
    return state.conversation.turns[-1].answer
