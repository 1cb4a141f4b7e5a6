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
def lanes() -> Iterator[list[WorkerClient]]:
    made: list[WorkerClient] = []
    yield made
    for lane in made:
        lane.close()


def start(lanes: list[WorkerClient], *replies: Reply) -> WorkerClient:
    lane = WorkerClient(ScriptedSpec(replies))
    lanes.append(lane)
    lane.start()
    return lane


def ask(lane: WorkerClient, text: str, person: str = "") -> Request:
    return lane.submit(Generate("composer", (Text(text),)), person)


def words(ticket: Request) -> str:
    return "".join(e.text for e in ticket.events() if isinstance(e, Piece))


def until_piece(ticket: Request) -> None:
    for event in ticket.events():
        if isinstance(event, Piece):
            return
    raise AssertionError("ended without a piece")


def test_streams_in_order(lanes: list[WorkerClient]) -> None:
    lane = start(lanes, Reply("one two three"))
    events = list(ask(lane, "x").events())
    kinds = [type(e) for e in events if not isinstance(e, Queued)]
    assert kinds == [Started, Piece, Piece, Piece, Done]
    assert "".join(e.text for e in events if isinstance(e, Piece)) == "one two three"


def test_page_process_has_no_torch(lanes: list[WorkerClient]) -> None:
    lane = start(lanes, Reply("x"))
    ask(lane, "x").result()
    script = "import sys, studio.worker.client; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", script) == 0


def test_cancel_waiting_and_running(lanes: list[WorkerClient]) -> None:
    lane = start(lanes, Reply("slow " * 500, match="first", pace=0.01), Reply("quick", match="third"))
    first, second, third = ask(lane, "first"), ask(lane, "second"), ask(lane, "third")
    until_piece(first)
    second.cancel()
    first.cancel()
    assert second.result() == Done("cancelled")
    end = first.result()
    assert isinstance(end, Done) and end.reason == "cancelled" and end.usage.new_tokens < 500
    assert words(third) == "quick"


def test_waiting_calls_know_their_place(lanes: list[WorkerClient]) -> None:
    lane = start(lanes, Reply("slow " * 500, match="first", pace=0.01), Reply("a"), Reply("b"))
    first = ask(lane, "first")
    until_piece(first)
    ask(lane, "x")
    last = ask(lane, "y")
    assert next(e for e in last.events() if isinstance(e, Queued)).position == 2
    first.cancel()
    places = [e.position for e in last.events() if isinstance(e, Queued)]
    assert places[-1] <= 1


