"""Listening: the socket, uvicorn's settings, and who may be let in without a login."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import suppress
from typing import Any

from studio import logs
from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.errors import InputError, StorageError
from studio.settings import Settings
from studio.storage.process_locks import FolderLock
from studio.ui.server.application import application
from studio.ui.server.limits import Limits, TimeoutProtocol
from studio.ui.shutdown import Server


def serve(settings: Settings) -> None:
    """Run until Ctrl+C. Raises StorageError when the port is taken, InputError for an address that is open to others
    without a login and without a word that this is wanted."""
    check_open(settings)
    listening = _listen(settings.host, settings.port)
    _allow_many_connections()
    address = f"http://{settings.host}:{settings.port}/{settings.root_path.strip('/')}".removesuffix("/")
    logs.configure(settings.log, settings.folder)
    with FolderLock(settings.folder, address), Studio(settings, plan(settings)) as studio:
        os.write(2, f"XComposer Studio: {address}  (Ctrl+C ends it)\n".encode())
        Server(studio, application(studio), **server_options(settings)).run(sockets=[listening])


def server_options(settings: Settings, limits: Limits | None = None) -> dict[str, Any]:
    """uvicorn's settings: clients that take too long are left, and only the named proxy is believed."""
    limits = limits or Limits()
    return {
        "host": settings.host,
        "port": settings.port,
        "http": type("TimeoutProtocol", (TimeoutProtocol,), {"head_seconds": limits.head_seconds}),
        "ws": "none",
        "proxy_headers": bool(settings.trusted_proxy),
        "forwarded_allow_ips": settings.trusted_proxy or "127.0.0.1",
        "server_header": False,
        "limit_concurrency": limits.connections,
        "h11_max_incomplete_event_size": 32 << 10,
    }


def check_open(settings: Settings) -> None:
    """Raises InputError where anybody on the network could use the studio and nobody said that they may."""
    if not settings.login and settings.open != "yes" and not _is_loopback(settings.host):
        raise InputError("open_needed", host=settings.host)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _allow_many_connections() -> None:
    """Every open page holds some; many systems allow a process 1,024 files unless it asks for more."""
    if os.name != "posix":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16_384 if hard == resource.RLIM_INFINITY else min(16_384, hard)
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _listen(host: str, port: int) -> socket.socket:
    """Bind before any model is loaded, so that a taken port is told at once."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as e:
        raise StorageError("port_in_use", host=host, port=port) from e
    return listening
