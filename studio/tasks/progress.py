"""What the making of an article reports while it goes on, and how it is stopped."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Literal

from studio.documents.article import Article
from studio.errors import Language, StudioError
from studio.protocol import Queued, Started
from studio.worker.client import Lane, Ticket

Step = Literal["writing", "placing", "captioning", "finding", "choosing", "done"]


@dataclass(frozen=True)
class Progress:
    """The article as it stands. `number` of `of` is the picture at work, `speed` tokens a second, `waiting` the place
    in the queue while another call runs, `loading` that the model is not there yet, `error` what ended it."""

    article: Article
    step: Step
    number: int = 0
    of: int = 0
    speed: float = 0.0
    waiting: Queued | None = None
    loading: bool = False
    error: StudioError | None = None


def in_queue(progress: Progress, event: Queued | Started) -> Progress:
    """That progress while its call waits, and when the call has its turn."""
    return replace(progress, waiting=event if isinstance(event, Queued) else None)


class Stop:
    """A button that ends work under way: it cancels the call that runs and every one that would follow."""

    def __init__(self) -> None:
        self._pressed = threading.Event()
        self._ticket: Ticket | None = None

    @property
    def pressed(self) -> bool:
        """Whether it was pressed."""
        return self._pressed.is_set()

    def press(self) -> None:
        """End the work, from any thread."""
        self._pressed.set()
        if ticket := self._ticket:
            ticket.cancel()

    def watch(self, ticket: Ticket) -> Ticket:
        """The call that a press would cancel now."""
        self._ticket = ticket
        if self.pressed:
            ticket.cancel()
        return ticket


def until_loaded(lane: Lane, stop: Stop) -> None:
    """Wait until the models are loaded or `stop` is pressed. Raises the error that keeps them from loading."""
    while lane.state == "starting" and not stop.pressed:
        lane.wait_ready(0.2)


def language_of(text: str) -> Language:
    """Chinese when the text has Chinese characters, else English."""
    return "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"
