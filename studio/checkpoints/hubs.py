"""ModelScope and Hugging Face, through their own clients: what a model's files are, and getting them into a folder.

Both clients show their progress on stderr, continue a half file by a Range request, and take their endpoint from
their own environment variable (MODELSCOPE_ENDPOINT, HF_ENDPOINT). They are imported here and only when a person
asks to download, so nothing else in the studio calls out.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from studio.errors import ModelError, StorageError

NETWORK = ("httpcore", "httpx", "httpx2", "requests", "urllib3")  # whose errors are of the line, not of the program


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub lists it; `size` in bytes, `sha256` empty where the hub does not say it."""

    path: str
    size: int
    sha256: str = ""


class Hub(Protocol):
    """A place that publishes models. Errors come as StudioErrors, see `hub_errors`."""

    title: str

    def files(self, repository: str, revision: str) -> list[RemoteFile]:
        """All files of a model."""
        ...

    def fetch(self, repository: str, revision: str, files: list[RemoteFile], folder: Path) -> None:
        """Get these files into the folder; those that are there whole are kept."""
        ...


class ModelScope:
    """Through `modelscope`."""

    title = "ModelScope"

    def __init__(self) -> None:
        # The client gives up on a file after an hour, which 10 GB on a slow line need more of.
        os.environ.setdefault("MODELSCOPE_DOWNLOAD_TOTAL_TIMEOUT", "86400")
        from modelscope.hub.api import HubApi

        self._endpoint = os.environ.get("MODELSCOPE_ENDPOINT")
        self._api = HubApi(endpoint=self._endpoint)

    def files(self, repository: str, revision: str) -> list[RemoteFile]:
        """See `Hub`."""
        found = self._api.get_model_files(repository, revision=revision or None, recursive=True)
        return [RemoteFile(f["Path"], f["Size"], f.get("Sha256") or "") for f in found if f.get("Type") != "tree"]

    def fetch(self, repository: str, revision: str, files: list[RemoteFile], folder: Path) -> None:
        """See `Hub`. One file at a time: a stream fills a line, and one half file is better than four."""
        from modelscope.hub.snapshot_download import snapshot_download

        snapshot_download(
            repository,
            revision=revision or None,
            local_dir=str(folder),
            allow_file_pattern=[f.path for f in files],
            max_workers=1,
            endpoint=self._endpoint,
        )


class HuggingFace:
    """Through `huggingface_hub`."""

    title = "Hugging Face"

    def __init__(self) -> None:
        from huggingface_hub import HfApi

        self._endpoint = os.environ.get("HF_ENDPOINT")
        self._api = HfApi(endpoint=self._endpoint)
        self._commit = ""

    def files(self, repository: str, revision: str) -> list[RemoteFile]:
        """See `Hub`. The commit is kept, so that all files come from one state of the repository."""
        info = self._api.model_info(repository, files_metadata=True)
        self._commit = info.sha or "main"
        return [RemoteFile(f.rfilename, f.size or 0, f.lfs.sha256 if f.lfs else "") for f in info.siblings or ()]

    def fetch(self, repository: str, revision: str, files: list[RemoteFile], folder: Path) -> None:
        """See `Hub`."""
        for file in files:
            path = folder / file.path
            if not (path.is_file() and path.stat().st_size == file.size):
                self._get(repository, file, path)

    def _get(self, repository: str, file: RemoteFile, path: Path) -> None:
        """`hf_hub_download` of 2.x throws a half file away when it ends; its own `http_get` continues one."""
        from huggingface_hub import hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        url = hf_hub_url(repository, file.path, revision=self._commit, endpoint=self._endpoint)
        half = path.with_name(f"{path.name}.incomplete")
        if half.is_file() and half.stat().st_size > file.size:
            half.unlink()
        with half.open("ab") as f:
            http_get(url, f, resume_size=f.tell(), headers=build_hf_headers(), expected_size=file.size)
        if file.sha256 and _sha256(half) != file.sha256:
            half.unlink()
            raise OSError(f"Consistency check failed: {file.path} has another sha256 than the hub lists")
        half.replace(path)


HUBS: dict[str, Callable[[], Hub]] = {"modelscope": ModelScope, "huggingface": HuggingFace}


@contextmanager
def hub_errors(hub: Hub, repository: str, folder: Path) -> Iterator[None]:
    """What the clients raise, in many classes, becomes one sentence with the cause and what to do."""
    try:
        yield
    except (ModelError, StorageError):
        raise
    except Exception as e:  # noqa: BLE001 - an edge: two clients, requests, httpx, and whatever they change to
        raise _translated(list(_causes(e)), hub, repository, folder) from e


def _translated(causes: list[BaseException], hub: Hub, repository: str, folder: Path) -> ModelError | StorageError:
    for cause in causes:
        number = cause.errno if isinstance(cause, OSError) else None
        if number == errno.ENOSPC:
            return StorageError("disk_full", path=folder)
        if number in (errno.EACCES, errno.EPERM, errno.EROFS):
            return StorageError("file_unwritable", path=folder, cause=os.strerror(number or 0))
    other = next(name for name, kind in HUBS.items() if kind is not type(hub))
    facts = {"hub": hub.title, "repository": repository, "other": other}
    status = next((s for s in map(_status, causes) if s), 0)
    if status == 404:
        return ModelError("hub_lacks", **facts)
    if status in (401, 403):
        return ModelError("hub_refused", cause=f"HTTP {status}", **facts)
    if status:
        return ModelError("hub_failed", cause=f"HTTP {status}", **facts)
    if half := [c for c in causes if _is_size(c)]:
        return ModelError("hub_half_file", cause=_line(half[0]), **facts)
    if any(isinstance(c, OSError) or type(c).__module__.split(".")[0] in NETWORK for c in causes):
        return ModelError("hub_unreachable", cause=_line(causes[-1]), **facts)
    return ModelError("hub_failed", cause=f"{type(causes[0]).__name__}: {_line(causes[0])}", **facts)


def _line(error: BaseException) -> str:
    """The first line of what an error says."""
    said = str(error).strip()
    return said.splitlines()[0][:300] if said else type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it stands for, and what caused it, each once, the outermost first."""
    waiting, seen = [error], set()
    while waiting:
        e = waiting.pop(0)
        if id(e) in seen:
            continue
        seen.add(id(e))
        yield e
        waiting += getattr(e, "failed_files", {}).values()
        waiting += [c for c in (e.__cause__, e.__context__) if c]


def _status(error: BaseException) -> int:
    """The HTTP status that an error of either client carries, or 0."""
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    return status if isinstance(status, int) and status >= 400 else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _is_size(error: BaseException) -> bool:
    return type(error).__name__ in ("FileSizeMismatchError", "FileIntegrityError") or "Consistency check" in str(error)
