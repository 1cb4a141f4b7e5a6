"""The page while text streams into a long document, in a real Chromium: updates, frames, and typing.

    uv run benchmarks/page.py [--seconds 8]

A scripted engine writes an article of 60 sections with 15 pictures and then goes on at 50 words a second. Measured
while it does: how often the document changes, how long frames take, and how long a key that is pressed in the form
takes to the screen. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

BROWSER = Path(__file__).parents[1] / "tests" / "browser"
sys.path.insert(0, str(BROWSER))
from conftest import FLAGS, begin, chromium_path, ended, free_port, open_page, serve  # noqa: E402

WATCH = """() => {
    window.frames_ = []; window.updates_ = 0; window.keys_ = [];
    let last = performance.now();
    const frame = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    const all = {subtree: true, childList: true, characterData: true};
    new MutationObserver(() => window.updates_++).observe(document.querySelector('#paper .body'), all);
    document.addEventListener('keydown', (event) => {
        const pressed = event.timeStamp;
        requestAnimationFrame(() => setTimeout(() => window.keys_.push(performance.now() - pressed)));
    }, true);
}"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        port = free_port()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for server in serve([str(BROWSER / "scripted.py"), str(port), data], port, Path(data)):
            result = measure(open_page(browser, server), given.seconds)
        result["chromium"] = browser.version
        browser.close()
    for name, value in result.items():
        print(f"{name:26} {value if isinstance(value, str) else round(value, 1)}")
    print(json.dumps(result))


def measure(page: Page, seconds: float) -> dict[str, float | str]:
    """Milliseconds and counts while the document grows."""
    page.locator("#form .label-wrap").click()
    page.fill("#length input", "4096")
    begin(page, "Write an endless article", "15")
    ended(page)
    sections, pictures = page.locator("#paper section").count(), page.locator("#paper figure").count()
    page.click("#paper [data-act=continue]")
    page.wait_for_function("document.querySelector('#paper section:last-child').innerText.includes('Words come')")
    page.evaluate(WATCH)
    page.focus("#instruction textarea")
    pressed = 0
    while page.evaluate("window.frames_.reduce((a, b) => a + b, 0)") < 1000 * seconds:
        page.keyboard.press("a")
        pressed += 1
        page.wait_for_timeout(100)
    frames = sorted(page.evaluate("window.frames_.slice(1)"))
    keys = sorted(page.evaluate("window.keys_"))
    spent = sum(frames) / 1000
    page.click("#paper .stop")
    return {
        "sections": sections,
        "pictures": pictures,
        "updates_per_s": page.evaluate("window.updates_") / spent,
        "frame_median_ms": statistics.median(frames),
        "frame_p95_ms": frames[int(0.95 * len(frames))],
        "key_to_screen_median_ms": statistics.median(keys),
        "key_to_screen_p95_ms": keys[int(0.95 * len(keys))],
        "keys": pressed,
    }


if __name__ == "__main__":
    main()
