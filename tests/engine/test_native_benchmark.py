"""The benchmarks run anywhere: a tiny model on the CPU stands in for the 7B on a GPU."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.slow
FOLDER = Path(__file__).parents[2] / "benchmarks"


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))  # they stand beside what they share
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_engines_prints_a_table_and_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load("engine", monkeypatch)
    module.main(["--size", "tiny", "--device", "cpu", "--quick", "--int8", "--calls", "4"])
    *table, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    assert result["decode_tokens_per_s"] > 0 and result["int8_decode_bytes"] < 0.7 * result["decode_bytes"]
    assert 0 < result["first_token_60_ms"] < result["first_token_2048_ms"]
    assert result["process_bytes_after"] > 0
    assert sum("must" in line for line in table) == 6


def test_the_engines_measures_long_contexts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load("engine", monkeypatch)
    module.main(["--size", "tiny", "--device", "cpu", "--quick", "--context-lengths", "512,2048"])
    *table, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    assert len(table) == 4
    for length in ("512", "2048"):
        assert min(result[length].values()) > 0
    assert result["2048"]["first_token_ms"] > result["2048"]["first_token_of_300_new_ms"]


def test_the_pipelines_names_every_step(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("pipeline", monkeypatch)
    module.main(["--size", "tiny", "--device", "cpu", "--repeat", "1", "--scale", "0.02"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    steps = [result[f"{name}_s"] for name in ("article", "places", "captions", "choices")]
    assert min(steps) > 0 and result["all_s"] == pytest.approx(sum(steps))


def test_the_talks_compares_a_cached_turn_with_a_decode_step(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = load("talk", monkeypatch)
    module.main(["--sizes", "chat-tiny", "--device", "cpu", "--quick", "--context", "300"])
    *table, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)["chat-tiny"]
    assert result["decode_tokens_per_s"] > 0 and "of the floor" in table[2]
    for new in (1, 16, 64):
        turn = result[f"turn_{new}"]
        assert turn["cached"] == 288 and turn["first_token"] > 0 and turn["alone"] > 0
