"""A web page by the model, as one file: asked for, its pictures found in the library, made safe to open."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from studio.documents.article import Picture
from studio.documents.html_page import extract, safe_page, wanted_pictures
from studio.errors import EngineError, ModelError, StudioError
from studio.language import language_of
from studio.prompts.web_pages import SAMPLING, PageRequest, can_make_pages, page_prompt
from studio.protocol import Done, Piece, Queued, Sampling
from studio.tasks.find import PictureFinder
from studio.tasks.model_calls import ModelCalls
from studio.tasks.progress import Stop, until_loaded
from studio.worker.client import WorkerClient

MAX_PICTURES = 24  # of a page; further ones stay empty
_MIME = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


@dataclass(frozen=True)
class PageProgress:
    """A page as it stands: the model's own `source`, and the file `html` once it is whole; `error` is what ended it."""

    step: Literal["writing", "finding", "done"]
    source: str = ""
    html: str = ""
    waiting: Queued | None = None
    cut: bool = False  # it ended at the limit
    error: StudioError | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.step == "done"

    def fail(self, error: StudioError) -> PageProgress:
        """The last state, after an error."""
        return replace(self, step="done", error=error)


class PageWriter:
    """See the module. `read` gives the bytes of a picture's file by its key."""

    def __init__(self, worker: WorkerClient, finder: Callable[[], PictureFinder], read: Callable[[str], bytes]) -> None:
        self._worker, self._make_finder, self._read = worker, finder, read

    def write(
        self,
        request: PageRequest,
        pictures: tuple[Picture, ...],
        person: str,
        stop: Stop,
        scripts: bool = False,
        sampling: Sampling = SAMPLING,
    ) -> Iterator[PageProgress]:
        """Make a page of a request, with a person's own `pictures` before the library's. What failed is the `error` of
        the last state."""
        state = PageProgress("writing")
        try:
            until_loaded(self._worker, stop)
            for state in self._write(request, pictures, person, stop, scripts, sampling) if not stop.pressed else ():
                yield state
        except StudioError as e:
            yield state.fail(e)

    def _write(
        self,
        request: PageRequest,
        pictures: tuple[Picture, ...],
        person: str,
        stop: Stop,
        scripts: bool,
        sampling: Sampling,
    ) -> Iterator[PageProgress]:
        calls = ModelCalls(self._worker, self._read, person, stop)
        if not can_make_pages(calls.card):
            raise ModelError("no_web_pages", model=calls.card.name)
        prompt = page_prompt(request)
        room = max(1, calls.budget.room(prompt, sampling.max_tokens))  # one too long is refused with its numbers
        state, reply = PageProgress("writing"), ""
        yield state
        for event in calls.events(prompt, replace(sampling, max_tokens=room)):
            match event:
                case Queued():
                    yield replace(state, waiting=event)
                case Piece(text):
                    reply += text
                    state = replace(state, source=reply)
                    yield state
                case Done(reason):
                    state = replace(state, source=extract(reply), cut=reason == "length")
        if not state.source:
            raise EngineError("nothing_written")
        yield replace(state, step="finding")
        found = self._pictures(state.source, pictures, stop)
        yield replace(state, step="done", html=safe_page(state.source, found, scripts))

    def _pictures(self, source: str, own: tuple[Picture, ...], stop: Stop) -> list[str]:
        """A data address for each picture that the page wants, empty where none is found."""
        wanted = wanted_pictures(source)[:MAX_PICTURES]
        if not wanted:
            return []
        finder = self._make_finder()
        finder.prepare(own, language_of(" ".join(wanted)))
        found, used = [], set[str]()
        for query in wanted:
            hits = finder.find(query, 1, used) if query and not stop.pressed else []
            used |= {hit.picture.key for hit in hits}
            found.append(_data_address(self._read(hits[0].picture.key)) if hits else "")
        return found


def _data_address(data: bytes) -> str:
    mime = next((mime for start, mime in _MIME.items() if data.startswith(start)), "image/png")
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
