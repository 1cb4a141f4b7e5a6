"""The Chat tab: several pictures a message, several turns, streamed answers that can be edited, repeated, continued."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from studio import __version__, export
from studio.app import Studio
from studio.documents.conversation import Conversation
from studio.errors import Language, StudioError
from studio.tasks.answers import Answer
from studio.tasks.chat import Answering
from studio.ui import examples
from studio.ui.article_editor import Desk, download_url
from studio.ui.article_view import place
from studio.ui.chat_bubbles import brief, bubbles_of, goes_on, turn_of
from studio.ui.components import AT_ONCE, Number, numbers, part, read
from studio.ui.identity import identity_of, language_for, take_in_uploads, to_gradio_error
from studio.ui.picture_room import picture_room
from studio.ui.threads import Pool, in_thread, threaded
from studio.ui.uploads import uploads_of
from studio.ui.words import i18n, t

NUMBERS = (
    Number("answer_length", "max_tokens", 0, 1, 4096),
    Number("chat_temperature", "temperature", 2, 0, 2),
    Number("chat_top_p", "top_p", 2, 0, 1),
    Number("chat_top_k", "top_k", 0, 0, 1000),
    Number("chat_penalty", "repetition_penalty", 3, 0.5, 2),
    Number("chat_seed", "seed", 0, 0, 2**32 - 1),
    Number("beams", "beams", 0, 1, 5),
)
_DOWNLOAD = "url => { if (url) { const a = document.createElement('a'); a.href = url; a.download = ''; a.click(); } }"
_PATIENCE = 2.0  # seconds for an answer to end when another conversation is shown
Reply = tuple[Any, ...]
Replies = AsyncGenerator[Reply, None]
Begin = Callable[[str], Answer]  # for a person


@dataclass(frozen=True)
class Talk:
    """The tab's parts that other tabs fill."""

    bubbles: gr.Chatbot
    said: gr.State
    more: gr.Button
    shown: Callable[[gr.Request, Conversation], Awaitable[tuple[gr.Chatbot, gr.Button]]]


def chat_tab(studio: Studio, desk: Desk, tabs: gr.Tabs) -> Talk:
    """Lay the tab out and connect it."""
    words = i18n()
    with gr.Tab(words("chat"), id="chat"), gr.Column(elem_id="chat-column"):
        talk = gr.State(Conversation())  # inside the tab: between tabs it would shift their labels
        welcome = part("chat.js", None, "welcome", "ask edit again", examples=examples.cards(examples.CHAT))
        bubbles = gr.Chatbot(
            elem_id="chatbot",
            height="calc(100vh - 330px)",
            min_height="320px",
            buttons=["copy", "copy_all"],
            show_label=False,
            editable="user",  # for its pencil; what it does is `chat.js`
            layout="bubble",
        )
        box = gr.MultimodalTextbox(
            placeholder=words("question_hint"),
            file_count="multiple",
            show_label=False,
            file_types=["image", ".heic", ".heif"],
            stop_btn=False,
            elem_id="question",
            max_plain_text_length=20_000,
        )
        picture_room(studio, box)
        with gr.Row(elem_id="chat-tools"):
            clear = gr.Button(words("clear"), elem_id="clear", size="sm", min_width=80)
            more = gr.Button(words("continue"), elem_id="continue-answer", size="sm", min_width=80, visible=False)
            write = gr.Button(words("write_about"), elem_id="write-about", size="sm", min_width=80)
            saves = {
                kind: gr.Button(words(f"save_{kind}"), elem_id=f"save-{kind}", size="sm", min_width=80)
                for kind in export.formats_for("conversation")
            }
        with gr.Accordion(words("more"), open=False):
            settings = numbers(NUMBERS, "chat-settings")
        url = gr.Textbox(visible=False)

    events = _Events(studio)
    outputs = [bubbles, box, talk, more]
    options: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
    running = [
        box.submit(events.ask, [box, talk, settings], outputs, **options),
        welcome.ask(events.example, settings, outputs, **options),
        bubbles.retry(events.again, [talk, settings], outputs, **options),
        welcome.again(events.edited, [talk, settings], outputs, **options),
        more.click(events.go_on, [talk, settings], outputs, **options),
    ]
    for event in running:  # also after an error; not as its last step, as what is sent before its end is lost
        event.then(lambda: _box(running=False), None, box, **AT_ONCE)
    welcome.edit(events.edit, talk, welcome, **AT_ONCE)
    box.stop(events.stop, **AT_ONCE)  # Gradio's own cancelling at times ends as an error
    bubbles.like(threaded(events.liked), talk, talk, trigger_mode="multiple", **AT_ONCE)
    for new in (clear.click, bubbles.clear):
        new(events.new, None, outputs, show_progress="hidden", **AT_ONCE)
    for kind, button in saves.items():
        button.click(threaded(events.saved(kind), pool="files"), talk, url, **AT_ONCE).then(
            None, url, None, js=_DOWNLOAD
        )
    write.click(lambda said: (gr.Tabs(selected="write"), brief(said)), talk, [tabs, desk.instruction], **AT_ONCE)
    return Talk(bubbles, talk, more, events.shown)


