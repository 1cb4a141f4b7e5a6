"""A title and materials instead of an instruction, and the beams of a model that has them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, ended, open_page

pytestmark = pytest.mark.browser
TITLE = "#article-title :is(input, textarea)"


def by_title(page: Page) -> None:
    page.locator("#by input[value=title]").check()
    expect(page.locator("#article-title")).to_be_visible()


def test_an_article_from_a_title_and_materials(page: Page, tmp_path: Path) -> None:
    expect(page.locator("#materials")).to_be_hidden()
    page.focus("#by input[value=title]")
    page.keyboard.press("Space")  # the switch is reached without a mouse
    expect(page.locator("#instruction")).to_be_hidden()
    wild = "The <img src=x onerror=alert(1)> last ferry"
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    page.fill(TITLE, wild)
    page.fill("#materials textarea", "- Since 1931 <script>alert(2)</script> {braces} ${x}\n- 22 minutes")
    page.click("#start")
    page.wait_for_selector("#paper section", timeout=60_000)
    ended(page)
    expect(page.locator("#paper h1")).to_have_text(wild)
    page.click("#export-menu summary")
    with page.expect_download() as saved:
        page.click("#export-menu [data-format=zip]")
    about = json.loads(zipfile.ZipFile(saved.value.path()).read("about.json"))
    assert about["title"] == wild and about["materials"].endswith("- 22 minutes")
    page.reload()
    page.get_by_role("tab", name="History").click()
    page.locator("#history-shelf .cover").first.click()
    expect(page.locator("#paper h1")).to_have_text(wild, timeout=30_000)


def test_a_missing_title_and_too_much_material_are_told_and_nothing_is_lost(page: Page) -> None:
    by_title(page)
    page.fill("#materials textarea", "a fact " * 20_000)
    page.click("#start")
    expect(page.get_by_text("The article has no title yet").first).to_be_visible(timeout=15_000)
    page.fill(TITLE, "Facts")
    page.click("#start")
    expect(page.get_by_text("The materials have 139,999 characters").first).to_be_visible(timeout=15_000)
    assert len(page.input_value("#materials textarea")) == 140_000
    expect(page.locator("#paper h1")).to_be_hidden()


def test_an_outline_is_drafted_from_materials(page: Page) -> None:
    by_title(page)
    page.fill(TITLE, "The last ferry")
    page.fill("#materials textarea", "- Since 1931")
    page.click("#outline [data-act=draft_outline]")
    expect(page.locator("#outline li input")).to_have_count(3, timeout=30_000)


def test_an_example_brings_the_instruction_back(page: Page) -> None:
    by_title(page)
    page.locator("#paper .example").first.click()
    expect(page.locator("#instruction textarea")).to_be_visible()
    expect(page.locator("#instruction textarea")).to_be_focused()
    expect(page.locator("#materials")).to_be_hidden()
    expect(page.locator("#by input[value=instruction]")).to_be_checked()


def test_beams_are_offered_where_the_model_has_them(page: Page) -> None:
    page.locator("#form .label-wrap").click()
    page.fill("#write_beams input", "9")
    expect(page.locator("#write_beams .range")).to_have_text("between 1 and 5")
    page.fill("#write_beams input", "3")
    page.fill("#instruction textarea", "Write an article about the mountains")
    page.click("#start")
    page.wait_for_selector("#paper section", timeout=60_000)
    ended(page)


@pytest.mark.real
def test_no_beams_with_the_starter(server: Server, chromium: Browser) -> None:
    page = open_page(chromium, server)
    page.locator("#form .label-wrap").click()
    expect(page.locator("#temperature")).to_be_visible()
    expect(page.locator("#write_beams")).to_have_count(0)
    page.context.close()
