"""Where checkpoints lie on this machine: a folder, the data folder, the caches of the two hubs. Nothing is fetched.

The hubs' own clients are not imported for this: they take half a second, and looking must never call out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def first(places: Iterator[Path]) -> str:
    """The first of these folders that holds a checkpoint, or an empty string."""
    return next((str(place) for place in places if (place / "config.json").is_file()), "")


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