class _Events:
    """What the tab's elements do."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._under_way: dict[str, Answer] = {}  # session → the answer it follows

    async def ask(self, request: gr.Request, message: dict[str, Any], said: Conversation, values: Any) -> Replies:
        """A new question, perhaps with pictures."""

        def begin(mine: str) -> Answer:
            files = [uploads_of(self._studio).take(mine, path) for path in message["files"]]
            pictures = take_in_uploads(self._studio, mine, files)
            return self._start(mine, said.ask((message["text"] or "").strip(), pictures), values)

        async with aclosing(self._streamed(begin, request, empty=True, pool=_pool(message["files"]))) as replies:
            async for reply in replies:
                yield reply

    async def example(self, request: gr.Request, event: gr.EventData, values: Any) -> Replies:
        """A card of the empty conversation that was clicked."""
        asked = event._data
        if example := examples.chosen(examples.CHAT, asked.get("place") if isinstance(asked, dict) else None):
            said = language_for(request)

            def begin(mine: str) -> Answer:
                found = (self._studio.library.picture(key, said) for key in example.keys)
                pictures = tuple(hit.picture for hit in found if hit)
                return self._start(mine, Conversation().ask(example.question(said), pictures), values)

            async with aclosing(self._streamed(begin, request)) as replies:
                async for reply in replies:
                    yield reply

    async def stop(self, request: gr.Request) -> None:
        """End the answer under way; what there is of it stays."""
        if answer := self._under_way.get(str(request.session_hash)):
            await in_thread(answer.stop.press)

    async def new(self, request: gr.Request) -> Reply:
        """An empty conversation."""
        none = Conversation()
        bubbles, more = await self.shown(request, none)
        return bubbles, _box(running=False, value=None), none, more

    async def shown(self, request: gr.Request, said: Conversation) -> tuple[gr.Chatbot, gr.Button]:
        """Another conversation; an answer under way ends, and nothing more of it is shown."""
        if answer := self._under_way.pop(str(request.session_hash), None):
            await in_thread(answer.stop.press)
            with suppress(TimeoutError):  # else its last words could come after this
                await asyncio.wait_for(answer.finish(), _PATIENCE)
        return await in_thread(bubbles_of, self._studio, said, language_for(request)), gr.Button(visible=goes_on(said))

    async def again(self, request: gr.Request, said: Conversation, values: Any) -> Replies:
        """The last question once more."""
        if said.turns:
            async with aclosing(self._streamed(lambda mine: self._start(mine, said, values), request)) as replies:
                async for reply in replies:
                    yield reply

    async def go_on(self, request: gr.Request, said: Conversation, values: Any) -> Replies:
        """The rest of an answer that was cut."""
        if said.turns:
            async with aclosing(self._streamed(lambda mine: self._start(mine, said, values, True), request)) as replies:
                async for reply in replies:
                    yield reply

    def edit(self, event: gr.EventData, said: Conversation) -> Any:
        """A sent question that is to be edited, for the page's dialog."""
        match event._data:
            case {"turn": int(at)} if 0 <= at < len(said.turns):
                return {"turn": at, "question": said.turns[at].question, "asked": time.time()}
        return gr.skip()

    async def edited(self, request: gr.Request, event: gr.EventData, said: Conversation, values: Any) -> Replies:
        """A sent question in other words: what came after it is asked anew."""
        match event._data:
            case {"turn": int(at), "question": str(question)} if 0 <= at < len(said.turns):
                asked = replace(said, turns=said.turns[:at]).ask(question.strip(), said.turns[at].pictures)
                async with aclosing(self._streamed(lambda mine: self._start(mine, asked, values), request)) as replies:
                    async for reply in replies:
                        yield reply

    def liked(self, request: gr.Request, event: gr.LikeData, said: Conversation) -> Conversation:
        """What a person thinks of an answer, kept with it."""
        at = turn_of(event.index)
        if at >= len(said.turns):
            return said
        opinion = {True: True, "Like": True, False: False, "Dislike": False}.get(event.liked)
        turns = (*said.turns[:at], replace(said.turns[at], liked=opinion), *said.turns[at + 1 :])
        return self._studio.store.save_conversation(identity_of(request), replace(said, turns=turns))

    def saved(self, kind: str) -> Callable[[gr.Request, Conversation], str]:
        """The conversation as a file: where to fetch it, or nothing for an empty one."""

        def save(request: gr.Request, said: Conversation) -> str:
            if not said.turns:
                return ""
            try:
                return download_url(_file(self._studio, identity_of(request), said, kind))
            except StudioError as e:
                raise to_gradio_error(e, request) from e

        return save

    def _start(self, person: str, conversation: Conversation, values: Any, go_on: bool = False) -> Answer:
        return self._studio.answers.start(person, conversation, read(NUMBERS, values), go_on)

    async def _streamed(self, begin: Begin, request: gr.Request, empty: bool = False, pool: Pool = "quick") -> Replies:
        """The answer that `begin` starts, as it grows. Whoever goes away ends it."""
        session, answer = str(request.session_hash), None
        try:
            answer = self._under_way[session] = await in_thread(begin, identity_of(request), pool=pool)
            # once: what is typed while the answer streams stays
            box = _box(running=True, value=None) if empty else _box(running=True)
            async for answering in answer.follow():
                if self._under_way.get(session) is not answer:
                    yield (gr.skip(),) * 4  # Gradio sends the last step again at the end
                    return
                yield await in_thread(self._reply, answering, box, language_for(request))
                box = gr.skip()
                if answering.error:
                    raise answering.error
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        finally:
            if answer:
                answer.stop.press()
                if self._under_way.get(session) is answer:
                    del self._under_way[session]

    def _reply(self, answering: Answering, box: Any, spoken: Language) -> Reply:
        said, waits = answering.conversation, ""
        if not answering.ended and self._studio.worker.state == "starting":
            waits = t("loading", spoken)
        elif not answering.ended:
            waits = place(answering.waiting, spoken)
        more = gr.Button(visible=answering.ended and goes_on(said))
        return bubbles_of(self._studio, said, spoken, waits), box, said, more


