"""What keeps the page from running, or soon will, found before it starts.

A check is one function: it raises the StudioError that `serve` would fail with, and yields those that are worth a
warning. `studio doctor` shows all, `serve` begins with them, so both say the same.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from studio.checkpoints import gguf_file, gguf_plan, machine, memory_plan, shapes
from studio.checkpoints.catalog import plan
from studio.checkpoints.families import read, require_role, require_tensors
from studio.checkpoints.machine import gib
from studio.errors import InputError, ModelError, StorageError, StudioError
from studio.protocol import Role
from studio.settings import Settings
from studio.specs import EngineSpec, GgufSpec, NativeSpec
from studio.storage import migrations
from studio.storage.database import storage_errors
from studio.storage.health import LOW
from studio.storage.process_locks import FolderLock
from studio.storage.store import DATABASE
from studio.storage.users import Users

SOON_FULL = 1 << 30  # free bytes below which a warning is due
Check = Callable[[Settings], Iterator[StudioError]]


@dataclass(frozen=True)
class Finding:
    """What a check found. `stops`: the page would not run."""

    check: str
    error: StudioError
    stops: bool


def findings(settings: Settings) -> Iterator[Finding]:
    """What all checks find, in their order."""
    for name, check in CHECKS.items():
        try:
            for warning in check(settings):
                yield Finding(name, warning, False)
        except StudioError as e:
            yield Finding(name, e, True)


def require(settings: Settings, warn: Callable[[StudioError], None]) -> None:
    """Raises the first error that keeps the page from running; tells of what is only worth a warning."""
    for finding in findings(settings):
        if finding.stops:
            raise finding.error
        warn(finding.error)


def check_packages(settings: Settings) -> Iterator[StudioError]:
    """Everything that the studio's own metadata asks for is installed, in a version that it was made for."""
    try:
        needed = [Requirement(line) for line in requires("xcomposer-studio") or ()]
    except PackageNotFoundError:  # run from a checkout that nobody installed: nothing says what is needed
        return
    missing = []
    for package in needed:
        if package.marker and not package.marker.evaluate():
            continue
        try:
            found = version(package.name)
        except PackageNotFoundError:
            missing.append(package.name)
            continue
        if not package.specifier.contains(found, prereleases=True):
            yield InputError("package_wrong", name=package.name, found=found, needed=package.specifier)
    if missing:
        raise InputError("package_missing", names=", ".join(missing))


