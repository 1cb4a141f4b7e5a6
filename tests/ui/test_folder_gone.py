"""The page while its data folder is gone: every address answers, in a sentence, and nothing is made in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from studio.app import Studio
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import ScriptedSpec
from studio.ui.server import application

CARD = ModelCard("scripted model", "starter", ("en", "zh"), sees=False, context=4096)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.chdir(tmp_path)
    studio = Studio(Settings(data=str(tmp_path / "data")), ScriptedSpec((), CARD))
    yield studio
    studio.store.close()


def test_everything_answers_and_nothing_is_made(studio: Studio, tmp_path: Path) -> None:
    folder = studio.settings.folder
    key = studio.library.browse(limit=1)[0].picture.key
    client = TestClient(application(studio), base_url="http://127.0.0.1", raise_server_exceptions=False)
    assert client.get("/").status_code == client.get(f"/thumbnails/{key}").status_code == 200
    away = folder.rename(tmp_path / "away")
    answers = {
        "page": client.get("/"),
        "picture": client.get(f"/pictures/{key}"),
        "thumbnail": client.get(f"/thumbnails/{key}"),
        "health": client.get("/healthz"),
        "upload": client.post("/gradio_api/upload", files={"files": ("a.png", PNG, "image/png")}),
        "description": client.get("/gradio_api/info"),
    }
    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert not {name: status for name, status in statuses.items() if status == 500}
    for name in ("picture", "thumbnail", "upload"):
        assert statuses[name] == 503 and "is gone" in answers[name].text, name
    assert not folder.exists()
    away.rename(folder)
    assert client.get(f"/pictures/{key}").status_code == 200
    assert client.post("/gradio_api/upload", files={"files": ("a.png", PNG, "image/png")}).status_code == 200
