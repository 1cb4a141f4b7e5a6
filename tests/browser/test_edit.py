"""Editing in the document: one article is written once, then each test changes it and takes it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from browser.conftest import Server, begin, ended, open_page, watched

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
MINUTES = 120_000


@pytest.fixture(scope="module")
def desk(scripted: Server, chromium: Browser) -> Iterator[Page]:
    for page in watched(scripted, chromium):
        begin(page, "Write an article about the mountains", "1")
        ended(page)
        yield page


def texts(page: Page) -> list[str]:
    return page.locator("#paper section").all_inner_texts()


def undone(page: Page, before: list[str]) -> None:
    page.keyboard.press("Escape")
    page.click("#paper [data-act=undo]")
    shown(page, before)


def shown(page: Page, wanted: list[str]) -> None:
    expect(page.locator("#paper section")).to_have_text([" ".join(text.split()) for text in wanted])


def choose(page: Page, at: int) -> None:
    page.locator("#paper section .text").nth(at).click()
    expect(page.locator("#paper .inspector header")).to_contain_text(f"Paragraph {at + 1}")


def test_a_paragraph_is_edited_by_hand_undone_and_redone(desk: Page) -> None:
    before = texts(desk)
    choose(desk, 0)
    desk.click("#paper [data-act=edit]")
    desk.fill("#paper textarea.edit", "Snow fell **all night**.")
    desk.click("#paper .inspector [data-act=save]")
    expect(desk.locator("#paper section").first.locator("strong")).to_have_text("all night")
    undone(desk, before)
    desk.click("#paper [data-act=redo]")
    expect(desk.locator("#paper section").first.locator("strong")).to_have_text("all night")
    undone(desk, before)


def test_typing_survives_a_reload(desk: Page) -> None:
    choose(desk, 0)
    desk.click("#paper [data-act=edit]")
    desk.fill("#paper textarea.edit", "half a sent")
    desk.reload()
    desk.get_by_role("tab", name="History").click()
    desk.locator("#history-shelf .cover").first.click()
    desk.wait_for_selector("#paper section", timeout=30_000)
    choose(desk, 0)
    desk.click("#paper [data-act=edit]")
    expect(desk.locator("#paper textarea.edit")).to_have_value("half a sent")
    desk.keyboard.press("Escape")
    expect(desk.locator("#paper textarea.edit")).to_have_count(0)


def test_a_paragraph_moves_and_is_deleted_with_undo(desk: Page) -> None:
    before = texts(desk)
    choose(desk, 0)
    desk.click("#paper [data-act=move_down]")
    desk.wait_for_function("t => document.querySelectorAll('#paper section')[1].innerText === t", arg=before[0])
    undone(desk, before)
    choose(desk, 0)
    desk.click("#paper [data-act=delete]")
    expect(desk.locator("#paper section")).to_have_count(len(before) - 1)
    desk.click(".toast .act")
    shown(desk, before)


def test_a_model_edit_is_compared_and_accepted_or_discarded(desk: Page) -> None:
    before = texts(desk)
    choose(desk, 0)
    desk.click("#paper [data-act=rewrite]")
    expect(desk.locator("#paper [data-act=accept]")).to_be_enabled(timeout=MINUTES)
    assert desk.locator("#paper .inspector ins").count() > 0
    assert texts(desk) == before
    desk.click("#paper [data-act=discard]")
    expect(desk.locator("#paper [data-act=rewrite]")).to_be_visible()
    assert texts(desk) == before
    desk.click("#paper [data-act=insert_after]")
    expect(desk.locator("#paper [data-act=accept]")).to_be_enabled(timeout=MINUTES)
    desk.click("#paper [data-act=accept]")
    desk.wait_for_function("n => document.querySelectorAll('#paper section').length > n", arg=len(before))
    undone(desk, before)


def test_a_picture_is_captioned_exchanged_uploaded_and_removed(desk: Page) -> None:
    before = texts(desk)
    image = desk.locator("#paper figure img")
    first = image.get_attribute("src")
    image.click()
    desk.fill("#paper .inspector textarea", "Where the path ends")
    desk.click("#paper [data-act=save_caption]")
    expect(desk.locator("#paper figcaption")).to_contain_text("Where the path ends")
    desk.fill("#paper .inspector textarea", "lighthouse")
    desk.click("#paper [data-act=search_again]")
    desk.locator("#paper .candidates button[title*=ighthouse]").click()
    expect(image).not_to_have_attribute("src", first or "")
    desk.set_input_files("#paper .inspector input[type=file]", str(PICTURES / "dog.webp"))
    expect(desk.locator("#paper .credit")).to_contain_text("dog.webp", timeout=15_000)
    desk.click("#paper [data-act=remove_picture]")
    expect(image).to_have_count(0)
    for _ in range(4):
        desk.click("#paper [data-act=undo]")
    shown(desk, before)
    expect(image).to_have_attribute("src", first or "")


def test_another_paragraph_is_illustrated(desk: Page) -> None:
    count = desk.locator("#paper figure").count()
    bare = desk.evaluate("[...document.querySelectorAll('#paper section')].findIndex(s => !s.querySelector('figure'))")
    choose(desk, bare)
    desk.click("#paper [data-act=illustrate]")
    expect(desk.locator("#paper figure")).to_have_count(count + 1, timeout=MINUTES)
    desk.wait_for_selector("#paper .stop[hidden]", timeout=MINUTES, state="attached")


def test_the_title_is_changed(desk: Page) -> None:
    desk.click("#paper h1")
    desk.fill("#paper .inspector textarea", "High Places")
    desk.click("#paper .inspector [data-act=save]")
    expect(desk.locator("#paper h1")).to_have_text("High Places")


def test_an_edit_of_another_persons_article_is_refused(desk: Page, chromium: Browser, scripted: Server) -> None:
    other = open_page(chromium, scripted)
    asked: list[Any] = []

    def note(request: Request) -> None:
        if "component_server" in request.url:
            asked.append(request.post_data_json)

    other.on("request", note)
    other.fill("#instruction textarea", "Write an article about snow")
    other.click("#start")
    other.wait_for_selector("#paper .stop[hidden]", timeout=MINUTES, state="attached")
    other.locator("#paper section .text").first.click()
    other.click("#paper [data-act=move_down]")
    other.wait_for_timeout(0)
    body = next(a for a in asked if a.get("fn_name") == "act")
    mine = body["data"]
    assert isinstance(mine, dict)
    id = int(mine["id"])
    refused = other.evaluate(
        """async (body) => {
            const headers = {'Content-Type': 'application/json'};
            const asked = {method: 'POST', headers, body: JSON.stringify(body)};
            const answer = await fetch('gradio_api/component_server', asked);
            return answer.json();
        }""",
        {**body, "data": {"kind": "show", "id": id - 1}},
    )
    assert "is not here" in refused["error"]
    other.context.close()


def test_what_the_model_saw_is_shown_for_each_step(desk: Page) -> None:
    desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desk.click("#paper [data-act=talk_saw]")
    saw = desk.locator("dialog pre.saw")
    expect(saw).to_contain_text("short title for an article about")
    desk.select_option("dialog select", index=1)
    expect(saw).to_contain_text("<|im_start|>user\nWrite an article about")
    expect(desk.locator("dialog summary")).to_contain_text("tokens")
    desk.click("dialog [data-act=talk_copy_text]")
    expect(desk.locator(".toast")).to_contain_text("Copied")
    assert desk.evaluate("navigator.clipboard.readText()") == saw.text_content()
    desk.keyboard.press("Escape")
