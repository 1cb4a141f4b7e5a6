"""The structured log: one JSON object a line, of every request, every task and every fault.

A line has facts of the studio's own making only: routes, states, seconds, keys of errors, and the number by which a
person can ask about an error that the page showed. Never a prompt, a name, a path or a secret.
"""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

from studio.errors import StudioError

MAX_BYTES = 10 << 20  # bytes of a file, of which five are kept
_LOGGER = logging.getLogger("studio.log")


def configure(where: str, folder: Path) -> None:
    """Send the log to a `file` below the data folder, to `stderr`, or nowhere (`off`)."""
    for handler in list(_LOGGER.handlers):
        _LOGGER.removeHandler(handler)
        handler.close()
    _LOGGER.propagate = False
    _LOGGER.setLevel(logging.INFO)
    if where == "off":
        _LOGGER.addHandler(logging.NullHandler())
        return
    target: logging.Handler = logging.StreamHandler(sys.stderr) if where == "stderr" else _File(folder / "logs")
    target.setFormatter(logging.Formatter("%(message)s"))
    _LOGGER.addHandler(target)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: _LOGGER,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def log(event: str, **facts: Any) -> None:
    """A line. Costs nothing before `configure`."""
    if _LOGGER.handlers:
        structlog.get_logger().info(event, **facts)


def log_error(error: StudioError) -> None:
    """A line about an error that somebody is shown."""
    log("error", error=error.key, kind=type(error).__name__, number=error.number)


class _File(RotatingFileHandler):
    """The file `studio.jsonl`; a disk that is full or gone loses lines, and nothing else."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "studio.jsonl", maxBytes=MAX_BYTES, backupCount=4, encoding="utf-8", delay=True)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say nothing: `/healthz` and the page tell of the disk."""
