"""A conversation as a file of any format that holds one, to be fetched once by who asked."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from studio import __version__, export
from studio.app import Studio
from studio.documents.conversation import Conversation
from studio.errors import StudioError
from studio.ui.article_editor import download_url
from studio.ui.identity import identity_of, to_gradio_error
from studio.ui.uploads import uploads_of


def conversation_download(studio: Studio, format: str) -> Callable[[gr.Request, Conversation], str]:
    """For a button: gives the URL of the conversation as a file of that format, "" for an empty one."""

    def save(request: gr.Request, conversation: Conversation) -> str:
        if not conversation.turns:
            return ""
        about = {"model": conversation.model, "studio": __version__}
        try:
            data = export.export(conversation, format, studio.store.read_file, about)
            path = uploads_of(studio).export(identity_of(request), export.filename(conversation, format), data)
        except StudioError as e:
            raise to_gradio_error(e, request) from e
        return download_url(path)

    return save
