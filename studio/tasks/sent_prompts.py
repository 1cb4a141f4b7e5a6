"""What models saw: prompts are kept when they are sent, and their token ids when the work is done.

The ids come from the model that had the prompt, after its answer and so in front of nobody; where it is gone by then
they can be had later, as soon as a model of that name is loaded.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass

from studio.errors import StorageError, StudioError
from studio.prompts.transcript import from_list, text_of, to_list
from studio.protocol import Encode, Prompt, TokenIds
from studio.storage.prompt_rows import KeptPrompt, PromptRow, PromptRows
from studio.worker.client import WorkerClient

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class SentPrompt:
    """A prompt as people read it. In `ids`, None where they cannot be had, None stands for each picture."""

    row: PromptRow
    text: str
    ids: tuple[int | None, ...] | None


class SentPrompts:
    """See the module."""

    def __init__(self, worker: WorkerClient, rows: PromptRows) -> None:
        self._worker, self._rows = worker, rows

    def keep(self, person: str, prompt: Prompt, model: str, article: int = 0, step: str = "") -> int:
        """Keep a prompt that is sent to the model of that name; gives its number, or 0 where the data folder takes
        nothing: that must not end the work."""
        try:
            return self._rows.keep(person, to_list(prompt), model, article, step)
        except StorageError as e:
            _LOG.warning("a prompt was not kept: %s", e)
            return 0

    def add_ids(self, person: str, number: int) -> None:
        """Keep the token ids of a prompt, if its model is there."""
        with suppress(StudioError):
            kept = self._rows.get(person, number)
            if kept.ids is None and (found := self._encode(from_list(kept.data), kept.row.model)):
                self._rows.add_ids(person, number, {"ids": found.values, "bos": found.bos})

    def add_ids_of(self, person: str, article: int) -> None:
        """The same for all prompts of an article."""
        with suppress(StudioError):
            for number in self._rows.without_ids(person, article):
                self.add_ids(person, number)

    def of_article(self, person: str, article: int) -> list[PromptRow]:
        """The prompts of an article, in the order in which they were sent."""
        return self._rows.of_article(person, article)

    def get(self, person: str, number: int) -> SentPrompt:
        """A prompt with its ids. Raises NotFoundError."""
        self.add_ids(person, number)
        return as_sent(self._rows.get(person, number))

    def _encode(self, prompt: Prompt, model: str) -> TokenIds | None:
        """A prompt's ids by the loaded model of that name; None where it is not loaded."""
        role = next((role for role, card in self._worker.cards.items() if card.name == model), None)
        if role is None or self._worker.state != "ready":
            return None
        result = self._worker.submit(Encode(role, prompt)).result()
        return result if isinstance(result, TokenIds) else None


def as_sent(kept: KeptPrompt) -> SentPrompt:
    """A kept prompt as people read it."""
    ids = kept.ids or {"ids": None, "bos": ""}
    return SentPrompt(kept.row, text_of(from_list(kept.data), ids["bos"]), ids["ids"] and tuple(ids["ids"]))
