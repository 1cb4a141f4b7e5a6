"""A long table while it fills, in a real Chromium: bytes sent to the page, frames, and typing.

    uv run benchmarks/table.py [--rows 200]

A scripted engine answers three questions about each picture at once; measured from the start to the last answer, while
keys are pressed in the form. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import time
import zipfile
from io import BytesIO
from pathlib import Path

import watch
from PIL import Image
from playwright.sync_api import Page


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200)
    rows = parser.parse_args().rows
    watch.run(lambda page, folder: measure(page, folder, rows))


def measure(page: Page, folder: Path, rows: int) -> watch.Figures:
    """What was watched while the table filled, how long it took, and what was sent."""
    page.get_by_role("tab", name="Table").click()
    page.set_input_files("#table-pictures input[type=file]", str(album(folder, rows)))
    page.wait_for_selector("#table-pictures table, #table-pictures .file-preview")
    page.fill("#table-questions textarea", "Quick one?\nAnother?\nAnd a third?")
    bytes_ = [0]
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.on("Network.dataReceived", lambda event: bytes_.__setitem__(0, bytes_[0] + event["dataLength"]))
    watch.begin(page, "#table-sheet tbody")
    began = time.monotonic()
    page.click("#table-start")
    page.wait_for_selector("#table-sheet td.stop", timeout=120_000)
    page.focus("#table-questions textarea")
    while not page.evaluate("document.querySelector('#table-sheet [role=status]').textContent.startsWith('Done')"):
        page.keyboard.press("a")
        page.wait_for_timeout(250)
    return {"seconds_to_fill": time.monotonic() - began, "kB": bytes_[0] / 1000, **watch.figures(page)}


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
