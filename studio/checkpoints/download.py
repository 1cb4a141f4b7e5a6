"""`studio models download`: the files of a published model, into a folder where the studio finds them.

Only what is needed is fetched: the configuration, the tokenizer and the weights; never the code that a repository
carries. `config.json` comes last, so that a folder counts as a model (see `places`) only when the rest is there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

from studio.checkpoints.catalog import PUBLISHED, Published, named
from studio.checkpoints.hubs import HUBS, RemoteFile, hub_errors
from studio.errors import InputError, ModelError, StorageError

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
OTHERS = ("tokenizer.model", "*.index.json", "generation_config.json", "config.json")
NEEDED = ("tokenizer.model", "config.json")
Tell = Callable[[str], None]


def download(model: Published, source: str, folder: Path, tell: Tell) -> Path:
    """Get a model from a hub into `folder`; files that are there whole are kept, half ones are continued.

    `tell` gets lines for people. Raises ModelError, StorageError with the cause and what to do.
    """
    hub = HUBS[source]()
    repository = model.modelscope if source == "modelscope" else model.huggingface
    if not repository:
        raise ModelError("hub_without", name=model.name, hub=hub.title, folder=folder)
    revision = model.revision if source == "modelscope" else ""
    with hub_errors(hub, repository, folder):
        listed = hub.files(repository, revision)
    files = wanted(listed, hub.title, repository)
    _make(folder)
    missing = _missing(files, folder)
    _check_space(missing, folder)
    total = sum(file.size for file in files)
    tell(f"{model.name} from {hub.title}: {len(files)} files, {total / 1e9:.1f} GB, into {folder}")
    if len(missing) < len(files):
        tell(f"{len(files) - len(missing)} of them are there already")
    for part in (files[:-1], files[-1:]):
        with hub_errors(hub, repository, folder):
            hub.fetch(repository, revision, part, folder)
        verify(part, folder)
    tell("All files are there in their full size.")
    return folder


def known(name: str) -> Published:
    """The published model of this name or hub id. Raises ModelError with the names there are."""
    model = named(name)
    if model is None:
        raise ModelError("model_unknown", name=name, known=", ".join(m.name for m in PUBLISHED))
    return model


def wanted(listed: list[RemoteFile], title: str, repository: str) -> list[RemoteFile]:
    """The files that running needs, config.json last; of weights in both forms the safetensors."""
    plain = [file for file in listed if "/" not in file.path]
    forms = [[f for f in plain if fnmatch(f.path, pattern)] for pattern in WEIGHTS]
    weights = next((form for form in forms if form), [])
    left_out = ".bin.index.json" if forms[0] else ".safetensors.index.json"
    others = [f for f in plain if any(fnmatch(f.path, p) for p in OTHERS) and not f.path.endswith(left_out)]
    absent = [name for name in NEEDED if name not in {f.path for f in others}] or ([] if weights else ["weights"])
    if absent:
        raise ModelError("hub_incomplete", hub=title, repository=repository, missing=", ".join(absent))
    return sorted((*others, *weights), key=lambda f: (f.path == "config.json", f.path))


def verify(files: list[RemoteFile], folder: Path) -> None:
    """Every file is there in the size that the hub lists, or ModelError names the first that is not."""
    for file in files:
        path = folder / file.path
        size = path.stat().st_size if path.is_file() else 0
        if size != file.size:
            raise ModelError("file_cut_off", path=path, expected=file.size, found=size)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except NotADirectoryError as e:
        raise InputError("setting_bad", name="--to", value=str(folder), cause="it is a file, not a folder") from e
    except FileExistsError as e:
        raise InputError("setting_bad", name="--to", value=str(folder), cause="it is a file, not a folder") from e
    except OSError as e:
        raise StorageError("file_unwritable", path=folder, cause=e.strerror or e) from e


def _missing(files: list[RemoteFile], folder: Path) -> list[RemoteFile]:
    """Files that are not there whole. One in another size goes: the clients would trust their note of it."""
    for file in files:
        path = folder / file.path
        if path.is_file() and path.stat().st_size != file.size:
            path.unlink()
    return [file for file in files if not (folder / file.path).is_file()]


def _check_space(missing: list[RemoteFile], folder: Path) -> None:
    """What is still to come must fit; the clients' half files count as there."""
    half = sum(Path(root, name).stat().st_size for root, _, names in os.walk(folder) for name in _halves(names))
    needed, free = sum(file.size for file in missing) - half, shutil.disk_usage(folder).free
    if needed > free:
        facts = {"needed": f"{needed / 1e9:.1f} GB", "free": f"{free / 1e9:.1f} GB"}
        raise StorageError("disk_too_small", path=folder, **facts)


def _halves(names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".incomplete")]
