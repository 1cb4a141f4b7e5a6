"""Answers under way: each is a task of the runner that saves its conversation.

A question has its row in the database before it waits for anything; the answer is saved every two seconds while it
grows, and at its end, however it ends.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from studio.documents.conversation import Conversation, Kind
from studio.errors import InputError, StudioError
from studio.protocol import Sampling
from studio.storage.store import Store
from studio.tasks.answer_stream import AnswerProgress, check
from studio.tasks.progress import Stop, until_loaded
from studio.tasks.runner import Runner, UnderWay
from studio.tasks.sent_prompts import SentPrompts
from studio.tasks.task import Task
from studio.tasks.titles import Titles
from studio.worker.client import WorkerClient

SAVE_EVERY = 2.0  # seconds, while text streams
Answer = Task[AnswerProgress]


class Answerer(Protocol):
    """What answers a kind of conversation: about pictures, or with a persona."""

    def sampling(self, conversation: Conversation) -> Sampling:
        """The sampling that suits the model that answers. Raises ModelError where there is none."""
        ...

    def ask(
        self,
        conversation: Conversation,
        person: str,
        stop: Stop,
        sampling: Sampling | None = None,
        continue_answer: bool = False,
    ) -> Iterator[AnswerProgress]:
        """Answer the last turn."""
        ...


class Answers:
    """Starts the tasks that answer; a conversation has at most one at a time."""

    def __init__(
        self,
        runner: Runner,
        answerers: Mapping[Kind, Answerer],
        worker: WorkerClient,
        store: Store,
        prompts: SentPrompts,
        titles: Titles | None = None,
    ) -> None:
        self._runner, self._answerers, self._worker, self._store = runner, answerers, worker, store
        self._prompts, self._titles = prompts, titles
        self._numbers = itertools.count(1)

    def start(
        self,
        person: str,
        conversation: Conversation,
        sampling: Mapping[str, Any] | None = None,
        continue_answer: bool = False,
    ) -> Answer:
        """Answer the last turn, or with `continue_answer` continue its answer; `sampling` has the fields of `Sampling`
        that the person set.

        Raises InputError for a question that cannot be asked or a conversation that is being answered, BusyError.
        """
        check(conversation.turns[-1])
        with self._runner.admit(person):
            kept = self._store.save_conversation(person, conversation)

            def work(stop: Stop) -> Iterator[AnswerProgress]:
                return self._save_states(person, self._answer(person, kept, sampling or {}, continue_answer, stop))

            return self._begin(person, ("conversation", kept.id), kept, work)

    def get(self, person: str, id: int) -> Answer | None:
        """The task that answers in this conversation, if one does."""
        return self._runner.get(person, ("conversation", id))

    def ask(self, person: str, conversation: Conversation) -> Answer:
        """Answer the last turn; nothing is saved. Raises as `start` does."""
        check(conversation.turns[-1])
        with self._runner.admit(person):
            key = ("question", next(self._numbers))
            return self._begin(
                person, key, conversation, lambda stop: self._answer(person, conversation, {}, False, stop)
            )

    def _begin(self, person: str, key: tuple[str, int], conversation: Conversation, work: Any) -> Answer:
        try:
            return self._runner.start(person, "answer", key, AnswerProgress(conversation), work)
        except UnderWay as e:
            raise InputError("conversation_busy") from e

    def _answer(
        self, person: str, conversation: Conversation, changes: Mapping[str, Any], continue_answer: bool, stop: Stop
    ) -> Iterator[AnswerProgress]:
        until_loaded(self._worker, stop)
        if stop.pressed:
            yield AnswerProgress(conversation, ended=True)
            return
        answerer = self._answerers[conversation.kind]
        sampling = replace(answerer.sampling(conversation), **changes) if changes else None
        yield from answerer.ask(conversation, person, stop, sampling, continue_answer)

    def _save_states(self, person: str, work: Iterator[AnswerProgress]) -> Iterator[AnswerProgress]:
        saved = time.monotonic()
        for state in work:
            due = state.ended or time.monotonic() - saved > SAVE_EVERY
            last = state.conversation.turns[-1]
            if due and (last.answer or last.steps):
                try:
                    self._store.save_conversation(person, state.conversation)
                except StudioError as e:  # tried again while it grows; at the end it is told
                    if state.ended:
                        state = replace(state, error=state.error or e)
                saved = time.monotonic()
            yield state
            if state.ended and last.seen:
                self._prompts.add_ids(person, last.seen)
            if self._titles and state.ended and not state.error:
                self._titles.want(person, state.conversation)
