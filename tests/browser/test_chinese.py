"""Somebody who reads Chinese: one way through writing, editing, exporting and history without an English word."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, ended, watched

pytestmark = pytest.mark.browser

# Names and signs that are the same in Chinese, and the switch to the other language.
NAMES = re.compile(
    r"XComposer2?|Studio|English|Markdown|Excel|Word|PDF|zip|token|Top-[pk]|Ctrl|Enter|Esc|Alt|JPEG|PNG|WebP|GIF|BMP"
    r"|TIFF|HEIC"
)
SEEN = """() => {
    const said = [];
    const skip = 'script, style';
    const walk = (node) => {
        if (node.nodeType === Node.TEXT_NODE) {
            if (node.textContent.trim()) said.push(node.textContent.trim());
        } else if (node.nodeType === Node.ELEMENT_NODE && !node.matches(skip) && node.checkVisibility()) {
            for (const name of ['title', 'aria-label', 'placeholder', 'alt']) {
                if (node.getAttribute(name)?.trim()) said.push(`${name}: ${node.getAttribute(name)}`);
            }
            node.childNodes.forEach(walk);
        }
    };
    walk(document.body);
    return said;
}"""


@pytest.fixture
def page(scripted: Server, chromium: Browser) -> Iterator[Page]:
    yield from watched(scripted, chromium, locale="zh-CN")


def english(page: Page) -> list[str]:
    """What is seen or read aloud on the page and has a word in Latin letters that is no name."""
    attributes = r"^(title|aria-label|placeholder|alt): "
    return [
        said for said in page.evaluate(SEEN) if re.search("[A-Za-z]{2}", NAMES.sub("", re.sub(attributes, "", said)))
    ]


def test_a_way_through_the_studio(page: Page) -> None:
    found = {"empty": english(page)}
    page.locator("#form .label-wrap").click()
    page.fill("#temperature input", "9")
    page.click("#outline [data-act=add_heading]")
    page.locator("#outline li [data-act=delete]").click()
    page.locator("#by input[value=title]").check()
    found["form"] = english(page)
    page.click("#start")
    expect(page.get_by_text("文章还没有标题：请先写标题").first).to_be_visible(timeout=15_000)
    found["error"] = english(page)
    page.locator("#by input[value=instruction]").check()
    page.fill("#temperature input", "")
    page.fill("#instruction textarea", "写一篇关于高山的文章")
    page.click("#images input")
    page.get_by_role("option", name="1", exact=True).click()
    page.click("#start")
    page.wait_for_selector("#paper section", timeout=60_000)
    ended(page)
    expect(page.locator("#paper .step").first).to_contain_text("写作")
    found["written"] = english(page)

    page.locator("#paper section .text").first.click()
    expect(page.locator("#paper .inspector header")).to_contain_text("第 1 段")
    page.click("#paper [data-act=rewrite]")
    expect(page.locator("#paper [data-act=accept]")).to_be_enabled(timeout=30_000)
    found["proposal"] = english(page)
    page.click("#paper [data-act=accept]")
    expect(page.locator("#paper section").first).to_contain_text("雪山映着朝霞")
    page.locator("#paper figure").click()
    found["picture"] = english(page)
    page.keyboard.press("Escape")

    page.click("#export-menu summary")
    found["export"] = english(page)
    with page.expect_download() as saved:
        page.click("#export-menu [data-format=zip]")
    assert "雪山映着朝霞" in zipfile.ZipFile(saved.value.path()).read("article.md").decode()

    page.get_by_role("tab", name="历史").click()
    cards = page.locator("#history-shelf .card")
    expect(cards).to_have_count(1, timeout=15_000)
    expect(cards).to_contain_text("完成")
    found["history"] = english(page)
    page.click("#history-shelf [data-act=versions]")
    expect(page.locator("dialog [data-version='2']")).to_contain_text("修改文字")
    found["versions"] = english(page)
    page.click("dialog [data-version='1']")
    page.click("dialog [data-act=restore]")
    expect(page.get_by_role("tab", name="写作")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#paper section").first).not_to_contain_text("朝霞")
    assert not {where: said for where, said in found.items() if said}


def test_what_goes_wrong_is_told_in_chinese(page: Page) -> None:
    page.click("#start")
    expect(page.get_by_text("还没有写作要求：请用一句话说明文章写什么。").first).to_be_visible(timeout=15_000)
    expect(page.get_by_text("没有成功").first).to_be_visible()
    page.fill("#instruction textarea", "很" * 20_001)
    page.click("#start")
    expect(page.get_by_text("写作要求有 20,001 个字符，最多 20,000 个").first).to_be_visible(timeout=15_000)
    page.fill("#instruction textarea", "slowly")
    page.click("#start")
    page.wait_for_selector("#paper section", timeout=60_000)
    expect(page.locator("#paper .said")).to_have_text(re.compile(r"每秒 \d+ 个 token"))
    page.click("#paper .stop")
    expect(page.locator("#paper .said")).to_have_text("已停止，写好的内容已保存。", timeout=15_000)
