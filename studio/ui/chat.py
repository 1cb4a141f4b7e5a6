"""The Chat tab: several pictures, several turns, streamed answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from studio.ask import Answering
from studio.compose import Stop
from studio.conversation import Conversation
from studio.errors import StudioError
from studio.services import Studio
from studio.ui.people import keep, shown, who
from studio.ui.text import i18n


def chat_tab(studio: Studio, person: gr.BrowserState) -> None:
    """Lay the tab out and connect it."""
    t = i18n()
    with gr.Tab(t("chat"), id="chat"):
        bubbles = gr.Chatbot(
            elem_id="chatbot", height="60vh", buttons=["copy", "copy_all"], show_label=False, feedback_options=None
        )
        box = gr.MultimodalTextbox(
            placeholder=t("question_hint"),
            file_count="multiple",
            show_label=False,
            file_types=["image", ".heic", ".heif"],
            stop_btn=True,
            elem_id="question",
        )
        clear = gr.Button(t("clear"), elem_id="clear", size="sm")
    talk = gr.State(Conversation())

    def ask(message: dict[str, Any], talk_: Conversation, key: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        try:
            mine = who(request, key)
            asked = talk_.ask((message["text"] or "").strip(), keep(studio, mine, message["files"]))
            emptied: Any = gr.MultimodalTextbox(value=None)
            for answering in _answers(studio, asked, mine):
                yield _bubbles(studio, answering), emptied, answering.conversation
                emptied = gr.skip()  # once: what is typed while the answer streams stays
                if answering.error:
                    raise shown(answering.error, request) from answering.error
        except StudioError as e:
            raise shown(e, request) from e

    def again(talk_: Conversation, key: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        if not talk_.turns:
            return
        for answering in _answers(studio, talk_, who(request, key)):
            yield _bubbles(studio, answering), gr.skip(), answering.conversation
            if answering.error:
                raise shown(answering.error, request) from answering.error

    outputs = [bubbles, box, talk]
    running = [
        box.submit(
            ask, [box, talk, person], outputs, show_progress="hidden", concurrency_limit=64, api_visibility="private"
        ),
        bubbles.retry(
            again, [talk, person], outputs, show_progress="hidden", concurrency_limit=64, api_visibility="private"
        ),
    ]
    box.stop(None, cancels=running, api_visibility="private")
    clear.click(
        lambda: ([], gr.MultimodalTextbox(value=None), Conversation()),
        None,
        outputs,
        cancels=running,
        api_visibility="private",
    )


def _answers(studio: Studio, conversation: Conversation, person: str) -> Iterator[Answering]:
    """The answer as it grows, saved at its end; closing the iterator (Stop, a closed tab) ends the call."""
    stop = Stop()
    last = None
    try:
        for last in studio.asker.ask(conversation, person, stop):
            yield last
            if last.ended:
                yield replace(last, conversation=studio.store.save_conversation(person, last.conversation))
    finally:
        stop.press()
        if last and not last.ended and last.conversation.turns[-1].answer:
            studio.store.save_conversation(person, last.conversation.answer(finish="cancelled"))


def _bubbles(studio: Studio, answering: Answering) -> list[dict[str, Any]]:
    """The conversation as Gradio's messages; several pictures of a question are numbered before it."""
    messages: list[dict[str, Any]] = []
    number = 0
    for turn in answering.conversation.turns:
        content: list[Any] = []
        for picture in turn.pictures:
            number += 1
            content.append({"path": str(studio.store.file_path(picture.key)), "alt_text": str(number)})
        content.append(
            (f"[{number - len(turn.pictures) + 1}–{number}] " if len(turn.pictures) > 1 else "") + turn.question
        )
        messages.append({"role": "user", "content": content})
        if turn.answer:
            messages.append({"role": "assistant", "content": turn.answer})
    return messages


def chat_api(studio: Studio) -> None:
    """The named endpoint for programs: /ask."""

    def ask(request: gr.Request, pictures: list[gr.FileData], question: str) -> Iterator[str]:
        try:
            own = keep(studio, who(request), [p["path"] if isinstance(p, dict) else p.path for p in pictures])
            for answering in studio.asker.ask(Conversation().ask(question, own), who(request), Stop()):
                if answering.error:
                    raise answering.error
                yield answering.conversation.turns[-1].answer
        except StudioError as e:
            raise shown(e, request) from e

    gr.api(ask, api_name="ask", concurrency_limit=64)
