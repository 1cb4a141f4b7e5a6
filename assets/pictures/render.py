"""Render the starter pictures: every NAME.svg beside this file becomes NAME.webp, 1600 x 1000.

Usage: ``python render.py [--out DIR] [--png] [NAME ...]`` (no NAME: all of them).
"""

from __future__ import annotations

import argparse
import io
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 1600, 1000
PAGE = "<style>*{{margin:0}}svg{{display:block;width:{w}px;height:{h}px}}</style>{svg}"


def rasterise(sources: Iterable[Path]) -> Iterator[tuple[Path, Image.Image]]:
    """Yield each SVG with its picture as headless Chromium paints it."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for source in sources:
            page.set_content(PAGE.format(w=WIDTH, h=HEIGHT, svg=source.read_text("utf-8")))
            yield source, Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()


def main() -> None:
    """Read the command line and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="file stems, such as: tea city (default: all)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to (default: beside the SVGs)")
    parser.add_argument("--png", action="store_true", help="write PNG instead of WebP, to look at")
    options = parser.parse_args()

    sources = [HERE / f"{name}.svg" for name in options.names] or sorted(HERE.glob("*.svg"))
    if missing := [source.name for source in sources if not source.is_file()]:
        parser.error("no such picture: " + ", ".join(missing))
    options.out.mkdir(parents=True, exist_ok=True)
    for source, picture in rasterise(sources):
        target = options.out / source.with_suffix(".png" if options.png else ".webp").name
        if options.png:
            picture.save(target)
        else:
            picture.save(target, quality=82, method=6)
        print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
