"""The Table tab in a real browser: a whole table of the starter model, and on the scripted engine what takes time."""

from __future__ import annotations

import csv
import re
import zipfile
from io import BytesIO, StringIO
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"
MINUTES = 180_000


@pytest.fixture
def album(tmp_path: Path) -> Path:
    path = tmp_path / "album.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("bicycle.webp", "cat.webp"):
            archive.write(PICTURES / name, f"holiday/{name}")
        archive.writestr("notes <b>.txt", "no picture")
    return path


def begin(page: Page, files: list[Path], questions: str) -> None:
    page.get_by_role("tab", name="Table").click()
    ask(page, files, questions)


def ask(page: Page, files: list[Path], questions: str) -> None:
    page.set_input_files("#table-pictures input[type=file]", [str(file) for file in files])
    expect(page.locator("#table-pictures .file-preview, #table-pictures table")).to_be_visible(timeout=30_000)
    page.fill("#table-questions textarea", questions)
    page.click("#table-start")


def saved(page: Page, kind: str) -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.click(f"#table-{kind}")
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


@pytest.mark.real
def test_a_zip_becomes_a_table_that_is_exported_and_found_again(starter_page: Page, album: Path) -> None:
    page = starter_page
    begin(page, [album, PICTURES / "bread.webp"], "What is in this picture?\n\nWho would look at it?")
    rows = page.locator("#table-sheet tbody tr")
    expect(rows).to_have_count(3, timeout=MINUTES)
    expect(page.locator("#table-sheet [role=status]")).to_have_text("Done: 6 answers.", timeout=MINUTES)
    names = page.locator("#table-sheet tbody th span")
    expect(names).to_have_text(["holiday/bicycle.webp", "holiday/cat.webp", "bread.webp"])
    answers = page.locator("#table-sheet td span").all_inner_texts()
    assert len(answers) == 6 and all("picture shows" in a or "not sure" in a for a in answers)
    expect(page.locator("#table-sheet tbody img")).to_have_count(3)
    small = "[...document.querySelectorAll('#table-sheet tbody img')]"
    page.wait_for_function(f"{small}.every(i => i.complete && i.naturalWidth)")
    page.click("#table-sheet summary")
    expect(page.locator("#table-sheet details li")).to_contain_text("notes <b>.txt is not a picture")
    expect(page.locator("#table-continue")).to_be_hidden()

    name, book = saved(page, "xlsx")
    sheet = openpyxl.load_workbook(BytesIO(book)).worksheets[0]
    assert name == "What is in this picture.xlsx" and len(sheet._images) == 3
    assert [c.value for c in sheet[1]] == ["Picture", "Name", "What is in this picture?", "Who would look at it?"]
    name, text = saved(page, "csv")
    cells = [cell for row in list(csv.reader(StringIO(text.decode("utf-8-sig"))))[1:] for cell in row[1:]]
    assert name.endswith(".csv") and [c.split("\n[")[0] for c in cells] == [c["text"] for c in as_shown(page)]

    page.reload()
    page.get_by_role("tab", name="Table").click()
    page.locator("#tables label").first.click()
    expect(rows).to_have_count(3, timeout=30_000)
    assert page.locator("#table-sheet td span").all_inner_texts() == answers

    page.click("#table-delete")
    expect(page.locator("#tables label")).to_have_count(0, timeout=30_000)
    expect(rows).to_have_count(0)
    page.click("#table-undelete")
    expect(page.locator("#tables label")).to_have_count(1, timeout=30_000)


def as_shown(page: Page) -> list[dict[str, str]]:
    found: list[dict[str, str]] = page.eval_on_selector_all(
        "#table-sheet td", "all => all.map(td => ({text: td.querySelector('span').textContent}))"
    )
    return found


def test_stop_keeps_the_answers_and_the_rest_is_asked_later(page: Page) -> None:
    files = [PICTURES / f"{name}.webp" for name in ("bird", "books", "bridge")]
    begin(page, files, "What takes a moment here?")
    first = page.locator("#table-sheet td.stop, #table-sheet td.length").first
    expect(first).to_be_visible(timeout=MINUTES)
    page.click("#table-stop")
    status = page.locator("#table-sheet [role=status]")
    expect(status).to_have_text(re.compile(r"Stopped: [12] of 3 answers are kept\."), timeout=30_000)
    kept = first.inner_text()
    page.reload()
    page.get_by_role("tab", name="Table").click()
    page.locator("#tables label").first.click()
    expect(status).to_have_text(re.compile("Stopped: [12] of 3"), timeout=30_000)
    page.click("#table-continue")
    expect(status).to_have_text("Done: 3 answers.", timeout=MINUTES)
    assert first.inner_text() == kept


def test_a_table_goes_on_when_the_page_is_closed_and_nobody_else_sees_it(page: Page, chromium: Browser) -> None:
    begin(page, [PICTURES / "desert.webp", PICTURES / "doctor.webp"], "What takes a moment here?")
    expect(page.locator("#table-sheet td.current")).to_be_visible(timeout=MINUTES)
    url = page.url
    page.goto("about:blank")
    page.goto(url)
    page.get_by_role("tab", name="Table").click()
    page.locator("#tables label").first.click()
    expect(page.locator("#table-sheet [role=status]")).to_have_text("Done: 2 answers.", timeout=MINUTES)
    other = chromium.new_context()
    stranger = other.new_page()
    stranger.goto(url)
    stranger.get_by_role("tab", name="Table").click()
    expect(stranger.locator("#table-sheet .empty")).to_be_visible(timeout=30_000)
    expect(stranger.locator("#tables label")).to_have_count(0)
    other.close()


def test_what_is_missing_is_said_in_a_sentence_in_both_languages(
    page: Page, scripted: Server, chromium: Browser
) -> None:
    page.get_by_role("tab", name="Table").click()
    page.click("#table-start")
    expect(page.get_by_text("There is no question yet: write one a line.").first).to_be_visible(timeout=60_000)
    context = chromium.new_context(locale="zh-CN", viewport={"width": 1280, "height": 844})
    chinese = context.new_page()
    chinese.goto(scripted.url)
    chinese.get_by_role("tab", name="批量表格").click()
    chinese.set_viewport_size({"width": 390, "height": 844})
    ask(chinese, [PICTURES / "cat.webp"], "")
    expect(chinese.get_by_text("还没有问题：请每行写一个。").first).to_be_visible(timeout=30_000)
    expect(chinese.locator("#table-start")).to_have_text("开始填表")
    expect(chinese.locator("#table-sheet .empty")).to_contain_text("每张图片一行")
    assert chinese.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
