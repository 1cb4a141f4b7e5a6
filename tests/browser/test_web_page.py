"""The Web page tab in a real browser, on a scripted model that makes pages; and pages that attack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from browser.conftest import Server, free_port, opened, serve, watched
from browser.test_access import problems

pytestmark = pytest.mark.browser
CAT = Path(__file__).parents[2] / "assets" / "pictures" / "cat.webp"
TAB = "#web-page"
ATTACK = """<html><head><title>Attack </iframe></title><base href="HOST/"><base target="_top">
<meta http-equiv="refresh" content="0; url=HOST/refresh">
<link rel="stylesheet" href="HOST/a.css"><link rel="dns-prefetch" href="HOST">
<style>@import "HOST/b.css"; @font-face { font-family: x; src: url(HOST/c.woff2); }
body { background: url(HOST/d.png); font-family: x; }</style>
<script src="HOST/e.js"></script></head>
<body onload="fetch('HOST/f')" background="HOST/g.png">
</iframe></textarea></div><h1>Still here</h1><iframe src="HOST/h"></iframe>
<iframe srcdoc="<script>top.document.title='run'</script>"></iframe>
<img src="HOST/i.png" alt="zzqqx"><img src=x onerror="top.document.title='run'">
<svg><style><meta http-equiv="refresh" content="0; url=HOST/j"></style>
<image href="HOST/k.png"/><a xlink:href="javascript:alert(1)"><text y="20">svg</text></a></svg>
<object data="HOST/l"></object><embed src="HOST/m">
<video src="HOST/n.mp4" poster="HOST/o.png" autoplay></video>
<a id="top" target="_top" href="HOST/p">top</a>
<a id="js" href="javascript:top.document.title='run'">js</a>
<a id="popup" target="_blank" href="/">popup</a> <a id="data" href="data:text/html,<script>1</script>">data</a>
<form id="form" action="HOST/q" target="_top">
<input name="word" autofocus><button id="send">Send</button></form>
<script>
document.body.dataset.began = "yes";
const tries = [
  () => fetch("HOST/r"), () => fetch("/gradio_api/info"), () => new WebSocket("HOST"),
  () => { parent.document.title = "run"; }, () => { top.location = "HOST/s"; },
  () => window.open("HOST/t"), () => document.cookie, () => localStorage.length,
  () => { new Image().src = "HOST/u.png"; }, () => document.getElementById("form").submit(),
  () => navigator.sendBeacon("HOST/v"), () => import("HOST/w.js"),
  () => new Worker("data:text/javascript,1"), () => alert("x"),
];
for (const attempt of tries) { try { const late = attempt(); late?.catch?.(() => {}); } catch { } }
document.body.append("The script has ended.");
location = "HOST/x";
</script></body></html>"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A studio whose model makes web pages."""
    port, data = free_port(), tmp_path_factory.mktemp("pages")
    yield from serve([str(Path(__file__).parent / "scripted.py"), str(port), str(data), "pages"], port, data)


@pytest.fixture
def page(pages: Server, chromium: Browser) -> Iterator[Page]:
    yield from watched(pages, chromium)


