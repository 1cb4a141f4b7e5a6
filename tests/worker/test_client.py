import os
import signal
import sys
from collections.abc import Iterator

import pytest

from studio.errors import ContextOverflow, ModelError, StudioError, WorkerDied
from studio.protocol import (
    Choose,
    Control,
    Count,
    Counts,
    Describe,
    Description,
    Done,
    Embed,
    Failed,
    Generate,
    Image,
    ModelCard,
    Piece,
    Queued,
    Started,
    Text,
    Vectors,
)
from studio.specs import GgufSpec, Reply, ScriptedSpec
from studio.worker.client import WorkerClient
from studio.worker.request import Request


@pytest.fixture
def workers() -> Iterator[list[WorkerClient]]:
    made: list[WorkerClient] = []
    yield made
    for worker in made:
        worker.close()


def start(workers: list[WorkerClient], *replies: Reply) -> WorkerClient:
    worker = WorkerClient(ScriptedSpec(replies))
    workers.append(worker)
    worker.start()
    return worker


def ask(worker: WorkerClient, text: str, person: str = "") -> Request:
    return worker.submit(Generate("composer", (Text(text),)), person)


def words(ticket: Request) -> str:
    return "".join(e.text for e in ticket.events() if isinstance(e, Piece))


def until_piece(ticket: Request) -> None:
    for event in ticket.events():
        if isinstance(event, Piece):
            return
    raise AssertionError("ended without a piece")


def test_streams_in_order(workers: list[WorkerClient]) -> None:
    worker = start(workers, Reply("one two three"))
    events = list(ask(worker, "x").events())
    kinds = [type(e) for e in events if not isinstance(e, Queued)]
    assert kinds == [Started, Piece, Piece, Piece, Done]
    assert "".join(e.text for e in events if isinstance(e, Piece)) == "one two three"


def test_page_process_has_no_torch(workers: list[WorkerClient]) -> None:
    worker = start(workers, Reply("x"))
    ask(worker, "x").result()
    script = "import sys, studio.worker.client; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", script) == 0


def test_cancel_waiting_and_running(workers: list[WorkerClient]) -> None:
    worker = start(workers, Reply("slow " * 500, match="first", pace=0.01), Reply("quick", match="third"))
    first, second, third = ask(worker, "first"), ask(worker, "second"), ask(worker, "third")
    until_piece(first)
    second.cancel()
    first.cancel()
    assert second.result() == Done("cancelled")
    end = first.result()
    assert isinstance(end, Done) and end.reason == "cancelled" and end.usage.new_tokens < 500
    assert words(third) == "quick"


def test_waiting_calls_know_their_place(workers: list[WorkerClient]) -> None:
    worker = start(workers, Reply("slow " * 500, match="first", pace=0.01), Reply("a"), Reply("b"))
    first = ask(worker, "first")
    until_piece(first)
    ask(worker, "x")
    last = ask(worker, "y")
    assert next(e for e in last.events() if isinstance(e, Queued)).position == 2
    first.cancel()
    places = [e.position for e in last.events() if isinstance(e, Queued)]
    assert places[-1] <= 1


def test_killed_worker_fails_the_call_under_way_and_serves_the_next(workers: list[WorkerClient]) -> None:
    worker = start(workers, Reply("slow " * 500, match="first", pace=0.01), Reply("back again"))
    first = ask(worker, "first")
    until_piece(first)
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        first.result()
    assert words(ask(worker, "x")) == "back again"
    assert worker.restarts == 1


def test_a_crash_before_the_first_word_is_tried_once_more(workers: list[WorkerClient]) -> None:
    worker = start(workers, Reply("", reason="crash"))  # the restarted worker has the same script, so it crashes again
    with pytest.raises(WorkerDied):
        ask(worker, "x").result()
    assert worker.restarts == 2


def test_an_engine_that_cannot_load_says_why(workers: list[WorkerClient]) -> None:
    worker = WorkerClient(GgufSpec("/nowhere/model.gguf", ModelCard("x", "starter", ("en",), False, 512)))
    workers.append(worker)
    worker.start()
    with pytest.raises(ModelError, match="/nowhere/model.gguf"):
        worker.wait_ready(60)
    assert isinstance(list(ask(worker, "x").events())[-1], Failed)


def together(workers: list[WorkerClient], *replies: Reply) -> WorkerClient:
    worker = WorkerClient(ScriptedSpec(replies, batch=2))
    workers.append(worker)
    worker.start()
    worker.wait_ready(60)
    return worker


