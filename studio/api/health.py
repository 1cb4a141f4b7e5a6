"""`/healthz`: whether the studio can do its work now, and if not, why.

200 when the models are loaded, the worker gives signs of life and the data folder keeps what it is given; else 503.
Nothing in it names a person, a prompt or a path.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from studio import __version__
from studio.app import Studio

SILENT = 20.0  # seconds without a sign of life after which a worker counts as hung


def health(studio: Studio) -> tuple[int, dict[str, Any]]:
    """The status of HTTP, and what it rests on. `reason` is empty where all is well; asks the disk, so it may block."""
    worker, fault = studio.worker, studio.store.health()
    silent = worker.heartbeat_age
    if fault:
        reason = fault.key
    elif worker.state == "ready":
        reason = "worker_hung" if silent is None or silent > SILENT else ""
    else:
        reason = worker.error.key if worker.error else f"models_{worker.state}"
    free = 0
    with suppress(OSError):
        free = shutil.disk_usage(studio.settings.folder).free
    return 503 if reason else 200, {
        "state": worker.state,
        "reason": reason,
        "version": __version__,
        "models": {role: card.name for role, card in worker.cards.items()},
        "worker": {
            "pid": worker.pid,
            "heartbeat_age": None if silent is None else round(silent, 1),
            "restarts": worker.restarts,
            "retry_in": worker.retry_in,
        },
        "storage": {"fault": fault.key if fault else "", "free_bytes": free},
        "waiting": studio.runner.waiting + worker.waiting,
        "running": studio.runner.running,
    }


def add_health_route(app: FastAPI, studio: Studio) -> None:
    """`/healthz`; to be declared before Gradio is mounted."""

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        status, body = await asyncio.to_thread(health, studio)
        return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
