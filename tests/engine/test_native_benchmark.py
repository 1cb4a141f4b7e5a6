"""The engine's benchmark runs anywhere: a tiny model on the CPU stands in for the 7B on a GPU."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest


def test_the_benchmark_prints_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("engine", Path(__file__).parents[2] / "benchmarks" / "engine.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(["--size", "tiny", "--device", "cpu", "--repeat", "1", "--new-tokens", "8"])
    *table, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    assert result["decode_tokens_per_s"] > 0 and 0 < result["first_token_60_s"] < result["first_token_2048_s"]
    assert len(table) == 12