def test_as_many_calls_as_the_engine_takes_run_at_once_then_the_next(workers: list[WorkerClient]) -> None:
    worker = together(workers, *(Reply(f"{word} " * 500, match=word, pace=0.005) for word in ("one", "two", "three")))
    assert worker.batch == 2
    first, second, third = ask(worker, "one"), ask(worker, "two"), ask(worker, "three")
    until_piece(first)
    until_piece(second)
    waiting = next(e for e in third.events() if not isinstance(e, Started))
    assert isinstance(waiting, Queued) and worker.waiting == 1
    first.cancel()
    until_piece(third)
    for ticket in (first, second, third):
        ticket.cancel()
        end = ticket.result()
        assert isinstance(end, Done) and end.reason == "cancelled"


def test_a_killed_worker_fails_those_who_saw_something_and_runs_the_others_again(workers: list[WorkerClient]) -> None:
    worker = together(workers, Reply("one " * 500, match="one", pace=0.01), Reply("late", match="two", pace=1.0))
    first, second = ask(worker, "one"), ask(worker, "two")
    until_piece(first)
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        first.result()
    assert words(second) == "late"


def test_searches_and_descriptions_do_not_wait_for_a_text(workers: list[WorkerClient]) -> None:
    """They counted as generations, so with an engine that does one at a time they waited for the end of the text."""
    worker = start(workers, Reply("slow " * 5000, pace=0.02))
    text, behind = ask(worker, "x"), ask(worker, "y")
    until_piece(text)
    assert isinstance(worker.submit(Embed(("tea",))).result(), Vectors)
    assert isinstance(worker.submit(Describe(Image("k", b""))).result(), Description)
    assert worker.running == worker.waiting == 1 and not text.ended
    behind.cancel()
    text.cancel()
    end = text.result()
    assert isinstance(end, Done) and end.reason == "cancelled"


def test_closing_fails_what_waits(workers: list[WorkerClient]) -> None:
    worker = start(workers, Reply("slow " * 500, pace=0.01))
    first, second = ask(worker, "x"), ask(worker, "y")
    until_piece(first)
    worker.close()
    for ticket in (first, second):
        with pytest.raises(StudioError):
            ticket.result()


def test_embeddings_tell_nearness(workers: list[WorkerClient]) -> None:
    worker = start(workers)
    vectors = worker.submit(Embed(("red tea cup", "a tea cup", "train"))).result()
    assert isinstance(vectors, Vectors)
    a, b, c = vectors.values
    assert sum(x * y for x, y in zip(a, b, strict=True)) > sum(x * y for x, y in zip(a, c, strict=True))


def test_who_waits_for_the_models_waits_again_when_the_worker_has_died(workers: list[WorkerClient]) -> None:
    """It came back at once with the old cards, and a loop around it took a whole core."""
    worker = together(workers, Reply("slow " * 500, pace=0.01))
    call = ask(worker, "x")
    until_piece(call)
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        call.result()
    worker.wait_ready(60)
    assert worker.state == "ready" and worker.restarts == 1


def test_who_waits_for_the_models_is_told_of_the_end(workers: list[WorkerClient]) -> None:
    worker = start(workers)
    worker.close()
    with pytest.raises(StudioError, match="closing"):
        worker.wait_ready(60)


def test_tokens_are_counted_while_a_text_is_being_written(workers: list[WorkerClient]) -> None:
    """A count must wait for no other call, or budgeting a prompt would take as long as somebody else's article."""
    worker = start(workers, Reply("slow " * 500, pace=0.01))
    article = ask(worker, "x")
    until_piece(article)
    picture = Image("key", b"")
    prompts = ((Text("three plain words"),), (Text("三个字 more"), picture, Control("[UNUSED_TOKEN_145]")))
    assert worker.submit(Count("composer", prompts)).result() == Counts((1 + 3, 1 + 4 + 256 + 1))
    article.cancel()
    end = article.result()
    assert isinstance(end, Done) and end.reason == "cancelled"


def test_a_count_waits_for_the_models_and_survives_the_worker(workers: list[WorkerClient]) -> None:
    worker = WorkerClient(ScriptedSpec((Reply("slow " * 500, pace=0.01),)))
    workers.append(worker)
    early, given_up = (worker.submit(Count("composer", ((Text("a b"),),))) for _ in range(2))
    given_up.cancel()
    worker.start()
    assert early.result() == Counts((3,)) and given_up.result() == Done("cancelled")
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.submit(Count("viewer", ((Text("a"),),))).result() == Counts((2,))
    worker.close()
    with pytest.raises(StudioError, match="closing"):
        worker.submit(Count("viewer", ())).result()


def test_the_scripted_model_refuses_what_does_not_fit(workers: list[WorkerClient]) -> None:
    worker = start(workers, Reply("words"), Reply("words"))
    with pytest.raises(ContextOverflow) as caught:
        ask(worker, "word " * 4000).result()
    assert (caught.value.facts["needed"], caught.value.facts["limit"]) == (1 + 4000 + 128, 4096)
    assert words(ask(worker, "word " * 3900)) == "words"
    with pytest.raises(ContextOverflow):
        worker.submit(Choose("composer", (Text("word " * 4095),), ("A", "B"))).result()