def test_killed_worker_fails_the_call_under_way_and_serves_the_next(lanes: list[WorkerClient]) -> None:
    lane = start(lanes, Reply("slow " * 500, match="first", pace=0.01), Reply("back again"))
    first = ask(lane, "first")
    until_piece(first)
    assert lane.pid
    os.kill(lane.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        first.result()
    assert words(ask(lane, "x")) == "back again"
    assert lane.restarts == 1


def test_a_crash_before_the_first_word_is_tried_once_more(lanes: list[WorkerClient]) -> None:
    lane = start(lanes, Reply("", reason="crash"))  # the restarted worker has the same script, so it crashes again
    with pytest.raises(WorkerDied):
        ask(lane, "x").result()
    assert lane.restarts == 2


def test_an_engine_that_cannot_load_says_why(lanes: list[WorkerClient]) -> None:
    lane = WorkerClient(GgufSpec("/nowhere/model.gguf", ModelCard("x", "starter", ("en",), False, 512)))
    lanes.append(lane)
    lane.start()
    with pytest.raises(ModelError, match="/nowhere/model.gguf"):
        lane.wait_ready(60)
    assert isinstance(list(ask(lane, "x").events())[-1], Failed)


def together(lanes: list[WorkerClient], *replies: Reply) -> WorkerClient:
    lane = WorkerClient(ScriptedSpec(replies, batch=2))
    lanes.append(lane)
    lane.start()
    lane.wait_ready(60)
    return lane


def test_as_many_calls_as_the_engine_takes_run_at_once_then_the_next(lanes: list[WorkerClient]) -> None:
    lane = together(lanes, *(Reply(f"{word} " * 500, match=word, pace=0.005) for word in ("one", "two", "three")))
    assert lane.batch == 2
    first, second, third = ask(lane, "one"), ask(lane, "two"), ask(lane, "three")
    until_piece(first)
    until_piece(second)
    waiting = next(e for e in third.events() if not isinstance(e, Started))
    assert isinstance(waiting, Queued) and lane.waiting == 1
    first.cancel()
    until_piece(third)
    for ticket in (first, second, third):
        ticket.cancel()
        end = ticket.result()
        assert isinstance(end, Done) and end.reason == "cancelled"


def test_a_killed_worker_fails_those_who_saw_something_and_runs_the_others_again(lanes: list[WorkerClient]) -> None:
    lane = together(lanes, Reply("one " * 500, match="one", pace=0.01), Reply("late", match="two", pace=1.0))
    first, second = ask(lane, "one"), ask(lane, "two")
    until_piece(first)
    assert lane.pid
    os.kill(lane.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="SIGKILL"):
        first.result()
    assert words(second) == "late"


def test_searches_and_descriptions_do_not_wait_for_a_text(lanes: list[WorkerClient]) -> None:
    """They counted as generations, so with an engine that does one at a time they waited for the end of the text."""
    lane = start(lanes, Reply("slow " * 5000, pace=0.02))
    text, behind = ask(lane, "x"), ask(lane, "y")
    until_piece(text)
    assert isinstance(lane.submit(Embed(("tea",))).result(), Vectors)
    assert isinstance(lane.submit(Describe(Image("k", b""))).result(), Description)
    assert lane.running == lane.waiting == 1 and not text.ended
    behind.cancel()
    text.cancel()
    end = text.result()
    assert isinstance(end, Done) and end.reason == "cancelled"


def test_closing_fails_what_waits(lanes: list[WorkerClient]) -> None:
    lane = start(lanes, Reply("slow " * 500, pace=0.01))
    first, second = ask(lane, "x"), ask(lane, "y")
    until_piece(first)
    lane.close()
    for ticket in (first, second):
        with pytest.raises(StudioError):
            ticket.result()


def test_embeddings_tell_nearness(lanes: list[WorkerClient]) -> None:
    lane = start(lanes)
    vectors = lane.submit(Embed(("red tea cup", "a tea cup", "train"))).result()
    assert isinstance(vectors, Vectors)
    a, b, c = vectors.values
    assert sum(x * y for x, y in zip(a, b, strict=True)) > sum(x * y for x, y in zip(a, c, strict=True))


def test_who_waits_for_the_models_waits_again_when_the_worker_has_died(lanes: list[WorkerClient]) -> None:
    """It came back at once with the old cards, and a loop around it took a whole core."""
    lane = together(lanes, Reply("slow " * 500, pace=0.01))
    call = ask(lane, "x")
    until_piece(call)
    assert lane.pid
    os.kill(lane.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        call.result()
    lane.wait_ready(60)
    assert lane.state == "ready" and lane.restarts == 1


def test_who_waits_for_the_models_is_told_of_the_end(lanes: list[WorkerClient]) -> None:
    lane = start(lanes)
    lane.close()
    with pytest.raises(StudioError, match="closing"):
        lane.wait_ready(60)


def test_tokens_are_counted_while_a_text_is_being_written(lanes: list[WorkerClient]) -> None:
    """A count must wait for no other call, or budgeting a prompt would take as long as somebody else's article."""
    lane = start(lanes, Reply("slow " * 500, pace=0.01))
    article = ask(lane, "x")
    until_piece(article)
    picture = Image("key", b"")
    prompts = ((Text("three plain words"),), (Text("三个字 more"), picture, Control("[UNUSED_TOKEN_145]")))
    assert lane.submit(Count("composer", prompts)).result() == Counts((1 + 3, 1 + 4 + 256 + 1))
    article.cancel()
    end = article.result()
    assert isinstance(end, Done) and end.reason == "cancelled"


def test_a_count_waits_for_the_models_and_survives_the_worker(lanes: list[WorkerClient]) -> None:
    lane = WorkerClient(ScriptedSpec((Reply("slow " * 500, pace=0.01),)))
    lanes.append(lane)
    early, given_up = (lane.submit(Count("composer", ((Text("a b"),),))) for _ in range(2))
    given_up.cancel()
    lane.start()
    assert early.result() == Counts((3,)) and given_up.result() == Done("cancelled")
    assert lane.pid
    os.kill(lane.pid, signal.SIGKILL)
    assert lane.submit(Count("viewer", ((Text("a"),),))).result() == Counts((2,))
    lane.close()
    with pytest.raises(StudioError, match="closing"):
        lane.submit(Count("viewer", ())).result()


def test_the_scripted_model_refuses_what_does_not_fit(lanes: list[WorkerClient]) -> None:
    lane = start(lanes, Reply("words"), Reply("words"))
    with pytest.raises(ContextOverflow) as caught:
        ask(lane, "word " * 4000).result()
    assert (caught.value.facts["needed"], caught.value.facts["limit"]) == (1 + 4000 + 128, 4096)
    assert words(ask(lane, "word " * 3900)) == "words"
    with pytest.raises(ContextOverflow):
        lane.submit(Choose("composer", (Text("word " * 4095),), ("A", "B"))).result()
