"""What blocks (the store, files, the search model) runs on threads that page loads never wait for.

Gradio's own pool of forty threads prepares and finishes every event, and Starlette's serves files: whoever holds one of
those for long makes everybody's page wait. So the page's handlers are coroutines, and what blocks goes here.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

P = ParamSpec("P")
T = TypeVar("T")
_QUICK = CapacityLimiter(24)  # milliseconds each
_SLOW = CapacityLimiter(8)  # exports, zips, pictures that are taken in: these must not keep an edit waiting


async def in_thread(work: Callable[..., T], *args: Any, slow: bool = False) -> T:
    """The result of a function that blocks."""
    return await to_thread.run_sync(functools.partial(work, *args), limiter=_SLOW if slow else _QUICK)


def threaded(handler: Callable[P, T], slow: bool = False) -> Callable[P, Awaitable[T]]:
    """A handler that blocks, as a coroutine that Gradio runs on its loop; Gradio sees the same parameters."""

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(functools.partial(handler, *args, **kwargs), slow=slow)

    return run
