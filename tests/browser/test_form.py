"""The form and what surrounds the document, on the scripted engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, begin, ended

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"


def test_an_article_goes_on_while_the_page_is_away(page: Page) -> None:
    begin(page, "Write an article about rain", "1")
    page.reload()
    page.get_by_role("tab", name="History").click()
    page.locator("#history-shelf .cover").first.click()
    ended(page)
    expect(page.locator("#paper figure img")).to_have_count(1)


def test_an_own_picture_is_used(page: Page) -> None:
    robot, tea = PICTURES / "robot.webp", PICTURES / "tea.webp"
    page.set_input_files("#own-pictures input[type=file]", [str(tea), str(robot)])
    expect(page.locator("#own-pictures figure img")).to_have_count(2, timeout=30_000)
    page.locator("#own-pictures figure").first.locator("button").click()
    expect(page.locator("#own-pictures figure")).to_have_attribute("title", "robot.webp")
    begin(page, "Write an article about machines that help at home", "1")
    ended(page)
    expect(page.locator("#paper .credit")).to_contain_text("robot.webp")


def test_a_drafted_outline_is_edited_and_obeyed(page: Page) -> None:
    page.fill("#instruction textarea", "Write an article about bread")
    page.click("#outline [data-act=draft_outline]")
    lines = page.locator("#outline li input")
    expect(lines).to_have_count(3, timeout=30_000)
    lines.nth(1).fill("The Mill")
    lines.nth(1).press("Enter")
    page.keyboard.type("The Oven")
    page.locator("#outline li").nth(2).locator("[data-act=indent]").click()
    page.locator("#outline li").nth(3).locator("[data-act=delete]").click()
    lines.nth(0).press("Alt+ArrowDown")
    begin(page, "Write an article about bread", "0")
    ended(page)
    headings = page.locator("#paper h2, #paper h3")
    assert headings.all_inner_texts() == ["The Mill", "The harvest", "The Oven"]
    assert page.locator("#paper h3").all_inner_texts() == ["The Oven"]


def test_a_number_out_of_range_is_hinted_at_beside_it(page: Page) -> None:
    page.locator("#form .label-wrap").click()
    page.fill("#temperature input", "9")
    expect(page.locator("#temperature .range")).to_be_visible()
    expect(page.locator("#temperature .range")).to_have_text("between 0 and 2")
    page.fill("#temperature input", "")
    expect(page.locator("#temperature .range")).to_be_hidden()
    assert page.input_value("#top_p input") == ""  # empty is the model's own value, not 0
    before = page.input_value("#seed input")
    page.click("#seed .dice")
    assert page.input_value("#seed input") != before


def test_an_empty_instruction_is_answered_with_a_sentence(page: Page) -> None:
    page.click("#start")
    expect(page.get_by_text("There is nothing to write about yet").first).to_be_visible(timeout=15_000)


def test_text_that_looks_like_code_stays_text(page: Page) -> None:
    begin(page, "Write an article about tea", "0")
    ended(page)
    page.locator("#paper section .text").first.click()
    page.click("#paper [data-act=edit]")
    wild = "${alert(1)} {{7*7}} <img src=x onerror=alert(2)> <script>alert(3)</script> `tick`"
    page.fill("#paper textarea.edit", wild)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.keyboard.press("Control+Enter")
    expect(page.locator("#paper section .text").first).to_contain_text("${alert(1)} {{7*7}}")
    assert page.locator("#paper section").first.locator("img, script").count() == 0


def test_the_page_speaks_chinese(chromium: Browser, scripted: Server) -> None:
    context = chromium.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(scripted.url)
    expect(page.locator("#start")).to_have_text("开始写作", timeout=60_000)
    expect(page.locator("#paper .empty")).to_contain_text("文章会在这里展开")
    expect(page.get_by_role("tab")).to_have_text([re.compile(".+")] * page.get_by_role("tab").count())
    page.click("#masthead [data-act=language]")
    expect(page.locator("#start")).to_have_text("Write", timeout=60_000)
    page.reload()
    expect(page.locator("#start")).to_have_text("Write", timeout=60_000)
    context.close()


def test_two_browsers_never_see_each_others_work(page: Page, chromium: Browser, scripted: Server) -> None:
    begin(page, "Write an article about my secret garden", "0")
    ended(page)
    other = chromium.new_context(locale="en-US").new_page()
    other.goto(scripted.url)
    other.get_by_role("tab", name="History").click()
    expect(other.locator("#history-shelf")).to_contain_text("What you write and ask is kept here.")
    expect(other.locator("#history-shelf .card")).to_have_count(0)
    other.context.close()
