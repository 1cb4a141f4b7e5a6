"""An agent: a model that calls tools until it can answer, as a generator of states.

The model is asked in its convention for tools (`prompts/tool_protocol`); its reply is an answer, or one or more calls.
A call that cannot be read, names no tool or has wrong arguments is told to the model as the result, and it may mend
it; the person sees the same. After MAX_CALLS calls it must answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from studio.documents.article import Picture
from studio.documents.steps import AgentStep, StepStatus
from studio.errors import Language, StudioError
from studio.prompts import dialect_of
from studio.prompts.messages import Message
from studio.prompts.tool_conventions import calling, convention_of, fit, with_reminders
from studio.prompts.tool_protocol import AgentReply, Call, Exchange, ToolConvention
from studio.protocol import Generate, ModelCard, Prompt, Queued, Reason, Role, Sampling
from studio.roles import ModelRole
from studio.tasks.answer_stream import end_with_error, stream_text
from studio.tasks.approval import Approvals
from studio.tasks.model_calls import budget_of, card_of
from studio.tasks.progress import Stop
from studio.tools import registry
from studio.tools.registry import FoundPicture, Tool, Toolbox, ToolContext, ToolResult
from studio.worker.client import WorkerClient

MAX_CALLS = 8  # in one answer
LAST_CALL = "\n\n(This was the last call of a tool for this question: answer now.)"


@dataclass(frozen=True)
class AgentModel:
    """The model that is asked: the role it serves, its card, its convention for tools, and its dialect's `talk`."""

    role: Role
    card: ModelCard
    convention: ToolConvention
    prompt_of: Callable[[tuple[Message, ...]], Prompt]
    sampling: Sampling
    sent: Callable[[Prompt], object] = lambda prompt: None  # is given every prompt that is sent


def agent_model(worker: WorkerClient, role: ModelRole, sampling: Sampling | None = None) -> AgentModel:
    """The loaded model that serves a role, as an agent. Raises ModelError where there is none."""
    card = card_of(worker.cards or worker.wait_ready(), role)
    dialect = dialect_of(card)
    return AgentModel(role.name, card, convention_of(card), dialect.talk, sampling or calling(dialect.answering))


@dataclass(frozen=True)
class AgentRequest:
    """What is asked: `exchanges` end with the question; steps it has already are gone on from. `tools` are the names of
    those that are switched on, `conversation` a key that is the same for all questions of a conversation."""

    exchanges: tuple[Exchange, ...]
    tools: tuple[str, ...]
    conversation: str
    language: Language
    system: str = ""
    opening: tuple[Message, ...] = ()  # before the first exchange: a persona's examples and greeting


@dataclass(frozen=True)
class AgentState:
    """The steps and the answer as they stand. While the model writes, its words are the `answer`; where they turn out
    to be the thought before a call they move into the call's step. The oldest `unread` exchanges did not fit."""

    steps: tuple[AgentStep, ...] = ()
    answer: str = ""
    finish: Literal["", "stop", "length", "cancelled", "failed"] = ""
    speed: float = 0.0  # tokens a second of the last reply
    unread: int = 0
    waiting: Queued | None = None
    ended: bool = False
    error: StudioError | None = None

    def fail(self, error: StudioError) -> AgentState:
        """The last state, after an error."""
        steps = tuple(step for step in self.steps if step.ended)
        return replace(self, steps=steps, finish="failed", waiting=None, ended=True, error=error)


class Surroundings(Protocol):
    """What the studio gives to tools and takes from them."""

    def folder(self, person: str, conversation: str) -> Path:
        """The folder of a conversation's files, which is made where it is missing."""
        ...

    def find_pictures(self, query: str, limit: int, language: Language) -> list[FoundPicture]:
        """Pictures of the library, best first."""
        ...

    def keep_picture(self, data: bytes, name: str, person: str) -> Picture:
        """Take in a picture that a tool made. Raises StudioError for one that cannot be opened."""
        ...


