"""kill -9 in the middle of keeping things: what was confirmed is there. `benchmarks/chaos.py` does it 200 times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from .writer import kill_after, losses


def test_nothing_confirmed_is_lost(folder: Path) -> None:
    chance, facts, told = random.Random(7), [], []
    for number in range(10):
        told = kill_after(folder, chance.randint(0, 20), chance.uniform(0.0, 0.02), number)
        facts += told
        assert losses(folder, told) == []
    assert len(facts) > 50 and {fact["kind"] for fact in facts} > {"sections", "version", "turns", "cells", "picture"}
    assert losses(folder, facts) == [], "nor by a later one"


@pytest.mark.parametrize(
    "lie",
    [
        {"kind": "sections", "id": 1, "count": 999},
        {"kind": "turns", "id": 1, "count": 999},
        {"kind": "version", "id": 1, "title": "never", "sections": 1},
    ],
)
def test_a_loss_would_be_noticed(folder: Path, lie: dict[str, object]) -> None:
    facts: list[dict[str, object]] = []
    for number in range(3):
        facts += kill_after(folder, 25, 0.0, number)
    assert losses(folder, [*facts, lie]) == [str(lie)]
