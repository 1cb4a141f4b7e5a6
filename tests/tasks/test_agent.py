"""The agent's loop on the scripted engine: calls in turn, calls that must be mended, permission, Stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.documents.article import Picture
from studio.documents.steps import AgentStep
from studio.errors import Language, StudioError
from studio.prompts.json_tools import JsonTools
from studio.prompts.tool_protocol import Exchange, ToolConvention
from studio.protocol import Generate
from studio.roles import VIEWER
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.tasks.agent import MAX_CALLS, Agent, AgentRequest, AgentState, agent_model
from studio.tasks.approval import Approvals
from studio.tasks.progress import Stop
from studio.tools.registry import FoundPicture, Toolbox
from studio.worker.client import WorkerClient

CARD = replace(ScriptedSpec().card, dialect="internlm2", sees=False)


class Around:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, person: str, conversation: str) -> Path:
        (self._folder / conversation).mkdir(exist_ok=True)
        return self._folder / conversation

    def find_pictures(self, query: str, limit: int, language: Language) -> list[FoundPicture]:
        return [FoundPicture(Picture("k" * 64, f"{query} at dawn"), f"{query} at dawn")]

    def keep_picture(self, data: bytes, name: str, person: str) -> Picture:
        return Picture(f"{len(data)}", name)


def plugin(name: str, arguments: str = "{}", thought: str = "") -> str:
    return f'{thought}<|action_start|><|plugin|>\n{{"name": "{name}", "parameters": {arguments}}}<|action_end|>'


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    started: list[WorkerClient] = []
    toolbox = Toolbox(Settings(data=str(tmp_path)))

    def start(
        *replies: Reply | str,
        tools: tuple[str, ...] = ("calculator", "date"),
        convention: ToolConvention | None = None,
        stop: Stop | None = None,
        approvals: Approvals | None = None,
    ) -> Iterator[AgentState]:
        script = tuple(reply if isinstance(reply, Reply) else Reply(reply) for reply in replies)
        worker = WorkerClient(ScriptedSpec(script, CARD))
        started.append(worker)
        worker.start()
        worker.wait_ready()
        model = agent_model(worker, VIEWER)
        model = replace(model, convention=convention or model.convention)
        request = AgentRequest((Exchange("How much is 2 + 3?"),), tools, "c1", "en")
        return Agent(worker, toolbox, Around(tmp_path)).run(request, model, "me", stop or Stop(), approvals)

    yield start
    for worker in started:
        worker.close()
    toolbox.close()


def last(states: Iterator[AgentState]) -> AgentState:
    *_, state = states
    return state


def test_a_call_its_result_and_the_answer(run: Any) -> None:
    states = list(
        run(
            plugin("calculator", '{"expression": "2+3"}', "Let me calculate."),
            Reply("It is 5.", match="2+3 = 5"),
        )
    )
    end = states[-1]
    assert (end.answer, end.finish, end.ended, end.error) == ("It is 5.", "stop", True, None)
    (step,) = end.steps
    assert (step.thought, step.tool, step.status, step.result) == ("Let me calculate.", "calculator", "done", "2+3 = 5")
    assert step.arguments == {"expression": "2+3"} and step.seconds < 1
    seen = [state.steps[-1].status for state in states if state.steps]
    assert [status for at, status in enumerate(seen) if status not in seen[:at]] == ["writing", "running", "done"]


def test_several_calls_in_turn_and_in_one_reply(run: Any) -> None:
    call = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "%s"}}\n</tool_call>'
    end = last(
        run(
            f"Both.\n{call % '1+1'}\n{call % '2+2'}",
            Reply(call % "3+3", match="2+2 = 4"),
            Reply("Done.", match="3+3 = 6"),
            convention=JsonTools(),
        )
    )
    assert [(s.reply, s.thought, s.result) for s in end.steps] == [
        (0, "Both.", "1+1 = 2"), (0, "", "2+2 = 4"), (1, "", "3+3 = 6"),
    ]  # fmt: skip
    assert end.answer == "Done."


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("<|action_start|><|plugin|>\n{not json<|action_end|>", "not valid JSON"),
        (plugin("weather"), "no tool 'weather'. The tools are: calculator, date"),
        (plugin("calculator", '{"formula": "1"}'), "'expression' is a required property"),
        (plugin("calculator", '{"expression": 3}'), "wrong at expression: 3 is not of type 'string'"),
        (plugin("calculator", '{"expression": "import os"}'), "cannot be calculated"),
        (plugin("python", '{"code": "1"}'), "no tool 'python'"),
    ],
)
def test_a_wrong_call_is_told_to_the_model_which_mends_it(run: Any, call: str, told: str) -> None:
    mended = Reply(plugin("calculator", '{"expression": "2+3"}'), match=told)
    end = last(run(call, mended, Reply("5.", match="2+3 = 5")))
    assert [s.status for s in end.steps] == ["failed", "done"] and told in end.steps[0].result
    assert end.answer == "5."


def test_after_eight_calls_it_must_answer(run: Any) -> None:
    again = Reply(plugin("calculator", '{"expression": "1+1"}'), times=0)
    end = last(run(again))
    assert len(end.steps) == MAX_CALLS and end.error is not None and end.error.key == "agent_too_many_calls"
    assert "answer now" in end.steps[-1].result and "answer now" not in end.steps[-2].result
    assert all(step.ended for step in end.steps)
    told = Reply("Two.", match="answer now")
    assert last(run(told, replace(again, times=0))).answer == "Two."


@pytest.mark.parametrize("yes", [True, False])
def test_a_tool_that_asks(run: Any, yes: bool) -> None:
    approvals = Approvals(frozenset({"calculator"}))
    states = run(plugin("calculator", '{"expression": "2+3"}'), "So be it.", approvals=approvals)
    for state in states:
        if state.steps and state.steps[-1].status == "asking":
            approvals.answer(0, yes)
    assert state.steps[-1].status == ("done" if yes else "refused") and state.answer == "So be it."


def test_stop_while_it_asks_and_while_it_writes(run: Any) -> None:
    stop = Stop()
    states = run(plugin("date"), stop=stop, approvals=Approvals(frozenset({"date"})))
    for state in states:
        if state.steps and state.steps[-1].status == "asking":
            threading.Timer(0.05, stop.press).start()
    assert (state.finish, state.ended, state.steps[-1].status) == ("cancelled", True, "stopped")
    stop = Stop()
    for state in run(Reply("word " * 500, pace=0.01), stop=stop):
        if state.answer:
            stop.press()
    assert state.finish == "cancelled" and state.answer


def test_a_model_that_fails(run: Any) -> None:
    end = last(run(plugin("date")))
    assert end.finish == "failed" and end.error is not None and len(end.steps) == 1 and end.steps[0].status == "done"


def test_a_step_that_was_not_ended_is_not_kept() -> None:
    step = AgentStep("", "date", '{"name": "date"}', status="writing")
    assert AgentState((step,)).fail(StudioError("agent_too_many_calls", limit=8)).steps == ()


def test_what_the_loop_adds_around_a_tool(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the end of the model's reply to the next prompt's being sent, less the tool itself: at most 50 ms."""
    sent: list[float] = []
    submit = WorkerClient.submit

    def note(self: WorkerClient, call: Any, person: str = "") -> Any:
        if isinstance(call, Generate):
            sent.append(time.perf_counter())
        return submit(self, call, person)

    monkeypatch.setattr(WorkerClient, "submit", note)
    added = []
    for _ in range(3):
        sent.clear()
        read = 0.0
        for state in run(plugin("calculator", '{"expression": "2+3"}'), "5."):
            if state.steps and state.steps[-1].status == "writing":
                read = time.perf_counter()
        added.append(sent[1] - read - state.steps[0].seconds)
    assert 0 < min(added) < 0.05, added


def test_a_call_that_failed_is_not_made_again_as_it_is(run: Any) -> None:
    wrong = plugin("calculator", '{"expression": "2 +"}')
    right = Reply(plugin("Calculators", '{"expression": "2+3"}'), match="The same call failed before")
    end = last(run(wrong, wrong, right, Reply("It is 5.", match="2+3 = 5")))
    assert [step.status for step in end.steps] == ["failed", "failed", "done"] and end.answer == "It is 5."
    assert end.steps[1].result.startswith("The same call failed before.") and end.steps[2].tool == "calculator"