class Agent:
    """See the module."""

    def __init__(self, worker: WorkerClient, toolbox: Toolbox, around: Surroundings) -> None:
        self._worker, self._toolbox, self._around = worker, toolbox, around

    def run(
        self,
        request: AgentRequest,
        model: AgentModel,
        person: str,
        stop: Stop,
        approvals: Approvals | None = None,
    ) -> Iterator[AgentState]:
        """Answer the last question. A failure is the `error` of the last state; what tools did stays in it."""
        begun = AgentState(request.exchanges[-1].steps)
        run = _Run(self._worker, self._toolbox, self._around, request, model, person, stop, approvals or Approvals())
        yield from end_with_error(run.states(begun), begun)


class _Run:
    """One answer."""

    def __init__(
        self,
        worker: WorkerClient,
        toolbox: Toolbox,
        around: Surroundings,
        request: AgentRequest,
        model: AgentModel,
        person: str,
        stop: Stop,
        approvals: Approvals,
    ) -> None:
        self._worker, self._around, self._request, self._model = worker, around, request, model
        self._person, self._stop, self._approvals = person, stop, approvals
        named = (toolbox.find(name) for name in request.tools)
        self._tools = {tool.name: tool for tool in named if tool and tool.unavailable() is None}
        self._find = toolbox.find
        self._budget = budget_of(worker, model.role, model.card, stop)

    def states(self, state: AgentState) -> Iterator[AgentState]:
        """Replies and calls in turn, until there is an answer."""
        while not state.ended:
            before = state.steps
            state, reply = yield from self._reply(state)
            if not state.ended:
                state = yield from self._call_tools(replace(state, steps=before, answer=""), reply)

    def _reply(self, state: AgentState) -> Generator[AgentState, None, tuple[AgentState, AgentReply]]:
        """One reply as it is written. The state has ended where it is the answer."""
        before, reply = state.steps, AgentReply("")
        call, unread = self._call(before)
        state = replace(state, unread=unread)
        for written in stream_text(self._worker, call, self._person, self._stop):
            reply = self._model.convention.read(written.text)
            if written.reason is None:
                state = replace(_writing(state, before, reply), waiting=written.waiting)
            else:
                state = _read_to_the_end(replace(state, speed=written.speed), before, reply, written.reason)
            yield state
        return state, reply

    def _call(self, steps: tuple[AgentStep, ...]) -> tuple[Generate, int]:
        """What is asked of the model after these steps, and how many exchanges are left out."""
        request, model = self._request, self._model
        exchanges = (*request.exchanges[:-1], replace(request.exchanges[-1], steps=steps, answer=""))
        exchanges = with_reminders(model.card, exchanges)
        specs = tuple(registry.spec_of(tool, request.language) for tool in self._tools.values())
        wanted = model.sampling.max_tokens
        asked = fit(
            self._budget, model.convention, model.prompt_of, request.system, specs, exchanges, wanted, request.opening
        )
        sampling = replace(model.sampling, max_tokens=asked.room)
        model.sent(asked.prompt)
        return Generate(model.role, asked.prompt, sampling, keep_controls=model.convention.controls), asked.unread

    def _call_tools(self, state: AgentState, reply: AgentReply) -> Generator[AgentState, None, AgentState]:
        """The calls of one reply, one after another. The state has ended where the person stopped it."""
        number = _next_reply(state.steps)
        for i, call in enumerate(reply.calls):
            done = state.steps
            if len(done) >= MAX_CALLS:
                raise StudioError("agent_too_many_calls", limit=MAX_CALLS)
            thought = "" if i else reply.thought
            written = AgentStep(thought, call.tool, call.written, call.form, number, call.arguments)
            for step in self._steps(written, call, done):
                state = replace(state, steps=(*done, step))
                yield state
            if self._stop.pressed:
                state = replace(state, finish="cancelled", ended=True)
                yield state
                break
        return state

    def _steps(self, step: AgentStep, call: Call, before: tuple[AgentStep, ...]) -> Iterator[AgentStep]:
        """The states of one call after others; the last has ended."""
        number = len(before)
        tool = (self._find(call.tool) or registry.named_nearly(call.tool, self._tools)) if call.tool else None
        if problem := self._problem(call, tool) or _failed_before(call, tool, before):
            yield _ended(step, "failed", problem, number)
            return
        assert tool is not None
        step = replace(step, tool=tool.name)
        if tool.name in self._approvals.confirm:
            approval = self._stop.watch(self._approvals.ask(number))
            yield replace(step, status="asking")
            if not approval.wait():
                status: StepStatus = "stopped" if self._stop.pressed else "refused"
                yield _ended(step, status, "The person did not allow this call.", number)
                return
        yield replace(step, status="running")
        yield from self._run_tool(step, tool, number)

    def _problem(self, call: Call, tool: Tool | None) -> str:
        if call.problem:
            return call.problem
        if tool is None or tool.name not in self._tools:
            if tool and (error := tool.unavailable()) and tool.name in self._request.tools:
                return error.say(self._request.language)
            known = ", ".join(self._tools) or "none"
            return f"There is no tool {call.tool[:100]!r}. The tools are: {known}."
        return registry.arguments_problem(tool, call.arguments)

    def _run_tool(self, step: AgentStep, tool: Tool, number: int) -> Iterator[AgentStep]:
        request, started = self._request, time.perf_counter()
        context = ToolContext(
            self._person,
            request.conversation,
            request.language,
            self._stop,
            self._around.folder(self._person, request.conversation),
            lambda query, limit: self._around.find_pictures(query, limit, request.language),
        )
        try:
            result = tool.run(step.arguments, context)
        except StudioError as e:
            result = ToolResult(e.say(request.language), failed=True)
        seconds = time.perf_counter() - started
        pictures, notes = self._keep(result)
        status: StepStatus = "stopped" if self._stop.pressed else "failed" if result.failed else "done"
        text = "\n".join(filter(None, [result.text, *notes]))
        yield replace(
            _ended(step, status, text, number),
            pictures=(*result.pictures, *pictures),
            tables=result.tables,
            files=result.files,
            seconds=seconds,
        )

    def _keep(self, result: ToolResult) -> tuple[list[Picture], list[str]]:
        """The pictures that a tool made, as kept ones, and what is wrong with those that cannot be."""
        pictures, notes = [], []
        for drawn in result.drawn:
            try:
                pictures.append(self._around.keep_picture(drawn.data, drawn.title, self._person))
            except StudioError as e:
                notes.append(e.say(self._request.language))
        return pictures, notes


