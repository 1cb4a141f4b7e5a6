"""Nothing moves under the reader, and a long document stays usable while it is written."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import begin, ended

pytestmark = pytest.mark.browser


def test_a_reader_who_scrolled_up_stays_there(page: Page) -> None:
    begin(page, "Write quickly about words", "0")
    page.wait_for_function("document.documentElement.scrollHeight > innerHeight + 400")  # at its end one is taken along
    first = page.locator("#paper section").first.element_handle()
    page.evaluate("scrollTo(0, 0)")
    length = page.evaluate("document.querySelector('#paper .body').innerText.length")
    page.wait_for_function("n => document.querySelector('#paper .body').innerText.length > n + 400", arg=length)
    assert page.evaluate("scrollY") == 0
    assert page.evaluate("node => node.isConnected", first)  # not drawn anew
    page.click("#paper .stop")
    expect(page.locator("#paper .said")).to_contain_text("Stopped")


@pytest.mark.slow
def test_sixty_sections_grow_and_are_edited(page: Page) -> None:
    page.locator("#form .label-wrap").click()
    page.fill("#length input", "4096")
    begin(page, "Write a long article", "15")
    ended(page)
    expect(page.locator("#paper section")).to_have_count(60)
    expect(page.locator("#paper figure")).to_have_count(15)
    last = page.locator("#paper section .text").last
    last.click()
    page.click("#paper [data-act=move_up]")
    expect(page.locator("#paper section").nth(58)).to_contain_text("Mile 59.")


def test_continue_is_offered_at_the_length_limit(page: Page) -> None:
    begin(page, "Write an unfinished article", "0")
    ended(page)
    expect(page.locator("#paper .said")).to_have_text("Stopped at the length limit.")
    before = page.locator("#paper section").count()
    page.click("#paper [data-act=continue]")
    page.wait_for_function("n => document.querySelectorAll('#paper section').length > n", arg=before)


def test_copy_as_markdown(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    begin(page, "Write an article about the mountains", "1")
    ended(page)
    page.click("#paper [data-act=copy_markdown]")
    expect(page.locator(".toast")).to_have_text("Copied.")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("# Mountains\n\nThe mountains stand") and "*A snowy peak" in text
