"""Dropping pictures on the form, bringing them and the outline's lines into order, and what is said when it fails."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from browser.conftest import Server, begin, ended, open_page, watched

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
DROP = """([selector, files]) => {
    const data = new DataTransfer();
    for (const { name, type, text } of files) {
        data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name, { type }));
    }
    const place = document.querySelector(selector);
    for (const kind of ['dragover', 'drop']) {
        const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
        if (place.dispatchEvent(event)) return `${kind} was left to the browser, which would open the file`;
    }
    return '';
}"""


def drop(page: Page, *files: tuple[str, str, bytes], on: str = "#own-pictures .own") -> None:
    given = [{"name": name, "type": kind, "text": base64.b64encode(data).decode()} for name, kind, data in files]
    assert page.evaluate(DROP, [on, given]) == ""


def picture(name: str) -> tuple[str, str, bytes]:
    return f"{name}.webp", "image/webp", (PICTURES / f"{name}.webp").read_bytes()


def order(page: Page, wanted: str) -> None:
    figures = page.locator("#own-pictures figure")
    expect(figures).to_have_count(len(wanted.split()), timeout=30_000)
    assert [figures.nth(i).get_attribute("title") for i in range(figures.count())] == [
        f"{name}.webp" for name in wanted.split()
    ]


def test_dropped_pictures_are_moved_removed_and_used_in_order(page: Page) -> None:
    drop(page, picture("tea"), picture("robot"), picture("cat"))
    order(page, "tea robot cat")
    figures = page.locator("#own-pictures figure")
    figures.nth(2).drag_to(figures.nth(0))
    order(page, "cat tea robot")
    figures.nth(0).focus()
    page.keyboard.press("Alt+ArrowRight")
    order(page, "tea cat robot")
    expect(figures.nth(1)).to_be_focused()
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Alt+ArrowRight")  # it is the last already
    order(page, "tea robot cat")
    figures.nth(1).locator("button").click()
    order(page, "tea cat")
    begin(page, "Write an article about the mountains", "2")
    ended(page)
    credits = page.locator("#paper .credit").all_inner_texts()
    assert sorted(credit.strip(" ·") for credit in credits) == ["cat.webp", "tea.webp"]


def carry(page: Page, from_: Locator, to: Locator) -> None:
    """A finger goes from one to the other."""
    finger = page.context.new_cdp_session(page)
    from_.scroll_into_view_if_needed()
    for kind, place in (("touchStart", from_), ("touchMove", to), ("touchEnd", None)):
        box = place.bounding_box() if place else None
        points = [{"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}] if box else []
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_a_finger_moves_pictures_and_headings(scripted: Server, chromium: Browser) -> None:
    for page in watched(scripted, chromium, has_touch=True, viewport={"width": 390, "height": 844}):
        drop(page, picture("tea"), picture("robot"), picture("cat"))
        order(page, "tea robot cat")
        figures = page.locator("#own-pictures figure")
        carry(page, figures.nth(2).locator("figcaption"), figures.nth(0))
        order(page, "cat tea robot")
        carry(page, figures.nth(0).locator("figcaption"), page.locator("#start"))  # beside them: nothing
        order(page, "cat tea robot")
        for words in ("One", "Two"):
            page.click("#outline [data-act=add_heading]")
            page.locator("#outline li input").last.fill(words)
        rows = page.locator("#outline li")
        carry(page, rows.nth(0).locator(".grip"), rows.nth(1))
        expect(rows.nth(0).locator("input")).to_have_value("Two")
        expect(page.locator("#outline .under, #outline .carried")).to_have_count(0)


def test_the_eleventh_picture_is_left_out_with_a_sentence(page: Page) -> None:
    names = "bird books bread bridge cat city desert dog doctor farm"
    drop(page, *map(picture, names.split()))
    order(page, names)
    expect(page.locator(".toast")).to_have_count(0)
    drop(page, picture("tea"), picture("robot"))
    expect(page.locator(".toast")).to_have_text("10 pictures at most; 2 were left out.")
    order(page, names)


def test_what_is_no_picture_is_told_and_the_rest_is_taken(page: Page) -> None:
    drop(page, ("a <b>.pdf", "application/pdf", b"%PDF"), picture("tea"), ("none.png", "image/png", b""))
    toast = page.locator(".toast")
    expect(toast).to_contain_text("a <b>.pdf is not a picture. JPEG, PNG, WebP", timeout=30_000)
    expect(toast).to_contain_text("none.png is an empty file.")
    order(page, "tea")
    drop(page, picture("robot"), on="#images")  # beside the part: nothing happens, above all no leaving of the page
    order(page, "tea")
    drop(page, ("words.png", "image/png", b"\x89PNG only words"))  # only opening it tells
    expect(page.locator("#own-pictures figure")).to_have_count(2, timeout=30_000)
    page.fill("#instruction textarea", "Write an article about tea")
    page.click("#start")
    expect(page.get_by_text("words.png is not a picture").first).to_be_visible(timeout=15_000)


@pytest.mark.parametrize(("locale", "refused", "away"), [
    ("en-US", "The studio did not take tea.webp.", "tea.webp was not uploaded: the studio does not answer."),
    ("zh-CN", "tea.webp 上传失败，可能是文件过大", "tea.webp 没有上传：连接不上程序"),
])  # fmt: skip
def test_a_failed_upload_is_told_in_the_readers_language(
    scripted: Server, chromium: Browser, locale: str, refused: str, away: str
) -> None:
    page = open_page(chromium, scripted, locale=locale)
    toast = page.locator(".toast")

    def too_large(route: Route) -> None:
        route.fulfill(status=413, body="Request Entity Too Large")

    page.route("**/upload*", too_large)
    drop(page, picture("tea"))
    expect(toast).to_contain_text(refused, timeout=15_000)
    page.unroute("**/upload*", too_large)
    page.context.set_offline(True)
    drop(page, picture("tea"))
    expect(toast).to_contain_text(away, timeout=15_000)
    expect(page.locator("#own-pictures figure")).to_have_count(0)
    page.context.set_offline(False)
    drop(page, picture("tea"))
    order(page, "tea")
    page.context.close()


def test_lines_of_the_outline_are_dragged_and_pasted(page: Page) -> None:
    page.click("#outline [data-act=add_heading]")
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.setData('text', '1. The Mill\\n  - The Oven\\n## The Shop');
        const pasted = new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
        document.querySelector('#outline li input').dispatchEvent(pasted);
    }""")
    lines = page.locator("#outline li input")
    expect(lines).to_have_count(3)
    page.locator("#outline .grip").nth(2).drag_to(page.locator("#outline li").nth(0))
    assert [lines.nth(i).input_value() for i in range(3)] == ["The Shop", "The Mill", "The Oven"]
    begin(page, "Write an article about bread", "0")
    ended(page)
    assert page.locator("#paper h2").all_inner_texts() == ["The Shop", "The Mill"]
    assert page.locator("#paper h3").all_inner_texts() == ["The Oven"]
