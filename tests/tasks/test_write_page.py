"""A web page by a scripted model: asked with its adapter, pictures from the library, errors as the last state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from golden import picture

from studio.app import Studio
from studio.prompts.web_pages import PageRequest, can_make_pages, page_prompt
from studio.protocol import Adapter, Call, Generate, ModelCard, Text
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.tasks.progress import Stop
from studio.tasks.write_page import PageProgress, PictureWishes
from studio.worker.request import Request

CARD = ModelCard(
    "scripted 2.5", "xcomposer2.5", ("en",), True, 16384, beams=5, image_tokens=800, adapters=("write", "web")
)
REPLY = """```html
<html><body><h1>Farm</h1><img src="https://source.unsplash.com/random/1x1/?cow" alt="a cow on a meadow"></body></html>
```"""


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    spec = ScriptedSpec((Reply(REPLY, "farm"), Reply(" ", "nothing")), CARD)
    with Studio(Settings(data=str(tmp_path)), spec) as made:
        yield made


def made(studio: Studio, request: PageRequest, **more: Any) -> PageProgress:
    *_, last = studio.page_writer.write(request, PictureWishes(), "me", Stop(), **more)
    assert last.step == "done"
    return last


def test_a_page_with_a_picture_of_the_library(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Call] = []
    submit = studio.worker.submit

    def note(call: Call, person: str = "") -> Request:
        calls.append(call)
        return submit(call, person)

    monkeypatch.setattr(studio.worker, "submit", note)
    page = made(studio, PageRequest("instruction", "a page about a farm"))
    assert not page.error and page.source.startswith("<html>") and not page.cut
    assert '<h1>Farm</h1><img src="data:image/webp;base64,' in studio.page_writer.render(page.source, page.pictures)
    (call,) = (call for call in calls if isinstance(call, Generate))
    assert call.prompt[0] == Adapter("web") and call.sampling.beams == 2 and call.sampling.max_tokens == 4800


def test_what_fails_is_the_error_of_the_last_state(studio: Studio, tmp_path: Path) -> None:
    empty = made(studio, PageRequest("instruction", "nothing"))
    assert empty.error and empty.error.key == "nothing_written"
    long = made(studio, PageRequest("resume", "word " * 20000))
    assert long.error and long.error.key == "context_overflow"
    stop = Stop()
    stop.press()
    assert list(studio.page_writer.write(PageRequest("instruction", "x"), PictureWishes(), "me", stop)) == []
    other = ScriptedSpec((Reply(REPLY),), replace(CARD, adapters=()))
    with Studio(Settings(data=str(tmp_path / "other")), other) as without:
        refused = made(without, PageRequest("instruction", "a farm"))
        assert refused.error and refused.error.key == "no_web_pages" and "XComposer2.5" in refused.error.say("zh")


def test_prompts_of_the_four_kinds() -> None:
    assert can_make_pages(CARD) and not can_make_pages(replace(CARD, dialect="xcomposer2"))
    image = picture("teal")
    for request, words in (
        (PageRequest("instruction", "A site"), "user\nA site"),
        (PageRequest("resume", "# Me"), "user\n Generate a personal page using the content in the resume:# Me"),
        (
            PageRequest("screenshot", images=(image,)),
            "user\n Generate the HTML code of this web image with Tailwind CSS.",
        ),
        (PageRequest("change", "bigger", html="<p>{x}"), "user\n Change the html code: bigger\n<p>{x}"),
    ):
        prompt = page_prompt(request)
        assert prompt[0] == Adapter("web") and Text(words) in prompt
        assert (prompt[1] == replace(image, tiles=24)) == bool(request.images)
        assert sum(isinstance(segment, Adapter) for segment in prompt) == 1
