"""The Chat tab: several pictures a message, several turns, streamed answers that can be edited, repeated, continued."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gradio as gr

from studio import __version__, export
from studio.app import Studio
from studio.documents.conversation import Conversation
from studio.errors import StudioError
from studio.protocol import Sampling
from studio.tasks.chat import Answering, check
from studio.tasks.progress import Stop, until_loaded
from studio.ui import examples
from studio.ui.article_editor import Desk, download_url
from studio.ui.article_view import place
from studio.ui.chat_bubbles import brief, bubbles_of, turn_of
from studio.ui.components import AT_ONCE, Number, numbers, part, read
from studio.ui.identity import keep, language, shown, who
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
_FRAME = 0.06  # seconds between two looks at a growing answer: a GPU's 250 a second would drown the browser
_PATIENCE = 2.0  # seconds for an answer to end when another conversation is shown
Reply = tuple[Any, ...]


@dataclass(frozen=True)
class Talk:
    """The tab's parts that other tabs fill."""

    bubbles: gr.Chatbot
    said: gr.State
    shown: Callable[[gr.Request, Conversation], gr.Chatbot]


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
        with gr.Row(elem_id="chat-tools"):
            clear = gr.Button(words("clear"), elem_id="clear", size="sm", min_width=80)
            more = gr.Button(words("continue"), elem_id="continue-answer", size="sm", min_width=80, visible=False)
            write = gr.Button(words("write_about"), elem_id="write-about", size="sm", min_width=80)
            saves = {
                kind: gr.Button(words(f"save_{kind}"), elem_id=f"save-{kind}", size="sm", min_width=80)
                for kind in export.CONVERSATION_FORMATS
            }
        with gr.Accordion(words("more"), open=False):
            settings = numbers(NUMBERS, "chat-settings")
        url = gr.Textbox(visible=False)

    events = _Events(studio)
    outputs = [bubbles, box, talk, more]
    options: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": 64, "api_visibility": "private"}
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
    bubbles.like(events.liked, talk, talk, trigger_mode="multiple", **AT_ONCE)
    for new in (clear.click, bubbles.clear):
        new(events.new, None, outputs, show_progress="hidden", **AT_ONCE)
    for kind, button in saves.items():
        button.click(events.saved(kind), talk, url, **AT_ONCE).then(None, url, None, js=_DOWNLOAD)
    write.click(lambda said: (gr.Tabs(selected="write"), brief(said)), talk, [tabs, desk.instruction], **AT_ONCE)
    return Talk(bubbles, talk, events.shown)


