"""Files come from uploads only: every event, endpoint and server function is walked with what is none."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from edge.edge_server import PICTURES, Edge, reference, upload
from studio.documents.file_names import safe_name
from studio.errors import InputError
from studio.ui.arguments import event_data
from studio.ui.uploads import UploadedFile, Uploads

ALICE, BOB = "a" * 32, "b" * 32
CAT = PICTURES / "cat.webp"
SENTENCE = "This file was not uploaded to the studio from here. Choose it again, then repeat what you did."


def page_files(edge: Edge) -> set[str]:
    return {str(path) for path in edge.uploads.folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def strange(edge: Edge, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Paths that are no upload of Bob's: the system's, the studio's, and Alice's."""
    folder = tmp_path_factory.mktemp("strange")
    os.mkfifo(folder / "pipe.png")
    (folder / "link.png").symlink_to(CAT)
    with edge.client(ALICE) as alice:
        hers = upload(alice, CAT)
    with edge.client(BOB) as bob:
        his = upload(bob, CAT)
    place = Path(his).parent
    (place / "link.png").symlink_to("/etc/passwd")
    os.mkfifo(place / "pipe.png")
    data = edge.studio.settings.folder
    return [
        str(CAT),
        str(folder / "pipe.png"),
        str(folder / "link.png"),
        hers,
        str(place),
        f"{place}/../{place.name}/cat.webp",
        f"{place}/link.png",
        f"{place}/pipe.png",
        f"{place}/cat.webp\0.png",
        f"{place}//cat.webp",
        f"{place}/./cat.webp",
        f"{place}/CAT.webp",
        f"{place}/c\u0430t.webp",
        f"{place}/cat.webp/",
        f"file://{his}",
        f" {his}",
        os.path.relpath(his),
        str(data / "studio.sqlite3"),
        "studio.sqlite3",
        "/etc/passwd",
        "/nonexistent/picture.png",
        "../../../../etc/passwd",
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "http://127.0.0.1:1/picture.png",
        "https://example.com/picture.png",
        "file:///etc/passwd",
        "\\\\host\\share\\a.png",
        "data:image/png;base64,AAAA",
        "",
        "~/.ssh/id_rsa",
        "x" * 5000,
    ]


def calls(edge: Edge, file: Any) -> list[tuple[str, dict[str, Any]]]:
    """A call of every event, endpoint and server function that there is, with that file in every place."""
    found: list[tuple[str, dict[str, Any]]] = []
    for number, function in edge.blocks.fns.items():
        if function.fn is None:
            continue
        if event_data(function, {"index": 1, "liked": True}) is not None:
            found.append(
                (
                    "/gradio_api/queue/join",
                    {"fn_index": number, "session_hash": "walker", "data": [], "event_data": {"x": [file]}},
                )
            )
        if not function.inputs:
            continue
        for value in ([file] * len(function.inputs), [[file]] * len(function.inputs), [{"text": "x", "files": [file]}]):
            body = {"data": value, "fn_index": number, "session_hash": "walker"}
            found += [("/gradio_api/queue/join", body), ("/gradio_api/run/predict", body)]
            if function.api_name:
                found += [(f"/gradio_api/{way}/{function.api_name}", {"data": value}) for way in ("call", "api", "run")]
    for number, block in edge.blocks.blocks.items():
        for name, _ in inspect.getmembers(block, lambda f: getattr(f, "_is_server_fn", None) is True):
            body = {"component_id": number, "fn_name": name, "session_hash": "walker"}
            for data in (file, {"kind": "add", "name": "x.png", **file}, {"kind": "own", "id": 1, "x": [file]}):
                found.append(("/gradio_api/component_server", {**body, "data": data}))
    return found


def test_the_walk_reaches_everything(edge: Edge) -> None:
    urls = [url for url, _ in calls(edge, reference("/etc/passwd"))]
    assert sum("component_server" in url for url in urls) >= 20 and sum("queue/join" in url for url in urls) > 60
    assert {"/gradio_api/call/ask", "/gradio_api/call/write", "/gradio_api/call/export"} <= set(urls)


def test_no_path_of_the_server_is_taken_or_copied_anywhere(edge: Edge, strange: list[str]) -> None:
    before = page_files(edge)
    with edge.client(BOB) as bob:
        paths = {path: reference(path) for path in ("/etc/passwd", "/nonexistent/x.png", str(CAT))}
        for path, file in [
            *paths.items(),
            ("bare", {"path": str(CAT)}),
            ("url", {"url": "http://127.0.0.1:1/x", "meta": {}}),
        ]:
            for url, body in calls(edge, file):
                answer = bob.post(url, json=body)
                assert answer.status_code in (404, 422), (path, url, body, answer.text)
                if answer.status_code == 422 and body["data"]:
                    assert answer.json()["error"] == SENTENCE, (path, url, body, answer.text)
    assert page_files(edge) == before


