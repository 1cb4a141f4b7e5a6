"""The page below a sub-path, behind a proxy that cuts it off: modules, events, uploads, pictures, files."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Response, expect
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.responses import Response as Answer
from starlette.routing import Mount, Route

from browser.conftest import WINDOW, begin, ended, free_port, opened, serve

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
SUB_PATH = "/ink/studio"
_HOP = ("connection", "keep-alive", "transfer-encoding")


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the studio behind the proxy; whatever does not lie below the sub-path is another site's."""
    port, proxy_port, data = free_port(), free_port(), tmp_path_factory.mktemp("below")
    command = [str(Path(__file__).parent / "scripted.py"), str(port), str(data), SUB_PATH]
    for studio in serve(command, port, data):
        server = uvicorn.Server(uvicorn.Config(proxy(studio.url), port=proxy_port, log_level="error"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{proxy_port}{SUB_PATH}/"
        server.should_exit = True
        server.force_exit = True
        thread.join(10)


def proxy(target: str) -> Starlette:
    client = httpx.AsyncClient(timeout=None)

    async def forward(request: Request) -> Answer:
        query = f"?{request.url.query}" if request.url.query else ""
        path = request.scope["path"].removeprefix(SUB_PATH)
        headers = [(k, v) for k, v in request.headers.items() if k not in _HOP]
        asked = client.build_request(
            request.method, f"{target}{path}{query}", headers=headers, content=await request.body()
        )
        answer = await client.send(asked, stream=True)
        passed = {k: v for k, v in answer.headers.items() if k not in (*_HOP, "set-cookie")}
        response = StreamingResponse(
            answer.aiter_raw(), answer.status_code, passed, background=BackgroundTask(answer.aclose)
        )
        for cookie in answer.headers.get_list("set-cookie"):
            response.headers.append("set-cookie", cookie)
        return response

    async def other_site(request: Request) -> Answer:
        return PlainTextResponse("another site", 404)

    methods = ["GET", "POST", "HEAD"]
    inside = Route("/{path:path}", forward, methods=methods)
    return Starlette(routes=[Mount(SUB_PATH, routes=[inside]), Route("/{path:path}", other_site, methods=methods)])


@pytest.fixture
def page(below: str, chromium: Browser) -> Iterator[Page]:
    page = chromium.new_context(**WINDOW).new_page()  # type: ignore[arg-type]
    outside: list[str] = []

    def note(response: Response) -> None:
        if not response.url.startswith((below, "data:", "blob:")) or response.status >= 400:
            outside.append(f"{response.status} {response.url}")

    page.on("response", note)
    page.goto(below)
    opened(page)
    yield page
    page.context.close()
    assert not outside, "asked beside the sub-path, or refused"


def test_an_article_is_written_illustrated_edited_and_exported(page: Page, tmp_path: Path) -> None:
    page.set_input_files("#own-pictures input[type=file]", str(PICTURES / "dog.webp"))
    expect(page.locator("#own-pictures figure img")).to_have_count(1)
    begin(page, "Write an article about the mountains", "1")
    ended(page)
    picture = "#paper figure img"
    page.locator(picture).scroll_into_view_if_needed()
    page.wait_for_function("q => document.querySelector(q).naturalWidth > 0", arg=picture)
    page.locator("#paper section .text").first.click()
    page.click("#paper [data-act=rewrite]")
    page.click("#paper [data-act=accept]:enabled")
    page.click("#export-menu summary")
    with page.expect_download() as saved:
        page.click("#export-menu [data-format=zip]")
    saved.value.save_as(tmp_path / "article.zip")
    assert "article.md" in zipfile.ZipFile(tmp_path / "article.zip").namelist()
    page.reload()
    expect(page.locator(picture)).to_be_visible(timeout=15_000)


def test_a_question_with_a_picture_is_answered_and_all_tabs_open(page: Page) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.set_input_files("#question input[type=file]", str(PICTURES / "cat.webp"))
    page.wait_for_selector("#question .thumbnail-item img")
    page.fill("#question textarea", "What is this?")
    page.keyboard.press("Enter")
    expect(page.locator("#chatbot .bot")).to_contain_text("mountains", timeout=30_000)
    page.wait_for_function("document.querySelector('#chatbot .user img').naturalWidth > 0")
    page.get_by_role("tab", name="Library").click()
    page.wait_for_function("document.querySelector('#library-shelf .cover img')?.naturalWidth > 0")
    page.get_by_role("tab", name="History").click()
    page.select_option("#history-shelf select", "conversations")
    expect(page.locator("#history-shelf .card").first).to_be_visible()
    page.get_by_role("tab", name="About").click()
    expect(page.locator("#about-facts")).to_contain_text("scripted model")
