"""Filling a table: many pictures and a few questions in, every answer kept as soon as it is there.

`Filler.fill` is a generator of `Filling`; it asks through the same `Asker` as a conversation does, one cell after the
other, so that between two cells everybody else's calls have their turn. `Batches` runs fillings as threads of the
page's process: they go on when the tab closes, and a table that was left half full is filled on from where it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from studio.documents.article import Picture
from studio.documents.conversation import Conversation
from studio.documents.table import Cell, Skipped, Table, questions_of
from studio.errors import InputError, Language, StudioError
from studio.library import gather
from studio.protocol import Queued, Sampling
from studio.storage.store import Store
from studio.tasks.chat import Answering, Asker
from studio.tasks.live import Live
from studio.tasks.progress import Stop, until_loaded
from studio.worker.client import Lane

Step = Literal["reading", "asking", "done"]
_PATIENCE = 5.0  # seconds for a filling to end when the studio closes


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


class Filler:
    """See the module."""

    def __init__(self, asker: Asker, lane: Lane, store: Store) -> None:
        self._asker = asker
        self._lane = lane
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
            until_loaded(self._lane, stop)
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
            if self._lane.state in ("failed", "closed"):
                raise end.error
            return Cell(turn.answer, "failed", end.error.say(language))
        return Cell(turn.answer, turn.finish) if turn.finish in ("stop", "length") else None


class Batch(Live[Filling]):
    """One filling under way."""

    def __init__(self, person: str, table: Table) -> None:
        super().__init__(Filling(table, "reading" if not table.rows else "asking", of=table.cells))
        self.person = person
        self.stop = Stop()
        self.id = table.id


class Batches:
    """All fillings of this process."""

    def __init__(self, asker: Asker, lane: Lane, store: Store) -> None:
        self._filler = Filler(asker, lane, store)
        self._store = store
        self._batches: dict[int, Batch] = {}
        self._lock = threading.Lock()

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

        Raises InputError and NotFoundError before any work. With `recall`, what the newest table of the same `origin`
        has answered is not asked again; that table itself is filled on if its questions are the same.
        """
        table = Table(questions_of(questions), origin=origin or ", ".join(path.name for path in sources))
        files = gather.find(sources)
        old = self._store.tables.newest(person, table.origin) if recall else None
        goes_on = old is not None and old.questions == table.questions
        table = replace(table, id=old.id) if old and goes_on else self._store.tables.save(person, table)

        def work(batch: Batch) -> Iterator[Filling]:
            filling = batch.state
            for filling in self._filler.read(table, files, person, language, batch.stop):
                yield filling
            read = filling.table.recall(old) if old else filling.table
            kept = self._store.tables.save(person, read)
            yield from self._filler.fill(kept, person, language, batch.stop)

        return self._begin(person, table, work)

    def resume(self, person: str, id: int, language: Language = "en") -> Batch:
        """Fill the open cells of a table. Raises NotFoundError, and InputError when another process does."""
        if under_way := self.get(person, id):
            return under_way
        table = self._store.tables.claim(person, id)
        return self._begin(person, table, lambda batch: self._filler.fill(table, person, language, batch.stop))

    def get(self, person: str, id: int) -> Batch | None:
        """The filling of that table, if it is under way."""
        batch = self._batches.get(id)
        return batch if batch and batch.person == person else None

    def close(self) -> None:
        """Stop all and wait for their ends; what was answered stays."""
        under_way = list(self._batches.values())
        for batch in under_way:
            batch.stop.press()
        for batch in under_way:
            batch.wait(_PATIENCE)

    def _begin(self, person: str, table: Table, work: Callable[[Batch], Iterator[Filling]]) -> Batch:
        with self._lock:
            if under_way := self._batches.get(table.id):
                return under_way
            batch = self._batches[table.id] = Batch(person, table)
        threading.Thread(target=self._run, args=(batch, work), name=f"table {table.id}", daemon=True).start()
        return batch

    def _run(self, batch: Batch, work: Callable[[Batch], Iterator[Filling]]) -> None:
        last = batch.state
        try:
            for last in work(batch):
                if last.step != "done":
                    batch.show(last)
        except StudioError as e:  # nothing could be read, or kept: a full disk
            last = replace(last, error=e)
        finally:
            self._batches.pop(batch.id, None)
            try:
                self._store.tables.release(batch.id)
            except StudioError as e:
                last = replace(last, error=last.error or e)
            batch.show(replace(last, step="done"), last=True)


def _answer(answering: Answering) -> str:
    return answering.conversation.turns[-1].answer
