"""The page while text streams into a long document, in a real Chromium: updates, frames, and typing.

    uv run benchmarks/page.py [--seconds 8]

A scripted engine writes an article of 60 sections with 15 pictures and then goes on at 50 words a second. Measured
while it does: how often the document changes, how long frames take, and how long a key that is pressed in the form
takes to the screen. The last line is one JSON object.
"""

from __future__ import annotations

import argparse

import watch
from conftest import begin, ended
from playwright.sync_api import Page


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    seconds = parser.parse_args().seconds
    watch.run(lambda page, folder: measure(page, seconds))


def measure(page: Page, seconds: float) -> watch.Figures:
    """What was watched while the document grew, and how large it was."""
    page.locator("#form .label-wrap").click()
    page.fill("#length input", "4096")
    begin(page, "Write an endless article", "15")
    ended(page)
    sections, pictures = page.locator("#paper section").count(), page.locator("#paper figure").count()
    page.click("#paper [data-act=continue]")
    page.wait_for_function("document.querySelector('#paper section:last-child').innerText.includes('Words come')")
    watch.begin(page, "#paper .body")
    page.focus("#instruction textarea")
    while watch.spent(page) < 1000 * seconds:
        page.keyboard.press("a")
        page.wait_for_timeout(100)
    found = watch.figures(page)
    rate = float(found["updates"]) * 1000 / watch.spent(page)
    page.click("#paper .stop")
    return {"sections": sections, "pictures": pictures, "updates_per_s": rate, **found}


if __name__ == "__main__":
    main()