def _pool(files: Sequence[Any]) -> Pool:
    """Where a question is taken in: pictures take long, words do not wait for them."""
    return "files" if files else "quick"


def _box(running: bool, **value: Any) -> gr.MultimodalTextbox:
    """The question's box: Stop stands in the place of Send while an answer comes."""
    return gr.MultimodalTextbox(submit_btn=not running, stop_btn=running, **value)


def _file(studio: Studio, person: str, said: Conversation, kind: str) -> Path:
    about = {"model": said.model, "studio": __version__}
    data = export.export(said, kind, studio.store.read_file, about)
    return uploads_of(studio).export(person, export.filename(said, kind), data)


def chat_api(studio: Studio) -> None:
    """The named endpoint for programs: /ask."""

    async def ask(request: gr.Request, pictures: list[gr.FileData], question: str) -> AsyncGenerator[str, None]:
        def begin() -> Answer:
            files = [uploads_of(studio).take(identity_of(request), p["path"]) for p in pictures]
            own = take_in_uploads(studio, identity_of(request), files)
            for file in files:
                file.discard()
            return studio.answers.ask(identity_of(request), Conversation().ask(question, own))

        try:
            answer = await in_thread(begin, pool=_pool(pictures))
            try:
                async for answering in answer.follow():
                    if answering.error:
                        raise answering.error
                    yield answering.conversation.turns[-1].answer
            finally:
                answer.stop.press()  # a program that goes away, or cancels, wants no more of it
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    gr.api(ask, api_name="ask", concurrency_limit=None)
