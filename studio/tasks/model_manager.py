"""Models as a person manages them while the studio runs: what is here and what could be, downloads, which one answers.

A download is a process of its own (`studio.checkpoints.download_process`), so the page loads no hub's client and nobody
waits for it; what has come stays and is continued. Another model is loaded between two tasks, never under one: a
prompt is made for the model that answers it.
"""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from studio.checkpoints import catalog, chosen_model, gguf_plan, hubs, ladder
from studio.checkpoints.download import Model, folder_of, known
from studio.checkpoints.download_process import DownloadProcess, DownloadState
from studio.checkpoints.ladder import GgufModel
from studio.checkpoints.memory_plan import before_loading
from studio.checkpoints.transfer import bytes_in
from studio.errors import InputError, ModelError
from studio.protocol import Role
from studio.roles import COMPOSER, ROLES, VIEWER
from studio.settings import Settings
from studio.specs import EngineSpec, GgufSpec, NativeSpec
from studio.storage.database import storage_errors
from studio.tasks.runner import Runner
from studio.worker.client import WorkerClient

STARTER = "starter"
CATALOGUE: tuple[Model, ...] = (*ladder.LADDER, *catalog.PUBLISHED)
Presence = Literal["here", "partial", "absent"]


@dataclass(frozen=True)
class ManagedModel:
    """A model of the catalogue. Sizes in bytes; `memory` is what it runs well in, 0: on a GPU, see the memory plan.

    `removable`: it lies in the studio's own folder. `sources`: where it can be downloaded from.
    """

    name: str
    roles: tuple[Role, ...]
    size: int
    memory: int
    licence: str
    context: int
    presence: Presence
    present_bytes: int
    removable: bool
    running: bool
    sources: tuple[str, ...]
    download: DownloadState | None = None


class ModelManager:
    """`models` tells how it stands; the other methods change it. Any thread may call them."""

    def __init__(self, settings: Settings, worker: WorkerClient, runner: Runner) -> None:
        self._settings, self._worker, self._runner = settings, worker, runner
        self._lock = threading.Lock()
        self._downloads: dict[str, DownloadProcess] = {}

    def models(self) -> list[ManagedModel]:
        """All of the catalogue, small ones first; the starter is always here."""
        running = self._running()
        starter = ManagedModel(
            STARTER, (COMPOSER.name,), 0, 0, ladder.APACHE, 4096, "here", 0, False, running == {STARTER}, ()
        )
        rows = [self._row(model, running) for model in CATALOGUE]
        return [starter, *sorted(rows, key=lambda row: row.size)]

    def download(self, name: str, source: str) -> None:
        """Begin to download, or go on. Raises ModelError for a model or a source that is not known."""
        model = known(name)
        if source not in _sources(model):
            raise InputError("setting_not_offered", name="source", value=source, known=", ".join(_sources(model)))
        with self._lock:
            earlier = self._downloads.get(model.name)
            if earlier is None or earlier.state.state != "running":
                self._downloads[model.name] = DownloadProcess(self._settings, model.name, source)

    def stop_download(self, name: str) -> None:
        """Stop it; what has come is kept. Harmless when there is none."""
        with self._lock:
            process = self._downloads.get(name)
        if process:
            process.stop()

    def remove(self, name: str) -> None:
        """Delete its files from the studio's folder. Raises ModelError for one that runs, is on its way, or lies
        elsewhere, and StorageError."""
        model = known(name)
        folder = folder_of(self._settings, model)
        with self._lock:
            process = self._downloads.get(model.name)
            if process and process.state.state == "running":
                raise ModelError("model_downloading", name=model.name)
            if model.name in self._running():
                raise ModelError("model_in_use", name=model.name)
            if not folder.is_dir() and (elsewhere := _find(self._settings, model)):
                raise ModelError("model_elsewhere", name=model.name, path=elsewhere)
            self._downloads.pop(model.name, None)
            if folder.is_dir():
                with storage_errors(folder):
                    shutil.rmtree(folder)

    def use(self, name: str) -> None:
        """Load this model as soon as nothing is under way, now and at the next start. Raises ModelError with what is
        missing, a memory that is too small included; then nothing has changed."""
        spec = self._spec_of(name)
        with storage_errors(self._settings.folder / chosen_model.FILE):
            chosen_model.write(self._settings, name)
        self._runner.between_tasks(lambda: self._worker.replace(spec))

    def close(self) -> None:
        """Stop all downloads; what has come is kept."""
        with self._lock:
            processes = list(self._downloads.values())
        for process in processes:
            if process.state.state == "running":
                process.stop()

    def _spec_of(self, name: str) -> EngineSpec:
        """How a model of the catalogue would run here, whatever the settings name. Raises ModelError if it cannot."""
        if name != STARTER:
            name = known(name).name
        others = dict.fromkeys({role.setting for role in ROLES.values()} | {"gguf", "mmproj", "random_weights"}, "")
        spec = catalog.plan(replace(self._settings, models=name, **others))  # type: ignore[arg-type]
        now, held = self._worker.spec, self._worker.memory
        if isinstance(spec, GgufSpec):
            of_cards = sum(size for name, size in held.items() if name.startswith("cuda:")) if spec.gpu else 0
            gguf_plan.check_memory(spec, freed=held.get("process", 0) + of_cards)
        elif isinstance(spec, NativeSpec) and not (isinstance(now, GgufSpec) and now.gpu):  # which does not say it
            before_loading(spec, freed=held)
        return spec

    def _row(self, model: Model, running: set[str]) -> ManagedModel:
        folder = folder_of(self._settings, model)
        process = self._downloads.get(model.name)
        here, come = _find(self._settings, model), bytes_in(folder) if folder.is_dir() else 0
        roles: tuple[str, ...]
        if isinstance(model, GgufModel):
            roles = (COMPOSER.name, VIEWER.name) if model.sees else (COMPOSER.name,)
            memory = model.memory
            licence, context = model.licence, model.context
        else:
            roles, memory, licence, context = model.roles, 0, "", 0
        return ManagedModel(
            name=model.name,
            roles=roles,
            size=model.size,
            memory=memory,
            licence=licence,
            context=context,
            presence="here" if here else "partial" if come else "absent",
            present_bytes=come,
            removable=folder.is_dir(),
            running=model.name in running,
            sources=_sources(model),
            download=process.state if process else None,
        )

    def _running(self) -> set[str]:
        """Names of the catalogue for what is loaded or being loaded."""
        spec = self._worker.spec
        if isinstance(spec, GgufSpec) and spec.card.note == STARTER:
            return {STARTER}
        paths = {Path(spec.path).parent} if isinstance(spec, GgufSpec) else set()
        if isinstance(spec, NativeSpec) and not spec.random_weights:
            paths = {Path(folder) for folder in spec.folders.values()}
        return {m.name for m in CATALOGUE if Path(_find(self._settings, m) or "?") in paths}


def _find(settings: Settings, model: Model) -> str:
    return ladder.find(settings, model) if isinstance(model, GgufModel) else catalog.find(settings, model)


def _sources(model: Model) -> tuple[str, ...]:
    if isinstance(model, GgufModel):
        return (*hubs.HUBS, "packages") if model.packages else tuple(hubs.HUBS)
    named = {"modelscope": model.modelscope, "huggingface": model.huggingface}
    return tuple(source for source in hubs.HUBS if named[source])
