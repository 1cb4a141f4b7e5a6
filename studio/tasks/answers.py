"""Answers under way: each is a task of the runner that asks, and keeps its conversation.

A question has its row before it waits for anything; the answer is kept from time to time while it grows, and at its
end, however it ends.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from studio.documents.conversation import Conversation
from studio.errors import InputError, StudioError
from studio.storage.store import Store
from studio.tasks.chat import Answering, Asker, check
from studio.tasks.progress import Stop, until_loaded
from studio.tasks.runner import Runner, UnderWay
from studio.tasks.task import Task
from studio.worker.client import WorkerClient

SAVE_EVERY = 2.0  # seconds, while text streams
Answer = Task[Answering]


class Answers:
    """All answers under way in this process. A conversation has at most one."""

    def __init__(self, runner: Runner, asker: Asker, worker: WorkerClient, store: Store) -> None:
        self._runner, self._asker, self._worker, self._store = runner, asker, worker, store
        self._numbers = itertools.count(1)

    def start(
        self, person: str, conversation: Conversation, own: Mapping[str, Any] | None = None, go_on: bool = False
    ) -> Answer:
        """Answer the last turn, or with `go_on` write its answer on; `own` are sampling fields that the person set.

        Raises InputError for a question that cannot be asked or a conversation that is being answered, BusyError.
        """
        check(conversation.turns[-1])
        with self._runner.admit(person):
            kept = self._store.save_conversation(person, conversation)

            def work(stop: Stop) -> Iterator[Answering]:
                return self._saved(person, self._answer(person, kept, own or {}, go_on, stop))

            return self._begin(person, ("conversation", kept.id), kept, work)

    def ask(self, person: str, conversation: Conversation) -> Answer:
        """Answer the last turn; nothing is kept. Raises as `start` does."""
        check(conversation.turns[-1])
        with self._runner.admit(person):
            key = ("question", next(self._numbers))
            return self._begin(
                person, key, conversation, lambda stop: self._answer(person, conversation, {}, False, stop)
            )

    def _begin(self, person: str, key: tuple[str, int], conversation: Conversation, work: Any) -> Answer:
        try:
            return self._runner.start(person, "answer", key, Answering(conversation), work)
        except UnderWay as e:
            raise InputError("conversation_busy") from e

    def _answer(
        self, person: str, conversation: Conversation, own: Mapping[str, Any], go_on: bool, stop: Stop
    ) -> Iterator[Answering]:
        until_loaded(self._worker, stop)
        if stop.pressed:
            yield Answering(conversation, ended=True)
            return
        sampling = replace(self._asker.sampling(), **own) if own else None
        yield from self._asker.ask(conversation, person, stop, sampling, go_on)

    def _saved(self, person: str, work: Iterator[Answering]) -> Iterator[Answering]:
        saved = time.monotonic()
        for answering in work:
            due = answering.ended or time.monotonic() - saved > SAVE_EVERY
            if due and answering.conversation.turns[-1].answer:
                try:
                    self._store.save_conversation(person, answering.conversation)
                except StudioError as e:  # tried again while it grows; at the end it is told
                    if answering.ended:
                        answering = replace(answering, error=answering.error or e)
                saved = time.monotonic()
            yield answering
