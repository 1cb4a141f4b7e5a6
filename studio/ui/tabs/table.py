"""The Table tab: many pictures × questions, a table that fills row by row and goes on when the page is closed."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import gradio as gr

from studio import export
from studio.app import Studio
from studio.errors import StudioError
from studio.tasks.fill_table import TableJob, TableProgress
from studio.ui import examples
from studio.ui.address import MISSING
from studio.ui.article_editor import download_url
from studio.ui.components import AT_ONCE, script_component
from studio.ui.form_drafts import sent
from studio.ui.identity import identity_of, language_for, to_gradio_error
from studio.ui.table_view import EMPTY, Changes, to_table_data
from studio.ui.threads import in_thread, threaded
from studio.ui.uploads import uploads_of
from studio.ui.words import i18n, t

_DOWNLOAD = "url => { if (url) { const a = document.createElement('a'); a.href = url; a.download = ''; a.click(); } }"
_OPTIONS: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
Frame = tuple[Any, ...]
Frames = AsyncGenerator[Frame, None]


def table_tab(studio: Studio, address: gr.HTML, drafts: gr.HTML) -> None:
    """Lay the tab out and connect it."""
    words, events = i18n(), _Events(studio)
    with gr.Tab(words("table"), id="table", elem_id="tab-table") as tab, gr.Row(elem_id="table-row"):
        number, gone = gr.State(0), gr.State(0)  # inside the tab: between tabs they would shift their labels
        with gr.Column(scale=1, min_width=300, elem_id="table-form"):
            pictures = gr.File(
                label=words("table_pictures"),
                file_count="multiple",
                file_types=["image", ".heic", ".heif", ".zip"],  # Gradio tells what it leaves out; see `gradio.js`
                height=140,
                elem_id="table-pictures",
            )
            questions = gr.Textbox(
                label=words("table_questions"),
                placeholder=words("table_questions_hint"),
                lines=4,
                elem_id="table-questions",
            )
            start = gr.Button(words("table_start"), variant="primary", elem_id="table-start")
            stop = gr.Button(words("stop"), interactive=False, elem_id="table-stop")
            earlier = gr.Radio([], label=words("table_earlier"), visible=False, elem_id="tables")
            undelete = gr.Button(words("table_undelete"), visible=False, size="sm", elem_id="table-undelete")
        with gr.Column(scale=3, min_width=320):
            cards = examples.cards(examples.TABLE)
            table_view = script_component(
                "table.js", EMPTY, "table-sheet", css="table.css", events="example", examples=cards
            )
            with gr.Row(visible=False, elem_id="table-tools") as tools:
                continue_table = gr.Button(words("table_continue"), elem_id="table-continue", size="sm", min_width=80)
                saves = {
                    kind: gr.Button(words(f"save_{kind}"), elem_id=f"table-{kind}", size="sm", min_width=80)
                    for kind in export.formats_for("table")
                }
                delete = gr.Button(words("table_delete"), elem_id="table-delete", size="sm", min_width=80)
        url = gr.Textbox(visible=False)
    frame = [number, table_view, start, stop, tools, continue_table, earlier]
    table_view.example(events.example, None, [pictures, questions], **AT_ONCE)
    start.click(events.start, [pictures, questions], [*frame, drafts], **_OPTIONS)
    continue_table.click(events.continue_table, number, frame, **_OPTIONS)
    earlier.input(events.open, earlier, frame, **_OPTIONS)
    address.table(events.open_addressed, None, frame, **_OPTIONS).failure(None, None, None, **MISSING)
    stop.click(threaded(events.stop), number, **AT_ONCE)
    delete.click(threaded(events.delete), number, [gone, undelete, *frame], **AT_ONCE)
    undelete.click(threaded(events.undelete), [gone, number], [undelete, earlier], **AT_ONCE)
    tab.select(threaded(events.earlier), number, earlier, **AT_ONCE)
    for kind, button in saves.items():
        saved = button.click(threaded(events.save(kind), pool="files"), number, url, **AT_ONCE)
        saved.then(None, url, None, js=_DOWNLOAD)


class _Events:
    """What the tab's elements do. A frame is one update of all of them; what stays as it is is skipped."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._watched: dict[str, TableJob] = {}  # session → the filling it follows: an older follower ends

    def example(self, request: gr.Request, event: gr.EventData) -> Frame:
        """Fill the form with a card of the empty sheet."""
        asked = event._data
        example = examples.chosen(examples.TABLE, asked.get("place") if isinstance(asked, dict) else None)
        if not example:
            return gr.skip(), gr.skip()
        try:
            files = [str(uploads_of(self._studio).give(identity_of(request), path)) for path in example.paths]
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        return files, example.question(language_for(request))

    async def start(self, request: gr.Request, files: list[str] | None, questions: str) -> Frames:
        """Begin a table and follow it."""
        person, status_line = identity_of(request), language_for(request)

        def begin() -> TableJob:
            sources = [uploads_of(self._studio).take(person, path).path for path in files or ()]
            return self._studio.table_jobs.start(person, questions, sources, status_line)

        forget: Any = sent("table")
        async for frame in self._follow(begin, request):
            yield *frame, forget
            forget = gr.skip()

    async def continue_table(self, request: gr.Request, id: int) -> Frames:
        """Ask what is open, and follow."""
        begin = lambda: self._studio.table_jobs.resume(identity_of(request), id, language_for(request))  # noqa: E731
        async for frame in self._follow(begin, request):
            yield frame

    async def open(self, request: gr.Request, id: int | None) -> Frames:
        """Show an earlier table; follow it if it is under way."""
        if id is None:
            return
        if batch := self._studio.table_jobs.get(identity_of(request), id):
            async for frame in self._follow(lambda: batch, request):
                yield frame
            return
        self._watched.pop(str(request.session_hash), None)
        try:
            table = await in_thread(self._studio.store.tables.get, identity_of(request), id)
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        stopped = bool(table.open) and not table.failed
        progress = TableProgress(table, "done", table.cells - table.open, table.cells, stopped=stopped)
        yield await in_thread(self._frame, progress, request)

    async def open_addressed(self, request: gr.Request, event: gr.EventData) -> Frames:
        """Show the table that the page's address names."""
        if isinstance(event._data, dict) and type(id := event._data.get("id")) is int:
            async for frame in self.open(request, id):
                yield frame

    def stop(self, request: gr.Request, id: int) -> None:
        """Stop the filling; what was answered stays."""
        if batch := self._studio.table_jobs.get(identity_of(request), id):
            batch.stop.press()

    def delete(self, request: gr.Request, id: int) -> Frame:
        """Hide a table, and offer to bring it back."""
        self.stop(request, id)
        try:
            self._studio.store.tables.delete(identity_of(request), id)
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        self._watched.pop(str(request.session_hash), None)
        nothing = (0, EMPTY, gr.skip(), gr.Button(interactive=False), gr.Row(visible=False), gr.skip())
        return id, gr.Button(visible=True), *nothing, self.earlier(request, 0)

    def undelete(self, request: gr.Request, gone: int, id: int) -> Frame:
        """Bring the table deleted last back into the list."""
        try:
            self._studio.store.tables.undelete(identity_of(request), gone)
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        return gr.Button(visible=False), self.earlier(request, id)

    def earlier(self, request: gr.Request, id: int) -> Any:
        """The person's tables, the one that is open marked."""
        status_line, choices = language_for(request), []
        for row in self._studio.store.tables.rows(identity_of(request)):
            of = row.pictures * row.questions
            facts = {"pictures": row.pictures, "answers": of - row.open, "of": of}
            parts = [row.title[:60], t("table_label", status_line).format(**facts)]
            choices.append((" · ".join(parts + [t("table_running", status_line)] * row.running), row.id))
        return gr.Radio(choices, value=id or None, visible=bool(choices))

    def save(self, kind: str) -> Callable[[gr.Request, int], str]:
        """For a button: the table as a file of that kind, to be fetched once."""

        def save(request: gr.Request, id: int) -> str:
            try:
                table = self._studio.store.tables.get(identity_of(request), id)
                data = export.export(table, kind, self._studio.store.read_file, {})
                path = uploads_of(self._studio).export(identity_of(request), export.filename(table, kind), data)
            except StudioError as e:
                raise to_gradio_error(e, request) from e
            return download_url(path)

        return save

    async def _follow(self, begin: Callable[[], TableJob], request: gr.Request) -> Frames:
        """The frames of a job, until it ends or the session opens another table."""
        session = str(request.session_hash)
        try:
            batch = self._watched[session] = await in_thread(begin, pool="files")
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        yield await in_thread(self._frame, batch.now(), request)
        clock, changes = _TimeLeft(), Changes()
        try:
            async for progress in batch.follow():
                if self._watched.get(session) is not batch:
                    return
                left = clock.left(progress)
                if not progress.ended:
                    changed = await in_thread(
                        lambda f=progress, s=left: changes.of(to_table_data(f, language_for(request), s))
                    )
                    yield (gr.skip(), changed, *(gr.skip(),) * 5)
            yield await in_thread(self._frame, batch.state, request)
        finally:
            if self._watched.get(session) is batch:
                del self._watched[session]

    def _frame(self, progress: TableProgress, request: gr.Request) -> Frame:
        """Everything as it is at the begin or the end of a filling."""
        table, running = progress.table, progress.step != "done"
        return (
            table.id,
            to_table_data(progress, language_for(request)),
            gr.Button(interactive=not running),
            gr.Button(interactive=running),
            gr.Row(visible=not running and bool(table.rows)),
            gr.Button(visible=bool(table.open)),
            self.earlier(request, table.id),
        )


class _TimeLeft:
    """Estimates how long the rest takes, from the answers since it was made."""

    def __init__(self) -> None:
        self._began = 0.0
        self._first = 0

    def left(self, progress: TableProgress) -> float | None:
        """Seconds, or None as long as nothing is known."""
        if progress.step != "asking" or not progress.place:
            return None
        if not self._began:
            self._began, self._first = time.monotonic(), progress.number
        answered = progress.number - self._first
        spent = time.monotonic() - self._began
        return spent / answered * (progress.of - progress.number) if answered else None
