"""Calls as no page of ours makes them, by the thousand: none may be answered 5xx or leave a traceback in the log.

    uv run python benchmarks/calls.py [COUNT]

The studio runs in this process on the scripted engine, on a folder that is thrown away. The last line is JSON.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


class Tracebacks(logging.Handler):
    """Counts log records that carry an exception."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        if record.exc_info:
            self.count += 1
            print(self.format(record))


def main(count: int) -> None:
    """Send them and tell how they were answered."""
    from edge.calls import Request, requests
    from edge.edge_server import SPEC, free_port, run
    from hypothesis import HealthCheck, Phase, given, settings

    from studio.app import Studio
    from studio.settings import Settings
    from studio.ui.server.limits import Limits

    answers: Counter[int] = Counter()
    tracebacks = Tracebacks()
    for name in ("uvicorn.error", ""):
        logging.getLogger(name).addHandler(tracebacks)
    with tempfile.TemporaryDirectory() as data, Studio(Settings(port=free_port(), data=data), SPEC) as studio:
        running = run(studio, Limits())
        edge = next(running)
        began = time.monotonic()
        with edge.client("a" * 32) as client:

            @settings(
                max_examples=count,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(requests(edge.blocks))
            def answered(request: Request) -> None:
                answer = request.send(client)
                answers[answer.status_code] += 1
                if answer.status_code >= 500:
                    print(answer.status_code, request, answer.text[:300])

            answered()
        seconds = time.monotonic() - began
        next(running, None)
    faults = sum(number for status, number in answers.items() if status >= 500)
    facts = {"calls": answers.total(), "seconds": round(seconds), "answers": dict(sorted(answers.items()))}
    print(json.dumps(facts | {"server_errors": faults, "tracebacks": tracebacks.count}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
