"""What the making of an article reports while it goes on, and how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from studio.documents.article import Article
from studio.errors import StudioError
from studio.protocol import Queued, Started
from studio.tools.registry import Cancellable
from studio.worker.client import WorkerClient

C = TypeVar("C", bound=Cancellable)

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

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.step == "done"

    def fail(self, error: StudioError) -> Progress:
        """The last state, after an error."""
        return replace(self, step="done", error=error)


def in_queue(progress: Progress, event: Queued | Started) -> Progress:
    """That progress while its call waits, and when the call has its turn."""
    return replace(progress, waiting=event if isinstance(event, Queued) else None)


StopReason = Literal["stopped", "interrupted"]  # by a person, or because the studio ends


class Stop:
    """A button that ends work under way: it cancels the call that runs and every one that would follow.

    `on_press` is called once, at the first press.
    """

    def __init__(self, on_press: Callable[[], None] | None = None) -> None:
        self.reason: StopReason = "stopped"
        self._pressed = threading.Event()
        self._on_press = on_press
        self._request: Cancellable | None = None

    @property
    def pressed(self) -> bool:
        """Whether it was pressed."""
        return self._pressed.is_set()

    def press(self, reason: StopReason = "stopped") -> None:
        """End the work, from any thread. The first press says the reason."""
        if self.pressed:
            return
        self.reason = reason
        self._pressed.set()
        if request := self._request:
            request.cancel()
        if self._on_press:
            self._on_press()

    def watch(self, request: C) -> C:
        """The work that a press would cancel now."""
        self._request = request
        if self.pressed:
            request.cancel()
        return request


def until_loaded(worker: WorkerClient, stop: Stop) -> None:
    """Wait until the models are loaded or `stop` is pressed. Raises the error that keeps them from loading."""
    while worker.state == "starting" and not stop.pressed:
        worker.wait_ready(0.2)
