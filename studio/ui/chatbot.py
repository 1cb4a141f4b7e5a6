"""A conversation as Gradio's Chatbot shows it: two messages a turn, with pictures and opinions."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.app import Studio
from studio.documents.conversation import Conversation, Turn
from studio.errors import Language
from studio.language import language_of
from studio.ui.plain_markdown import literal, plain_markdown
from studio.ui.words import t

_OPINIONS = {True: "Like", False: "Dislike", None: None}


def to_chatbot(studio: Studio, conversation: Conversation, language: Language, waits: str = "") -> gr.Chatbot:
    """The Chatbot with two messages a turn; several pictures of a question are numbered before it. `waits` stands in
    the place of the last answer, until it begins. What an answer could not take into account is said under it."""
    messages: list[dict[str, Any]] = []
    number = 0
    for at, turn in enumerate(conversation.turns, 1):
        content: list[Any] = []
        for picture in turn.pictures:
            number += 1
            content.append({"path": str(studio.store.file_path(picture.key)), "alt_text": str(number)})
        several = len(turn.pictures) > 1
        content.append((f"[{number - len(turn.pictures) + 1}–{number}] " if several else "") + literal(turn.question))
        messages.append({"role": "user", "content": content})
        last = at == len(conversation.turns)
        if turn.answer or waits or not last:  # one that was stopped early stands as dots: two a turn
            answer = plain_markdown(turn.answer)
            shown = answer + _left_out(turn, language) if answer else (waits if last else "")
            messages.append({"role": "assistant", "content": shown or "…"})
    opinions = [_OPINIONS[turn.liked] for turn in conversation.turns]
    return gr.Chatbot(value=messages, feedback_value=opinions)


def _left_out(turn: Turn, language: Language) -> str:
    """Which pictures and questions were left out of an answer that has ended."""
    counts = {"unseen": turn.unseen, "unread": turn.unread} if turn.finish else {}
    gone = [t(f"{key}_one" if n == 1 else key, language).format(n=n) for key, n in counts.items() if n]
    what = ("，" if language == "zh" else ", ").join(gone)
    return "\n\n*" + t("left_out", language).format(what=what[:1].upper() + what[1:]) + "*" if gone else ""


def can_continue(conversation: Conversation) -> bool:
    """Whether the last answer can be continued: it was cut at its length, stopped, or interrupted."""
    return bool(conversation.turns) and bool(conversation.turns[-1].answer) and conversation.turns[-1].finish != "stop"


def turn_index(index: int | tuple[int, ...] | list[int]) -> int:
    """The index of the turn that a message of the Chatbot belongs to; its `index` is a number, or a pair of them."""
    return (index if isinstance(index, int) else index[0]) // 2


def instruction_from(conversation: Conversation) -> str:
    """An instruction for an article about the last answer; empty where there is none."""
    answer = next((turn.answer for turn in reversed(conversation.turns) if turn.answer), "")
    chinese = language_of(answer) == "zh"
    return (
        f"{'写一篇图文并茂的文章，内容是：' if chinese else 'Write an article about this: '}{answer}" if answer else ""
    )
