"""`studio ask`: one question about pictures, the answer streamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.cli.write import read_picture
from studio.documents.article import Picture
from studio.documents.conversation import Conversation, Turn
from studio.library.picture_intake import take_in
from studio.settings import Settings
from studio.storage.persons import CLI
from studio.tasks.chat import check
from studio.tasks.progress import Stop


def ask(settings: Settings, pictures: tuple[str, ...], question: str) -> Iterator[str]:
    """The answer's pieces. Raises StudioError."""
    taken = [(take_in(read_picture(name), Path(name).name), Path(name)) for name in pictures]
    check(Turn(question, tuple(Picture(t.key) for t, _ in taken)))
    with Studio(settings, plan(settings)) as studio:
        own = tuple(Picture(studio.store.add_file(t, CLI), p.stem, p.name) for t, p in taken)
        shown = ""
        for state in studio.answerer.ask(Conversation().ask(question, own), CLI, Stop()):
            answer = state.conversation.turns[-1].answer
            yield answer[len(shown) :]
            shown = answer
            if state.error:
                raise state.error
