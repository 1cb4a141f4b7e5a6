"""Models managed from the page: downloads, what may be removed, and another model between two tasks."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import gguf_files
import pytest

from studio.checkpoints import catalog, chosen_model, ladder
from studio.checkpoints.download_process import DownloadProcess, DownloadState
from studio.errors import EngineError, ModelError, StudioError
from studio.protocol import Generate, ModelCard, Piece, Text
from studio.settings import Settings
from studio.specs import EngineSpec, GgufSpec, Reply, ScriptedSpec
from studio.tasks import model_manager
from studio.tasks.model_manager import ManagedModel, ModelManager
from studio.tasks.progress import Stop
from studio.tasks.runner import Runner
from studio.worker.client import WorkerClient

NAME = "qwen2.5-coder-0.5b"
LINES = [
    {"done": 40, "total": 100, "speed": 10.0, "left": 6.0},
    {"done": 100, "total": 100, "speed": 10.0, "left": 0.0},
]


@pytest.fixture
def worker() -> Iterator[WorkerClient]:
    worker = WorkerClient(ScriptedSpec((Reply("old", times=0),), ModelCard("old", "starter", ("en",), False, 4096)))
    worker.start()
    yield worker
    worker.close()


@pytest.fixture
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


@pytest.fixture
def manager(tmp_path: Path, worker: WorkerClient, runner: Runner) -> Iterator[ModelManager]:
    manager = ModelManager(Settings(data=str(tmp_path)), worker, runner)
    yield manager
    manager.close()


def row(manager: ModelManager, name: str = NAME) -> ManagedModel:
    return next(model for model in manager.models() if model.name == name)


def put_file(folder: Path) -> Path:
    """A file as a download leaves it."""
    target = folder / "models" / NAME
    target.mkdir(parents=True, exist_ok=True)
    model = ladder.on_ladder(NAME)
    assert model
    return gguf_files.model(target / model.file)


def scripted_download(patch: pytest.MonkeyPatch, script: str) -> list[DownloadState]:
    """Downloads are this Python script; what they tell."""
    states: list[DownloadState] = []

    def process(settings: Settings, name: str, source: str) -> DownloadProcess:
        return DownloadProcess(settings, name, source, states.append, (sys.executable, "-c", script))

    patch.setattr(model_manager, "DownloadProcess", process)
    return states


def test_another_model_answers_and_nothing_counts_as_a_failure(worker: WorkerClient) -> None:
    worker.wait_ready()
    card = ModelCard("new", "starter", ("en",), False, 4096)
    worker.replace(ScriptedSpec((Reply("new", times=0),), card))
    request = worker.submit(Generate("composer", (Text("?"),)))
    assert "".join(e.text for e in request.events() if isinstance(e, Piece)) == "new"
    assert {c.name for c in worker.cards.values()} == {"new"} and worker.restarts == 0


def test_what_is_under_way_when_models_change_is_told(worker: WorkerClient) -> None:
    worker.wait_ready()
    worker.replace(ScriptedSpec((Reply("one two three", pace=60),)))
    request = worker.submit(Generate("composer", (Text("?"),)))
    next(e for e in request.events() if type(e).__name__ == "Started")
    worker.replace(ScriptedSpec((Reply("new", times=0),)))
    with pytest.raises(EngineError) as failed:
        request.result()
    assert failed.value.key == "model_replaced"


def test_models_change_between_tasks(runner: Runner) -> None:
    from tasks.test_runner import Count, Gate, begin

    gate, order, called = Gate(), list[str](), threading.Event()

    def second(stop: Stop) -> Iterator[Count]:
        order.append("second")
        yield Count(1, ended=True)

    first = begin(runner, "ann", "a", gate.work)

    def act() -> None:
        order.append("between")
        called.set()

    runner.between_tasks(act)
    later = begin(runner, "bob", "b", second)
    assert not called.is_set() and runner.running == 1
    gate.open.set()
    assert first.wait(5) and later.wait(5) and order == ["between", "second"]


def test_an_action_that_fails_stops_no_task(runner: Runner) -> None:
    from tasks.test_runner import at_once, begin

    def act() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner.between_tasks(act)
    assert begin(runner, "ann", "a", at_once).wait(5)


def test_a_download_is_followed_and_continued(
    manager: ModelManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "\n".join(json.dumps(line) for line in [*LINES, {"folder": "x"}])
    states = scripted_download(monkeypatch, f"print('''{lines}''')")
    assert row(manager).presence == "absent" and "packages" in row(manager).sources
    manager.download(NAME, "packages")
    manager._downloads[NAME].wait(20)
    assert [s.transfer.done for s in states if s.state == "running"] == [40, 100] and states[-1].state == "done"
    put_file(tmp_path)
    assert row(manager).presence == "here" and row(manager).removable


def test_a_download_that_waits_is_stopped_and_not_begun_twice(
    manager: ModelManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_download(monkeypatch, "import time; time.sleep(60)")
    manager.download(NAME, "modelscope")
    process = manager._downloads[NAME]
    manager.download(NAME, "modelscope")
    assert manager._downloads[NAME] is process
    with pytest.raises(ModelError) as refused:
        manager.remove(NAME)
    assert refused.value.key == "model_downloading"
    manager.stop_download(NAME)
    state = row(manager).download
    assert state is not None and state.state == "stopped"
    manager.stop_download(NAME)


def test_why_a_download_failed(manager: ModelManager, monkeypatch: pytest.MonkeyPatch) -> None:
    error = json.dumps({"error": {"en": "No network.", "zh": "没有网络。"}}, ensure_ascii=False)
    scripted_download(monkeypatch, f"print('{error}'); raise SystemExit(1)")
    manager.download(NAME, "huggingface")
    manager._downloads[NAME].wait(20)
    state = row(manager).download
    assert state is not None and (state.state, state.say("zh"), state.say("en")) == (
        "failed",
        "没有网络。",
        "No network.",
    )


@pytest.mark.parametrize(
    "act",
    [
        lambda m: m.download("../../etc", "modelscope"),
        lambda m: m.download(NAME, "file:///etc/passwd"),
        lambda m: m.download("xcomposer2-7b", "packages"),
        lambda m: m.remove("../.."),
        lambda m: m.remove(""),
        lambda m: m.use("/etc/passwd"),
        lambda m: m.use(NAME),  # known, and not here
    ],
)
def test_only_what_the_catalogue_names(
    manager: ModelManager, tmp_path: Path, act: Callable[[ModelManager], None]
) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(StudioError):
        act(manager)
    assert {p.name for p in tmp_path.iterdir()} == {"kept"}


def test_a_model_is_chosen_for_the_next_start_too(
    manager: ModelManager, worker: WorkerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, specs = put_file(tmp_path), list[EngineSpec]()

    def replace_spec(spec: EngineSpec) -> None:
        specs.append(spec)
        worker.spec = spec

    monkeypatch.setattr(worker, "replace", replace_spec)
    manager.use(NAME)
    (spec,) = specs
    assert isinstance(spec, GgufSpec) and spec.path == str(file) and row(manager).running
    with pytest.raises(ModelError) as refused:
        manager.remove(NAME)
    assert refused.value.key == "model_in_use"
    settings = Settings(data=str(tmp_path))
    again = catalog.plan(settings)
    assert isinstance(again, GgufSpec) and again.path == str(file)
    named = catalog.plan(replace(settings, models="starter"))  # a flag goes first
    assert isinstance(named, GgufSpec) and named.card.note == "starter"
    manager.use("starter")
    assert chosen_model.read(settings) == "starter" and not row(manager).running
    manager.remove(NAME)
    assert not file.exists() and row(manager).presence == "absent"
    chosen_model.write(settings, NAME)  # and what is chosen is gone
    gone = catalog.plan(settings)
    assert isinstance(gone, GgufSpec) and gone.card.note == "starter"


def test_a_model_without_room_changes_nothing(
    manager: ModelManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_file(tmp_path)
    monkeypatch.setattr("studio.checkpoints.machine.host_free", lambda: 0)
    monkeypatch.setattr("studio.checkpoints.machine.gpus", lambda: [])
    monkeypatch.setattr(WorkerClient, "memory", {})
    with pytest.raises(ModelError) as refused:
        manager.use(NAME)
    assert refused.value.key.startswith("gguf_too_large") and chosen_model.read(Settings(data=str(tmp_path))) == ""
