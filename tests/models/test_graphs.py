"""When work is captured. What a graph computes: tests/gpu."""

from __future__ import annotations

from studio.models.graphs import CudaGraphs


def test_nothing_is_captured_while_weights_may_still_move() -> None:
    graphs, runs = CudaGraphs(), []
    for _ in range(3):
        graphs.run("step", lambda: runs.append(1))
    assert len(runs) == 3 and not graphs.enabled
