"""What blocks (the store, files, the search model) runs on threads that page loads never wait for.

Gradio's own pool of forty threads prepares and finishes every event, and Starlette's serves files: whoever holds one of
those for long makes everybody's page wait. So the page's handlers are coroutines, and what blocks goes here.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

Pool = Literal["quick", "pictures", "files", "worker"]
P = ParamSpec("P")
T = TypeVar("T")
_POOLS: dict[Pool, CapacityLimiter] = {
    "quick": CapacityLimiter(24),  # the store: milliseconds each
    "pictures": CapacityLimiter(8),  # pictures and thumbnails as they are shown
    "files": CapacityLimiter(8),  # exports, zips, pictures that are taken in: seconds
    "worker": CapacityLimiter(16),  # what the worker sees or searches: until it is loaded, when it is not
}


async def in_thread(work: Callable[..., T], *args: Any, pool: Pool = "quick") -> T:
    """The result of a function that blocks. What is slow in one pool keeps no other one waiting."""
    return await to_thread.run_sync(functools.partial(work, *args), limiter=_POOLS[pool])


def threaded(handler: Callable[P, T], pool: Pool = "quick") -> Callable[P, Awaitable[T]]:
    """A handler that blocks, as a coroutine that Gradio runs on its loop; Gradio sees the same parameters."""

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return await in_thread(functools.partial(handler, *args, **kwargs), pool=pool)

    return run


def pool_for(files: Sequence[Any]) -> Pool:
    """Where a question with these files is taken in: pictures take long, words do not wait for them."""
    return "files" if files else "quick"
