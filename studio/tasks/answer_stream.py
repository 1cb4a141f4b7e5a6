"""The loop that every answer goes through: a call's events in, states of the growing text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from studio.documents.conversation import MAX_PICTURES, MAX_QUESTION, Conversation, Turn
from studio.errors import InputError, StudioError
from studio.protocol import Done, Failed, Generate, Piece, Prompt, Queued, Reason
from studio.tasks.progress import Stop
from studio.tasks.task import S
from studio.worker.client import WorkerClient

KeepPrompt = Callable[[str, Prompt, str], int]  # person, prompt, model → the number it is kept under


@dataclass(frozen=True)
class AnswerProgress:
    """The conversation as it stands. `speed` in tokens a second; `ended` when the answer is whole."""

    conversation: Conversation
    speed: float = 0.0
    waiting: Queued | None = None
    ended: bool = False
    error: StudioError | None = None

    def fail(self, error: StudioError) -> AnswerProgress:
        """The last state, after an error; what was written stays."""
        return replace(
            self, conversation=self.conversation.answer(finish="failed"), waiting=None, ended=True, error=error
        )


@dataclass(frozen=True)
class TextProgress:
    """A text as far as it is written. `reason` says why it ended, None while it goes on; `speed` in tokens a second."""

    text: str
    waiting: Queued | None = None
    reason: Reason | None = None
    speed: float = 0.0


def check(turn: Turn) -> None:
    """Raises InputError for a question that cannot be asked."""
    if not turn.question.strip():
        raise InputError("question_empty")
    if len(turn.question) > MAX_QUESTION:
        raise InputError("question_too_long", length=len(turn.question), limit=MAX_QUESTION)
    if len(turn.pictures) > MAX_PICTURES:
        raise InputError("too_many_pictures", count=len(turn.pictures), limit=MAX_PICTURES)


def stream_text(
    worker: WorkerClient, call: Generate, person: str, stop: Stop, begin: str = ""
) -> Iterator[TextProgress]:
    """The text that a call writes behind `begin`; the last state has a reason. Raises the error that the call fails
    with. Whoever reads no further ends the call."""
    text = begin
    request = stop.watch(worker.submit(call, person))
    try:
        for event in request.events():
            match event:
                case Queued():
                    yield TextProgress(text, event)
                case Piece(piece):
                    text += piece
                    yield TextProgress(text)
                case Failed(error):
                    raise error
                case Done(reason, usage):
                    yield TextProgress(text, reason=reason, speed=usage.tokens_per_second)
    finally:
        request.cancel()  # harmless at the end


def stream_answer(
    worker: WorkerClient, call: Generate, person: str, stop: Stop, conversation: Conversation, begin: str = ""
) -> Iterator[AnswerProgress]:
    """As `stream_text`: the text as the answer to the last turn."""
    yield AnswerProgress(conversation.answer(answer=begin))
    for written in stream_text(worker, call, person, stop, begin):
        answered = conversation.answer(answer=written.text, finish=written.reason or "")
        yield AnswerProgress(answered, written.speed, written.waiting, ended=written.reason is not None)


def end_with_error(states: Iterator[S], last: S) -> Iterator[S]:
    """These states; where they end in a StudioError, it is told by a state more. `last`: the state before the first."""
    try:
        for last in states:
            yield last
    except StudioError as e:
        yield last.fail(e)
