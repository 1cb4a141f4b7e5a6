"""The Chat tab: several pictures a message, several turns, streamed answers that can be edited, repeated, continued."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from studio import export
from studio.app import Studio
from studio.documents.conversation import Conversation
from studio.errors import Language, StudioError
from studio.specs import max_tiles
from studio.tasks.answer_stream import AnswerProgress
from studio.tasks.answers import Answer
from studio.ui import examples, page_data
from studio.ui.article_editor import ArticleEditor
from studio.ui.article_view import queue_position
from studio.ui.chatbot import can_continue, instruction_from, to_chatbot, turn_index
from studio.ui.components import AT_ONCE, form_numbers, numbers, read, script_component
from studio.ui.conversation_files import conversation_download
from studio.ui.identity import identity_of, language_for, normalise_uploads, to_gradio_error
from studio.ui.picture_room import picture_room
from studio.ui.seen_prompt import seen_prompt
from studio.ui.threads import Pool, in_thread, pool_for, threaded
from studio.ui.uploads import uploads_of
from studio.ui.words import i18n, t

_DOWNLOAD = "url => { if (url) { const a = document.createElement('a'); a.href = url; a.download = ''; a.click(); } }"
_PATIENCE = 2.0  # seconds for an answer to end when another conversation is shown
Reply = tuple[Any, ...]
Replies = AsyncGenerator[Reply, None]
Begin = Callable[[str], Answer]  # for a person


@dataclass(frozen=True)
class ChatTab:
    """The tab's components, what fills them with a conversation by its number, and what must follow an event that
    does."""

    outputs: list[gr.components.Component]
    open: Callable[[gr.Request, int], Replies]
    finish: Callable[[gr.events.Dependency], None]


def chat_tab(studio: Studio, editor: ArticleEditor, tabs: gr.Tabs) -> ChatTab:
    """Lay the tab out and connect it."""
    words = i18n()
    with gr.Tab(words("chat"), id="chat", elem_id="tab-chat"), gr.Column(elem_id="chat-column"):
        conversation = gr.State(Conversation())  # inside the tab: between tabs it would shift their labels
        welcome = script_component(
            "chat.js", None, "welcome", events="ask edit again", examples=examples.cards(examples.CHAT)
        )
        bubbles = gr.Chatbot(
            elem_id="chatbot",
            height="calc(100vh - 330px)",
            min_height="320px",
            buttons=["copy", "copy_all"],
            show_label=False,
            editable="user",  # for its pencil; what it does is `chat.js`
            layout="bubble",
        )
        line = script_component("chat_line.js", _line(Conversation()), "chat-line", css="")
        box = gr.MultimodalTextbox(
            placeholder=words("question_hint"),
            file_count="multiple",
            file_types=["image", ".heic", ".heif"],
            show_label=False,
            stop_btn=False,
            elem_id="question",
            max_plain_text_length=20_000,
        )
        picture_room(studio, box)
        with gr.Row(elem_id="chat-tools"):
            clear = gr.Button(words("clear"), elem_id="clear", size="sm", min_width=80)
            more = gr.Button(words("continue"), elem_id="continue-answer", size="sm", min_width=80, visible=False)
            write = gr.Button(words("write_about"), elem_id="write-about", size="sm", min_width=80)
            saw = gr.Button(words("talk_saw"), elem_id="chat-saw", size="sm", min_width=80)
            saves = {
                format: gr.Button(words(f"save_{format}"), elem_id=f"save-{format}", size="sm", min_width=80)
                for format in export.formats_for("conversation")
            }
        with gr.Accordion(words("more"), open=False):
            settings = numbers(form_numbers("chat", tiles=max_tiles(studio.worker.spec)), "chat-settings")
        url = gr.Textbox(visible=False)
        seen = script_component("saw.js", None, css="")

    events = _Events(studio)
    outputs = [bubbles, box, conversation, more, line]
    options: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
    running = [
        box.submit(events.ask, [box, conversation, settings], outputs, **options),
        welcome.ask(events.ask_example, settings, outputs, **options),
        bubbles.retry(events.retry, [conversation, settings], outputs, **options),
        welcome.again(events.ask_edited, [conversation, settings], outputs, **options),
        more.click(events.continue_answer, [conversation, settings], outputs, **options),
    ]

    def finish(event: gr.events.Dependency) -> None:
        """Also after an error; not as its last step, as what is sent before its end is lost."""
        event.then(lambda: _question_box(running=False), None, box, **AT_ONCE)
        event.then(None, line, line, js="line => ({...line})", show_progress="hidden", api_visibility="private")

    for event in running:
        finish(event)
    welcome.edit(events.start_edit, conversation, welcome, **AT_ONCE)
    box.stop(events.stop, **AT_ONCE)  # Gradio's own cancelling at times ends as an error
    bubbles.like(threaded(events.save_opinion), conversation, conversation, trigger_mode="multiple", **AT_ONCE)
    for new in (clear.click, bubbles.clear):
        new(events.clear, None, outputs, show_progress="hidden", **AT_ONCE)
    for format, button in saves.items():
        button.click(threaded(conversation_download(studio, format), pool="files"), conversation, url, **AT_ONCE).then(
            None, url, None, js=_DOWNLOAD
        )
    saw.click(threaded(events.saw), conversation, seen, **AT_ONCE)
    write.click(events.write_about, conversation, [tabs, editor.by, editor.instruction], **AT_ONCE)
    return ChatTab(outputs, events.open, finish)


class _Events:
    """What the tab's elements do."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._under_way: dict[str, Answer] = {}  # session → the answer it follows

    async def ask(
        self, request: gr.Request, message: dict[str, Any], conversation: Conversation, values: Any
    ) -> Replies:
        """Answer a new question, perhaps with pictures."""

        def begin(person: str) -> Answer:
            files = [uploads_of(self._studio).take(person, path) for path in message["files"]]
            pictures = normalise_uploads(self._studio, person, files)
            return self._start(person, conversation.ask((message["text"] or "").strip(), pictures), values)

        async with aclosing(
            self._stream_answer(begin, request, empty=True, pool=pool_for(message["files"]))
        ) as replies:
            async for reply in replies:
                yield reply

    async def ask_example(self, request: gr.Request, event: gr.EventData, values: Any) -> Replies:
        """Answer the example whose card was clicked."""
        asked = event._data
        if example := examples.chosen(examples.CHAT, asked.get("place") if isinstance(asked, dict) else None):
            language = language_for(request)

            def begin(person: str) -> Answer:
                found = (self._studio.library.picture(key, language) for key in example.keys)
                pictures = tuple(hit.picture for hit in found if hit)
                return self._start(person, Conversation().ask(example.question(language), pictures), values)

            async with aclosing(self._stream_answer(begin, request)) as replies:
                async for reply in replies:
                    yield reply

    async def stop(self, request: gr.Request) -> None:
        """End the answer under way; what there is of it stays."""
        if answer := self._under_way.get(str(request.session_hash)):
            await in_thread(answer.stop.press)

    def write_about(self, conversation: Conversation) -> tuple[gr.Tabs, str, str]:
        """The Write tab, and an instruction for an article about the last answer."""
        return gr.Tabs(selected="write"), "instruction", instruction_from(conversation)

    def saw(self, request: gr.Request, conversation: Conversation) -> dict[str, Any]:
        """What the model saw for the last answer, for the page's sheet; without a text where there is none."""
        none: page_data.SeenPrompt = {"model": "", "text": "", "ids": None}
        turn = conversation.turns[-1] if conversation.turns else None
        try:
            found = seen_prompt(self._studio, identity_of(request), turn.seen) if turn and turn.seen else none
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        return {**found, "asked": time.time()}

    async def clear(self, request: gr.Request) -> Reply:
        """Show an empty conversation."""
        await self._leave(request)
        shown = AnswerProgress(Conversation(), ended=True)
        return await in_thread(self._reply, shown, _question_box(running=False, value=None), language_for(request))

    async def open(self, request: gr.Request, id: int) -> Replies:
        """Show another conversation, and how its answer goes on if one is under way. Raises NotFoundError."""
        person = identity_of(request)
        conversation = await in_thread(self._studio.store.conversation, person, id)
        answer = self._studio.answers.get(person, id)
        if answer is None or self._under_way.get(str(request.session_hash)) is not answer:
            await self._leave(request)
        if answer:
            async with aclosing(self._stream_answer(lambda _: answer, request)) as replies:
                async for reply in replies:
                    yield reply
        else:
            shown = AnswerProgress(conversation, ended=True)
            yield await in_thread(self._reply, shown, _question_box(running=False), language_for(request))

    async def _leave(self, request: gr.Request) -> None:
        """An answer under way ends, and nothing more of it is shown."""
        if answer := self._under_way.pop(str(request.session_hash), None):
            await in_thread(answer.stop.press)
            with suppress(TimeoutError):  # else its last words could come after this
                await asyncio.wait_for(answer.finish(), _PATIENCE)

    async def retry(self, request: gr.Request, conversation: Conversation, values: Any) -> Replies:
        """Answer the last question once more."""
        if conversation.turns:
            begin = self._beginning(conversation, values)
            async with aclosing(self._stream_answer(begin, request)) as replies:
                async for reply in replies:
                    yield reply

    async def continue_answer(self, request: gr.Request, conversation: Conversation, values: Any) -> Replies:
        """Continue an answer that was cut."""
        if conversation.turns:
            begin = self._beginning(conversation, values, continue_answer=True)
            async with aclosing(self._stream_answer(begin, request)) as replies:
                async for reply in replies:
                    yield reply

    def start_edit(self, event: gr.EventData, conversation: Conversation) -> Any:
        """The sent question that is to be edited, for the page's dialog."""
        match event._data:
            case {"turn": int(at)} if 0 <= at < len(conversation.turns):
                return page_data.QuestionEdit(turn=at, question=conversation.turns[at].question, asked=time.time())
        return gr.skip()

    async def ask_edited(
        self, request: gr.Request, event: gr.EventData, conversation: Conversation, values: Any
    ) -> Replies:
        """Ask a sent question in other words; what came after it goes."""
        match event._data:
            case {"turn": int(at), "question": str(question)} if 0 <= at < len(conversation.turns):
                before = replace(conversation, turns=conversation.turns[:at])
                begin = self._beginning(before.ask(question.strip(), conversation.turns[at].pictures), values)
                async with aclosing(self._stream_answer(begin, request)) as replies:
                    async for reply in replies:
                        yield reply

    def save_opinion(self, request: gr.Request, event: gr.LikeData, conversation: Conversation) -> Conversation:
        """Save with an answer what the person thinks of it."""
        at = turn_index(event.index)
        if at >= len(conversation.turns):
            return conversation
        opinion = {True: True, "Like": True, False: False, "Dislike": False}.get(event.liked)
        turns = (
            *conversation.turns[:at],
            replace(conversation.turns[at], liked=opinion),
            *conversation.turns[at + 1 :],
        )
        return self._studio.store.save_conversation(identity_of(request), replace(conversation, turns=turns))

    def _beginning(self, conversation: Conversation, values: Any, continue_answer: bool = False) -> Begin:
        return lambda person: self._start(person, conversation, values, continue_answer)

    def _start(self, person: str, conversation: Conversation, values: Any, continue_answer: bool = False) -> Answer:
        return self._studio.answers.start(person, conversation, read(form_numbers("chat"), values), continue_answer)

    async def _stream_answer(
        self, begin: Begin, request: gr.Request, empty: bool = False, pool: Pool = "quick"
    ) -> Replies:
        """The answer that `begin` starts, as it grows. It goes on when the page is left: whoever loads it again sees
        the rest."""
        session, answer = str(request.session_hash), None
        try:
            answer = self._under_way[session] = await in_thread(begin, identity_of(request), pool=pool)
            # once: what is typed while the answer streams stays
            box = _question_box(running=True, value=None) if empty else _question_box(running=True)
            begun = time.time()
            async for state in answer.follow():
                if self._under_way.get(session) is not answer:
                    answer.stop.press()
                    yield (gr.skip(),) * 5  # Gradio sends the last step again at the end
                    return
                yield await in_thread(self._reply, state, box, language_for(request), begun)
                box = gr.skip()
                if state.error:
                    raise state.error
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        finally:
            if answer and self._under_way.get(session) is answer:
                del self._under_way[session]

    def _reply(self, state: AnswerProgress, box: Any, language: Language, begun: float = 0.0) -> Reply:
        conversation = state.conversation
        bubbles = to_chatbot(self._studio, conversation, language, self._status(state, language))
        more = gr.Button(visible=state.ended and can_continue(conversation))
        return bubbles, box, conversation, more, _line(conversation, begun)

    def _status(self, state: AnswerProgress, language: Language) -> str:
        """What is going on before the answer begins."""
        if state.ended:
            return ""
        if self._studio.worker.state == "starting":
            return t("loading", language)
        doing = t("looking" if state.conversation.turns[-1].pictures else "thinking", language)
        return queue_position(state.waiting, language) or doing


def _line(conversation: Conversation, begun: float = 0.0) -> page_data.ChatLine:
    return {"conversation": conversation.id, "begun": begun}


def _question_box(running: bool, **value: Any) -> gr.MultimodalTextbox:
    """The question's box: Stop stands in the place of Send while an answer comes."""
    return gr.MultimodalTextbox(submit_btn=not running, stop_btn=running, **value)
