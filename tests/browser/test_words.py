"""Words are selected in an article, by mouse, finger and keys, and changed by a model, with all else left as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from browser.conftest import Server, begin, ended, watched

pytestmark = pytest.mark.browser
NEW = "At dawn the mountains glow above the village."  # what the scripted model answers to "Rewrite"


@pytest.fixture(scope="module")
def desk(scripted: Server, chromium: Browser) -> Iterator[Page]:
    for page in watched(scripted, chromium):
        begin(page, "Write an article about the mountains", "1")
        ended(page)
        yield page


@pytest.fixture
def page(desk: Page) -> Iterator[Page]:
    """The article as it was; what a test has changed is taken back."""
    before = desk.locator("#paper section .text").all_inner_texts()
    yield desk
    desk.keyboard.press("Escape")
    while desk.locator("#paper section .text").all_inner_texts() != before:
        text = desk.locator("#paper .body").inner_text()
        desk.click("#paper [data-act=undo]")
        desk.wait_for_function("t => document.querySelector('#paper .body').innerText !== t", arg=text)


def paragraph(page: Page, at: int) -> Locator:
    return page.locator("#paper section .text").nth(at)


def drag(page: Page, at: int, start: int, end: int) -> str:
    """Select characters of a paragraph with the mouse."""
    text = paragraph(page, at)
    text.scroll_into_view_if_needed()
    ends = text.evaluate(
        """(text, ends) => ends.map((at) => {
            const range = document.createRange();
            range.setStart(text.querySelector('p').firstChild, at);
            range.setEnd(text.querySelector('p').firstChild, at + 1);
            const box = range.getBoundingClientRect();
            return [box.left + 1, box.top + box.height / 2];
        })""",
        [start, end],
    )
    page.mouse.move(*ends[0])
    page.mouse.down()
    page.mouse.move(*ends[1], steps=4)
    page.mouse.up()
    expect(page.locator("#paper .inspector header")).to_contain_text("Selected words")
    return text.inner_text()


def propose(page: Page, edit: str) -> None:
    page.click(f"#paper .inspector [data-act={edit}]")
    expect(page.locator("#paper [data-act=accept]")).to_be_enabled(timeout=30_000)


def test_selected_words_are_rewritten_and_the_rest_stays(page: Page) -> None:
    before = drag(page, 0, 4, 13)
    assert before[4:13] == "mountains"
    expect(page.locator("#paper .inspector .chosen")).to_have_text("mountains")
    propose(page, "rewrite")
    expect(page.locator("#paper .inspector ins").first).to_have_text("at dawn the ")
    assert paragraph(page, 0).inner_text() == before
    page.click("#paper [data-act=accept]")
    new = "at dawn the mountains glow above the village"
    expect(paragraph(page, 0)).to_have_text(f"The {new}{before[13:]}")
    page.click("#paper [data-act=undo]")
    expect(paragraph(page, 0)).to_have_text(before)


def test_a_proposal_for_words_is_discarded(page: Page) -> None:
    before = drag(page, 1, 2, 6)
    propose(page, "rewrite")
    page.click("#paper [data-act=discard]")
    expect(page.locator("#paper .inspector .chosen")).to_have_text(before[2:6])
    assert paragraph(page, 1).inner_text() == before


def test_marks_inside_a_selection_stay_whole(page: Page) -> None:
    paragraph(page, 1).click()
    page.click("#paper [data-act=edit]")
    page.fill("#paper textarea.edit", "A **very steep** path climbs.")
    page.keyboard.press("Control+Enter")
    expect(paragraph(page, 1).locator("strong")).to_have_text("very steep")
    paragraph(page, 1).evaluate(
        """(text) => getSelection().setBaseAndExtent(
            text.querySelector('strong').firstChild, 5, text.querySelector('p').lastChild, 5)"""
    )
    expect(page.locator("#paper .inspector .chosen")).to_have_text("steep path")
    propose(page, "rewrite")
    expect(page.locator("#paper .inspector del").first).to_contain_text("**")  # grown to the whole bold words
    page.click("#paper [data-act=accept]")
    expect(paragraph(page, 1)).to_have_text("A at dawn the mountains glow above the village climbs.")
    page.click("#paper [data-act=undo]")
    expect(paragraph(page, 1)).to_have_text("A very steep path climbs.")


def test_several_paragraphs_are_changed_at_once(page: Page) -> None:
    before = page.locator("#paper section .text").all_inner_texts()
    paragraph(page, 0).click()
    paragraph(page, 2).click(modifiers=["Shift"])
    expect(page.locator("#paper .inspector header")).to_contain_text("3 paragraphs")
    propose(page, "rewrite")
    page.click("#paper [data-act=accept]")
    expect(page.locator("#paper section .text")).to_have_text([NEW, NEW, NEW, before[3].strip()])
    expect(page.locator("#paper figure")).to_have_count(1)
    page.click("#paper [data-act=undo]")
    expect(page.locator("#paper section .text")).to_have_text([text.strip() for text in before])


def test_the_keyboard_alone_selects_asks_and_accepts(page: Page) -> None:
    paragraph(page, 2).focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator("#paper .inspector .chosen")).to_have_text("the hut")
    page.keyboard.press("Control+k")
    page.keyboard.type("Rewrite this text in other words.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#paper [data-act=accept]")).to_be_focused(timeout=30_000)
    page.keyboard.press("Enter")
    expect(paragraph(page, 2)).to_contain_text("Above at dawn the mountains glow above the village only birds")
    page.click("#paper [data-act=undo]")
    expect(paragraph(page, 2)).to_contain_text("Above the hut only birds")
    page.keyboard.press("Escape")
    paragraph(page, 0).focus()
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("#paper .inspector header")).to_contain_text("2 paragraphs")


def test_a_wish_is_needed_for_a_change_as_asked_and_is_kept_while_it_is_typed(page: Page) -> None:
    drag(page, 0, 4, 13)
    expect(page.locator("#paper .inspector [data-act=ask]")).to_be_disabled()
    page.fill("#paper .inspector textarea", "in older words")
    expect(page.locator("#paper .inspector [data-act=ask]")).to_be_enabled()
    page.keyboard.press("Escape")
    drag(page, 0, 4, 13)
    expect(page.locator("#paper .inspector textarea")).to_have_value("in older words")
    page.fill("#paper .inspector textarea", "")
