"""Everybody can use the page: axe-core finds no serious problem, the keyboard reaches everything, a phone shows it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, begin, ended, open_page, watched
from browser.shots import NAMES, SETTLED, to_tab

pytestmark = pytest.mark.browser

# What Gradio's own parts do and we cannot change from outside; each with its reason.
GRADIO = {
    "label": "input[type=file] of MultimodalTextbox is hidden and reached by its button",
}


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, scripted: Server, chromium: Browser) -> Iterator[Page]:
    for page in watched(scripted, chromium):
        page.evaluate(f"localStorage.setItem('studio-theme', '{request.param}')")
        page.reload()
        page.emulate_media(reduced_motion="reduce")  # half a fade has half the contrast
        page.wait_for_selector("#paper .empty")
        yield page


def problems(page: Page) -> list[str]:
    """Serious and critical findings as readable lines."""
    found = Axe().run(page).response["violations"]
    return [
        f"{v['id']}: {v['help']} ({v['nodes'][0]['html'][:120]})"
        for v in found
        if v["impact"] in ("serious", "critical") and v["id"] not in GRADIO
    ]


def test_axe_finds_no_serious_problem(page: Page) -> None:
    seen = {"write": problems(page)}
    begin(page, "Write an article about the mountains", None)
    ended(page)
    page.locator("#paper section .text").first.click()
    seen["paragraph"] = problems(page)
    page.locator("#paper section p").first.evaluate(
        "p => getSelection().setBaseAndExtent(p.firstChild, 4, p.firstChild, 13)"
    )
    expect(page.locator("#paper .inspector .chosen")).to_be_visible()
    seen["words"] = problems(page)
    page.click("#paper .inspector [data-act=rewrite]")
    expect(page.locator("#paper [data-act=accept]")).to_be_enabled(timeout=30_000)
    seen["difference"] = problems(page)
    page.click("#paper [data-act=discard]")
    page.keyboard.press("Escape")
    page.locator("#paper figure").first.click()
    seen["picture"] = problems(page)
    page.keyboard.press("Escape")
    for at, name in enumerate(NAMES[1:], 1):
        to_tab(page, at)
        page.wait_for_timeout(500)
        page.wait_for_function(SETTLED)  # what still loads is shown paler
        seen[name] = problems(page)
    assert not {name: found for name, found in seen.items() if found}


def test_the_keyboard_alone_writes_edits_and_leaves(scripted: Server, chromium: Browser) -> None:
    page = open_page(chromium, scripted)
    page.focus("#instruction textarea")
    page.keyboard.type("Write an article about the mountains")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#paper section", timeout=60_000)
    ended(page)
    page.focus("#paper section .text")
    page.keyboard.press("Enter")
    expect(page.locator("#paper .inspector header")).to_contain_text("Paragraph 1")
    page.focus("#paper [data-act=edit]")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type("Typed without a mouse.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#paper section").first).to_have_text("Typed without a mouse.")
    page.keyboard.press("Escape")
    expect(page.locator("#paper .inspector .idle")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator("#paper section").first).not_to_have_text("Typed without a mouse.")
    page.context.close()


def test_a_phone_shows_form_document_and_sheet(scripted: Server, chromium: Browser) -> None:
    page = open_page(chromium, scripted, viewport={"width": 390, "height": 844})
    begin(page, "Write an article about the mountains", None)
    ended(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    page.locator("#paper section .text").first.click()
    box = page.locator("#paper .inspector").bounding_box()
    assert box and box["x"] == 0 and box["width"] == 390 and box["y"] + box["height"] == pytest.approx(844, abs=1)
    page.click("#paper .inspector .close")
    expect(page.locator("#paper .inspector")).to_be_hidden()
    page.context.close()
