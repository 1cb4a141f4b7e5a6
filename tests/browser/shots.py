"""Screenshots of every page, in both languages, light and dark, desktop and phone, into a folder:

    uv run python tests/browser/shots.py FOLDER [--models starter]

On the scripted engine by default, so that two runs show the same; with `--models starter` a real model writes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))
from browser.conftest import FLAGS, ROOT, Server, begin, chromium_path, ended, free_port, open_page, serve

SIZES = {"desktop": (1280, 860), "phone": (390, 844)}
SETTLED = """() => !document.querySelector('.tabitem:not([style*="none"]) .progress-text, .eta-bar')
    && [...document.images].every(i => i.complete || !i.checkVisibility()
        || i.getBoundingClientRect().top > innerHeight)
"""
NAMES = ("write", "chat", "talk", "table", "library", "history", "about")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", choices=("scripted", "starter"), default="scripted")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        port = free_port()
        command = [str(ROOT / "launch.py"), "--port", str(port), "--data", data, "--models", "starter"]
        if given.models == "scripted":
            command = [str(Path(__file__).parent / "scripted.py"), str(port), data]
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for server in serve(command, port, Path(data)):
            for language, theme, size in product(("en", "zh"), ("light", "dark"), SIZES):
                tour(browser, server, given.folder / f"{language}-{theme}-{size}", language, theme, size)
        browser.close()


def tour(browser: Browser, server: Server, prefix: Path, language: str, theme: str, size: str) -> None:
    """One person's way through all tabs."""
    width, height = SIZES[size]
    locale = {"en": "en-US", "zh": "zh-CN"}[language]
    page = open_page(browser, server, viewport={"width": width, "height": height}, locale=locale)
    page.evaluate(f"localStorage.setItem('studio-theme', '{theme}')")
    page.reload()
    page.wait_for_selector("#paper .empty")

    def shot(name: str) -> None:
        page.wait_for_timeout(500)  # a tab that was just opened begins to ask for its pictures
        page.wait_for_function(SETTLED)
        page.wait_for_timeout(500)  # pictures fade in; the page's stream of events never rests
        page.screenshot(path=f"{prefix}-{name}.png")

    shot("write-empty")
    begin(page, "Write an article about a day at the farm", None)
    shot("write-writing")
    ended(page)
    shot("write-done")
    page.locator("#paper section .text").first.click()
    shot("write-paragraph")
    page.locator("#paper figure").first.click()
    shot("write-picture")
    page.keyboard.press("Escape")
    for at, name in enumerate(NAMES[1:], 1):
        to_tab(page, at)
        shot(name)
    page.context.close()


def to_tab(page: Page, at: int) -> None:
    """Open a tab by its place; on a phone the last ones hide behind a button."""
    tab = page.get_by_role("tab").nth(at)
    if page.get_by_role("tab").count() > at and tab.is_visible():
        tab.click()
        return
    page.locator(".overflow-menu > button").click()
    hidden = page.locator(".overflow-dropdown button")
    hidden.nth(at - (len(NAMES) - hidden.count())).click()


if __name__ == "__main__":
    main()
