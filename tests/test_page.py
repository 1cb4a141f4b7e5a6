"""How the page's events reach the server."""

from __future__ import annotations

from pathlib import Path

from studio.app import Studio
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import ScriptedSpec
from studio.ui.article_editor import Desk
from studio.ui.server.page import page

LONG = {"drafted", "export"}
"""Drafting an outline and the endpoint for programs take long without telling anything on the way."""


def test_only_what_takes_long_is_queued(tmp_path: Path) -> None:
    """A short event at the end of the queue's stream made the page lose a long one that began just then."""
    card = ModelCard("scripted model", "starter", ("en", "zh"), sees=False, context=4096)
    studio = Studio(Settings(data=str(tmp_path)), ScriptedSpec((), card))
    asked = {f.fn.__name__.strip("_"): f for f in page(studio, Desk(studio)).fns.values() if f.fn}
    assert {name for name, f in asked.items() if f.queue and not f.types_generator} <= LONG
    assert {"write", "ask", "start", "run"} <= {name for name, f in asked.items() if f.queue}
