"""Titles of conversations, made by the model when it has nothing else to do.

A title never stands in front of a waiting person: it is asked for while the worker has no call, and given up as soon as
another call comes; then it is tried again later.
"""

from __future__ import annotations

import queue
import threading
from contextlib import suppress

from studio.documents.conversation import Conversation
from studio.errors import StudioError
from studio.language import language_of
from studio.prompts import dialect_of
from studio.prompts.messages import message
from studio.protocol import Done, Failed, Generate, Piece, Prompt, Sampling
from studio.roles import TALK
from studio.storage.store import Store
from studio.worker.client import WorkerClient

PAUSE = 0.5  # seconds between two looks whether the worker is idle
SHOWN = 600  # characters of question and answer that a title is made from
LONGEST = 40  # characters of a title
ASKS = {
    "en": "Give this conversation a title of two to six words. Answer with the title only.\n\n{text}",
    "zh": "给下面的对话起一个不超过十二个字的标题，只回答标题。\n\n{text}",
}


class Titles:
    """One thread, which sleeps as long as no conversation wants a title."""

    def __init__(self, worker: WorkerClient, store: Store) -> None:
        self._worker, self._store = worker, store
        self._wanted: queue.SimpleQueue[tuple[str, Conversation] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="titles", daemon=True)
        self._started = False

    def want(self, person: str, conversation: Conversation) -> None:
        """A conversation whose first answer is there may get a title."""
        if conversation.title or not conversation.id or len(conversation.turns) != 1:
            return
        if not self._started:
            self._started = True
            self._thread.start()
        self._wanted.put((person, conversation))

    def close(self) -> None:
        """Make no more."""
        self._closing.set()
        self._wanted.put(None)

    def _run(self) -> None:
        while (item := self._wanted.get()) is not None:
            person, conversation = item
            with suppress(StudioError):  # a conversation without a title of its own shows its first question
                while not self._closing.is_set() and not self._made(person, conversation):
                    self._closing.wait(PAUSE)

    def _idle(self) -> bool:
        return self._worker.state == "ready" and not self._worker.running and not self._worker.waiting

    def _made(self, person: str, conversation: Conversation) -> bool:
        """Whether it needs no other try."""
        if not self._idle():
            return False
        card = self._worker.cards.get(TALK.name)
        if card is None:
            return True
        prompt = self._prompt(conversation)
        request = self._worker.submit(
            Generate(TALK.name, prompt, Sampling(temperature=0, max_tokens=24, stop=("\n", '"')))
        )
        text = ""
        for event in request.events():
            match event:
                case Piece(piece):
                    text += piece
                    if self._worker.running + self._worker.waiting > 1:
                        request.cancel()
                case Done("cancelled"):
                    return False
                case Failed(error):
                    raise error
        if title := cleaned(text):
            self._store.title_conversation(person, conversation.id, title)
        return True

    def _prompt(self, conversation: Conversation) -> Prompt:
        turn, dialect = conversation.turns[0], dialect_of(self._worker.cards[TALK.name])
        if (own := dialect.title(turn.question[:SHOWN])) is not None:
            return own
        text = f"{turn.question[:SHOWN]}\n\n{turn.answer[:SHOWN]}"
        return dialect.talk((message("user", ASKS[language_of(turn.question)].format(text=text)),))


def cleaned(text: str) -> str:
    """The title in a model's reply, "" where there is none."""
    title = " ".join(text.split()).strip("\"'“”‘’《》「」*# 。.")
    return title if 0 < len(title) <= LONGEST else ""
