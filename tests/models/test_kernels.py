"""The Triton kernels compute what the plain code does, here under Triton's interpreter; on a GPU: tests/gpu."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("interpreted.py")


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="no Triton on this platform")
@pytest.mark.parametrize("rows", ["1", "9", "1q", "3q", "prefill"])
def test_kernels_compute_what_the_plain_code_does(rows: str) -> None:
    """So many rows of a decoding step (q: int8 weights), or prompts being read."""
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(SCRIPT.parents[2])}
    done = subprocess.run([sys.executable, SCRIPT, rows], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "equal", done.stderr
