"""My text: pasted, as a file, as an exported zip that is dropped; words untouched, pictures in their places."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import docx
import pytest
from playwright.sync_api import Page, expect

from browser.conftest import ended

pytestmark = pytest.mark.browser
TEXT = "# My farm\n\nThe cow **wakes** up first <b>.\n\nThe farmer drinks coffee.\n\n- milk\n- hay\n"


def by_text(page: Page) -> None:
    page.locator("#by input[value=text]").check()
    expect(page.locator("#own-text")).to_be_visible()


def pictures(page: Page, count: int) -> None:
    page.locator("#images input").click()
    page.get_by_role("option", name=str(count), exact=True).click()


def exported(page: Page, format: str) -> Path:
    page.click("#export-menu summary")
    with page.expect_download() as saved:
        page.click(f"#export-menu [data-format={format}]")
    return Path(saved.value.path())


def drop(page: Page, name: str, data: bytes) -> None:
    """A file from the desktop onto the page."""
    script = """([name, bytes]) => { const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(bytes)], name));
        document.querySelector('#paper').dispatchEvent(
            new DragEvent('drop', {dataTransfer: files, bubbles: true, cancelable: true})) }"""
    page.evaluate(script, [name, list(data)])


def test_a_pasted_text_is_illustrated_and_its_words_stay(page: Page) -> None:
    for hidden in ("#own-text", "#own-file", "#start-own"):
        expect(page.locator(hidden)).to_be_hidden()
    by_text(page)
    for hidden in ("#instruction", "#outline", "#start", "#materials"):
        expect(page.locator(hidden)).to_be_hidden()
    page.fill("#own-text textarea", TEXT)
    pictures(page, 2)
    page.click("#start-own")
    expect(page.locator("#paper figure img")).to_have_count(2, timeout=60_000)
    ended(page)
    expect(page.locator("#paper h1")).to_have_text("My farm")
    expect(page.locator("#paper")).to_contain_text("The cow wakes up first <b>.")
    with zipfile.ZipFile(exported(page, "zip")) as made:
        shown = made.read("article.md").decode()
    kept = [block for block in shown.split("\n\n") if not block.startswith(("![", "*"))]
    assert "\n\n".join(kept).strip() == TEXT.strip()


def test_a_word_file_and_an_exported_zip_come_in_and_the_zip_opens_at_once(page: Page, tmp_path: Path) -> None:
    by_text(page)
    document, out = docx.Document(), tmp_path / "trip.docx"
    document.add_heading("The trip", 0)
    document.add_paragraph("We left early.")
    document.save(str(out))
    page.set_input_files("#own-file input[type=file]", out)
    expect(page.locator("#own-file .chip")).to_contain_text("trip.docx")
    expect(page.locator("#own-text")).to_be_hidden()
    pictures(page, 1)
    page.click("#start-own")
    expect(page.locator("#paper figure img")).to_have_count(1, timeout=60_000)
    ended(page)
    data = exported(page, "zip").read_bytes()
    page.get_by_role("button", name="New article").click()
    expect(page.locator("#paper .empty")).to_be_visible(timeout=30_000)
    drop(page, "trip.zip", data)
    expect(page.locator("#paper h1")).to_have_text("The trip", timeout=30_000)
    expect(page.locator("#paper figure img")).to_have_count(1)
    assert exported(page, "zip").stat().st_size > 1000


def test_what_is_no_text_is_told(page: Page) -> None:
    by_text(page)
    page.click("#start-own")
    expect(page.get_by_text("There is no text yet").first).to_be_visible(timeout=15_000)
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("notes.txt", "x")
    drop(page, "notes.zip", data.getvalue())
    expect(page.get_by_text("notes.zip holds no article").first).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="Remove the file").click()
    expect(page.locator("#own-text")).to_be_visible()
    page.fill("#own-text textarea", "The cow wakes up first.")
    page.click("#start-own")
    expect(page.locator("#paper figure img")).to_have_count(1, timeout=60_000)
    ended(page)
