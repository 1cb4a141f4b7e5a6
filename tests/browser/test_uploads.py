"""Files that cannot be uploaded in Chat and Table: one sentence in the person's language that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from browser.conftest import Server, open_page, watched

pytestmark = pytest.mark.browser
CAT = Path(__file__).parents[2] / "assets" / "pictures" / "cat.webp"
TABS = (("#question", 1), ("#table-pictures", 3))


def too_large(route: Route) -> None:
    """As Gradio answers; the limit is 200 MB."""
    route.fulfill(status=413, json={"detail": "File size exceeded maximum allowed size of 209715200 bytes."})


def unkept(route: Route) -> None:
    route.fulfill(status=500, body="Internal Server Error")


@pytest.fixture(params=["en-US", "zh-CN"])
def page(request: pytest.FixtureRequest, scripted: Server, chromium: Browser) -> Iterator[Page]:
    yield from watched(scripted, chromium, locale=request.param)


def said(page: Page, english: str, chinese: str) -> None:
    text = chinese if page.evaluate("navigator.language") == "zh-CN" else english
    expect(page.locator(".toast-message-text").last).to_have_text(text, timeout=30_000)


@pytest.mark.parametrize(("place", "tab"), TABS)
def test_a_file_of_another_kind(page: Page, tmp_path: Path, place: str, tab: int) -> None:
    (tmp_path / "notes.pdf").write_bytes(b"%PDF-1.4")
    page.get_by_role("tab").nth(tab).click()
    page.set_input_files(f"{place} input[type=file]", str(tmp_path / "notes.pdf"))
    english = "notes.pdf cannot be added: choose JPEG, PNG, WebP, GIF, BMP, TIFF or HEIC pictures; in Table also a zip."
    chinese = "notes.pdf 不能添加：请选择 JPEG、PNG、WebP、GIF、BMP、TIFF 或 HEIC 图片，批量表格还可以用 zip。"
    said(page, english, chinese)


def test_a_name_is_text(scripted: Server, chromium: Browser, tmp_path: Path) -> None:
    page = open_page(chromium, scripted)
    paper = tmp_path / "a <img src=x onerror=document.title='run'>.pdf"
    paper.write_bytes(b"%PDF-1.4")
    page.get_by_role("tab").nth(1).click()
    page.set_input_files("#question input[type=file]", str(paper))
    expect(page.locator(".toast-message-text")).to_contain_text("cannot be added", timeout=30_000)
    assert page.locator(".toast-message-text img").count() == 0 and page.title() != "run"
    page.context.close()


@pytest.mark.parametrize(("place", "tab"), TABS)
@pytest.mark.parametrize(
    ("answer", "english", "chinese"),
    [
        (
            too_large,
            "More than 200 MB cannot be sent at once. Make the files smaller, or add them in parts.",
            "一次最多发送 200 MB，请缩小文件或分批添加。",
        ),
        (
            Route.abort,
            "The file did not arrive. See whether the studio is still running, then add it again.",
            "文件没有传到。请确认程序仍在运行，然后重新添加。",
        ),
        (
            unkept,
            "The studio could not keep the file, perhaps because its disk is full. Free some space, then add it again.",
            "程序无法保存这个文件，磁盘可能已满。请清理空间后重新添加。",
        ),
    ],
)
def test_an_upload_that_fails(page: Page, place: str, tab: int, answer, english: str, chinese: str) -> None:  # type: ignore[no-untyped-def]
    page.get_by_role("tab").nth(tab).click()
    page.route("**/upload*", lambda route: answer(route))
    page.set_input_files(f"{place} input[type=file]", str(CAT))
    said(page, english, chinese)
