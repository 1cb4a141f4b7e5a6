"""A web page by the model: asked for, and its pictures found in the library. `render` makes one file of it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from studio.documents.article import Picture
from studio.documents.html_page import extract, safe_page, wanted_pictures
from studio.errors import EngineError, ModelError, NotFoundError, StudioError
from studio.language import language_of
from studio.prompts.web_pages import SAMPLING, PageRequest, can_make_pages, page_prompt
from studio.protocol import Done, Piece, Queued, Sampling, Started
from studio.tasks.find import PictureFinder
from studio.tasks.model_calls import ModelCalls
from studio.tasks.progress import Stop, until_loaded
from studio.worker.client import WorkerClient

MAX_PICTURES = 24  # of a page; further ones stay empty
_MIME = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


@dataclass(frozen=True)
class PageProgress:
    """A page as it stands: the model's own `source`, at the end a key for each of the `pictures` that it wants ("" for
    none); `error` is what ended it."""

    step: Literal["writing", "finding", "done"]
    source: str = ""
    pictures: tuple[str, ...] = ()
    waiting: Queued | None = None
    cut: bool = False  # it ended at the limit
    error: StudioError | None = None


@dataclass(frozen=True)
class PictureWishes:
    """Where the pictures of a page come from: a person's `own` before the library's, and those that are `known` for
    what they should show, since they were shown for it before."""

    own: tuple[Picture, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)


class PageWriter:
    """See the module. `read` gives the bytes of a picture's file by its key."""

    def __init__(self, worker: WorkerClient, finder: Callable[[], PictureFinder], read: Callable[[str], bytes]) -> None:
        self._worker, self._make_finder, self._read = worker, finder, read

    def write(
        self, request: PageRequest, wishes: PictureWishes, person: str, stop: Stop, sampling: Sampling = SAMPLING
    ) -> Iterator[PageProgress]:
        """Make a page of a request. What failed is the `error` of the last state."""
        state = PageProgress("writing")
        try:
            until_loaded(self._worker, stop)
            if stop.pressed:
                return
            for state in self._write(request, person, stop, sampling):
                yield state
            yield from self._fill(state, wishes, stop)
        except StudioError as e:
            yield replace(state, step="done", source=extract(state.source), waiting=None, error=e)

    def fill(self, source: str, wishes: PictureWishes, stop: Stop) -> Iterator[PageProgress]:
        """Find the pictures of a source that a person typed."""
        state = PageProgress("finding", source)
        try:
            yield from self._fill(state, wishes, stop)
        except StudioError as e:
            yield replace(state, step="done", error=e)

    def render(self, source: str, pictures: tuple[str, ...], scripts: bool = False) -> str:
        """The page as one file, its pictures inside; one whose file is gone stays empty."""
        return safe_page(source, [self._data_address(key) for key in pictures], scripts)

    def _write(self, request: PageRequest, person: str, stop: Stop, sampling: Sampling) -> Iterator[PageProgress]:
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
                case Started():
                    yield state
                case Piece(text):
                    reply += text
                    state = replace(state, source=reply)
                    yield state
                case Done(reason):
                    state = replace(state, cut=reason == "length")
        source = extract(reply)
        if not source and not stop.pressed:
            raise EngineError("nothing_written")
        yield replace(state, source=source)

    def _fill(self, state: PageProgress, wishes: PictureWishes, stop: Stop) -> Iterator[PageProgress]:
        wanted = wanted_pictures(state.source)[:MAX_PICTURES]
        if wanted:
            yield replace(state, step="finding")
        yield replace(state, step="done", pictures=self._pictures(wanted, wishes, stop))

    def _pictures(self, wanted: tuple[str, ...], wishes: PictureWishes, stop: Stop) -> tuple[str, ...]:
        """A key for each picture that is wanted, "" where none is found."""
        keys = [wishes.known.get(query, "") for query in wanted]
        if all(keys):
            return tuple(keys)
        finder, used = self._make_finder(), set(keys)
        finder.prepare(wishes.own, language_of(" ".join(wanted)))
        for at, query in enumerate(wanted):
            if keys[at] or not query or stop.pressed:
                continue
            if hits := finder.find(query, 1, used):
                keys[at] = hits[0].picture.key
                used.add(keys[at])
        return tuple(keys)

    def _data_address(self, key: str) -> str:
        try:
            data = self._read(key) if key else b""
        except NotFoundError:
            return ""
        mime = next((mime for start, mime in _MIME.items() if data.startswith(start)), "")
        return f"data:{mime};base64,{base64.b64encode(data).decode()}" if mime else ""
