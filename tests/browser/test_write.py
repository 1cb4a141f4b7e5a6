import io
import json
import zipfile
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.real]
MINUTES = 120_000


def choose(page: Page, element: str, label: str) -> None:
    page.click(f"#{element} input")
    page.get_by_role("option", name=label, exact=True).click()


def begin(page: Page, instruction: str, images: str = "automatic") -> None:
    page.fill("#instruction textarea", instruction)
    choose(page, "images", images)
    page.click("#start")
    page.wait_for_selector("#paper section", timeout=MINUTES)


def ended(page: Page) -> None:
    page.wait_for_selector("#stop[disabled]", timeout=MINUTES, state="attached")


def download(page: Page, format: str, tmp_path: Path) -> bytes:
    choose(page, "format", format)
    with page.expect_response(lambda r: "/queue/data" in r.url):
        page.click("#export")
    link = page.locator("#exported a[download]").first
    expect(link).to_have_attribute("download", lambda_suffix(format), timeout=30_000)
    with page.expect_download() as saved:
        link.click()
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    return path.read_bytes()


def lambda_suffix(format: str):  # type: ignore[no-untyped-def]
    import re

    return re.compile(r".*\.zip$" if "zip" in format else r".*\.xlsx$")


def test_an_article_with_three_pictures_is_exported(page: Page, tmp_path: Path) -> None:
    begin(page, "Write an article about a day at the farm", "3")
    ended(page)
    expect(page.locator("#paper figure img")).to_have_count(3)
    assert page.locator("#paper h1").inner_text()
    loaded = page.eval_on_selector_all("#paper figure img", "all => all.map(i => i.complete && i.naturalWidth > 0)")
    assert loaded == [True] * 3

    archive = zipfile.ZipFile(io.BytesIO(download(page, "Markdown (zip)", tmp_path)))
    names = archive.namelist()
    assert {"article.md", "about.json"} <= set(names)
    pictures = [name for name in names if name.startswith("images/")]
    text = archive.read("article.md").decode()
    assert len(pictures) == 3 and all(f"]({name})" in text for name in pictures)
    assert json.loads(archive.read("about.json"))["instruction"] == "Write an article about a day at the farm"

    book = download(page, "Excel", tmp_path)
    assert openpyxl.load_workbook(io.BytesIO(book)).sheetnames[0] == "Article"
    media = [n for n in zipfile.ZipFile(io.BytesIO(book)).namelist() if "/media/" in n]
    assert len(media) == 3


def test_stop_keeps_what_is_written(page: Page) -> None:
    begin(page, "Write an article about trains")
    page.wait_for_function("document.querySelector('#paper .paper').innerText.length > 80", timeout=MINUTES)
    page.click("#stop")
    expect(page.locator("#paper .said")).to_have_text("Stopped. What was written is kept.", timeout=10_000)
    text = page.locator("#paper article").inner_text()
    assert len(text) > 80
    page.reload()
    page.get_by_role("tab", name="History").click()
    page.locator("#articles label").first.click()
    page.wait_for_function("document.querySelectorAll('article.paper section').length > 0")
    assert text.split("\n")[0] in page.locator("article.paper").last.inner_text()


def test_a_killed_worker_is_told_and_replaced(page: Page, server) -> None:  # type: ignore[no-untyped-def]
    begin(page, "Write an article about the sea")
    page.wait_for_function("document.querySelector('#paper .paper').innerText.length > 120", timeout=MINUTES)
    server.worker().kill()
    expect(page.locator("#paper .said")).to_contain_text("stopped unexpectedly", timeout=20_000)
    assert len(page.locator("#paper article").inner_text()) > 100
    begin(page, "Write an article about bread", "0")
    ended(page)
    expect(page.locator("#paper .said")).not_to_contain_text("unexpectedly")


def test_an_empty_instruction_is_answered_with_a_sentence(page: Page) -> None:
    page.click("#start")
    expect(page.get_by_text("There is nothing to write about yet").first).to_be_visible(timeout=15_000)


def test_the_page_speaks_chinese(chromium, server) -> None:  # type: ignore[no-untyped-def]
    context = chromium.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator("#start")).to_have_text("开始写作", timeout=60_000)
    page.get_by_label("中文 / English").click()
    expect(page.locator("#start")).to_have_text("Write", timeout=60_000)
    context.close()
