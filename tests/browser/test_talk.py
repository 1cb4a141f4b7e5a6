"""Chat on the scripted engine: cards, numbers, pasted and dropped pictures, opinions, Stop, Continue."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, open_page, watched

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
GIVE = """([data, kind]) => {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], 'given.webp', {type: 'image/webp'}));
    const box = document.querySelector('#question textarea');
    const options = {bubbles: true, cancelable: true};
    if (kind === 'paste') box.dispatchEvent(new ClipboardEvent('paste', {...options, clipboardData: files}));
    else for (const type of ['dragenter', 'dragover', 'drop']) box.dispatchEvent(new DragEvent(type, {...options, dataTransfer: files}));
}"""  # noqa: E501
NUMBERS = """all => all.map((box) => {
    const badge = getComputedStyle(box, '::after');
    return badge.display !== 'none' && badge.content;
})"""
BADGES = "#chatbot .user .image-container"


@pytest.fixture
def page(scripted: Server, chromium: Browser) -> Iterator[Page]:
    for page in watched(scripted, chromium):
        page.get_by_role("tab", name="Chat").click()
        yield page


def attach(page: Page, *names: str) -> None:
    before = page.locator("#question .thumbnail-item").count()
    page.set_input_files("#question input[type=file]", [str(PICTURES / f"{name}.webp") for name in names])
    expect(page.locator("#question .thumbnail-item")).to_have_count(before + len(names), timeout=30_000)


def ask(page: Page, question: str) -> None:
    page.fill("#question textarea", question)
    page.keyboard.press("Enter")


def answered(page: Page, times: int = 1) -> None:
    expect(page.locator("#chatbot .bot")).to_have_count(times, timeout=60_000)
    expect(page.locator("#question .submit-button")).to_be_visible(timeout=60_000)


def test_what_the_model_saw_stands_in_a_sheet(page: Page) -> None:
    page.locator("#chat-saw").click()
    expect(page.locator(".toast")).to_contain_text("Ask something first", timeout=30_000)
    ask(page, "Only mountains?")
    answered(page)
    page.locator("#chat-saw").click()
    expect(page.locator("dialog pre.saw")).to_contain_text("<|im_start|>user\nOnly mountains?<|im_end|>")


def test_a_card_of_the_empty_chat_asks_its_question_about_its_pictures(page: Page) -> None:
    cards = page.locator("#welcome .example")
    expect(cards).to_have_count(4)
    cards.last.click()
    answered(page)
    expect(page.locator("#chatbot .user")).to_contain_text("What do these two pictures have in common?")
    expect(page.locator(BADGES)).to_have_count(2)
    expect(page.locator("#welcome")).to_be_hidden()
    page.click("#clear")
    expect(cards.first).to_be_visible()


def test_pictures_are_numbered_through_the_conversation(page: Page) -> None:
    attach(page, "cat", "dog")
    ask(page, "Which of them is older?")
    answered(page)
    attach(page, "sea")
    ask(page, "And here?")
    answered(page, 2)
    expect(page.locator("#chatbot .user").first).to_contain_text("[1–2] Which")
    shown = page.locator(BADGES)
    expect(shown).to_have_count(3)
    assert shown.evaluate_all(NUMBERS) == ["counter(picture)"] * 3
    counted = "all => all.map((box) => [getComputedStyle(box).counterIncrement, box.closest('#chatbot') !== null])"
    assert shown.evaluate_all(counted) == [["picture 1", True]] * 3, "each counts one, from the top: 1, 2, 3"
    heights = shown.locator("img").evaluate_all("all => all.map((i) => i.getBoundingClientRect().height)")
    assert max(heights) <= 140, "thumbnails, side by side"
    expect(page.locator("#chatbot .bot").last).to_contain_text("Picture 3")  # what the eyes say has the same numbers


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_is_pasted_or_dropped_into_the_question(page: Page, kind: str) -> None:
    data = base64.b64encode((PICTURES / "cat.webp").read_bytes()).decode()
    page.evaluate(GIVE, [data, kind])
    expect(page.locator("#question .thumbnail-item")).to_have_count(1, timeout=30_000)
    ask(page, "What is it?")
    answered(page)
    expect(page.locator(BADGES)).to_have_count(1)


def test_an_opinion_is_kept_with_the_conversation(page: Page) -> None:
    attach(page, "cat", "dog")  # a message of several parts must not shift what an opinion is about
    ask(page, "Which of them is older?")
    answered(page)
    ask(page, "Are you sure?")
    answered(page, 2)
    page.locator("#chatbot button[aria-label=Dislike]").last.click()
    page.locator("#chatbot button[aria-label=Like]").first.click()
    expect(page.locator("#chatbot button[aria-label=Disliked]")).to_have_count(1)
    page.click("#clear")
    expect(page.locator("#chatbot .bot")).to_have_count(0)
    page.get_by_role("tab", name="History").click()
    page.select_option("#history-shelf select", "conversations")
    expect(page.locator("#history-shelf .card").first).to_contain_text("1 liked", timeout=10_000)
    page.locator("#history-shelf .cover").first.click()
    expect(page.locator("#chatbot .bot")).to_have_count(2)
    expect(page.locator("#chatbot button[aria-label=Disliked]")).to_have_count(1)
    expect(page.locator("#chatbot button[aria-label=Liked]")).to_have_count(1)


@pytest.mark.parametrize("turn", [0, 1])
def test_any_sent_question_is_edited_and_keeps_its_pictures(page: Page, turn: int) -> None:
    attach(page, "cat", "dog")
    ask(page, "Which of them is *older*?")
    answered(page)
    ask(page, "Are you sure?")
    answered(page, 2)
    page.locator("#chatbot button[aria-label=Edit]").nth(turn).click()
    expect(page.locator("dialog textarea")).to_have_value(("Which of them is *older*?", "Are you sure?")[turn])
    page.locator("dialog textarea").fill("Another question")
    page.click("dialog [data-act=ask_again]")
    expect(page.locator("#chatbot .user").last).to_contain_text("Another question", timeout=30_000)
    answered(page, 1 + turn)
    expect(page.locator(BADGES)).to_have_count(2)
    expect(page.locator("#chatbot .user")).to_have_count(1 + turn)


def test_stop_ends_an_answer_and_keeps_what_there_is(page: Page) -> None:
    attach(page, "cat")
    ask(page, "Tell me slowly")
    answer = page.locator("#chatbot .bot").last
    expect(answer).to_contain_text("one by one. Words", timeout=60_000)
    page.click("#question .stop-button")
    expect(page.locator("#question .submit-button")).to_be_visible(timeout=30_000)
    expect(page.locator("#chatbot")).not_to_contain_text("Error")
    page.wait_for_timeout(500)
    text = answer.inner_text()
    page.wait_for_timeout(1500)
    assert answer.inner_text() == text
    ask(page, "And now?")
    answered(page, 2)
    page.get_by_role("tab", name="History").click()
    page.select_option("#history-shelf select", "conversations")
    expect(page.locator("#history-shelf .card")).to_have_count(1)
    expect(page.locator("#history-shelf .card")).to_contain_text("Mountains")  # the title that the model made meanwhile


def test_another_conversation_is_left_alone_by_an_answer_under_way(page: Page) -> None:
    ask(page, "Tell me slowly")
    expect(page.locator("#chatbot .bot")).to_contain_text("one by one. Words", timeout=60_000)
    page.click("#clear")
    expect(page.locator("#welcome")).to_be_visible(timeout=30_000)
    page.wait_for_timeout(1000)
    expect(page.locator("#chatbot .message")).to_have_count(0)
    expect(page.locator("#question .submit-button")).to_be_visible()
    ask(page, "Something else")
    answered(page)
    expect(page.locator("#chatbot .user")).to_have_count(1)


def test_an_answer_that_was_cut_is_continued(page: Page) -> None:
    ask(page, "Something unfinished")
    answered(page)
    cut = page.locator("#chatbot .bot").inner_text()
    page.click("#continue-answer")
    page.wait_for_function("n => document.querySelector('#chatbot .bot').innerText.length > n", arg=len(cut))
    answered(page)
    assert page.locator("#chatbot .bot").inner_text().startswith(cut.strip())


def test_chinese_people_find_chinese_words(scripted: Server, chromium: Browser) -> None:
    page = open_page(chromium, scripted, locale="zh-CN")
    page.get_by_role("tab", name="看图问答").click()
    expect(page.locator("#welcome")).to_contain_text("这两张图有什么共同点？")
    page.locator("#welcome .example").last.click()
    answered(page)
    expect(page.locator("#chatbot .user")).to_contain_text("[1–2] 这两张图有什么共同点？")
    expect(page.locator("#chatbot button[aria-label=分享]")).to_be_hidden()
    page.locator("#chatbot button[aria-label=赞]").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="存为 Excel").click()
    assert saved.value.suggested_filename.startswith("这两张图有什么共同点")
    labels = """all => all.map((one) => one.getAttribute("aria-label"))
        .filter((name) => /^(?!回答：).*[a-z]{3}/i.test(name ?? ""))"""
    words = set(page.locator("#chat-column :visible[aria-label]").evaluate_all(labels))
    assert not words, "a name in English"
    page.get_by_role("tab", name="历史").click()
    page.select_option("#history-shelf select", label="对话")
    expect(page.locator("#history-shelf .card")).to_contain_text("1 个赞")
    page.context.close()
