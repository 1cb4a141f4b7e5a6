"""The Chat tab: several pictures a message, several turns, streamed answers that can be edited, repeated, continued."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from studio import __version__, export
from studio.ask import Answering
from studio.conversation import Conversation
from studio.errors import StudioError
from studio.protocol import Sampling
from studio.services import Studio
from studio.steps import Stop
from studio.ui.desk import Desk, uploads
from studio.ui.parts import Number, numbers, read
from studio.ui.people import keep, shown, who
from studio.ui.text import WORDS, i18n

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
Reply = tuple[Any, ...]


@dataclass(frozen=True)
class Talk:
    """The tab's parts that other tabs fill."""

    bubbles: gr.Chatbot
    said: gr.State
    shown: Callable[[Conversation], list[dict[str, Any]]]


def chat_tab(studio: Studio, desk: Desk, tabs: gr.Tabs) -> Talk:
    """Lay the tab out and connect it."""
    t = i18n()
    with gr.Tab(t("chat"), id="chat"), gr.Column(elem_id="chat-column"):
        talk = gr.State(Conversation())  # inside the tab: between tabs it would shift their labels
        bubbles = gr.Chatbot(
            elem_id="chatbot",
            height="calc(100vh - 330px)",
            min_height="320px",
            buttons=["copy", "copy_all"],
            show_label=False,
            editable="user",
            placeholder=_placeholder(),
            layout="bubble",
        )
        box = gr.MultimodalTextbox(
            placeholder=t("question_hint"),
            file_count="multiple",
            show_label=False,
            file_types=["image", ".heic", ".heif"],
            stop_btn=True,
            elem_id="question",
            max_plain_text_length=20_000,
        )
        with gr.Row(elem_id="chat-tools"):
            clear = gr.Button(t("clear"), elem_id="clear", size="sm", min_width=80)
            more = gr.Button(t("continue"), elem_id="continue-answer", size="sm", min_width=80, visible=False)
            write = gr.Button(t("write_about"), elem_id="write-about", size="sm", min_width=80)
            saves = {
                kind: gr.Button(t(f"save_{kind}"), elem_id=f"save-{kind}", size="sm", min_width=80)
                for kind in export.CONVERSATION_FORMATS
            }
        with gr.Accordion(t("more"), open=False):
            settings = numbers(NUMBERS, "chat-settings")
        url = gr.Textbox(visible=False)

    events = _Events(studio, desk)
    outputs = [bubbles, box, talk, more]
    options: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 64, "api_visibility": "private"}
    running = [
        box.submit(events.ask, [box, talk, settings], outputs, **options),
        bubbles.retry(events.again, [talk, settings], outputs, **options),
        bubbles.edit(events.edited, [talk, settings], outputs, **options),
        more.click(events.go_on, [talk, settings], outputs, **options),
    ]
    box.stop(None, cancels=running, api_visibility="private")
    bubbles.like(events.liked, talk, talk, api_visibility="private")
    clear.click(
        lambda: ([], gr.MultimodalTextbox(value=None), Conversation(), gr.Button(visible=False)),
        None,
        outputs,
        cancels=running,
        api_visibility="private",
    )
    for kind, button in saves.items():
        button.click(events.saved(kind), talk, url, api_visibility="private").then(None, url, None, js=_DOWNLOAD)
    write.click(lambda said: (gr.Tabs(selected="write"), _brief(said)), talk, [tabs, desk.instruction],
                api_visibility="private")  # fmt: skip
    return Talk(bubbles, talk, lambda said: _bubbles(studio, said))


