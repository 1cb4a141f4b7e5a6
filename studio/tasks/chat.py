"""Asking about pictures: a conversation in, its growing answer out.

A model that sees gets the pictures themselves. One that does not gets words: those that people gave a picture of the
library, else what the image tagger found in it. Its answer begins with the tagger's words, so that no guess is told as
a fact (Socratic models, arXiv 2204.00598); a very small model's begins with people's words, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from studio.documents.conversation import Conversation
from studio.errors import Language
from studio.language import language_of
from studio.prompts import dialect_of, fitting, replies
from studio.prompts.fitting import Conversing
from studio.protocol import Describe, Description, Generate, Image, ModelCard, Sampling
from studio.roles import VIEWER
from studio.tasks.answer_stream import AnswerProgress, KeepPrompt, check, end_with_error, stream_answer
from studio.tasks.model_calls import budget_of, card_of
from studio.tasks.progress import Stop
from studio.worker.client import WorkerClient


class ChatAnswerer:
    """See the module. `read` gives the bytes of a picture's file by its key, `known` the words that people gave it, or
    an empty string; `keep` keeps a prompt that is sent to a model, of a conversation that is kept, and gives its
    number."""

    def __init__(
        self,
        worker: WorkerClient,
        read: Callable[[str], bytes],
        known: Callable[[str, Language], str] = lambda key, language: "",
        keep: KeepPrompt = lambda person, prompt, model: 0,
    ) -> None:
        self._worker = worker
        self._read = read
        self._known = known
        self._keep = keep
        self._described: dict[str, Description] = {}

    def ask(
        self,
        conversation: Conversation,
        person: str,
        stop: Stop,
        sampling: Sampling | None = None,
        continue_answer: bool = False,
    ) -> Iterator[AnswerProgress]:
        """Answer the last turn; with `continue_answer` continue its answer where it was cut. Raises InputError before
        any work; a later failure is the `error` of the last state. Earlier turns that do not fit are left out, and
        counted in the turn; a question that does not fit by itself fails before anything is computed."""
        check(conversation.turns[-1])
        conversation = conversation.answer(answer=conversation.turns[-1].answer if continue_answer else "", finish="")
        yield from end_with_error(self._answer(conversation, person, stop, sampling), AnswerProgress(conversation))

    def sampling(self, conversation: Conversation | None = None) -> Sampling:
        """The sampling that suits the model that answers. Raises ModelError where there is none."""
        return dialect_of(self._card()).answering

    def _card(self) -> ModelCard:
        cards = self._worker.cards or self._worker.wait_ready()  # as in `model_calls.Calls`
        return card_of(cards, VIEWER)

    def _answer(
        self, conversation: Conversation, person: str, stop: Stop, sampling: Sampling | None
    ) -> Iterator[AnswerProgress]:
        card = self._card()
        dialect, sampling = dialect_of(card), sampling or dialect_of(card).answering
        budget = budget_of(self._worker, VIEWER.name, card, stop)
        conversation = replace(conversation, model=card.name)
        begin = conversation.turns[-1].answer
        if card.sees:
            turns = tuple(
                (t.question, tuple(self._image(p.key, sampling.tiles) for p in t.pictures), t.answer)
                for t in conversation.turns
            )
        else:  # before the pictures are looked at: the question itself must fit
            fitting.chat(budget, dialect, ((conversation.turns[-1].question, (), ""),), begin, sampling.max_tokens)
            language = language_of(conversation.turns[-1].question) if "zh" in card.languages else "en"
            tiny = card.dialect == "starter"
            descriptions = self._descriptions(conversation, person, stop, language, brief=tiny)
            turns = tuple(
                (f"{description} {turn.question}".strip(), (), turn.answer)
                for turn, description in zip(conversation.turns, descriptions, strict=True)
            )
            guessed = any(not self._known(p.key, language) for p in conversation.turns[-1].pictures)
            if guessed or tiny:
                begin = begin or descriptions[-1]
        asked = fitting.chat(budget, dialect, turns, begin, sampling.max_tokens)
        conversation = _with_left_out(conversation, asked)
        if conversation.id:
            conversation = conversation.answer(model=card.name, seen=self._keep(person, asked.prompt, card.name))
        call = Generate(VIEWER.name, asked.prompt, replace(sampling, max_tokens=asked.room))
        for state in stream_answer(self._worker, call, person, stop, conversation, begin):
            answer = state.conversation.turns[-1].answer
            yield (
                replace(state, conversation=state.conversation.answer(answer=answer.strip())) if state.ended else state
            )

    def _image(self, key: str, tiles: int = 0) -> Image:
        return Image(key, self._read(key), tiles)

    def _descriptions(
        self, conversation: Conversation, person: str, stop: Stop, language: Language, brief: bool
    ) -> list[str]:
        """For each turn what is known of its pictures, numbered through the whole conversation; `brief`: no tags."""
        of, number, descriptions = len(conversation.pictures), 0, []
        for turn in conversation.turns:
            sentences = []
            for picture in turn.pictures:
                number += 1
                if known := self._known(picture.key, language):
                    known = known.partition("\n")[0] if brief else known
                    sentences.append(replies.describe_known(number, of, known, language))
                    continue
                if picture.key not in self._described:
                    request = stop.watch(self._worker.submit(Describe(self._image(picture.key)), person))
                    result = request.result()
                    if isinstance(result, Description):  # a stop ends it without one, which must not be remembered
                        self._described[picture.key] = result
                found = self._described.get(picture.key, Description())
                sentences.append(replies.describe_in_words(number, of, found, language))
            descriptions.append(" ".join(sentences))
        return descriptions


def _with_left_out(conversation: Conversation, asked: Conversing) -> Conversation:
    """The last turn with what did not fit. Turns that are not read are those whose pictures are not seen, too."""
    gone = sum(len(turn.pictures) for turn in conversation.turns[: asked.turns])
    return conversation.answer(unseen=max(asked.pictures, gone), unread=asked.turns)
