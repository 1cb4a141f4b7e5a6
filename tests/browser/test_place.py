"""The page keeps its place: what is needed stays in view, drafts outlive a reload, the address says what is open."""

from __future__ import annotations

import re
import signal

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, begin, ended, open_page, opened

pytestmark = pytest.mark.browser
TYPED = "Show <b>bold</b> <script>1</script> *stars* & \\(x\\) $$y$$ $5\n    1. `code`\n\n# &amp; http://a.b/_c_"


def at(page: Page, address: str) -> None:
    page.wait_for_function("address => location.hash === address", arg=address)


def number(page: Page) -> str:
    page.wait_for_function("/^#.write.[0-9]+$/.test(location.hash)")
    return str(page.evaluate("location.hash")).rpartition("/")[2]


def stored(page: Page, field: str) -> None:
    page.wait_for_function("field => Object.keys(localStorage).some(key => key.endsWith(` ${field}`))", arg=field)


def reload(page: Page) -> None:
    page.reload()
    page.wait_for_selector("#instruction textarea", state="attached", timeout=60_000)


def test_in_a_long_article_all_that_belongs_to_a_selection_stays_in_view(page: Page) -> None:
    begin(page, "Write an endless article", "0")
    ended(page)
    page.locator("#paper section .text").last.click()
    page.wait_for_function("scrollY > 400")
    for part in (".inspector header", "[data-act=rewrite]", "[data-act=undo]", "#export-menu"):
        expect(page.locator(f"#paper {part}")).to_be_in_viewport(ratio=1)
    expect(page.locator("#start")).to_be_in_viewport(ratio=1)
    expect(page.locator("#instruction")).to_be_in_viewport()


def test_on_a_phone_the_sheet_leaves_the_selection_in_view(scripted: Server, chromium: Browser) -> None:
    page = open_page(chromium, scripted, viewport={"width": 390, "height": 844}, has_touch=True)
    begin(page, "Write an article about the mountains", "0")
    ended(page)
    for text in page.locator("#paper section .text").all():
        text.click()
        expect(page.locator("#paper .inspector")).to_be_in_viewport(ratio=1)
        sheet, line = page.locator("#paper .inspector").bounding_box(), text.bounding_box()
        assert sheet and line and line["y"] + 30 < sheet["y"], "the sheet lies over what was selected"
    page.context.close()


def test_drafts_of_all_fields_outlive_a_reload_and_go_when_they_are_sent(page: Page) -> None:
    page.fill("#instruction textarea", "Write an article about half an idea")
    page.click("[data-act=add_heading]")
    page.keyboard.type("A heading")
    page.click("#images input")
    page.get_by_role("option", name="1", exact=True).click()
    page.locator("#form .label-wrap").click()
    page.fill("#length input", "200")
    page.click("#by input[value=title]")
    page.fill("#article-title input", "A title")
    page.fill("#materials textarea", "Some notes")
    page.get_by_role("tab", name="Chat").click()
    page.fill("#question textarea", "Half a question")
    page.get_by_role("tab", name="Table").click()
    page.fill("#table-questions textarea", "What is it?")
    at(page, "#/table")
    stored(page, "table-questions")
    reload(page)
    expect(page.locator("#table-questions textarea")).to_have_value("What is it?")
    page.get_by_role("tab", name="Chat").click()
    expect(page.locator("#question textarea")).to_have_value("Half a question")
    page.get_by_role("tab", name="Write").click()
    expect(page.locator("#materials textarea")).to_have_value("Some notes")
    expect(page.locator("#article-title input")).to_have_value("A title")
    expect(page.locator("#outline input")).to_have_value("A heading")
    expect(page.locator("#images input")).to_have_value("1")
    page.click("#by input[value=instruction]")
    expect(page.locator("#instruction textarea")).to_have_value("Write an article about half an idea")
    page.locator("#form .label-wrap").click()
    expect(page.locator("#length input")).to_have_value("200")
    page.click("#start")
    ended(page)
    at(page, f"#/write/{number(page)}")
    reload(page)
    expect(page.locator("#paper section").first).to_be_visible()
    page.wait_for_timeout(700)
    expect(page.locator("#instruction textarea")).to_have_value("")
    expect(page.locator("#outline input")).to_have_count(0)
    assert not page.evaluate("Object.keys(localStorage).filter(key => key.endsWith(' instruction')).length")


