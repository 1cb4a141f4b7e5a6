"""Filling a table: many pictures and a few questions in, every answer kept as soon as it is there.

`Filler.fill` is a generator of `Filling`; it asks through the same `Asker` as a conversation does, one cell after the
other, so that between two cells everybody else's calls have their turn. `Batches` runs fillings as tasks of the
runner: they go on when the tab closes, and a table that was left half full is filled on from where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from studio.documents.article import Picture
from studio.documents.conversation import Conversation
from studio.documents.table import Cell, Skipped, Table, questions_of
from studio.errors import InputError, Language, StudioError
from studio.library import gather
from studio.protocol import Queued, Sampling
from studio.storage.store import Store
from studio.tasks.chat import Answering, Asker
from studio.tasks.progress import Stop, until_loaded
from studio.tasks.runner import Runner, UnderWay
from studio.tasks.task import Task, Work
from studio.worker.client import WorkerClient

Step = Literal["reading", "asking", "done"]


@dataclass(frozen=True)
class Filling:
    """A table as it fills. `number` of `of` are read (files) or asked (cells); `place` is the (row, column) under way
    and `answer` what it has so far; `error` is what ended the whole filling early."""

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

    def fail(self, error: StudioError) -> Filling:
        """The last state, after an error."""
        return replace(self, step="done", error=error)


Batch = Task[Filling]


class Filler:
    """See the module."""

    def __init__(self, asker: Asker, worker: WorkerClient, store: Store) -> None:
        self._asker = asker
        self._worker = worker
        self._store = store

    def read(
        self, table: Table, files: Sequence[gather.File], person: str, language: Language, stop: Stop
    ) -> Iterator[Filling]:
        """Take the files in as the table's rows. Raises InputError when none of them is a picture."""
        for number, (file, taken) in enumerate(gather.take(files), 1):
            if stop.pressed:
                table = replace(table, unread=len(files) - number + 1)
                break
            if isinstance(taken, gather.Refused):
                skipped = Skipped(file.name, taken.error.say(language))
                table = replace(table, skipped=(*table.skipped, skipped))
            else:
                key = self._store.add_file(taken, person)
                table = table.add(Picture(key, Path(file.name).stem, file.name))
            yield Filling(table, "reading", number, len(files))
        if not table.rows and not stop.pressed:
            raise InputError("table_all_skipped", count=len(files), reason=table.skipped[0].reason)
        yield Filling(table, "reading", len(table.rows) + len(table.skipped), len(files))

    def fill(self, table: Table, person: str, language: Language, stop: Stop) -> Iterator[Filling]:
        """Ask every open cell of a table that is kept, and keep each answer. Ends with step "done".

        A cell that fails keeps its sentence and the next one is asked; when no model can answer at all, the filling
        ends with that error and the cells stay open.
        """
        of, number, open_cells = table.cells, table.cells - table.open, list(table.places())
        yield Filling(table, "asking", number, of)
        try:
            until_loaded(self._worker, stop)
            sampling = (
                self._asker.sampling() if open_cells and not stop.pressed else None
            )  # raises what fails all cells
            for row, column in open_cells:
                if stop.pressed:
                    break
                asking = Filling(table, "asking", number, of, (row, column))
                answering = None
                for answering in self._ask(asking, person, stop, sampling):
                    yield replace(asking, answer=_answer(answering), speed=answering.speed, waiting=answering.waiting)
                cell = self._cell(answering, language)
                if cell is None:
                    continue
                assert answering is not None
                table = replace(table.put(row, column, cell), model=answering.conversation.model or table.model)
                self._store.tables.put(table, row, column)
                number += not cell.is_open
                yield Filling(table, "asking", number, of, (row, column), speed=answering.speed)
            yield Filling(table, "done", number, of, stopped=stop.pressed)
        except StudioError as e:
            yield Filling(table, "done", number, of, error=e)

    def _ask(self, asking: Filling, person: str, stop: Stop, sampling: Sampling | None) -> Iterator[Answering]:
        row, column = asking.place or (0, 0)
        picture = asking.table.rows[row].picture
        return self._asker.ask(Conversation().ask(asking.table.questions[column], (picture,)), person, stop, sampling)

    def _cell(self, end: Answering | None, language: Language) -> Cell | None:
        """The cell that an answer's end makes; None when a stop left it open. Raises what makes all cells fail."""
        if end is None or not end.ended:
            return None
        turn = end.conversation.turns[-1]
        if end.error:
            if self._worker.state in ("failed", "closed"):
                raise end.error
            return Cell(turn.answer, "failed", end.error.say(language))
        return Cell(turn.answer, turn.finish) if turn.finish in ("stop", "length") else None


class Batches:
    """All fillings of this process."""

    def __init__(self, runner: Runner, asker: Asker, worker: WorkerClient, store: Store) -> None:
        self._runner = runner
        self._filler = Filler(asker, worker, store)
        self._store = store

    def start(
        self,
        person: str,
        questions: str,
        sources: Sequence[Path],
        language: Language = "en",
        origin: str = "",
        recall: bool = False,
    ) -> Batch:
        """Begin a table of the pictures in `sources` and the questions, one a line.

        Raises InputError, NotFoundError and BusyError before any work. With `recall`, what the newest table of the same
        `origin` has answered is not asked again; that table itself is filled on if its questions are the same.
        """
        table = Table(questions_of(questions), origin=origin or ", ".join(path.name for path in sources))
        files = gather.find(sources)
        with self._runner.admit(person):
            old = self._store.tables.newest(person, table.origin) if recall else None
            goes_on = old is not None and old.questions == table.questions
            table = replace(table, id=old.id) if old and goes_on else self._store.tables.save(person, table)

            def work(stop: Stop) -> Iterator[Filling]:
                filling = Filling(table, "reading")
                for filling in self._filler.read(table, files, person, language, stop):
                    yield filling
                read = filling.table.recall(old) if old else filling.table
                kept = self._store.tables.save(person, read)
                yield from self._filler.fill(kept, person, language, stop)

            return self._begin(person, table, work)

    def resume(self, person: str, id: int, language: Language = "en") -> Batch:
        """Fill the open cells of a table. Raises NotFoundError, BusyError, and InputError when another process does."""
        if under_way := self.get(person, id):
            return under_way
        with self._runner.admit(person):
            table = self._store.tables.claim(person, id)
            return self._begin(person, table, lambda stop: self._filler.fill(table, person, language, stop))

    def get(self, person: str, id: int) -> Batch | None:
        """The filling of that table, if it is under way."""
        return cast("Batch | None", self._runner.get(person, _key(id)))

    def _begin(self, person: str, table: Table, work: Work[Filling]) -> Batch:
        first = Filling(table, "reading" if not table.rows else "asking", of=table.cells)
        try:
            return self._runner.start(
                person, "table", _key(table.id), first, lambda stop: self._released(first, work(stop)), _between_cells
            )
        except UnderWay as e:
            return cast(Batch, e.task)

    def _released(self, last: Filling, work: Iterator[Filling]) -> Iterator[Filling]:
        """The same states; before the last one the table is given free for whoever fills it next."""
        try:
            for last in work:
                if not last.ended:
                    yield last
        except StudioError as e:  # nothing could be read, or kept: a full disk
            last = last.fail(e)
        finally:
            self._store.tables.release(last.table.id)
        yield last


def _between_cells(filling: Filling) -> bool:
    """Whether everybody else may have a turn now: no call of this table is under way."""
    return not filling.answer and filling.waiting is None


def _key(id: int) -> tuple[str, int]:
    return "table", id


def _answer(answering: Answering) -> str:
    return answering.conversation.turns[-1].answer