def test_every_strange_path_gets_the_same_sentence(edge: Edge, strange: list[str]) -> None:
    before = page_files(edge)
    with edge.client(BOB) as bob:
        for path in strange:
            for file in (reference(path), {"path": path}, {**reference(path), "url": "http://127.0.0.1:1/x.png"}):
                for data in ([[file], "What is this?"], [{"deep": [{"er": file}]}]):
                    answer = bob.post("/gradio_api/call/ask", json={"data": data})
                    assert (answer.status_code, answer.json()["error"]) == (422, SENTENCE), path
    assert page_files(edge) == before


@pytest.mark.parametrize("value", [None, 7, True, ["/etc/passwd"], {"path": "/etc/passwd"}])
def test_a_path_that_is_no_text(edge: Edge, value: Any) -> None:
    with edge.client(BOB) as bob:
        answer = bob.post("/gradio_api/call/ask", json={"data": [[reference(value)], "What?"]})
        assert (answer.status_code, answer.json()["error"]) == (422, SENTENCE)


def events(client: httpx.Client, name: str, data: list[Any]) -> str:
    began = client.post(f"/gradio_api/call/{name}", json={"data": data})
    assert began.status_code == 200, began.text
    return client.get(f"/gradio_api/call/{name}/{began.json()['event_id']}").text


def test_an_upload_of_ones_own_is_taken_once_by_ask(edge: Edge) -> None:
    with edge.client(BOB) as bob:
        path = upload(bob, CAT)
        assert "mountain" in events(bob, "ask", [[reference(path)], "What is this?"])
        assert not Path(path).exists()


def test_the_door_itself_refuses(edge: Edge, strange: list[str]) -> None:
    """Should anything come past the gate, the functions refuse it as well."""
    for path in [*strange, None, 3, CAT]:
        with pytest.raises(InputError, match="was not uploaded"):
            edge.uploads.take(f"browser:{BOB}", path)


def test_what_was_put_in_a_files_place_is_not_read(edge: Edge, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "link", tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="was not uploaded"):
            UploadedFile(place, "x.png").read()


def test_a_file_is_served_to_its_owner_alone(edge: Edge, strange: list[str]) -> None:
    with edge.client(ALICE) as alice, edge.client(BOB) as bob, edge.client() as nobody:
        path = upload(alice, CAT)
        assert alice.get(f"/gradio_api/file={path}").content == CAT.read_bytes()
        for other in (bob, nobody):
            assert other.get(f"/gradio_api/file={path}").status_code == 404
        for path in strange:
            if "\0" not in path and path:
                assert bob.get("/gradio_api/file=" + quote(path).replace(".", "%2e")).status_code in (400, 404), path


def test_what_was_made_for_somebody_is_fetched_by_nobody_else(edge: Edge) -> None:
    with edge.client(ALICE) as alice, edge.client(BOB) as bob:
        token = edge.uploads.export(f"browser:{ALICE}", "文章.md", b"words").parent.name
        assert bob.get(f"/downloads/{token}").status_code == 404
        answer = alice.get(f"/downloads/{token}")
        assert answer.content == b"words" and answer.headers["content-disposition"].startswith("attachment")
        for wrong in ("%2e%2e", "x" * 32, token[:-1], token + "/x"):
            assert alice.get(f"/downloads/{wrong}").status_code == 404


def test_pictures_are_shown_to_who_may_see_them(edge: Edge) -> None:
    with edge.client(ALICE) as alice, edge.client(BOB) as bob:
        path = upload(alice, ("own.png", _png()))
        events(alice, "ask", [[reference(path)], "What is this?"])
        (row,) = edge.studio.store.database.read("SELECT key FROM picture_owner WHERE person = ?", f"browser:{ALICE}")
        key = row["key"]
        library = edge.studio.library.browse(limit=1)[0].picture.key
        for place in ("pictures", "thumbnails"):
            assert alice.get(f"/{place}/{key}").status_code == 200
            assert bob.get(f"/{place}/{key}").status_code == 404
            assert bob.get(f"/{place}/{library}").status_code == 200
            assert bob.get(f"/{place}/{'0' * 64}").status_code == 404
        copy = f"/gradio_api/file={edge.uploads.folder}/{'0' * 64}/{key}.png"
        assert (alice.get(copy).status_code, bob.get(copy).status_code) == (200, 404)


def _png() -> bytes:
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.effect_noise((40, 40), 90).convert("RGB").save(out, "PNG")
    return out.getvalue()


def test_files_are_removed_after_a_day(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path)
    old, new = (uploads.export("login:a", name, b"x") for name in ("old.md", "new.md"))
    stray = tmp_path / "a" / "copy.png"
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    assert uploads.sweep() == 0
    assert uploads.sweep(age=-1) == 3 and not old.exists() and not new.exists() and not stray.exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a\\cat.png", "cat.png"),
        ("猫 的.png", "猫 的.png"),
        ("..", "file"),
        ("", "file"),
        ("a\0b\n.png", "ab.png"),
        (".hidden", "hidden"),
        ("猫" * 200 + ".png", "猫" * 48 + ".png"),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_names_lead_nowhere(given: str, kept: str) -> None:
    assert safe_name(given) == kept == safe_name(kept)
    assert len(kept.encode()) <= 150
