"""Two people at one model: who waits sees the place in the queue and about how long, then the article."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, begin, ended, open_page

pytestmark = pytest.mark.browser


def short(page: Page) -> None:
    """At most 90 words, which no other test asks for: the time left is told from calls of about that length."""
    page.locator("#form .label-wrap").click()
    page.fill("#length input", "90")


def test_who_waits_sees_the_place_and_the_time(scripted: Server, chromium: Browser) -> None:
    first, second = open_page(chromium, scripted), open_page(chromium, scripted, locale="zh-CN")
    short(first)
    short(second)
    begin(first, "Write an article that takes a moment", "0")
    ended(first)  # now it is known how long one takes
    before = first.evaluate("location.hash")
    begin(first, "Write an article that needs patience", None)
    first.wait_for_function("before => location.hash !== before", arg=before)
    second.fill("#instruction textarea", "Write an article about the mountains")
    second.click("#start")
    said = second.locator("#paper .said")
    expect(said).to_contain_text("前面还有 1 个", timeout=5_000)
    expect(said).to_have_text(re.compile(r"前面还有 1 个，约 \d+ 秒"))
    expect(second.locator("#paper .stop")).to_be_visible()
    second.wait_for_selector("#paper section", timeout=30_000)
    expect(said).not_to_contain_text("前面还有")
    ended(second)
    ended(first)
    first.context.close()
    second.context.close()


def test_who_waits_can_stop_at_once(scripted: Server, chromium: Browser) -> None:
    first, second = open_page(chromium, scripted), open_page(chromium, scripted)
    begin(first, "Write an article that needs patience", "0")
    second.fill("#instruction textarea", "Write an article about the mountains")
    second.click("#start")
    expect(second.locator("#paper .said")).to_contain_text("1 ahead of you", timeout=5_000)
    second.click("#paper .stop")
    expect(second.locator("#paper .said")).to_have_text("Stopped. What was written is kept.", timeout=3_000)
    expect(first.locator("#paper .stop")).to_be_visible()  # the other goes on
    first.click("#paper .stop")
    first.context.close()
    second.context.close()


@pytest.mark.parametrize(("locale", "told", "stopped"), [
    ("en-US", "The model is being loaded …", "Stopped. What was written is kept."),
    ("zh-CN", "正在加载模型……", "已停止，写好的内容已保存。"),
])  # fmt: skip
def test_while_the_model_is_loaded_it_is_said_and_stop_works(
    scripted: Server, chromium: Browser, locale: str, told: str, stopped: str
) -> None:
    """Also in Chat; what is asked after a Stop is answered when the model is there."""
    page = open_page(chromium, scripted, locale=locale)
    page.fill("#instruction textarea", "Write an article about the mountains")
    said = page.locator("#paper .said")
    with scripted.loading():
        page.click("#start")
        expect(said).to_have_text(told)
        page.click("#paper .stop")
        expect(said).to_have_text(stopped, timeout=2_000)
    page.get_by_role("tab").nth(1).click()
    page.fill("#question textarea", "Where are we?")
    answer = page.locator("#chatbot .bot")
    with scripted.loading():
        page.keyboard.press("Enter")
        expect(answer).to_have_text(told)
        page.click("#question .stop-button")
        expect(answer).to_have_count(0, timeout=2_000)
        page.fill("#question textarea", "And where now?")
        page.click("#question .submit-button")
        expect(answer.last).to_have_text(told)
    expect(answer.last).to_contain_text("mountains", timeout=30_000)
    page.context.close()
