"""The Table tab on the scripted engine: cards, Chinese, many rows, hostile files, a server that was started again."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, open_page

pytestmark = pytest.mark.browser


def picture(colour: int, size: tuple[int, int] = (40, 30)) -> bytes:
    out = BytesIO()
    Image.new("RGB", size, (colour % 256, colour // 256 * 40, 90)).save(out, "PNG")
    return out.getvalue()


def album(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "album.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def begin(page: Page, file: Path, questions: str) -> None:
    page.get_by_role("tab").nth(3).click()
    page.set_input_files("#table-pictures input[type=file]", str(file))
    expect(page.locator("#table-pictures .file-preview, #table-pictures table")).to_be_visible(timeout=30_000)
    page.fill("#table-questions textarea", questions)
    page.click("#table-start")


def test_a_card_fills_the_form_in_chinese_and_all_words_are_chinese(scripted: Server, chromium: Browser) -> None:
    page = open_page(chromium, scripted, locale="zh-CN")
    page.get_by_role("tab", name="批量表格").click()
    expect(page.locator("#table-sheet .example")).to_have_count(3)
    page.locator("#table-sheet .example").first.click()
    expect(page.locator("#table-questions textarea")).to_have_value("图里有什么？\n是什么季节？", timeout=30_000)
    page.get_by_role("button", name="开始填表").click()
    status = page.locator("#table-sheet [role=status]")
    expect(status).to_have_text("完成：共 6 个回答。", timeout=120_000)
    expect(page.locator("#table-sheet thead th")).to_have_text(["图片", "图里有什么？", "是什么季节？"])
    expect(page.locator("#tables label")).to_contain_text("3 张图片，6/6 个回答")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Excel 表格").click()
    assert saved.value.suggested_filename == "图里有什么？.xlsx"
    labels = "all => all.map((one) => one.getAttribute('aria-label')).filter((name) => name && /[a-z]{3}/i.test(name))"
    words = page.locator(":visible[aria-label]").evaluate_all(labels)
    assert [word for word in words if "webp" not in word] == ["English"], "only the switch of the language"
    page.locator("#table-sheet tbody th button").first.click()
    expect(page.locator("dialog img")).to_be_visible()
    page.context.close()


def test_many_rows_fill_and_hostile_files_are_left_out(scripted: Server, chromium: Browser, tmp_path: Path) -> None:
    files = {f"{n:03}.png": picture(n) for n in range(120)}
    files["120 <img src=x onerror=alert(1)>.png"] = picture(999)
    files["empty.png"] = b""
    files["long.png"] = picture(7, (20_000, 40))
    files["bomb.png"] = picture(8, (11_000, 11_000))  # 121 megapixels in a few kilobytes
    page = open_page(chromium, scripted)
    begin(page, album(tmp_path, files), "What is in this picture?")
    status = page.locator("#table-sheet [role=status]")
    expect(status).to_have_text("Done: 122 answers.", timeout=180_000)
    page.click("#table-sheet summary")
    left_out = page.locator("#table-sheet details li")
    expect(left_out).to_have_count(2)
    expect(left_out.filter(has_text="bomb.png decompresses to 121,000,000 pixels")).to_have_count(1)
    expect(left_out.filter(has_text="empty.png is an empty file")).to_have_count(1)
    expect(page.locator("#table-sheet td.stop")).to_have_count(100)
    expect(page.locator("#table-sheet")).to_contain_text("of 122 are shown")
    box = page.locator("#table-sheet .cells")
    box.evaluate("box => box.scrollTo(0, box.scrollHeight)")
    head, around = page.locator("#table-sheet thead th").first.bounding_box(), box.bounding_box()
    assert head and around and abs(head["y"] - around["y"]) < 3, "the heading stays in sight"
    loading = page.locator("#table-sheet tbody img").evaluate_all("all => all.filter((i) => i.complete).length")
    assert loading < 100, "pictures out of sight are not loaded"
    page.context.close()


def test_a_table_goes_on_after_the_server_was_started_again(
    scripted: Server, chromium: Browser, tmp_path: Path
) -> None:
    page = open_page(chromium, scripted)
    begin(page, album(tmp_path, {f"{n}.png": picture(n) for n in range(3)}), "Describe it slowly")
    expect(page.locator("#table-sheet td.current")).to_contain_text("Words come", timeout=60_000)
    scripted.end()  # in the middle of an answer
    scripted.start()
    page.reload()
    page.wait_for_selector("#paper .empty", state="attached", timeout=60_000)
    page.get_by_role("tab", name="Table").click()
    page.locator("#tables label").first.click()
    status = page.locator("#table-sheet [role=status]")
    expect(status).to_have_text(re.compile(r"Stopped: \d of 3 answers are kept\."), timeout=30_000)
    page.click("#table-continue")
    expect(page.locator("#table-sheet td.current")).to_contain_text("Words come", timeout=60_000)
    page.click("#table-stop")
    page.context.close()
