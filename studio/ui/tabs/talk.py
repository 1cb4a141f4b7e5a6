"""The Talk tab: personas as cards, conversations beside each other, answers with their versions."""

from __future__ import annotations

import asyncio
import mimetypes
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from studio.app import Studio
from studio.documents.conversation import MAX_PICTURES, Conversation, Turn
from studio.errors import InputError, StudioError
from studio.tasks.answer_stream import check
from studio.tasks.answers import Answer
from studio.tasks.personas import BUILT_IN
from studio.ui.article_editor import ArticleEditor
from studio.ui.chatbot import instruction_from
from studio.ui.components import AT_ONCE, form_numbers, numbers, read, script_component
from studio.ui.identity import identity_of, language_for, normalise_uploads, to_gradio_error
from studio.ui.page_data import TalkView
from studio.ui.tabs.talk_acts import TalkActs
from studio.ui.talk_view import EMPTY, Changes, sees, to_talk_data
from studio.ui.threads import in_thread, pool_for
from studio.ui.uploads import uploads_of
from studio.ui.words import i18n

_FAILED = "() => document.querySelector('#talk')?.dispatchEvent(new Event('failed'))"
_PATIENCE = 2.0  # seconds for an answer to end when another is asked for
Views = AsyncGenerator[TalkView, None]
Begin = Callable[[str], Answer]  # for a person


@dataclass(frozen=True)
class TalkTab:
    """The tab's component, and what shows a conversation in it."""

    component: gr.HTML
    show: Callable[[gr.Request, Conversation], Awaitable[TalkView]]


def talk_tab(studio: Studio, editor: ArticleEditor, tabs: gr.Tabs) -> TalkTab:
    """Lay the tab out and connect it."""
    words, events, acts = i18n(), _Events(studio), TalkActs(studio)
    functions = [acts.list, acts.act]
    with gr.Tab(words("talk"), id="talk", elem_id="tab-talk") as tab:
        talk = script_component(
            "talk.js",
            EMPTY,
            "talk",
            css="talk.css",
            events="ask again edit go_on stop write",
            functions=functions,
            formats=acts.formats,
            most=MAX_PICTURES,
        )
        with gr.Column(elem_id="talk-numbers"), gr.Accordion(words("talk_settings"), open=False):
            settings = numbers(form_numbers("talk"), "talk-settings")
    options: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
    for event, handler in (
        (talk.ask, events.ask),
        (talk.again, events.again),
        (talk.edit, events.edit),
        (talk.go_on, events.continue_answer),
    ):
        event(handler, settings, talk, **options).failure(None, None, None, js=_FAILED, api_visibility="private")
    talk.stop(events.stop, **AT_ONCE)
    talk.write(events.write_about, None, [tabs, editor.instruction], **AT_ONCE)
    tab.select(None, None, None, js="() => document.querySelector('#talk')?.dispatchEvent(new Event('opened'))")
    return TalkTab(talk, events.show)


def _names(given: Any) -> tuple[str, ...]:
    return tuple(name[:80] for name in given if isinstance(name, str))[:50] if isinstance(given, list) else ()


def _is_picture(name: str) -> bool:
    return (mimetypes.guess_type(name)[0] or "").startswith("image/")


