"""Talking with a persona: a conversation in, its growing answer out.

The persona's own model answers where it is loaded, else the model of the role plays it. The answer is kept to the
character, so that the next prompt begins with the tokens that the model has read and written already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from studio.documents.conversation import Conversation, Turn
from studio.documents.persona import Persona
from studio.errors import InputError
from studio.language import language_of
from studio.prompts import dialect_of, fitting
from studio.prompts.messages import Message, message
from studio.prompts.tool_conventions import calling, convention_of
from studio.prompts.tool_protocol import Exchange
from studio.protocol import Generate, Image, ModelCard, Prompt, Role, Sampling, Text
from studio.roles import TALK
from studio.tasks.agent import Agent, AgentModel, AgentRequest
from studio.tasks.answer_stream import AnswerProgress, KeepPrompt, check, end_with_error, stream_answer
from studio.tasks.approval import Approvals
from studio.tasks.model_calls import budget_of, card_of
from studio.tasks.progress import Stop
from studio.worker.client import WorkerClient


def own_role(persona: Persona | None) -> Role:
    """The role under which a persona's own model would be loaded."""
    return f"{TALK.name}:{persona.model}" if persona and persona.model else ""


def talker_of(cards: Mapping[Role, ModelCard], persona: Persona | None) -> tuple[Role, ModelCard]:
    """Who plays a persona: its own model where that is loaded, else the model that talks. Raises ModelError."""
    own = own_role(persona)
    return (own, cards[own]) if own in cards else (TALK.name, card_of(cards, TALK))


def opening(persona: Persona | None) -> tuple[Message, ...]:
    """What stands before the first question: who it is, how it answers, and how it greets."""
    if persona is None:
        return ()
    found = [message("system", persona.system)] if persona.system else []
    for example in persona.spoken:
        found += [message("user", example.question), message("assistant", example.answer)]
    return (*found, message("assistant", persona.greeting)) if persona.greeting else tuple(found)


class Talker:
    """See the module. `read` gives the bytes of a picture's file by its key, `keep` keeps a prompt that is sent."""

    def __init__(
        self, worker: WorkerClient, read: Callable[[str], bytes], keep: KeepPrompt, agent: Agent | None = None
    ) -> None:
        self._worker, self._read, self._keep, self._agent = worker, read, keep, agent
        self._approvals: dict[tuple[str, int], Approvals] = {}  # of answers under way, by person and conversation

    def allow(self, person: str, conversation: int, step: int, yes: bool) -> None:
        """The person's word about a tool that asks; nothing happens where none does."""
        if approvals := self._approvals.get((person, conversation)):
            approvals.answer(step, yes)

    def sampling(self, conversation: Conversation) -> Sampling:
        """What suits the model that answers, and what the persona asks for. Raises ModelError where there is none."""
        _, card = talker_of(self._cards(), conversation.persona)
        own: Mapping[str, Any] = conversation.persona.sampling if conversation.persona else {}
        answering = dialect_of(card).answering
        return replace(calling(answering) if conversation.tools else answering, **own)

    def ask(
        self,
        conversation: Conversation,
        person: str,
        stop: Stop,
        sampling: Sampling | None = None,
        continue_answer: bool = False,
    ) -> Iterator[AnswerProgress]:
        """As `ChatAnswerer.ask`."""
        check(conversation.turns[-1])
        begin = conversation.turns[-1].answer if continue_answer else ""
        conversation = conversation.answer(answer=begin, finish="")
        if self._agent and conversation.tools and not begin:
            states = self._answer_with_tools(self._agent, conversation, person, stop, sampling)
        else:
            states = self._answer(conversation, person, stop, sampling, begin)
        yield from end_with_error(states, AnswerProgress(conversation))

    def _answer(
        self, conversation: Conversation, person: str, stop: Stop, sampling: Sampling | None, begin: str
    ) -> Iterator[AnswerProgress]:
        role, card = talker_of(self._cards(), conversation.persona)
        if conversation.turns[-1].pictures and not card.sees:
            raise InputError("talk_blind", model=card.name)
        sampling = sampling or self.sampling(conversation)
        budget, turns = budget_of(self._worker, role, card, stop), conversation.turns
        asked = fitting.talk(
            budget,
            dialect_of(card),
            opening(conversation.persona),
            tuple(self._messages(turn, card.sees) for turn in turns),
            begin,
            sampling.max_tokens,
            left_out=turns[-2].unread if len(turns) > 1 else 0,
        )
        seen = self._keep(person, asked.prompt, card.name) if conversation.id else 0
        conversation = replace(conversation, model=card.name)
        conversation = conversation.answer(model=card.name, unread=asked.turns, seen=seen)
        call = Generate(role, asked.prompt, replace(sampling, max_tokens=asked.room))
        yield from stream_answer(self._worker, call, person, stop, conversation, begin)

    def _answer_with_tools(
        self, agent: Agent, conversation: Conversation, person: str, stop: Stop, sampling: Sampling | None
    ) -> Iterator[AnswerProgress]:
        role, card = talker_of(self._cards(), conversation.persona)
        if conversation.turns[-1].pictures and not card.sees:
            raise InputError("talk_blind", model=card.name)
        sent: list[Prompt] = []
        wanted = sampling or self.sampling(conversation)
        model = AgentModel(role, card, convention_of(card), dialect_of(card).talk, wanted, sent.append)
        request = AgentRequest(
            tuple(self._exchange(turn, card.sees) for turn in conversation.turns),
            conversation.tools,
            str(conversation.id),
            language_of(conversation.turns[-1].question),
            conversation.persona.system if conversation.persona else "",
            opening=tuple(m for m in opening(conversation.persona) if m.role != "system"),
        )
        key = person, conversation.id
        approvals = self._approvals[key] = Approvals(frozenset(conversation.confirm))
        conversation = replace(conversation, model=card.name).answer(model=card.name)
        try:
            for state in agent.run(request, model, person, stop, approvals):
                done = conversation.answer(
                    answer=state.answer, steps=state.steps, finish=state.finish, unread=state.unread
                )
                if state.ended and sent and conversation.id:
                    done = done.answer(seen=self._keep(person, sent[-1], card.name))
                yield AnswerProgress(done, state.speed, state.waiting, state.ended, state.error)
        finally:
            self._approvals.pop(key, None)

    def _exchange(self, turn: Turn, sees: bool) -> Exchange:
        """A turn for the agent."""
        files = tuple((file.name, file.size) for file in turn.files)
        heads = tuple(file.head for file in turn.files)
        return Exchange(turn.question, files, turn.steps, turn.answer, self._images(turn, sees), heads)

    def _images(self, turn: Turn, sees: bool) -> tuple[Image, ...]:
        return tuple(Image(p.key, self._read(p.key)) for p in turn.pictures) if sees else ()

    def _messages(self, turn: Turn, sees: bool) -> tuple[Message, ...]:
        """Question and answer; the last one's answer is what is asked for."""
        return Message("user", (*self._images(turn, sees), Text(turn.question))), message("assistant", turn.answer)

    def _cards(self) -> Mapping[Role, ModelCard]:
        return self._worker.cards or self._worker.wait_ready()  # as in `model_calls.ModelCalls`
