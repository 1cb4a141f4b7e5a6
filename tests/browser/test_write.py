import io
import json
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
from conftest import Server
from playwright.sync_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.real]
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
MINUTES = 120_000


def begin(page: Page, instruction: str, images: str = "automatic") -> None:
    page.fill("#instruction textarea", instruction)
    page.click("#images input")
    page.get_by_role("option", name=images, exact=True).click()
    page.click("#start")
    page.wait_for_selector("#paper section", timeout=MINUTES)


def written(page: Page, characters: int) -> None:
    page.wait_for_function(f"document.querySelector('#paper .body').innerText.length > {characters}", timeout=MINUTES)


def ended(page: Page) -> None:
    page.wait_for_selector("#paper .stop[hidden]", timeout=MINUTES, state="attached")


def download(page: Page, format: str, tmp_path: Path) -> bytes:
    page.click("#export-menu summary")
    with page.expect_download(timeout=30_000) as saved:
        page.click(f"#export-menu [data-format={format}]")
    assert saved.value.suggested_filename.endswith(f".{format}")
    path = tmp_path / f"article.{format}"
    saved.value.save_as(path)
    return path.read_bytes()


def test_an_article_with_three_pictures_is_exported(page: Page, tmp_path: Path) -> None:
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
    begin(page, "Write an article about trains", "0")
    written(page, 80)
    page.click("#paper .stop")
    expect(page.locator("#paper .said")).to_have_text("Stopped. What was written is kept.", timeout=10_000)
    text = page.locator("#paper .body").inner_text()
    assert len(text) > 80
    page.reload()
    page.get_by_role("tab", name="History").click()
    page.locator("#articles label").first.click()
    page.wait_for_selector("#paper section", timeout=30_000)
    assert page.locator("#paper .body").inner_text() == text
    page.click("#paper [data-act=continue]")
    written(page, len(text) + 40)
    assert page.locator("#paper .body").inner_text().startswith(text[:60])
    page.click("#paper .stop")


def test_an_article_goes_on_while_the_page_is_away(page: Page) -> None:
    begin(page, "Write an article about rain", "1")
    page.reload()
    page.get_by_role("tab", name="History").click()
    page.locator("#articles label").first.click()
    ended(page)
    expect(page.locator("#paper figure img")).to_have_count(1)


def test_a_killed_worker_is_told_and_replaced(page: Page, server: Server) -> None:
    begin(page, "Write an article about the sea")
    written(page, 120)
    server.worker().kill()
    expect(page.locator("#paper .said")).to_contain_text("stopped unexpectedly", timeout=20_000)
    assert len(page.locator("#paper .body").inner_text()) > 100
    begin(page, "Write an article about bread", "0")
    ended(page)
    expect(page.locator("#paper .said")).not_to_contain_text("unexpectedly")


def test_an_own_picture_is_used(page: Page) -> None:
    page.set_input_files("#own-pictures input[type=file]", str(PICTURES / "robot.webp"))
    expect(page.locator("#own-pictures")).to_contain_text("robot", timeout=30_000)
    begin(page, "Write an article about machines that help at home", "1")
    ended(page)
    expect(page.locator("#paper .credit")).to_contain_text("robot.webp")


def test_every_heading_of_the_outline_stands_in_the_article(page: Page) -> None:
    page.fill("#outline textarea", "The Harvest\nThe Market\nThe Meal")
    begin(page, "Write an article about bread", "0")
    ended(page)
    headings = page.locator("#paper h2").all_inner_texts()
    assert headings == ["The Harvest", "The Market", "The Meal"]


def test_an_empty_instruction_is_answered_with_a_sentence(page: Page) -> None:
    page.click("#start")
    expect(page.get_by_text("There is nothing to write about yet").first).to_be_visible(timeout=15_000)


def test_text_that_looks_like_code_stays_text(page: Page) -> None:
    begin(page, "Write an article about tea", "0")
    ended(page)
    page.locator("#paper section .text").first.click()
    page.click("#paper [data-act=edit]")
    wild = "${alert(1)} {{7*7}} <img src=x onerror=alert(2)> <script>alert(3)</script> `tick`"
    page.fill("#paper textarea.edit", wild)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.keyboard.press("Control+Enter")
    expect(page.locator("#paper section .text").first).to_contain_text("${alert(1)} {{7*7}}")
    assert page.locator("#paper section").first.locator("img, script").count() == 0


def test_the_page_speaks_chinese(chromium: Browser, server: Server) -> None:
    context = chromium.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator("#start")).to_have_text("开始写作", timeout=60_000)
    expect(page.locator("#paper .empty")).to_contain_text("文章会在这里展开")
    expect(page.get_by_role("tab")).to_have_text([re.compile(".+")] * page.get_by_role("tab").count())
    page.click("#masthead [data-act=language]")
    expect(page.locator("#start")).to_have_text("Write", timeout=60_000)
    page.reload()
    expect(page.locator("#start")).to_have_text("Write", timeout=60_000)
    context.close()


def test_two_browsers_never_see_each_others_work(page: Page, chromium: Browser, server: Server) -> None:
    begin(page, "Write an article about my secret garden", "0")
    ended(page)
    other = chromium.new_context(locale="en-US").new_page()
    other.goto(server.url)
    other.get_by_role("tab", name="History").click()
    expect(other.locator("#articles label")).to_have_count(0)
    other.context.close()
