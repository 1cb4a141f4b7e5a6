"""The evidence of the whole path runs anywhere: tiny models on the CPU stand in for both 7B models on a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "evidence.py"


@pytest.mark.slow
def test_the_whole_path_is_measured_step_by_step() -> None:
    small = ["--size", "tiny", "--device", "cpu", "--repeat", "1", "--long", "16", "--answer", "4", "--words-only"]
    done = subprocess.run([sys.executable, str(SCRIPT), *small], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *table, last = done.stdout.splitlines()
    result = json.loads(last)
    steps = {step["step"]: step for step in result["steps"]}
    assert list(steps) == [
        "both models ready",
        "article: writing",
        "article: placing",
        "article: captioning",
        "article: finding and choosing",
        "long text",
        "chat: 2 pictures",
        "chat: second turn",
        "chat: one new picture 1",
    ]
    assert steps["article: writing"]["calls"]["Generate"] == 4
    assert steps["article: finding and choosing"]["calls"]["Choose"] == 4
    assert steps["chat: 2 pictures"]["prompt_tokens"][0] > 2 * 1225
    assert steps["long text"]["new_tokens"] == 16 and result["decode_tokens_per_s"] > 0
    assert (
        result["first_token_picture_s"] > 0 and result["first_text_picture_s"] > 0
    )  # of two clocks, the worker's and ours
    assert all(step["memory"] > 0 for step in result["steps"])
    assert "random weights" in table[0] and "tokens/s at batch 1" in table[-1]


@pytest.mark.slow
def test_what_it_stands_on_needs_no_package_of_the_page() -> None:
    """A GPU machine has torch and Pillow; what the page and the exports need may be missing there."""
    script = """
import sys
import studio.app
from studio.engine.build import build
from studio.specs import NativeSpec
build(NativeSpec(random_weights="tiny", device="cpu"))
page = "gradio xlsxwriter docx typst fontTools lucide xllamacpp rapidocr onnxruntime modelscope timm"
print(sorted(set(page.split()) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
