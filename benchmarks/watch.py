"""What the benchmarks of the page share: a studio on the scripted engine in a real Chromium, and what is watched."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

BROWSER = Path(__file__).parents[1] / "tests" / "browser"
sys.path.insert(0, str(BROWSER))
from conftest import FLAGS, chromium_path, free_port, open_page, serve  # noqa: E402

Figures = dict[str, float | str]
_WATCH = """(watched) => {
    window.frames_ = []; window.updates_ = 0; window.keys_ = [];
    let last = performance.now();
    const frame = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    const all = {subtree: true, childList: true, characterData: true};
    new MutationObserver(() => window.updates_++).observe(document.querySelector(watched), all);
    document.addEventListener('keydown', (event) => {
        const pressed = event.timeStamp;
        requestAnimationFrame(() => setTimeout(() => window.keys_.push(performance.now() - pressed)));
    }, true);
}"""


def run(measure: Callable[[Page, Path], Figures]) -> None:
    """Start a studio, measure (the folder is for files), print; the last line is one JSON object."""
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        port = free_port()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for server in serve([str(BROWSER / "scripted.py"), str(port), data], port, Path(data)):
            result = measure(open_page(browser, server), Path(data))
        result["chromium"] = browser.version
        browser.close()
    for name, value in result.items():
        print(f"{name:26} {value if isinstance(value, str) else round(value, 1)}")
    print(json.dumps(result))


def begin(page: Page, watched: str) -> None:
    """Count frames, keys, and changes below the element with this selector from now on."""
    page.evaluate(_WATCH, watched)


def spent(page: Page) -> float:
    """Milliseconds since `begin`."""
    return float(page.evaluate("window.frames_.reduce((a, b) => a + b, 0)"))


def figures(page: Page) -> Figures:
    """What was watched, in milliseconds and counts."""
    frames, keys = sorted(page.evaluate("window.frames_.slice(1)")), sorted(page.evaluate("window.keys_"))
    return {
        "updates": page.evaluate("window.updates_"),
        "frame_median_ms": statistics.median(frames),
        "frame_p95_ms": frames[int(0.95 * len(frames))],
        "frame_longest_ms": frames[-1],
        "key_to_screen_median_ms": statistics.median(keys),
        "key_to_screen_p95_ms": keys[int(0.95 * len(keys))],
        "keys": len(keys),
    }