class _Events:
    """What the tab's elements do."""

    def __init__(self, studio: Studio, desk: Desk) -> None:
        self._studio, self._desk = studio, desk

    def ask(self, request: gr.Request, message: dict[str, Any], said: Conversation, values: Any) -> Iterator[Reply]:
        """A new question, perhaps with pictures."""

        def work(mine: str) -> tuple[Conversation, bool]:
            return said.ask((message["text"] or "").strip(), keep(self._studio, mine, message["files"])), False

        yield from self._streamed(work, values, request, empty=True)

    def again(self, request: gr.Request, said: Conversation, values: Any) -> Iterator[Reply]:
        """The last question once more."""
        if said.turns:
            yield from self._streamed(lambda _: (said, False), values, request)

    def go_on(self, request: gr.Request, said: Conversation, values: Any) -> Iterator[Reply]:
        """The rest of an answer that was cut."""
        if said.turns:
            yield from self._streamed(lambda _: (said, True), values, request)

    def edited(self, request: gr.Request, event: gr.EditData, said: Conversation, values: Any) -> Iterator[Reply]:
        """A sent question in other words: what came after it is asked anew."""
        at = _turn(event.index)
        if at < len(said.turns):
            asked = replace(said, turns=said.turns[:at]).ask(_plain(event.value), said.turns[at].pictures)
            yield from self._streamed(lambda _: (asked, False), values, request)

    def liked(self, request: gr.Request, event: gr.LikeData, said: Conversation) -> Conversation:
        """What a person thinks of an answer, kept with it."""
        at = _turn(event.index)
        if at >= len(said.turns):
            return said
        opinion = {True: True, "Like": True, False: False, "Dislike": False}.get(event.liked)
        turns = (*said.turns[:at], replace(said.turns[at], liked=opinion), *said.turns[at + 1 :])
        return self._studio.store.save_conversation(who(request), replace(said, turns=turns))

    def saved(self, kind: str) -> Callable[[Conversation], str]:
        """The conversation as a file: where to fetch it, or nothing for an empty one."""

        def save(said: Conversation) -> str:
            return self._desk.offer(_file(self._studio, said, kind)) if said.turns else ""

        return save

    def _streamed(
        self, work: Callable[[str], tuple[Conversation, bool]], values: Any, request: gr.Request, empty: bool = False
    ) -> Iterator[Reply]:
        """The answer to the last turn of the conversation that `work` makes, as it grows."""
        studio = self._studio
        try:
            mine = who(request)
            conversation, go_on = work(mine)
            emptied: Any = gr.MultimodalTextbox(value=None) if empty else gr.skip()
            for answering in _answers(studio, conversation, mine, _sampling(studio, values), go_on):
                cut = answering.ended and answering.conversation.turns[-1].finish == "length"
                yield _bubbles(studio, answering.conversation), emptied, answering.conversation, gr.Button(visible=cut)
                emptied = gr.skip()  # once: what is typed while the answer streams stays
                if answering.error:
                    raise answering.error
        except StudioError as e:
            raise shown(e, request) from e


def _answers(
    studio: Studio, conversation: Conversation, person: str, sampling: Sampling | None, go_on: bool
) -> Iterator[Answering]:
    """The answer as it grows, saved at its end; closing the iterator (Stop, a closed tab) ends the call."""
    stop = Stop()
    last = None
    try:
        for last in studio.asker.ask(conversation, person, stop, sampling, go_on):
            if last.ended and last.conversation.turns[-1].answer:
                last = replace(last, conversation=studio.store.save_conversation(person, last.conversation))
            yield last
    finally:
        stop.press()
        if last and not last.ended and last.conversation.turns[-1].answer:
            studio.store.save_conversation(person, last.conversation.answer(finish="cancelled"))


def _sampling(studio: Studio, values: Any) -> Sampling | None:
    """What the person set, on top of what suits the model; None where nothing was set. Raises InputError."""
    own = read(NUMBERS, values)
    return replace(studio.asker.sampling(), **own) if own else None


def _bubbles(studio: Studio, conversation: Conversation) -> list[dict[str, Any]]:
    """The conversation as Gradio's messages; several pictures of a question are numbered before it."""
    messages: list[dict[str, Any]] = []
    number = 0
    for turn in conversation.turns:
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


def _turn(index: int | tuple[int, ...] | list[int]) -> int:
    """The turn of a message: every turn before it has a question and an answer."""
    return (index if isinstance(index, int) else index[0]) // 2


def _plain(value: Any) -> str:
    """The words of an edited message, without the picture numbers put before them."""
    text = value if isinstance(value, str) else "".join(v.get("text", "") for v in value if isinstance(v, dict))
    head, bracket, rest = text.partition("] ")
    return rest if bracket and head.startswith("[") and "–" in head else text


def _brief(said: Conversation) -> str:
    """An instruction for an article about what was talked about: the last answer."""
    answer = next((turn.answer for turn in reversed(said.turns) if turn.answer), "")
    chinese = any("\u4e00" <= c <= "\u9fff" for c in answer)
    return (
        f"{'写一篇图文并茂的文章，内容是：' if chinese else 'Write an article about this: '}{answer}" if answer else ""
    )


def _file(studio: Studio, said: Conversation, kind: str) -> Path:
    about = {"model": said.model, "studio": __version__}
    path = Path(tempfile.mkdtemp(dir=uploads(studio))) / export.filename(said, kind)
    path.write_bytes(export.export_conversation(said, kind, studio.store.read_file, about))
    return path


def _placeholder() -> str:
    """What an empty conversation says, in the language that the page's script picks."""
    english, chinese = WORDS["chat_empty"]
    return f'<p lang="en">{english}</p><p lang="zh">{chinese}</p>'


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
