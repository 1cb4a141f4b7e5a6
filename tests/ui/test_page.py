"""How the page's events reach the server."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from event_loop import run_in_new_loop

from studio.app import Studio
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import ScriptedSpec
from studio.ui.article_editor import ArticleEditor
from studio.ui.server.page import page
from studio.ui.threads import in_thread

LONG = {"draft_outline", "export"}
"""Drafting an outline and the endpoint for programs take long without telling anything on the way."""


@pytest.fixture
def blocks(tmp_path: Path) -> gr.Blocks:
    """The page, of a studio that is never started."""
    card = ModelCard("scripted model", "starter", ("en", "zh"), sees=False, context=4096)
    studio = Studio(Settings(data=str(tmp_path)), ScriptedSpec((), card))
    return page(studio, ArticleEditor(studio))


def test_handlers_hold_no_thread_of_gradio(blocks: gr.Blocks) -> None:
    """Regression: forty threads served everything, and each reader of an article held one."""
    at_once = {"<lambda>", "start_edit", "write_about", "example", "time"}  # neither store nor worker are asked
    held = {name for f in blocks.fns.values() if (name := blocking(f.fn))}
    server_functions = [
        function
        for block in blocks.blocks.values()
        for function in vars(block).values()
        if callable(function) and getattr(function, "_is_server_fn", False) is True
    ]
    served = {name for function in server_functions if (name := blocking(function))}
    assert len(server_functions) >= 8
    assert held <= at_once and not served, held | served


def blocking(function: Any) -> str:
    """The name of a handler that Gradio would run in a thread; empty for a coroutine or an asynchronous generator."""
    runs_on_loop = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    return "" if function is None or runs_on_loop else function.__name__


def test_nobody_waits_for_a_place_in_gradios_queue(blocks: gr.Blocks) -> None:
    """What waits, waits in the runner, which tells the place; Gradio's own queue would hide it."""
    assert all(f.concurrency_limit is None for f in blocks.fns.values() if f.queue and f.fn)
    assert blocks._queue.max_thread_count >= 1500


def test_what_is_slow_keeps_nothing_quick_waiting() -> None:
    release = threading.Event()

    async def both() -> str:
        stuck = [asyncio.create_task(in_thread(release.wait, pool="worker")) for _ in range(200)]
        try:
            return await asyncio.wait_for(in_thread(lambda: "quick"), 5)
        finally:
            release.set()
            await asyncio.gather(*stuck)

    assert run_in_new_loop(both()) == "quick"


def test_only_what_takes_long_is_queued(blocks: gr.Blocks) -> None:
    """A short event at the end of the queue's stream made the page lose a long one that began just then."""
    asked = {f.fn.__name__.strip("_"): f for f in blocks.fns.values() if f.fn}
    assert {name for name, f in asked.items() if f.queue and not f.types_generator} <= LONG
    assert {"write", "ask", "start", "run"} <= {name for name, f in asked.items() if f.queue}


@pytest.mark.parametrize(("adapters", "there"), [((), False), (("write", "web"), True)])
def test_web_pages_have_a_tab_where_the_model_can_make_them(
    tmp_path: Path, adapters: tuple[str, ...], there: bool
) -> None:
    card = ModelCard("pages", "xcomposer2.5", ("en",), sees=True, context=4096, adapters=adapters)
    studio = Studio(Settings(data=str(tmp_path)), ScriptedSpec((), card))
    tabs = {block.id: block.visible for block in page(studio, ArticleEditor(studio)).blocks.values()
            if isinstance(block, gr.Tab)}  # fmt: skip
    assert tabs.pop("web") is there and all(tabs.values())
