"""Coroutines in tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def run_in_new_loop(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on a thread of its own: Playwright leaves a loop running on the one that the tests run on."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
