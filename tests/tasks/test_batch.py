"""Filling tables, through a real worker with the scripted engine."""

from __future__ import annotations

import os
import signal
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from studio.documents.article import Picture
from studio.documents.conversation import Conversation
from studio.documents.table import Cell
from studio.errors import InputError, StudioError
from studio.library.picture_intake import normalise_file
from studio.protocol import ModelCard
from studio.specs import Reply, ScriptedSpec
from studio.storage.store import Store
from studio.tasks.chat import ChatAnswerer
from studio.tasks.fill_table import TableJob, TableJobs, TableProgress
from studio.tasks.progress import Stop
from studio.tasks.runner import Runner
from studio.worker.client import WorkerClient


class Desk:
    """Store, worker client and batches, as a studio has them."""

    def __init__(self, folder: Path, *replies: Reply, spec: ScriptedSpec | None = None) -> None:
        self.store = Store(folder)
        self.worker = WorkerClient(replace(spec or ScriptedSpec(), replies=replies))
        self.answerer = ChatAnswerer(self.worker, self.store.read_file)
        self.runner = Runner(lambda: self.worker.batch)
        self.table_jobs = TableJobs(self.runner, self.answerer, self.worker, self.store)
        self.worker.start()

    def close(self) -> None:
        self.runner.close()
        self.worker.close()
        self.store.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(*replies: Reply, spec: ScriptedSpec | None = None) -> Desk:
        made.append(Desk(tmp_path / "data", *replies, spec=spec))
        return made[-1]

    yield make
    for one in made:
        one.close()


