"""A long table while it fills, in a real Chromium: bytes sent to the page, frames, and typing.

    uv run benchmarks/table.py [--rows 200]

A scripted engine answers three questions about each picture at once; measured from the start to the last answer, while
keys are pressed in the form. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import zipfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

BROWSER = Path(__file__).parents[1] / "tests" / "browser"
sys.path.insert(0, str(BROWSER))
from conftest import FLAGS, chromium_path, free_port, open_page, serve  # noqa: E402

WATCH = """() => {
    window.frames_ = []; window.updates_ = 0; window.keys_ = [];
    let last = performance.now();
    const frame = (now) => { window.frames_.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    const all = {subtree: true, childList: true, characterData: true};
    new MutationObserver(() => window.updates_++).observe(document.querySelector('#table-sheet tbody'), all);
    document.addEventListener('keydown', (event) => {
        const pressed = event.timeStamp;
        requestAnimationFrame(() => setTimeout(() => window.keys_.push(performance.now() - pressed)));
    }, true);
}"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        port = free_port()
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        for server in serve([str(BROWSER / "scripted.py"), str(port), data], port, Path(data)):
            result = measure(open_page(browser, server), Path(data), given.rows)
        result["chromium"] = browser.version
        browser.close()
    for name, value in result.items():
        print(f"{name:26} {value if isinstance(value, str) else round(value, 1)}")
    print(json.dumps(result))


def measure(page: Page, folder: Path, rows: int) -> dict[str, float | str]:
    """Milliseconds, kilobytes and counts while the table fills."""
    page.get_by_role("tab", name="Table").click()
    page.set_input_files("#table-pictures input[type=file]", str(album(folder, rows)))
    page.wait_for_selector("#table-pictures table, #table-pictures .file-preview")
    page.fill("#table-questions textarea", "Quick one?\nAnother?\nAnd a third?")
    bytes_ = [0]
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.on("Network.dataReceived", lambda event: bytes_.__setitem__(0, bytes_[0] + event["dataLength"]))
    page.evaluate(WATCH)
    began = time.monotonic()
    page.click("#table-start")
    page.wait_for_selector("#table-sheet td.stop", timeout=120_000)
    page.focus("#table-questions textarea")
    while not page.evaluate("document.querySelector('#table-sheet [role=status]').textContent.startsWith('Done')"):
        page.keyboard.press("a")
        page.wait_for_timeout(250)
    seconds = time.monotonic() - began
    frames, keys = sorted(page.evaluate("window.frames_")), sorted(page.evaluate("window.keys_"))
    return {
        "seconds to fill": seconds,
        "kB": bytes_[0] / 1000,
        "updates": page.evaluate("window.updates_"),
        "frame, median ms": statistics.median(frames),
        "frame, 95 % ms": frames[int(len(frames) * 0.95)],
        "frame, longest ms": frames[-1],
        "key to screen, median ms": statistics.median(keys),
        "key to screen, 95 % ms": keys[int(len(keys) * 0.95)],
    }


def album(folder: Path, rows: int) -> Path:
    """A zip of small pictures, no two alike."""
    path = folder / "album.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for n in range(rows):
            out = BytesIO()
            Image.new("RGB", (320, 200), (n % 256, n // 256 * 40, 90)).save(out, "PNG")
            archive.writestr(f"picture {n:03}.png", out.getvalue())
    return path


if __name__ == "__main__":
    main()
