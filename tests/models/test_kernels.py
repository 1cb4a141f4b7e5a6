"""The Triton kernels compute what the plain code does, here under Triton's interpreter; on a GPU: tests/gpu."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

launch = pytest.importorskip("studio.models.kernels.launch", reason="no Triton on this platform")
SCRIPT = Path(__file__).with_name("interpreted.py")


CASES = (
    "1 row",
    "9 rows",
    "1 row, int8",
    "3 rows, int8",
    "1 row, adapter",
    "1 row, adapter, int8",
    "4 rows, one adapter and none",
    "6 rows, all adapters",
    "9 rows, all adapters",
    "3 rows, adapters, int8",
    "guesses",
    "prompts",
)


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What each case came to; one process for all, since importing torch and Triton takes longer than a case."""
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(SCRIPT.parents[2])}
    done = subprocess.run([sys.executable, SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        found |= json.loads(line)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_kernels_compute_what_the_plain_code_does(said: dict[str, str], case: str) -> None:
    """So many rows of a decoding step, a step with guesses, or prompts being read."""
    assert said[case] == "equal"


@pytest.mark.parametrize("room", [96 << 10, 160 << 10, 224 << 10])
@pytest.mark.parametrize("int8", [False, True])
def test_tiles_divide_their_matrix_and_fit_into_shared_memory(int8: bool, room: int) -> None:
    """The shapes of 7B and of 1.8B, on the smallest and the largest cards."""
    for hidden, ffn, qkv in ((4096, 14336, 6144), (2048, 8192, 4096)):
        for out, into, gated in ((qkv, hidden, 0), (hidden, hidden, 0), (ffn, hidden, 1), (hidden, ffn, 0)):
            for padded in (8,) if not int8 else (8, 16, 32, 64):
                chosen = launch.few_rows_tiles(out, into, bool(gated), int8, padded)
                t = launch.shrink_tiles(chosen, padded, bool(gated), 1 if int8 else 2, room)
                assert (into // t.parts) % t.columns == 0 and into % t.parts == 0 and t.columns >= 32
                numbers = t.rows * (1 + gated) * (1 if int8 else 2) + padded * 2
                assert t.stages * t.columns * numbers <= room
                assert t.parts == 1 or not gated
            t = launch.vector_tiles(out, into, bool(gated), int8)
            assert into % t.columns == 0
