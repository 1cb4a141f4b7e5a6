"""The History tab: the articles and conversations of a person, to be opened, renamed, copied, compared, deleted."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import gradio as gr

from studio.app import Studio
from studio.documents import edits
from studio.errors import InputError, StudioError
from studio.ui.address import MISSING
from studio.ui.article_editor import ArticleEditor
from studio.ui.card_list import EventData, card_list
from studio.ui.components import AT_ONCE
from studio.ui.identity import identity_of, to_gradio_error
from studio.ui.page_data import Comparison, HistoryCard, Version, Versions
from studio.ui.tabs.chat import ChatTab
from studio.ui.tabs.talk import TalkTab
from studio.ui.threads import in_thread
from studio.ui.words import i18n


def history_tab(
    studio: Studio,
    editor: ArticleEditor,
    tabs: gr.Tabs,
    article_view: gr.HTML,
    chat: ChatTab,
    talk: TalkTab,
    address: gr.HTML,
) -> None:
    """Lay the tab out; what is chosen here, or named by the page's address, opens in Write, Chat or Talk."""
    with gr.Tab(i18n()("history"), id="history", elem_id="tab-history") as tab:
        cards = card_list("history.js", HistoryCards(studio).cards, HistoryCards(studio).acts(), "open")

    async def open_chosen(request: gr.Request, event: gr.EventData) -> AsyncGenerator[tuple[Any, ...], None]:
        try:
            match event._data:
                case {"id": int(id), "type": "article", **more}:
                    async for document in editor.open_article(id, request):
                        chosen = (
                            gr.Tabs(selected="write") if document["opening"] and "addressed" not in more else gr.skip()
                        )
                        yield chosen, document, *(gr.skip() for _ in chat.outputs), gr.skip()
                case {"id": int(id), "type": "conversation", **more}:
                    conversation = await in_thread(studio.store.conversation, identity_of(request), id)
                    if conversation.kind == "talk":
                        view = await talk.show(request, conversation)
                        chosen = gr.skip() if "addressed" in more else gr.Tabs(selected="talk")
                        yield chosen, gr.skip(), *(gr.skip() for _ in chat.outputs), view
                        return
                    chosen = gr.skip() if "addressed" in more else gr.Tabs(selected="chat")
                    async with aclosing(chat.open(request, id)) as replies:
                        async for reply in replies:
                            yield chosen, gr.skip(), *reply, gr.skip()
                            chosen = gr.skip()
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    tab.select(time.time, None, cards, **AT_ONCE)
    outputs = [tabs, article_view, *chat.outputs, talk.component]
    for opened in (cards.open, address.open):
        event = opened(open_chosen, None, outputs, show_progress="hidden", concurrency_limit=None,
                       trigger_mode="multiple", api_visibility="private")  # fmt: skip
        chat.finish(event)
        event.failure(None, None, None, **MISSING)


class HistoryCards:
    """What the list of cards asks."""

    def __init__(self, studio: Studio) -> None:
        self._store = studio.store

    def cards(self, asked: EventData, request: Any) -> list[HistoryCard]:
        """Cards of articles, of conversations, or of what was deleted."""
        person, search, kind = identity_of(request), str(asked.get("search", "")), asked.get("filter")
        gone = kind == "deleted_ones"
        found: list[HistoryCard] = []
        if kind != "conversations":
            for article in self._store.list_articles(person, search, gone):
                title = article.title or article.instruction[:80]
                found.append(_card("article", article, title, gone) | {"status": article.status})
        if kind != "articles":
            for conversation in self._store.list_conversations(person, search, gone):
                found.append(
                    _card("conversation", conversation, conversation.title[:80], gone) | {"liked": conversation.liked}
                )
        return sorted(found, key=lambda card: str(card["changed"]), reverse=True)

    def acts(self) -> dict[str, Any]:
        """By name."""
        names = ("rename", "duplicate", "delete", "undelete", "versions", "compare", "restore")
        return {name: getattr(self, name) for name in names}

    def rename(self, request: Any, id: int, title: str) -> None:
        """Another title."""
        person = identity_of(request)
        self._store.save_article(person, edits.title(self._store.article(person, id), title), "rename")

    def duplicate(self, request: Any, id: int, type: str = "article") -> None:
        """A copy that goes its own way."""
        person = identity_of(request)
        article = self._store.article(person, id)
        if article.status in ("writing", "illustrating"):
            raise InputError("article_busy")
        self._store.save_article(person, replace(article, id=0), "duplicate")

    def delete(self, request: Any, id: int, type: str) -> None:
        """Hide it."""
        hide = self._store.delete_article if type == "article" else self._store.delete_conversation
        hide(identity_of(request), id)

    def undelete(self, request: Any, id: int, type: str) -> None:
        """Bring it back."""
        show = self._store.undelete_article if type == "article" else self._store.undelete_conversation
        show(identity_of(request), id)

    def versions(self, request: Any, id: int) -> Versions:
        """All versions, the newest first."""
        found = self._store.versions(identity_of(request), id)
        rows: list[Version] = [
            {"number": v.number, "created": v.created.isoformat(), "reason": v.reason, "current": v.current}
            for v in reversed(found)
        ]
        return {"versions": rows}

    def compare(self, request: Any, id: int, versions: list[int]) -> Comparison:
        """The words of two versions; version 0 has none."""
        before, after = (
            self._store.article_at(identity_of(request), id, number).markdown if number else ""
            for number in versions[:2]
        )
        return {"before": before, "after": after}

    def restore(self, request: Any, id: int, version: int) -> None:
        """An old version becomes the newest."""
        person = identity_of(request)
        self._store.save_article(person, self._store.article_at(person, id, version), "restore")


def _card(type: str, row: Any, title: str, gone: bool) -> HistoryCard:
    return {
        "type": type,
        "id": row.id,
        "title": title,
        "changed": row.changed.isoformat(),
        "small": f"thumbnails/{row.cover}" if row.cover else "",
        "deleted": gone,
    }