def check_folder(settings: Settings) -> Iterator[StudioError]:
    """The data folder, or the one it would be made in, takes a file; so do the parts of it that are there."""
    folder = settings.folder
    with storage_errors(folder / DATABASE):
        there = _existing(folder)
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        for part in (there, folder / "files", folder / "alive"):
            if part.is_dir():
                with tempfile.TemporaryFile(dir=part) as file:
                    file.write(bytes(4096))
                    file.flush()
        database = folder / DATABASE
        if database.exists() and not os.access(database, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if not folder.parent.exists():
        yield StorageError("folder_parent_missing", parent=folder.parent)


def check_disk(settings: Settings) -> Iterator[StudioError]:
    """There is room to keep things."""
    with storage_errors(settings.folder / DATABASE):
        free = shutil.disk_usage(_existing(settings.folder)).free
    if free < LOW:
        raise StorageError("disk_full", path=settings.folder)
    if free < SOON_FULL:
        yield StorageError("disk_low", path=settings.folder, free=gib(free))


def check_other_studio(settings: Settings) -> Iterator[StudioError]:
    """No other page is on this data folder."""
    if (address := FolderLock.holder(settings.folder)) is not None:
        raise StorageError("folder_in_use", path=settings.folder, address=address)
    yield from ()


def check_port(settings: Settings) -> Iterator[StudioError]:
    """The address can be listened on."""
    host, port = settings.host, settings.port
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    except OSError as e:
        if e.errno == errno.EADDRINUSE:
            raise StorageError("port_in_use", host=host, port=port) from e
        if e.errno in (errno.EACCES, errno.EPERM):
            raise StorageError("port_forbidden", port=port) from e
        raise InputError("address_unusable", host=host, cause=e.strerror or type(e).__name__) from e
    yield from ()


def check_login(settings: Settings) -> Iterator[StudioError]:
    """The file of users is there, hashed, and lets somebody in; without one the page is not open to the network."""
    if not settings.login:
        if settings.host not in ("127.0.0.1", "localhost", "::1"):
            from studio.ui.server.listen import check_open  # loads Gradio, so only where it has something to say

            check_open(settings)
        return
    path = Path(settings.login).expanduser().absolute()
    Users(path).check()
    if os.name == "posix" and path.stat().st_mode & 0o077:
        yield StorageError("login_file_open", path=path)


def check_database(settings: Settings) -> Iterator[StudioError]:
    """The database, if there is one, is whole and not from a newer program. It is opened for reading only."""
    path, known = settings.folder / DATABASE, len(migrations.MIGRATIONS)
    if not path.is_file():
        return
    with storage_errors(path), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        found = migrations.version(connection)
        if found > known:
            raise StorageError("database_newer", path=path, found=found, known=known)
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise StorageError("database_broken", path=path, cause=str(answer).splitlines()[-1][:200])
    if 0 < found < known:
        yield StorageError("database_older", path=path, found=found, known=known)


def check_models(settings: Settings) -> Iterator[StudioError]:
    """The files of the models that would run are there, whole, and made for what they are to do."""
    spec = plan(settings)
    if isinstance(spec, GgufSpec):
        header = gguf_file.check(Path(spec.path), "model")
        if spec.mmproj:
            eyes = Path(spec.mmproj)
            gguf_file.check_pair(header, gguf_file.check(eyes, "mmproj"), eyes, spec.card.name)
        if not header.template:
            yield ModelError("gguf_no_template", path=spec.path)
    elif isinstance(spec, NativeSpec) and not spec.random_weights:
        for role, folder in spec.folders.items():
            _check_checkpoint(role, folder)
    if settings.mmproj and not (isinstance(spec, GgufSpec) and spec.mmproj):
        yield InputError("mmproj_alone", path=settings.mmproj)


def _check_checkpoint(role: Role, name: str) -> None:
    if not name:
        return
    folder = Path(name)
    if not (folder / "tokenizer.model").is_file():
        raise ModelError("checkpoint_file_missing", path=folder / "tokenizer.model")
    if found := shapes.shapes(folder):  # torch's old format hides them
        architecture = read(folder, found)
        require_tensors(folder, found, architecture.tensors())
        require_role(role, folder, architecture)


def check_gpu(settings: Settings) -> Iterator[StudioError]:
    """A GPU that is asked for is there, and torch can use the one there is."""
    cards = machine.gpus()
    if shutil.which("nvidia-smi") and not cards:
        yield ModelError("driver_broken")
    spec = _planned(settings)
    if not isinstance(spec, NativeSpec):
        return
    if spec.device.startswith("cuda"):
        number = spec.device.partition(":")[2] or "0"
        if not number.isdigit() or int(number) >= len(cards):
            raise ModelError("device_missing", device=spec.device, cause=f"nvidia-smi finds {len(cards)} GPUs")
    if cards and spec.device != "cpu" and (found := _version("torch")).endswith("+cpu"):
        yield ModelError("torch_without_cuda", found=found)


def check_memory(settings: Settings) -> Iterator[StudioError]:
    """The models have room, as they are planned."""
    spec = _planned(settings)
    if isinstance(spec, NativeSpec):
        try:
            memory_plan.before_loading(spec)
        except ModelError as e:
            if e.key.startswith("card_too_small"):  # another error is the files', see check_models
                raise
    elif isinstance(spec, GgufSpec) and spec.card.note != "starter":
        gguf_plan.check_memory(spec)
    elif isinstance(spec, GgufSpec) and Path(spec.path).is_file():
        needed, free = Path(spec.path).stat().st_size, machine.host_free()
        if needed > free:
            yield ModelError("memory_low", model=spec.card.name, needed=gib(needed), free=gib(free))


CHECKS: dict[str, Check] = {
    "packages": check_packages,
    "folder": check_folder,
    "disk": check_disk,
    "other studio": check_other_studio,
    "port": check_port,
    "login": check_login,
    "database": check_database,
    "models": check_models,
    "GPU": check_gpu,
    "memory": check_memory,
}


def _planned(settings: Settings) -> EngineSpec | None:
    try:
        return plan(settings)
    except ModelError:  # told by check_models
        return None


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