@pytest.fixture
def foreign() -> Iterator[tuple[str, list[str]]]:
    """Another host, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802 - the library's name
            asked.append(self.path)

        do_POST = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def make(page: Page, instruction: str) -> None:
    page.fill(f"{TAB} .page-form textarea", instruction)
    page.click(f"{TAB} [data-act=web_start]")


def shown(page: Page) -> FrameLocator:
    return page.frame_locator(f"{TAB} iframe")


def source(page: Page) -> str:
    return page.locator(f"{TAB} .source textarea").input_value()


def test_a_page_is_made_seen_changed_edited_and_taken_away(page: Page, tmp_path: Path) -> None:
    page.get_by_role("tab", name="Web page").click()
    make(page, "slow page")
    streaming = page.locator(f"{TAB} .writing .source textarea")
    expect(streaming).to_have_value(re.compile("Halfway"), timeout=20_000)
    page.reload()
    expect(streaming).to_have_value(re.compile("Halfway"), timeout=30_000)  # it went on, and is followed again
    page.wait_for_function("location.hash === '#/web/1'")  # the address follows in a moment
    page.click(f"{TAB} [data-act=stop]")
    expect(shown(page).locator("h1")).to_have_text("Halfway", timeout=20_000)
    expect(page.locator(f"{TAB} .said")).to_have_text("Stopped. What was written is kept.")

    page.locator(f"{TAB} .from label", has_text="Résumé").click()
    text = tmp_path / "me.md"
    text.write_text("# Ada\n\nI count.")
    page.set_input_files(f"{TAB} .page-form input[accept*='.md']", str(text))
    expect(page.locator(f"{TAB} .page-form textarea")).to_have_value("# Ada\n\nI count.")
    page.locator(f"{TAB} .from label", has_text="Screenshot").click()
    page.set_input_files(f"{TAB} .page-form input[accept^='image'] >> nth=0", str(CAT))
    expect(page.locator(f"{TAB} .page-form .thumb img")).to_be_visible()
    page.click(f"{TAB} [data-act=web_start]")
    expect(shown(page).locator("h1")).to_have_text("Tea", timeout=20_000)
    page.wait_for_function("location.hash === '#/web/2'")
    assert source(page).startswith("<!DOCTYPE html>")
    expect(shown(page).locator("img")).to_have_js_property("complete", True)
    assert shown(page).locator("img").evaluate("image => image.src.startsWith('data:image/') && image.naturalWidth > 0")
    assert problems(page) == []

    expect(shown(page).locator("#ran")).to_have_text("No script ran.")
    page.click(f"{TAB} .switch input")
    expect(shown(page).locator("#ran")).to_have_text("A script ran.")
    assert page.locator(f"{TAB} iframe").get_attribute("sandbox") == "allow-scripts"

    page.fill(f"{TAB} .box textarea", "make the heading blue")
    page.keyboard.press("Enter")
    expect(shown(page).locator("h1")).to_have_css("color", "rgb(0, 0, 255)", timeout=20_000)
    expect(page.locator(f"{TAB} .box textarea")).to_have_value("")
    page.click(f"{TAB} [data-act=web_undo]")
    expect(shown(page).locator("h1")).to_have_css("color", "rgb(1, 2, 3)")
    page.click(f"{TAB} [data-act=web_redo]")
    expect(shown(page).locator("h1")).to_have_css("color", "rgb(0, 0, 255)")

    page.fill(f"{TAB} .source textarea", source(page).replace("Green tea", "Oolong"))
    page.reload()
    expect(shown(page).locator("#ran")).to_have_text("No script ran.", timeout=30_000)
    expect(page.locator(f"{TAB} .source textarea")).to_have_value(re.compile("Oolong"))
    page.focus(f"{TAB} .source textarea")
    page.keyboard.press("Control+Enter")
    expect(shown(page).locator("#menu")).to_have_text("Oolong", timeout=20_000)
    with page.expect_download() as download:
        page.click(f"{TAB} [data-act=web_download]")
    html = Path(download.value.path()).read_text()
    assert download.value.suggested_filename == "Quiet tea house.html" and "Oolong" in html
    assert "Content-Security-Policy" in html and "data:image/" in html and "<script" not in html

    page.click(f"{TAB} .page-row.current [data-act=delete]")
    expect(page.locator(f"{TAB} .page-row")).to_have_count(1)
    page.locator(".toast .act").click()
    expect(page.locator(f"{TAB} .page-row")).to_have_count(2)
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(f"{TAB} .page-row .open").first.click()
    expect(page.locator(f"{TAB} iframe")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 860})


def test_a_page_that_attacks_does_nothing_and_reaches_nothing(
    pages: Server, chromium: Browser, foreign: tuple[str, list[str]]
) -> None:
    host, asked = foreign
    page = chromium.new_context().new_page()
    opened_windows: list[object] = []

    def note(what: object) -> None:
        opened_windows.append(what)

    page.on("popup", note)
    page.on("dialog", note)
    page.goto(pages.url)
    opened(page)
    page.get_by_role("tab", name="Web page").click()
    make(page, "a page")
    expect(shown(page).locator("h1")).to_have_text("Tea", timeout=20_000)
    page.fill(f"{TAB} .source textarea", ATTACK.replace("HOST", host))
    page.click(f"{TAB} [data-act=web_apply]")
    expect(shown(page).locator("h1")).to_have_text("Still here", timeout=20_000)
    place, title = page.url, page.title()
    for link in ("top", "js", "popup", "data", "send"):
        shown(page).locator(f"#{link}").click()
    expect(shown(page).locator("h1")).to_have_text("Still here")
    assert shown(page).locator("body").get_attribute("data-began") is None

    # Scripts may run now, and still reach nothing: the last one leads the frame away, where the browser stops it.
    with page.expect_event("framenavigated", lambda frame: frame.url.startswith("chrome-error:")):
        page.click(f"{TAB} .switch input")
    page.click(f"{TAB} .switch input")
    expect(shown(page).locator("h1")).to_have_text("Still here")
    assert page.url == place and page.title() == title and not opened_windows and asked == []
    page.context.close()
