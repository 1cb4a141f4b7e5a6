"""Calls to the models for one person's work: prompts of the loaded model's dialect in, text and scores out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace

from studio.documents.article import Brief, Picture
from studio.errors import InputError, ModelError
from studio.prompts import Dialect, dialect_of
from studio.prompts.budget import Budget
from studio.prompts.writing_forms import Part
from studio.protocol import (
    Choose,
    Count,
    Counts,
    Done,
    Event,
    Failed,
    Generate,
    Image,
    ModelCard,
    Piece,
    Prompt,
    Queued,
    Reason,
    Role,
    Sampling,
    Scores,
    Started,
)
from studio.roles import COMPOSER, ModelRole
from studio.sampling import check
from studio.tasks.progress import Progress, Step, Stop, in_queue
from studio.worker.client import WorkerClient


def card_of(cards: Mapping[Role, ModelCard], role: ModelRole) -> ModelCard:
    """The loaded model that serves a role. Raises ModelError where there is none."""
    if role.name not in cards:
        raise ModelError(role.missing)
    return cards[role.name]


def budget_of(worker: WorkerClient, role: Role, card: ModelCard, stop: Stop) -> Budget:
    """What fits into the context of a loaded model, counted by its own tokenizer."""

    def count(prompts: tuple[Prompt, ...]) -> tuple[int, ...]:
        counted = stop.watch(worker.submit(Count(role, prompts))).result()
        return counted.values if isinstance(counted, Counts) else (0,) * len(prompts)  # stopped: nothing is asked

    return Budget(card, count)


class ModelCalls:
    """The calls of one task to the writing model. Stopping ends the call under way and every later one. `keep` is given
    what is sent: the prompt, the model's name and the step."""

    def __init__(
        self,
        worker: WorkerClient,
        read: Callable[[str], bytes],
        person: str,
        stop: Stop,
        keep: Callable[[Prompt, str, Step], object] = lambda prompt, model, step: None,
    ) -> None:
        cards = worker.cards or worker.wait_ready()  # known ones: a call that waits for a new worker can be stopped
        self.card: ModelCard = card_of(cards, COMPOSER)
        self.dialect: Dialect = dialect_of(self.card)
        self.budget = budget_of(worker, COMPOSER.name, self.card, stop)
        self.stop = stop
        self._worker, self._read, self._person, self._keep = worker, read, person, keep

    def images(self, pictures: tuple[Picture, ...]) -> tuple[Image, ...]:
        """Pictures as the model takes them; none where it does not see."""
        return tuple(Image(p.key, self._read(p.key)) for p in pictures) if self.card.sees else ()

    def events(
        self, prompt: Prompt, sampling: Sampling, repeats: bool = False, step: Step = "writing"
    ) -> Iterator[Queued | Started | Piece | Done]:
        """A generation as it goes, see `Generate`. Raises the error it fails with."""
        for event in self._events(Generate(COMPOSER.name, prompt, sampling, repeats), step):
            if isinstance(event, Queued | Started | Piece | Done):
                yield event

    def text(self, prompt: Prompt, sampling: Sampling) -> tuple[str, Reason]:
        """The text of a generation and why it ended, when it has. Raises the error it fails with."""
        text, reason = "", "cancelled"  # type: tuple[str, Reason]
        for event in self.events(prompt, sampling):
            text += event.text if isinstance(event, Piece) else ""
            reason = event.reason if isinstance(event, Done) else reason
        return text, reason

    def text_in_queue(self, prompt: Prompt, sampling: Sampling, progress: Progress) -> Generator[Progress, None, str]:
        """As `text`; while the call waits, yields `progress` with its position in the queue."""
        return (yield from self.text_and_reason(prompt, sampling, progress))[0]

    def text_and_reason(
        self, prompt: Prompt, sampling: Sampling, progress: Progress
    ) -> Generator[Progress, None, tuple[str, Reason]]:
        """As `text_in_queue`; returns why it ended, too."""
        text, reason = "", "cancelled"  # type: tuple[str, Reason]
        for event in self.events(prompt, sampling, step=progress.step):
            match event:
                case Piece():
                    text += event.text
                case Done():
                    reason = event.reason
                case _:
                    yield in_queue(progress, event)
        return text, reason

    def choose(self, prompt: Prompt, options: tuple[str, ...], progress: Progress) -> Generator[Progress, None, int]:
        """The index of the option with the highest score; 0 when it was stopped. `progress` as in `text_in_queue`."""
        values = (0.0,) * len(options)
        for event in self._events(Choose(COMPOSER.name, prompt, options), progress.step):
            if isinstance(event, Scores):
                values = event.values
            elif isinstance(event, Queued | Started):
                yield in_queue(progress, event)
        return max(range(len(options)), key=values.__getitem__)

    def sampling(self, brief: Brief, part: Part = "words", **changes: object) -> Sampling:
        """The sampling that suits the model and the part of the article, changed by the fields that the person set,
        then by `changes`. Raises InputError for more beams than the model has."""
        if (brief.beams or 1) > self.card.beams:
            raise InputError("beams_too_many", model=self.card.name, limit=self.card.beams, count=brief.beams)
        request = "\n".join((brief.subject, brief.materials, *brief.outline))
        form = self.dialect.writing_form(request, part, len(brief.outline))
        return replace(self.dialect.writing, grammar=form, **check("writing", vars(brief)) | changes)

    def _events(self, call: Generate | Choose, step: Step) -> Iterator[Event]:
        self._keep(call.prompt, self.card.name, step)
        request = self.stop.watch(self._worker.submit(call, self._person))
        try:
            for event in request.events():
                if isinstance(event, Failed):
                    raise event.error
                yield event
        finally:
            request.cancel()  # harmless at the end; needed when nobody reads on
