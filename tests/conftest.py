"""How tests run. A test that is skipped in CI fails there, unless it needs a GPU: what is never run proves nothing.

Its presence also puts `tests/` on the path, so that tests share helpers: `from golden import …`.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers for everything, none for single files: starting them takes longer than most files."""
    return 2 if config.args_source is not pytest.Config.ArgsSource.ARGS else 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, pytest.TestReport]:
    """Turn a skip into a failure where the variable CI is set."""
    report: pytest.TestReport = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") and "gpu" not in item.keywords:
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not allow: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, pytest.CollectReport]:
    """The same for a whole module."""
    report: pytest.CollectReport = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped, which CI does not allow: {report.longrepr}"
    return report
