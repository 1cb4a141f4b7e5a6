"""`studio ask`: one question about pictures, the answer streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.cli.write import read_picture
from studio.documents.article import Picture
from studio.documents.conversation import Conversation, Turn
from studio.sampling import check as check_numbers
from studio.settings import Settings
from studio.storage.persons import CLI
from studio.tasks.answer_stream import check
from studio.tasks.progress import Stop


def ask(settings: Settings, pictures: tuple[str, ...], question: str, sampling: Mapping[str, Any]) -> Iterator[str]:
    """The answer's pieces; `sampling` are numbers of a chat, None where nothing was said. Raises StudioError."""
    files = [(read_picture(name), Path(name)) for name in pictures]
    check(Turn(question, tuple(Picture(path.name) for _, path in files)))
    numbers = check_numbers("chat", sampling)
    with Studio(settings, plan(settings)) as studio:
        taken = [(studio.library.normalise(data, path.name), path) for data, path in files]
        own = tuple(Picture(studio.store.add_file(t, CLI), p.stem, p.name) for t, p in taken)
        shown = ""
        wanted = replace(studio.answerer.sampling(), **numbers) if numbers else None
        for state in studio.answerer.ask(Conversation().ask(question, own), CLI, Stop(), wanted):
            answer = state.conversation.turns[-1].answer
            yield answer[len(shown) :]
            shown = answer
            if state.error:
                raise state.error
