"""Chat: a picture asked about on the starter model; the rest on the scripted engine."""

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"


@pytest.mark.real
def test_a_picture_is_asked_about_in_two_turns(starter_page: Page) -> None:
    page = starter_page
    page.get_by_role("tab", name="Chat").click()
    page.set_input_files("#question input[type=file]", str(PICTURES / "bicycle.webp"))
    page.wait_for_selector("#question .thumbnail-item, #question img", timeout=30_000)
    page.fill("#question textarea", "What is in this picture?")
    page.keyboard.press("Enter")
    answer = page.locator("#chatbot .bot").last
    expect(answer).to_contain_text(re.compile("picture shows|not sure"), timeout=90_000)
    expect(page.locator("#chatbot .user img")).to_have_count(1)
    page.fill("#question textarea", "Where would one use it?")  # while the answer streams: it must not be lost
    expect(page.locator("#chatbot button[aria-label=Retry]")).to_be_enabled(timeout=90_000)
    expect(page.locator("#question textarea")).to_have_value("Where would one use it?")
    page.press("#question textarea", "Enter")
    expect(page.locator("#chatbot .bot")).to_have_count(2, timeout=90_000)


def test_a_question_without_words_gets_a_sentence(page: Page) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.set_input_files("#question input[type=file]", str(PICTURES / "cat.webp"))
    page.wait_for_selector("#question .thumbnail-item, #question img", timeout=30_000)
    page.click("#question button.submit-button")
    expect(page.get_by_text("Ask a question first.").first).to_be_visible(timeout=30_000)


def ask(page: Page, question: str, picture: str = "") -> None:
    page.get_by_role("tab", name="Chat").click()
    if picture:
        page.set_input_files("#question input[type=file]", str(PICTURES / picture))
        page.wait_for_selector("#question .thumbnail-item, #question img", timeout=30_000)
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")
    page.wait_for_selector("#chatbot .bot", timeout=90_000)
    expect(page.locator("#chatbot button[aria-label=Retry]")).to_be_enabled(timeout=90_000)


def test_stop_ends_an_answer_and_a_cut_one_goes_on(page: Page) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.locator("#chat-column .label-wrap").click()
    page.fill("#answer_length input", "12")
    ask(page, "Tell me about horses")
    cut = page.locator("#chatbot .bot").last.inner_text()
    page.fill("#answer_length input", "60")
    page.click("#continue-answer")
    longer = "n => [...document.querySelectorAll('#chatbot .bot')].pop().innerText.length > n"
    page.wait_for_function(longer, arg=len(cut))
    assert page.locator("#chatbot .bot").last.inner_text().startswith(cut.strip()[:20])


def test_a_sent_question_is_edited_liked_saved_and_written_about(page: Page, tmp_path: Path) -> None:
    ask(page, "What is a lighthouse?")
    page.locator("#chatbot button[aria-label=Edit]").first.click()
    page.locator("dialog textarea").fill("What is a windmill?")
    page.locator("dialog [data-act=ask_again]").click()
    expect(page.locator("#chatbot .user")).to_contain_text("windmill")
    expect(page.locator("#chatbot button[aria-label=Retry]")).to_be_enabled(timeout=90_000)
    page.locator("#chatbot button[aria-label=Like]").last.click()
    with page.expect_download(timeout=30_000) as saved:
        page.click("#save-zip")
    saved.value.save_as(tmp_path / "talk.zip")
    text = zipfile.ZipFile(tmp_path / "talk.zip").read("conversation.md").decode()
    assert "windmill" in text and "lighthouse?" not in text
    page.click("#write-about")
    wish = re.compile("^Write an article about this: .{10}", re.DOTALL)
    expect(page.locator("#instruction textarea")).to_have_value(wish)
