"""Library, History and About, on the scripted engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from browser.conftest import begin, ended

pytestmark = pytest.mark.browser


def cards(page: Page, shelf: str, name: str = "") -> Page:
    page.get_by_role("tab", name=shelf).click()
    expect(page.locator(f"#{shelf.lower()}-shelf .bar")).to_be_visible()
    return page


def test_the_library_is_searched_filtered_filled_and_emptied(page: Page, tmp_path: Path) -> None:
    own = tmp_path / "blue door in Lisbon.png"
    Image.new("RGB", (320, 200), "navy").save(own)
    cards(page, "Library")
    shown = page.locator("#library-shelf .card")
    expect(shown).to_have_count(46)
    small = page.request.get(shown.first.locator("img").evaluate("image => image.src"))
    assert small.headers["content-type"] == "image/webp" and "immutable" in small.headers["cache-control"]
    assert len(small.body()) < 30_000
    assert page.request.get(page.url.partition("#")[0] + "thumbnails/none").status == 404
    page.fill("#library-shelf input[type=search]", "lighthouse")
    expect(shown.first).to_contain_text("lighthouse")
    page.fill("#library-shelf input[type=search]", "")
    page.set_input_files("#library-shelf input[type=file]", str(own))
    expect(shown.first).to_contain_text("blue door in Lisbon", timeout=30_000)
    page.select_option("#library-shelf select", "own_pictures")
    expect(shown).to_have_count(1)
    page.click("#library-shelf [data-act=describe]")
    page.fill("dialog textarea", "A door by the sea")
    page.click("dialog [data-act=save]")
    expect(shown).to_contain_text("A door by the sea")
    page.click("#library-shelf [data-act=delete]")
    expect(shown).to_have_count(0)
    page.click(".toast .act")
    expect(shown).to_have_count(1)
    page.click("#library-shelf [data-act=delete]")
    expect(shown).to_have_count(0)


def test_pictures_are_known_by_their_content_and_what_is_not_taken_is_listed(page: Page, tmp_path: Path) -> None:
    Image.new("RGB", (300, 210), "olive").save(tmp_path / "an olive tree without suffix", "JPEG")
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "film.png").write_bytes(b"\0\0\0\x18ftypmp42")
    cards(page, "Library")
    names = ("notes.txt", "an olive tree without suffix", "film.png")
    page.set_input_files("#library-shelf input[type=file]", [str(tmp_path / name) for name in names])
    shown = page.locator("dialog.sheet")
    expect(shown).to_contain_text("2 of 3 files were not added", timeout=30_000)
    expect(shown).to_contain_text("notes.txt")
    expect(shown).to_contain_text("film.png")
    page.click("dialog .close")
    expect(page.locator("#library-shelf .card").first).to_contain_text("an olive tree without suffix")


def test_a_file_that_is_no_picture_is_refused_with_a_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    cards(page, "Library")
    page.set_input_files("#library-shelf input[type=file]", str(tmp_path / "a.png"))
    expect(page.locator(".toast")).to_contain_text("a.png is not a picture")


def test_an_article_is_found_renamed_copied_compared_restored_and_deleted(page: Page) -> None:
    begin(page, "Write an article about the hills", "0")
    ended(page)
    first = page.locator("#paper section").first.inner_text()
    page.locator("#paper section .text").first.click()
    page.click("#paper [data-act=edit]")
    page.fill("#paper textarea.edit", "Only this is left.")
    page.click("#paper .inspector [data-act=save]")
    expect(page.locator("#paper section").first).to_have_text("Only this is left.")

    cards(page, "History")
    shown = page.locator("#history-shelf .card")
    expect(shown).to_have_count(1)
    page.click("#history-shelf [data-act=rename]")
    page.fill("dialog input", "Hills and More")
    page.click("dialog [data-act=save]")
    expect(shown.locator("b")).to_have_text("Hills and More")
    page.click("#history-shelf [data-act=duplicate]")
    expect(shown).to_have_count(2)
    shown.first.locator("[data-act=delete]").click()
    expect(shown).to_have_count(1)
    page.click(".toast .act")
    expect(shown).to_have_count(2)
    page.fill("#history-shelf input[type=search]", "nowhere to be found")
    expect(shown).to_have_count(0)
    page.fill("#history-shelf input[type=search]", "hills")
    expect(shown).to_have_count(2)

    shown.last.locator("[data-act=versions]").click()
    page.click("dialog [data-version='2']")
    expect(page.locator("dialog ins").first).to_contain_text("Only")
    page.click("dialog [data-version='1']")
    page.click("dialog [data-act=restore]")
    expect(page.locator("#paper section").first).to_have_text(first)
    expect(page.get_by_role("tab", name="Write")).to_have_attribute("aria-selected", "true")


def test_a_conversation_is_opened_again(page: Page) -> None:
    page.get_by_role("tab", name="Chat").click()
    page.fill("#question textarea", "Is anybody in the mountains?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#chatbot .bot", timeout=60_000)
    expect(page.locator("#chatbot button[aria-label=Retry]")).to_be_enabled(timeout=60_000)
    page.click("#clear")
    expect(page.locator("#chatbot .bot")).to_have_count(0)
    cards(page, "History")
    page.select_option("#history-shelf select", "conversations")
    page.locator("#history-shelf .cover").first.click()
    expect(page.locator("#chatbot .user")).to_contain_text("Is anybody in the mountains?")


def test_about_says_what_answers_and_how_to_get_more(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    told = page.locator("#about-facts")
    expect(told).to_contain_text("scripted model")
    expect(told).to_contain_text("studio models download xcomposer2-7b")
    expect(told).to_contain_text("ssh -CNg -L")