class _UnderWay:
    """An answer that a session follows."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.ended = threading.Event()


class _Events:
    """What the tab's elements do."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._under_way: dict[str, _UnderWay] = {}  # session → the answer it follows

    def ask(self, request: gr.Request, message: dict[str, Any], said: Conversation, values: Any) -> Iterator[Reply]:
        """A new question, perhaps with pictures."""

        def work(mine: str) -> tuple[Conversation, bool]:
            files = [uploads_of(self._studio).take(mine, path) for path in message["files"]]
            return said.ask((message["text"] or "").strip(), keep(self._studio, mine, files)), False

        yield from self._streamed(work, values, request, empty=True)

    def example(self, request: gr.Request, event: gr.EventData, values: Any) -> Iterator[Reply]:
        """A card of the empty conversation that was clicked."""
        asked = event._data
        if example := examples.chosen(examples.CHAT, asked.get("place") if isinstance(asked, dict) else None):
            said = language(request)
            found = (self._studio.library.picture(key, said) for key in example.keys)
            pictures = tuple(hit.picture for hit in found if hit)
            new = Conversation().ask(example.question(said), pictures)
            yield from self._streamed(lambda _: (new, False), values, request)

    def stop(self, request: gr.Request) -> None:
        """End the answer under way; what there is of it stays."""
        if answer := self._under_way.get(str(request.session_hash)):
            answer.stop.press()

    def new(self, request: gr.Request) -> Reply:
        """An empty conversation."""
        none = Conversation()
        return self.shown(request, none), _box(running=False, value=None), none, gr.Button(visible=False)

    def shown(self, request: gr.Request, said: Conversation) -> gr.Chatbot:
        """Another conversation; an answer under way ends, and nothing more of it is shown."""
        if answer := self._under_way.pop(str(request.session_hash), None):
            answer.stop.press()
            answer.ended.wait(_PATIENCE)  # else its last words could come after this
        return bubbles_of(self._studio, said)

    def again(self, request: gr.Request, said: Conversation, values: Any) -> Iterator[Reply]:
        """The last question once more."""
        if said.turns:
            yield from self._streamed(lambda _: (said, False), values, request)

    def go_on(self, request: gr.Request, said: Conversation, values: Any) -> Iterator[Reply]:
        """The rest of an answer that was cut."""
        if said.turns:
            yield from self._streamed(lambda _: (said, True), values, request)

    def edit(self, event: gr.EventData, said: Conversation) -> Any:
        """A sent question that is to be edited, for the page's dialog."""
        match event._data:
            case {"turn": int(at)} if 0 <= at < len(said.turns):
                return {"turn": at, "question": said.turns[at].question, "asked": time.time()}
        return gr.skip()

    def edited(self, request: gr.Request, event: gr.EventData, said: Conversation, values: Any) -> Iterator[Reply]:
        """A sent question in other words: what came after it is asked anew."""
        match event._data:
            case {"turn": int(at), "question": str(question)} if 0 <= at < len(said.turns):
                asked = replace(said, turns=said.turns[:at]).ask(question.strip(), said.turns[at].pictures)
                yield from self._streamed(lambda _: (asked, False), values, request)

    def liked(self, request: gr.Request, event: gr.LikeData, said: Conversation) -> Conversation:
        """What a person thinks of an answer, kept with it."""
        at = turn_of(event.index)
        if at >= len(said.turns):
            return said
        opinion = {True: True, "Like": True, False: False, "Dislike": False}.get(event.liked)
        turns = (*said.turns[:at], replace(said.turns[at], liked=opinion), *said.turns[at + 1 :])
        return self._studio.store.save_conversation(who(request), replace(said, turns=turns))

    def saved(self, kind: str) -> Callable[[gr.Request, Conversation], str]:
        """The conversation as a file: where to fetch it, or nothing for an empty one."""

        def save(request: gr.Request, said: Conversation) -> str:
            if not said.turns:
                return ""
            try:
                return download_url(_file(self._studio, who(request), said, kind))
            except StudioError as e:
                raise shown(e, request) from e

        return save

    def _streamed(
        self, work: Callable[[str], tuple[Conversation, bool]], values: Any, request: gr.Request, empty: bool = False
    ) -> Iterator[Reply]:
        """The answer to the last turn of the conversation that `work` makes, as it grows."""
        studio, session, answer = self._studio, str(request.session_hash), _UnderWay()
        try:
            mine = who(request)
            conversation, go_on = work(mine)
            check(conversation.turns[-1])
            conversation = studio.store.save_conversation(mine, conversation)  # now: whatever comes, there is one
            self._under_way[session] = answer
            due = 0.0
            # once: what is typed while the answer streams stays
            begin = _box(running=True, value=None) if empty else _box(running=True)
            waits = t("loading", language(request)) if studio.lane.state == "starting" else ""
            yield bubbles_of(studio, conversation, waits), begin, conversation, gr.Button(visible=False)
            until_loaded(studio.lane, answer.stop)
            if answer.stop.pressed:
                yield bubbles_of(studio, conversation), gr.skip(), conversation, gr.Button(visible=False)
                return
            for answering in _answers(studio, conversation, mine, _sampling(studio, values), go_on, answer.stop):
                if self._under_way.get(session) is not answer:
                    yield (gr.skip(),) * 4  # Gradio sends the last step again at the end
                    return
                if not answering.ended and time.monotonic() < due:
                    continue
                due = time.monotonic() + _FRAME
                said = answering.conversation
                cut = answering.ended and said.turns[-1].finish == "length"
                waits = place(answering.waiting, language(request))
                yield bubbles_of(studio, said, waits), gr.skip(), said, gr.Button(visible=cut)
                if answering.error:
                    raise answering.error
        except StudioError as e:
            raise shown(e, request) from e
        finally:
            answer.ended.set()
            if self._under_way.get(session) is answer:
                del self._under_way[session]


def _box(running: bool, **value: Any) -> gr.MultimodalTextbox:
    """The question's box: Stop stands in the place of Send while an answer comes."""
    return gr.MultimodalTextbox(submit_btn=not running, stop_btn=running, **value)


def _answers(
    studio: Studio, conversation: Conversation, person: str, sampling: Sampling | None, go_on: bool, stop: Stop
) -> Iterator[Answering]:
    """The answer as it grows, saved at its end; closing the iterator (a closed tab) ends the call."""
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


def _file(studio: Studio, person: str, said: Conversation, kind: str) -> Path:
    about = {"model": said.model, "studio": __version__}
    data = export.export_conversation(said, kind, studio.store.read_file, about)
    return uploads_of(studio).export(person, export.filename(said, kind), data)


def chat_api(studio: Studio) -> None:
    """The named endpoint for programs: /ask."""

    def ask(request: gr.Request, pictures: list[gr.FileData], question: str) -> Iterator[str]:
        try:
            files = [uploads_of(studio).take(who(request), p["path"]) for p in pictures]
            own = keep(studio, who(request), files)
            for file in files:
                file.discard()
            for answering in studio.asker.ask(Conversation().ask(question, own), who(request), Stop()):
                if answering.error:
                    raise answering.error
                yield answering.conversation.turns[-1].answer
        except StudioError as e:
            raise shown(e, request) from e

    gr.api(ask, api_name="ask", concurrency_limit=64)