def test_drafts_are_a_persons_own(page: Page) -> None:
    page.fill("#instruction textarea", "Of the first person")
    stored(page, "instruction")
    page.context.clear_cookies()
    reload(page)
    page.wait_for_timeout(700)
    expect(page.locator("#instruction textarea")).to_have_value("")


def test_the_address_names_what_is_open_and_the_back_button_goes_there(page: Page) -> None:
    begin(page, "Write an article about the mountains", "0")
    ended(page)
    id = number(page)
    page.get_by_role("tab", name="History").click()
    at(page, "#/history")
    page.click("#history-shelf .cover")
    at(page, f"#/write/{id}")
    expect(page.get_by_role("tab", name="Write")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("tab", name="History")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("tab", name="Write")).to_have_attribute("aria-selected", "true")
    page.click("#paper [data-act=new_article]")
    at(page, "#/write")
    page.go_back()
    expect(page.locator("#paper section").first).to_be_visible()
    reload(page)
    expect(page.locator("#paper section").first).to_be_visible(timeout=10_000)
    at(page, f"#/write/{id}")


def test_an_article_under_way_goes_on_after_a_reload(page: Page) -> None:
    begin(page, "Write an article that needs patience", "0")
    id = number(page)
    reload(page)
    expect(page.locator("#paper .stop")).to_be_visible(timeout=10_000)
    at(page, f"#/write/{id}")
    page.click("#paper .stop")
    ended(page)


def test_an_answer_under_way_goes_on_after_a_reload_and_can_be_stopped(page: Page) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.locator("#chat-column .label-wrap").click()
    page.fill("#answer_length input", "2000")
    page.fill("#question textarea", "Tell me slowly")
    page.keyboard.press("Enter")
    expect(page.locator("#chatbot .bot")).to_contain_text("one by one. Words")
    page.wait_for_function("/^#.chat.[0-9]+$/.test(location.hash)")
    reload(page)
    answer = page.locator("#chatbot .bot")
    expect(answer).to_contain_text("one by one. Words", timeout=10_000)
    before = len(answer.inner_text())
    page.wait_for_function("n => document.querySelector('#chatbot .bot').innerText.length > n", arg=before)
    page.click("#question .stop-button")
    expect(page.locator("#question .submit-button")).to_be_visible(timeout=10_000)


def test_another_persons_number_is_as_one_that_is_not_there(page: Page, scripted: Server, chromium: Browser) -> None:
    begin(page, "Write an article about the mountains", "0")
    ended(page)
    id = number(page)
    said = []
    for theirs in (id, "987654"):
        other = open_page(chromium, scripted)
        other.goto(f"{scripted.url}/#/write/{theirs}")
        other.reload()
        opened(other)
        toast = other.locator(".toast-message-text")
        expect(toast).to_be_visible(timeout=10_000)
        said.append(re.sub(r"\d+", "N", toast.inner_text()))
        expect(other.locator("#paper section")).to_have_count(0)
        other.context.close()
    assert said[0] == said[1] and "not here" in said[0]


def test_a_question_is_answered_for_at_once_and_shown_as_typed(page: Page, scripted: Server) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.fill("#question textarea", TYPED)
    expect(page.locator("#chat-line .status")).to_be_attached()
    scripted.process.send_signal(signal.SIGSTOP)  # whatever the studio does just now
    try:
        page.click("#question .submit-button")
        expect(page.locator("#chat-line .status")).to_have_text("Thinking …", timeout=300)
    finally:
        scripted.process.send_signal(signal.SIGCONT)
    expect(page.locator("#chatbot .bot")).to_contain_text("mountains")
    expect(page.locator("#chat-line .status")).to_have_text("")
    assert page.locator("#chatbot .user .md").inner_text() == TYPED


@pytest.mark.parametrize("allowed", [True, False])
def test_copying_works_where_browsers_have_no_clipboard(scripted: Server, chromium: Browser, allowed: bool) -> None:
    page = chromium.new_context(viewport={"width": 1280, "height": 860}, locale="en-US").new_page()
    page.add_init_script("delete Navigator.prototype.clipboard")
    if not allowed:
        page.add_init_script("document.execCommand = () => false")
    page.add_init_script("addEventListener('copy', () => { window.taken = String(getSelection()); })")
    page.goto(scripted.url)
    opened(page)
    begin(page, "Write an article about the mountains", "0")
    ended(page)
    page.click("#paper [data-act=copy_markdown]")
    expect(page.locator(".toast")).to_contain_text("Copied." if allowed else "did not let this be copied")
    if allowed:
        assert "The mountains stand behind the village" in page.evaluate("window.taken")
    page.context.close()
