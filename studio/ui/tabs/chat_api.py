"""The named endpoint of the chat for programs: /ask."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import gradio as gr

from studio.app import Studio
from studio.documents.conversation import Conversation
from studio.errors import StudioError
from studio.tasks.answers import Answer
from studio.ui.identity import identity_of, normalise_uploads, to_gradio_error
from studio.ui.threads import in_thread, pool_for
from studio.ui.uploads import uploads_of


def chat_api(studio: Studio) -> None:
    """Define it: pictures and a question in, the answer as it grows out."""

    async def ask(request: gr.Request, pictures: list[gr.FileData], question: str) -> AsyncGenerator[str, None]:
        def begin() -> Answer:
            files = [uploads_of(studio).take(identity_of(request), p["path"]) for p in pictures]
            taken = normalise_uploads(studio, identity_of(request), files)
            for file in files:
                file.discard()
            return studio.answers.ask(identity_of(request), Conversation().ask(question, taken))

        try:
            answer = await in_thread(begin, pool=pool_for(pictures))
            try:
                async for state in answer.follow():
                    if state.error:
                        raise state.error
                    yield state.conversation.turns[-1].answer
            finally:
                answer.stop.press()  # a program that goes away, or cancels, wants no more of it
        except StudioError as e:
            raise to_gradio_error(e, request) from e

    gr.api(ask, api_name="ask", concurrency_limit=None)
