"""Waiting for work that cannot be interrupted, and giving up on it: it goes on alone, and its result is dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar, cast

from studio.errors import StudioError
from studio.tools.registry import StopSignal

T = TypeVar("T")


class _Waiting(Generic[T]):
    """What Stop cancels."""

    def __init__(self, future: Future[T]) -> None:
        self._future = future

    def cancel(self) -> None:
        self._future.cancel()


def wait_for(future: Future[T], stop: StopSignal, seconds: float) -> T:
    """The result of a future. Raises what it raises, TimeoutError after so many seconds, and StudioError when the
    person stops it."""
    stop.watch(_Waiting(future))
    try:
        return future.result(seconds)
    except CancelledError as e:
        raise StudioError("tool_stopped") from e


def run_apart(work: Callable[[], T], stop: StopSignal, seconds: float) -> T:
    """The result of `work`, which runs on a thread of its own. Raises as `wait_for`."""
    future: Future[T] = Future()

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as e:  # noqa: BLE001 - it is raised where the result is waited for
            error = e
        if not future.set_running_or_notify_cancel():
            return
        if error:
            future.set_exception(error)
        else:
            future.set_result(cast(T, result))

    threading.Thread(target=run, name="tool", daemon=True).start()
    return wait_for(future, stop, seconds)