def _writing(state: AgentState, before: tuple[AgentStep, ...], reply: AgentReply) -> AgentState:
    """While a reply is written: its words as the answer so far, or its calls as steps."""
    if not reply.calls:
        return replace(state, steps=before, answer=reply.thought, waiting=None)
    number = _next_reply(before)
    steps = (
        AgentStep("" if i else reply.thought, c.tool, c.written, c.form, number, c.arguments, "writing")
        for i, c in enumerate(reply.calls)
    )
    return replace(state, steps=(*before, *steps), answer="", waiting=None)


def _read_to_the_end(state: AgentState, before: tuple[AgentStep, ...], reply: AgentReply, reason: Reason) -> AgentState:
    """The state when a reply has ended: the last of all where it is an answer, or was stopped."""
    if reason == "cancelled" or not reply.calls:
        return replace(state, steps=before, answer=reply.thought, finish=reason, waiting=None, ended=True)
    return state


def _failed_before(call: Call, tool: Tool | None, before: tuple[AgentStep, ...]) -> str:
    """What to say of a call that failed already in this answer, exactly as it is: small models repeat themselves."""
    same = (s for s in before if tool and s.tool == tool.name and s.arguments == call.arguments)
    if all(s.status != "failed" for s in same):
        return ""
    return "The same call failed before. Make another: with other arguments, or of another tool."


def _next_reply(steps: tuple[AgentStep, ...]) -> int:
    return steps[-1].reply + 1 if steps else 0


def _ended(step: AgentStep, status: StepStatus, text: str, number: int) -> AgentStep:
    last = LAST_CALL if number == MAX_CALLS - 1 else ""
    return replace(step, status=status, result=(text.strip() or "(no output)") + last)
