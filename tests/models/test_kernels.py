"""The Triton kernels compute what the plain code does, here under Triton's interpreter; on a GPU: tests/gpu."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

launch = pytest.importorskip("studio.models.kernels.launch", reason="no Triton on this platform")
SCRIPT = Path(__file__).with_name("interpreted.py")


@pytest.mark.parametrize("rows", ["1", "9", "1q", "3q", "prefill", "trial"])
def test_kernels_compute_what_the_plain_code_does(rows: str) -> None:
    """So many rows of a decoding step (q: int8 weights), or prompts being read."""
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(SCRIPT.parents[2])}
    done = subprocess.run([sys.executable, SCRIPT, rows], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "equal", done.stderr


@pytest.mark.parametrize("room", [96 << 10, 160 << 10, 224 << 10])
@pytest.mark.parametrize("int8", [False, True])
def test_tiles_divide_their_matrix_and_fit_into_shared_memory(int8: bool, room: int) -> None:
    """The shapes of 7B and of 1.8B, on the smallest and the largest cards."""
    for hidden, ffn, qkv in ((4096, 14336, 6144), (2048, 8192, 4096)):
        for out, into, gated in ((qkv, hidden, 0), (hidden, hidden, 0), (ffn, hidden, 1), (hidden, ffn, 0)):
            for padded in (8,) if not int8 else (8, 16, 32, 64):
                chosen = launch.rows_tiles(out, into, bool(gated), int8, padded)
                t = launch.fitting(chosen, padded, bool(gated), 1 if int8 else 2, room)
                assert (into // t.parts) % t.columns == 0 and into % t.parts == 0 and t.columns >= 32
                numbers = t.rows * (1 + gated) * (1 if int8 else 2) + padded * 2
                assert t.stages * t.columns * numbers <= room
                assert t.parts == 1 or not gated
            t = launch.vector_tiles(out, into, bool(gated), int8)
            assert into % t.columns == 0
