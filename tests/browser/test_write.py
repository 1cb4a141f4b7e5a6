"""Writing: an article of the starter model, exported; Stop, Continue and a dead worker on the scripted engine."""

import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Server, begin, ended

pytestmark = pytest.mark.browser


def written(page: Page, characters: int) -> None:
    page.wait_for_function(f"document.querySelector('#paper .body').innerText.length > {characters}")


def download(page: Page, format: str, tmp_path: Path) -> bytes:
    page.click("#export-menu summary")
    with page.expect_download(timeout=30_000) as saved:
        page.click(f"#export-menu [data-format={format}]")
    assert saved.value.suggested_filename.endswith(f".{format}")
    path = tmp_path / f"article.{format}"
    saved.value.save_as(path)
    return path.read_bytes()


@pytest.mark.real
def test_an_article_with_three_pictures_is_exported(starter_page: Page, tmp_path: Path) -> None:
    page = starter_page
    begin(page, "Write an article about a day at the farm", "3")
    ended(page)
    expect(page.locator("#paper figure img")).to_have_count(3)
    assert page.locator("#paper h1").inner_text()
    images = "[...document.querySelectorAll('#paper figure img')]"
    page.wait_for_function(f"{images}.every(i => i.complete && i.naturalWidth)")

    archive = zipfile.ZipFile(io.BytesIO(download(page, "zip", tmp_path)))
    names = archive.namelist()
    assert {"article.md", "about.json"} <= set(names)
    pictures = [name for name in names if name.startswith("images/")]
    text = archive.read("article.md").decode()
    assert len(pictures) == 3 and all(f"]({name})" in text for name in pictures)
    assert json.loads(archive.read("about.json"))["instruction"] == "Write an article about a day at the farm"

    book = download(page, "xlsx", tmp_path)
    assert openpyxl.load_workbook(io.BytesIO(book)).sheetnames[0] == "Article"
    media = [n for n in zipfile.ZipFile(io.BytesIO(book)).namelist() if "/media/" in n]
    assert len(media) == 3


def test_stop_keeps_what_is_written_and_continue_goes_on(page: Page) -> None:
    begin(page, "Write slowly about trains", "0")
    written(page, 80)
    page.click("#paper .stop")
    expect(page.locator("#paper .said")).to_have_text("Stopped. What was written is kept.", timeout=10_000)
    text = page.locator("#paper .body").inner_text()
    assert len(text) > 80
    page.reload()
    page.get_by_role("tab", name="History").click()
    page.locator("#history-shelf .cover").first.click()
    page.wait_for_selector("#paper section", timeout=30_000)
    assert page.locator("#paper .body").inner_text() == text
    page.click("#paper [data-act=continue]")
    written(page, len(text) + 40)
    assert page.locator("#paper .body").inner_text().startswith(text[:60])
    page.click("#paper .stop")


def test_a_killed_worker_is_told_and_replaced(page: Page, scripted: Server) -> None:
    begin(page, "Write slowly about the sea")
    written(page, 120)
    scripted.worker().kill()
    expect(page.locator("#paper .said")).to_contain_text("stopped unexpectedly", timeout=20_000)
    assert len(page.locator("#paper .body").inner_text()) > 100
    begin(page, "Write an article about bread", "0")
    ended(page)
    expect(page.locator("#paper .said")).not_to_contain_text("unexpectedly")
