import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.real]
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"


def test_a_picture_is_asked_about_in_two_turns(page: Page) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.set_input_files("#question input[type=file]", str(PICTURES / "bicycle.webp"))
    page.wait_for_selector("#question .thumbnail-item, #question img", timeout=30_000)
    page.fill("#question textarea", "What is in this picture?")
    page.keyboard.press("Enter")
    answer = page.locator("#chatbot .bot").last
    expect(answer).to_contain_text(re.compile("picture shows|not sure"), timeout=90_000)
    expect(page.locator("#chatbot .user img")).to_have_count(1)
    page.fill("#question textarea", "Where would one use it?")  # while the answer streams: it must not be lost
    expect(page.locator("#chatbot button[aria-label=Retry]")).to_be_visible(timeout=90_000)
    expect(page.locator("#question textarea")).to_have_value("Where would one use it?")
    page.press("#question textarea", "Enter")
    expect(page.locator("#chatbot .bot")).to_have_count(2, timeout=90_000)


def test_a_question_without_words_gets_a_sentence(page: Page) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.set_input_files("#question input[type=file]", str(PICTURES / "cat.webp"))
    page.wait_for_selector("#question .thumbnail-item, #question img", timeout=30_000)
    page.click("#question button.submit-button")
    expect(page.get_by_text("Ask a question first.").first).to_be_visible(timeout=30_000)
