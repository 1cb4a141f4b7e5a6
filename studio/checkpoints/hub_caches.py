"""Where checkpoints lie on this machine: a folder, the data folder, the caches of the two hubs. Nothing is fetched.

The hubs' own clients are not imported for this: they take half a second, and looking must never call out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from studio.checkpoints.shapes import listed_files
from studio.errors import ModelError

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.")


@dataclass(frozen=True)
class Incomplete:
    """A checkpoint of which `present` of `wanted` weight files are there: its download was cut off, or another program
    fetched some of its files."""

    folder: str
    present: int
    wanted: int


def first(places: Iterator[Path]) -> str:
    """The first of these folders that holds a whole checkpoint, or an empty string."""
    return next((str(place) for place in places if _is_checkpoint(place) and not missing_files(place)), "")


def first_incomplete(places: Iterator[Path]) -> Incomplete | None:
    """The first that holds a part of one."""
    return next((found for place in places if _is_checkpoint(place) and (found := missing_files(place))), None)


def missing_files(folder: Path) -> Incomplete | None:
    """What is missing of a checkpoint, by the index of its weight files, or by their numbers; None when nothing is. In
    a cache, a file is a link to what was fetched, and may lead nowhere."""
    files: list[Path] = []
    with suppress(ModelError):  # there is no weight file, or the index is none
        files = listed_files(folder)
    present = sum(path.is_file() for path in files)
    totals = (int(found[2]) for path in files if (found := _SHARD.search(path.name)))
    wanted = max(len(files), max(totals, default=1))
    return Incomplete(str(folder), present, wanted) if present < wanted else None


def _is_checkpoint(place: Path) -> bool:
    return (place / "config.json").is_file()


def modelscope_cache(id: str) -> Iterator[Path]:
    """Folders in which ModelScope's clients, old and new, would keep this model."""
    root = Path(os.environ.get("MODELSCOPE_CACHE") or Path.home() / ".cache/modelscope").expanduser()
    owner, _, name = id.partition("/")
    mangled = f"{owner}/{name.replace('.', '___')}"
    snapshots = root / "models" / f"{owner}--{name}" / "snapshots"
    yield from (snapshots / "master", *_newest_first(snapshots))
    yield from (root / "models" / mangled, root / "hub" / "models" / mangled, root / "hub" / mangled, root / mangled)


def huggingface_cache(id: str) -> Iterator[Path]:
    """Folders in which huggingface_hub would keep this model: the newest revision of `main`, then others."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "huggingface"
    home = Path(os.environ.get("HF_HOME") or base)
    cache = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or home / "hub"
    repository = Path(cache).expanduser() / f"models--{id.replace('/', '--')}"
    main = repository / "refs" / "main"
    if main.is_file():
        yield repository / "snapshots" / main.read_text(encoding="utf-8").strip()
    yield from _newest_first(repository / "snapshots")


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.iterdir(), key=lambda p: -p.stat().st_mtime) if folder.is_dir() else []
