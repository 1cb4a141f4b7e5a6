"""What the Talk tab asks without a model: lists, versions, branches, personas, files; an error as its sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from studio import __version__, export
from studio.app import Studio
from studio.documents.conversation import Conversation
from studio.documents.file_names import file_stem
from studio.documents.persona import MAX_NAME, Persona
from studio.documents.persona_files import MAX_FILE
from studio.errors import InputError, StudioError
from studio.library.picture_intake import normalise_file
from studio.ui import page_data
from studio.ui.arguments import call_named
from studio.ui.article_editor import download_url
from studio.ui.identity import identity_of, language_for
from studio.ui.seen_prompt import seen_prompt
from studio.ui.talk_view import examples_from, persona_card, persona_form, to_talk_data, tool_facts
from studio.ui.threads import threaded
from studio.ui.uploads import uploads_of

ROWS = 100  # conversations in the list
Act = Callable[..., Any]


class TalkActs:
    """`list` and `act` are server functions of the tab's component."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._store = studio, studio.store
        self.formats = list(export.formats_for("conversation"))
        names = "open rename show_version branch like delete undelete save saw allow fetch_file edit_persona"
        names += " save_persona import_persona export_persona delete_persona undelete_persona"
        self._acts: dict[str, Act] = {name: getattr(self, name) for name in names.split()}
        self.list, self.act = threaded(self._list), threaded(self._act, "files")
        self.list.__name__, self.act.__name__ = "list", "act"  # by which the page calls them

    def _list(self, asked: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        try:
            person, search = identity_of(request), str(asked.get("search", ""))[:200]
            rows = [r for r in self._store.list_conversations(person, search) if r.kind == "talk"][:ROWS]
            return {
                "rows": [{"id": r.id, "title": r.title[:80], "changed": r.changed.isoformat()} for r in rows],
                "personas": [persona_card(self._studio, p) for p in self._studio.personas.all(person)],
                "tools": tool_facts(self._studio, language_for(request)),
            }
        except StudioError as e:
            return {"error": e.say(language_for(request))}

    def _act(self, asked: dict[str, Any], request: gr.Request) -> Any:
        try:
            return call_named(self._acts, asked, request) or {}
        except StudioError as e:
            return {"error": e.say(language_for(request))}

    # Conversations

    def open(self, request: Any, id: int) -> page_data.TalkView:
        """That conversation."""
        return self._view(request, self._store.conversation(identity_of(request), id))

    def rename(self, request: Any, id: int, title: str) -> page_data.TalkView:
        """Another title."""
        title = " ".join(title.split())[:80]
        if not title:
            raise InputError("title_empty")
        self._store.title_conversation(identity_of(request), id, title)
        return self.open(request, id)

    def show_version(self, request: Any, id: int, turn: int, place: int) -> page_data.TalkView:
        """Another version of a turn, with what followed it."""
        conversation = self._with_turn(request, id, turn)
        try:
            return self._save(request, conversation.show_version(turn, place - 1))
        except IndexError as e:
            raise InputError("edit_unknown", name="version") from e

    def branch(self, request: Any, id: int, turn: int) -> page_data.TalkView:
        """A new conversation that begins like this one."""
        return self._save(request, self._with_turn(request, id, turn).branch(turn))

    def like(self, request: Any, id: int, turn: int, liked: bool | None) -> page_data.TalkView:
        """What the person thinks of an answer."""
        return self._save(request, self._with_turn(request, id, turn).change(turn, liked=liked))

    def delete(self, request: Any, id: int) -> None:
        """Hide it."""
        self._store.delete_conversation(identity_of(request), id)

    def undelete(self, request: Any, id: int) -> None:
        """Bring it back."""
        self._store.undelete_conversation(identity_of(request), id)

    def save(self, request: Any, id: int, format: str) -> page_data.Exported:
        """As a file."""
        conversation = self._store.conversation(identity_of(request), id)
        about = {"model": conversation.model, "studio": __version__}
        data = export.export(conversation, format, self._store.read_file, about)
        return self._file(request, export.filename(conversation, format), data)

    def saw(self, request: Any, seen: int) -> page_data.SeenPrompt:
        """What a model saw for an answer."""
        return seen_prompt(self._studio, identity_of(request), seen)

    def allow(self, request: Any, id: int, step: int, yes: bool) -> None:
        """The person's word about a tool that asks before it runs."""
        self._studio.talker.allow(identity_of(request), id, step, yes)

    def fetch_file(self, request: Any, id: int, name: str) -> page_data.Exported:
        """A file that a tool made in a conversation."""
        person = identity_of(request)
        self._store.conversation(person, id)
        return self._file(request, name, self._studio.agent_files.read(person, str(id), name))

    # Personas

    def edit_persona(self, request: Any, key: str) -> page_data.PersonaForm:
        """A persona for its form."""
        return persona_form(self._studio.personas.get(identity_of(request), key))

    def save_persona(
        self,
        request: Any,
        key: str,
        name: str,
        system: str,
        greeting: str,
        examples: str,
        model: str,
        sampling: dict[str, Any],
        path: str = "",
    ) -> page_data.PersonaCard:
        """Keep one's own; one that came with the studio is copied."""
        person = identity_of(request)
        old = self._studio.personas.get(person, key) if key else Persona(name)
        persona = replace(
            old if not old.key else Persona(name),
            name=name,
            system=system,
            greeting=greeting,
            examples=examples_from(examples),
            model=model.strip()[:MAX_NAME],
            sampling=sampling,
        )
        if path:
            file = uploads_of(self._studio).take(person, path)
            persona = replace(persona, picture=self._store.add_file(normalise_file(file.read(), file.name), person))
        return persona_card(self._studio, self._store.personas.save(person, persona))

    def import_persona(self, request: Any, path: str) -> page_data.PersonaCard:
        """A persona from an uploaded file."""
        person = identity_of(request)
        file = uploads_of(self._studio).take(person, path)
        data = file.read()
        file.discard()
        return persona_card(self._studio, self._studio.personas.take(person, data[: MAX_FILE + 1], file.name))

    def export_persona(self, request: Any, key: str) -> page_data.Exported:
        """As a file for others."""
        name, data = self._studio.personas.file_of(identity_of(request), key)
        return self._file(request, f"{file_stem(name, 'persona')}.json", data)

    def delete_persona(self, request: Any, key: str) -> None:
        """Hide one's own."""
        self._store.personas.delete(identity_of(request), self._studio.personas.get(identity_of(request), key).id)

    def undelete_persona(self, request: Any, key: str) -> None:
        """Bring it back."""
        if not (key.isascii() and key.isdigit()):
            raise InputError("edit_unknown", name="persona")
        self._store.personas.undelete(identity_of(request), int(key))

    def _with_turn(self, request: Any, id: int, turn: int) -> Conversation:
        conversation = self._store.conversation(identity_of(request), id)
        if not 0 <= turn < len(conversation.turns):
            raise InputError("edit_unknown", name="turn")
        if self._studio.runner.get(identity_of(request), ("conversation", id)):
            raise InputError("conversation_busy")
        return conversation

    def _save(self, request: Any, conversation: Conversation) -> page_data.TalkView:
        return self._view(request, self._store.save_conversation(identity_of(request), conversation))

    def _view(self, request: Any, conversation: Conversation) -> page_data.TalkView:
        return to_talk_data(self._studio, conversation, language_for(request))

    def _file(self, request: Any, name: str, data: bytes) -> page_data.Exported:
        path = uploads_of(self._studio).export(identity_of(request), name, data)
        return {"url": download_url(path), "name": path.name}