class _Events:
    """What is asked of a model, and how it is ended."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._under_way: dict[str, Answer] = {}  # session → the answer it follows

    async def ask(self, request: gr.Request, event: gr.EventData, values: Any) -> Views:
        """Answer a question: in a conversation, or in a new one with a persona."""
        match event._data:
            case {"id": int(id), "persona": str(key), "question": str(question), "files": [*paths]}:
                tools, confirm = _names(event._data.get("tools")), _names(event._data.get("confirm"))

                def begin(person: str) -> Answer:
                    conversation = replace(self._conversation(person, id, key), tools=tools, confirm=confirm)
                    return self._start(person, self._with_files(person, conversation, question, paths), values)

                async with aclosing(self._stream(begin, request, pool=pool_for(paths))) as views:
                    async for view in views:
                        yield view

    async def again(self, request: gr.Request, event: gr.EventData, values: Any) -> Views:
        """Another answer to a question; the one that is there stays as a version."""
        async with aclosing(self._reask(request, event._data, values)) as views:
            async for view in views:
                yield view

    async def edit(self, request: gr.Request, event: gr.EventData, values: Any) -> Views:
        """The same in other words."""
        async with aclosing(self._reask(request, event._data, values)) as views:
            async for view in views:
                yield view

    async def continue_answer(self, request: gr.Request, event: gr.EventData, values: Any) -> Views:
        """Continue an answer that was cut."""
        match event._data:
            case {"id": int(id)}:

                def begin(person: str) -> Answer:
                    return self._start(person, self._conversation(person, id), values, continue_answer=True)

                async with aclosing(self._stream(begin, request)) as views:
                    async for view in views:
                        yield view

    async def stop(self, request: gr.Request) -> None:
        """End the answer under way; what there is of it stays."""
        if answer := self._under_way.get(str(request.session_hash)):
            await in_thread(answer.stop.press)

    async def show(self, request: gr.Request, conversation: Conversation) -> TalkView:
        """Another conversation; an answer under way ends."""
        await self._end(str(request.session_hash))
        return await in_thread(to_talk_data, self._studio, conversation, language_for(request))

    def write_about(self, request: gr.Request, event: gr.EventData) -> tuple[Any, Any]:
        """The Write tab, and an instruction for an article about the last answer."""
        match event._data:
            case {"id": int(id)}:
                conversation = self._studio.store.conversation(identity_of(request), id)
                return gr.Tabs(selected="write"), instruction_from(conversation)
        return gr.skip(), gr.skip()

    async def _reask(self, request: gr.Request, data: Any, values: Any) -> Views:
        match data:
            case {"id": int(id), "turn": int(at)}:
                question = data.get("question")

                def begin(person: str) -> Answer:
                    conversation = self._conversation(person, id)
                    if not 0 <= at < len(conversation.turns):
                        raise InputError("edit_unknown", name="turn")
                    words = question if isinstance(question, str) else None
                    return self._start(person, conversation.ask_again(at, words), values)

                async with aclosing(self._stream(begin, request)) as views:
                    async for view in views:
                        yield view

    def _with_files(self, person: str, conversation: Conversation, question: str, paths: list[Any]) -> Conversation:
        """With the question and what came with it: pictures for a model that sees, all else for its tools."""
        check(Turn(question))
        taken = [uploads_of(self._studio).take(person, path) for path in paths[: MAX_PICTURES + 1]]
        pictures = [file for file in taken if not conversation.tools or _is_picture(file.name)]
        if conversation.tools and not sees(self._studio, conversation.persona):
            pictures = []
        asked = conversation.ask(question, normalise_uploads(self._studio, person, pictures))
        if others := [file for file in taken if file not in pictures]:
            asked = self._studio.store.save_conversation(person, asked)
            add = self._studio.agent_files.add
            asked = asked.answer(files=tuple(add(person, str(asked.id), f.name, f.read()) for f in others))
        return asked

    def _conversation(self, person: str, id: int, persona: str = "") -> Conversation:
        if id:
            return self._studio.store.conversation(person, id)
        return Conversation(kind="talk", persona=self._studio.personas.get(person, persona or BUILT_IN[0]))

    def _start(self, person: str, conversation: Conversation, values: Any, continue_answer: bool = False) -> Answer:
        if conversation.kind != "talk":
            conversation = replace(conversation, id=0, kind="talk")
        return self._studio.answers.start(person, conversation, read(form_numbers("talk"), values), continue_answer)

    async def _stream(self, begin: Begin, request: gr.Request, pool: Any = "quick") -> Views:
        """The answer that `begin` starts, as it grows. Whoever goes away ends it."""
        session, answer, changes = str(request.session_hash), None, Changes()
        try:
            await self._end(session)
            answer = self._under_way[session] = await in_thread(begin, identity_of(request), pool=pool)
            async for state in answer.follow():
                if self._under_way.get(session) is not answer:
                    return
                view = await in_thread(to_talk_data, self._studio, state.conversation, language_for(request), state)
                yield {**changes.of(view), "asked": time.time()}
                if state.error:
                    raise state.error
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        finally:
            if answer:
                answer.stop.press()
                if self._under_way.get(session) is answer:
                    del self._under_way[session]

    async def _end(self, session: str) -> None:
        if answer := self._under_way.pop(session, None):
            await in_thread(answer.stop.press)
            with suppress(TimeoutError):  # else its last words could be saved after this
                await asyncio.wait_for(answer.finish(), _PATIENCE)