def picture(shade: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (8, 6), (shade, 90, 200)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def album(tmp_path: Path) -> Path:
    path = tmp_path / "album.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (("a.png", picture(1)), ("b.png", picture(2)), ("notes.txt", b"hello")):
            archive.writestr(name, data)
    return path


def end(batch: TableJob) -> TableProgress:
    return list(batch.updates())[-1]


def answers(progress: TableProgress) -> list[list[str]]:
    return [[cell.answer for cell in row.cells] for row in progress.table.rows]


def wait_for_answer(batch: TableJob) -> TableProgress:
    return next(f for f in batch.updates() if f.answer)


def test_a_table_fills_row_by_row_and_is_kept(desk: Callable[..., Desk], album: Path) -> None:
    d = desk(*(Reply(text) for text in ("A red cup.", "On a table.", "A dog.", "In a park.")))
    batch = d.table_jobs.start("ann", "What?\r\n\r\nWhere?", [album])
    steps = list(batch.updates())
    done = steps[-1]
    assert answers(done) == [["A red cup.", "On a table."], ["A dog.", "In a park."]]
    assert (done.step, done.number, done.of, done.stopped, done.error) == ("done", 4, 4, False, None)
    assert [row.picture.credit for row in done.table.rows] == ["a.png", "b.png"]
    assert [s.name for s in done.table.skipped] == ["notes.txt"] and "not a picture" in done.table.skipped[0].reason
    assert done.table.model == "scripted model" and done.table.origin == "album.zip"
    kept = d.store.tables.get("ann", done.table.id)
    assert kept.rows == done.table.rows and kept.skipped == done.table.skipped
    assert not d.store.tables.rows("ann")[0].running and d.table_jobs.get("ann", kept.id) is None


def test_each_cell_is_kept_before_the_next_is_asked(desk: Callable[..., Desk], album: Path) -> None:
    d = desk(Reply("One."), Reply("slow " * 500, pace=0.01))
    batch = d.table_jobs.start("ann", "What?", [album])
    next(f for f in batch.updates() if f.place == (1, 0) and f.answer)
    assert d.store.tables.get("ann", batch.state.table.id).rows[0].cells == (Cell("One.", "stop"),)
    assert d.store.tables.rows("ann")[0].open == 1 and d.store.tables.rows("ann")[0].running
    assert (
        d.table_jobs.get("ann", batch.state.table.id) is batch and d.table_jobs.get("bob", batch.state.table.id) is None
    )
    assert d.table_jobs.resume("ann", batch.state.table.id) is batch, "it is under way already"


def test_stop_keeps_whole_answers_and_resuming_asks_only_the_rest(
    desk: Callable[..., Desk], album: Path, tmp_path: Path
) -> None:
    d = desk(Reply("One."), Reply("slow " * 500, pace=0.01))
    batch = d.table_jobs.start("ann", "What?", [album])
    next(f for f in batch.updates() if f.place == (1, 0) and f.answer)
    batch.stop.press()
    stopped = end(batch)
    assert stopped.stopped and answers(stopped) == [["One."], [""]] and stopped.table.open == 1
    d.close()
    again = Desk(tmp_path / "data", Reply("Two."))  # a new process has no other reply: asking twice would fail
    assert answers(end(again.table_jobs.resume("ann", batch.state.table.id))) == [["One."], ["Two."]]
    assert end(again.table_jobs.resume("ann", batch.state.table.id)).number == 2, "nothing is left to ask"
    again.close()


def test_a_failed_cell_keeps_its_sentence_and_is_asked_again(desk: Callable[..., Desk], album: Path) -> None:
    d = desk(Reply("Fine.", match="Where"), Reply("Fine.", match="Where"), Reply("One.", match="What"))
    failed = end(d.table_jobs.start("ann", "What?\nWhere?", [album], "zh"))
    assert answers(failed) == [["One.", "Fine."], ["", "Fine."]]
    cell = failed.table.rows[1].cells[0]
    assert cell.finish == "failed" and cell.error.startswith("脚本引擎没有可用的回复了")
    assert (failed.number, failed.table.failed, failed.table.open) == (3, 1, 1)
    d.worker.close()
    d.answerer = ChatAnswerer(worker := WorkerClient(ScriptedSpec((Reply("Late."),))), d.store.read_file)
    d.table_jobs, d.worker = TableJobs(d.runner, d.answerer, worker, d.store), worker
    worker.start()
    done = end(d.table_jobs.resume("ann", failed.table.id))
    assert answers(done) == [["One.", "Fine."], ["Late.", "Fine."]] and done.table.failed == 0
    assert d.store.tables.get("ann", done.table.id).rows == done.table.rows


def test_a_killed_worker_costs_one_cell(desk: Callable[..., Desk], album: Path) -> None:
    d = desk(Reply("slow " * 500, pace=0.01, match="What"), Reply("A dog.", match="Where"))
    batch = d.table_jobs.start("ann", "What?\nWhere?", [album])
    wait_for_answer(batch)
    assert d.worker.pid
    os.kill(d.worker.pid, signal.SIGKILL)
    next(f for f in batch.updates() if f.number == 1)  # the restarted worker has its script anew
    batch.stop.press()
    first, second = end(batch).table.rows[0].cells
    assert first.finish == "failed" and "stopped unexpectedly" in first.error and second == Cell("A dog.", "stop")


def test_a_chat_answer_does_not_wait_for_the_whole_table(desk: Callable[..., Desk], album: Path) -> None:
    d = desk(Reply("Hello Bob.", match="Bob"), *(Reply("word " * 20, pace=0.01) for _ in range(8)))
    batch = d.table_jobs.start("ann", "What?\nWhere?\nWhen?\nWho?", [album])
    wait_for_answer(batch)
    *_, answer = d.answerer.ask(Conversation().ask("I am Bob."), "bob", Stop())
    assert answer.conversation.turns[-1].answer == "Hello Bob."
    assert batch.state.number <= 2 and not batch.ended
    batch.stop.press()
    end(batch)


def test_a_lane_that_cannot_work_ends_the_table_and_leaves_its_cells_open(
    desk: Callable[..., Desk], album: Path
) -> None:
    d = desk(Reply("slow " * 500, pace=0.01))
    batch = d.table_jobs.start("ann", "What?", [album])
    wait_for_answer(batch)
    d.worker.close()
    ended = end(batch)
    assert isinstance(ended.error, StudioError) and ended.error.key == "shutting_down"
    assert ended.table.open == 2 and ended.table.failed == 0


def test_what_cannot_be_a_table_is_said_before_any_work(desk: Callable[..., Desk], album: Path, tmp_path: Path) -> None:
    d = desk()
    with pytest.raises(InputError, match="no question yet"):
        d.table_jobs.start("ann", " \r\n", [album])
    with pytest.raises(InputError, match="no picture to ask about"):
        d.table_jobs.start("ann", "What?", [])
    (tmp_path / "x.txt").write_text("hello")
    nothing = end(d.table_jobs.start("ann", "What?", [tmp_path / "x.txt"]))
    assert (
        nothing.error and "None of the 1 files" in str(nothing.error) and "x.txt is not a picture" in str(nothing.error)
    )
    assert d.store.tables.rows("ann") == []


def test_a_stop_while_reading_keeps_what_was_read_and_says_how_many_were_not(
    desk: Callable[..., Desk], tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(200):
        (folder / f"{n:03}.png").write_bytes(picture(n))
    d = desk()
    batch = d.table_jobs.start("ann", "What?", [folder])
    next(f for f in batch.updates() if f.number)
    batch.stop.press()
    stopped = end(batch)
    assert stopped.stopped and stopped.table.unread > 0
    assert len(stopped.table.rows) + stopped.table.unread == 200
    assert d.store.tables.get("ann", batch.state.table.id) == stopped.table


def test_the_same_pictures_again_recall_what_is_known(desk: Callable[..., Desk], album: Path, tmp_path: Path) -> None:
    d = desk(Reply("One."), Reply("Two."), Reply("Three."), Reply("When one."), Reply("When two."), Reply("When 3."))
    first = end(d.table_jobs.start("ann", "What?", [album]))
    with zipfile.ZipFile(album, "a") as archive:
        archive.writestr("c.png", picture(3))
    second = end(d.table_jobs.start("ann", "What?", [album], recall=True))
    assert second.table.id == first.table.id and answers(second) == [["One."], ["Two."], ["Three."]]
    third = end(d.table_jobs.start("ann", "What?\nWhen?", [album], recall=True))
    assert third.table.id != first.table.id, "another question makes another table"
    assert answers(third) == [["One.", "When one."], ["Two.", "When two."], ["Three.", "When 3."]]
    assert d.store.tables.get("ann", first.table.id).rows == second.table.rows


def test_a_stop_while_the_eyes_look_is_not_remembered_as_blindness(desk: Callable[..., Desk]) -> None:
    card = ModelCard("starter model", "starter", ("en",), sees=False, context=4096)
    d = desk(Reply("It is red."), spec=ScriptedSpec(card=card))
    asked = Conversation().ask("What?", (Picture(d.store.add_file(normalise_file(picture(1), "a.png"), "ann")),))
    pressed = Stop()
    pressed.press()
    list(d.answerer.ask(asked, "ann", pressed))
    *_, answer = d.answerer.ask(asked, "ann", Stop())
    assert "might be a shape" in answer.conversation.turns[-1].answer
