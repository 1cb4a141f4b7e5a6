"""A web page that a model wrote, opened in a real browser: it shows its words, runs nothing and reaches no host."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from studio.documents.html_page import safe_page

pytestmark = pytest.mark.browser

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)
PAGE = """<html><head><title>quiet</title><style>@import url(HOST/x.css); body{background:url(HOST/b.png)}</style>
<script src="HOST/a.js"></script></head><body onload="document.title='ran'"><h1>Hello</h1>
<img src="HOST/i.png" onerror="document.title='ran'"><video src="HOST/v.mp4" autoplay></video>
<svg><script>document.title='ran'</script><image href="HOST/s.png"/></svg><p style="background:url(HOST/c.png)">x</p>
<script>document.title='ran'; fetch('HOST/f')</script><noscript><img src="HOST/n.png"></noscript>
<math><mtext><script>document.title='ran'</script></mtext></math><iframe src="HOST/frame"></iframe></body></html>"""


@pytest.fixture
def host() -> Iterator[tuple[str, list[str]]]:
    """Another host, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A browser that closes its connections is none."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("scripts", [False, True])
def test_it_reaches_no_host(chromium: Browser, host: tuple[str, list[str]], tmp_path: Path, scripts: bool) -> None:
    address, asked = host
    (tmp_path / "page.html").write_text(safe_page(PAGE.replace("HOST", address), [PIXEL], scripts))
    page = chromium.new_page()
    page.goto(f"file://{tmp_path}/page.html", wait_until="networkidle")
    assert page.inner_text("h1") == "Hello" and page.title() == ("ran" if scripts else "quiet")
    assert page.evaluate("document.images[0].naturalWidth") == 1
    page.close()
    assert asked == []
    other = chromium.new_page()
    other.goto(address)  # it would have noticed
    other.close()
    assert asked[:1] == ["/"]
