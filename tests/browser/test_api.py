"""The named endpoints, as a program calls them with gradio_client."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest
from gradio_client import Client, exceptions, handle_file
from gradio_client.client import Job

from browser.conftest import Server

PICTURES = Path(__file__).parents[2] / "assets" / "pictures"


@pytest.fixture(scope="module")
def client(scripted: Server) -> Client:
    return Client(scripted.url, verbose=False)


def test_the_endpoints_and_no_others_are_offered(client: Client) -> None:
    offered = client.view_api(return_format="dict", print_info=False)
    assert set(offered["named_endpoints"]) == {"/write", "/stop", "/ask", "/export"}
    assert not offered["unnamed_endpoints"]


def test_an_article_grows_and_is_exported(client: Client) -> None:
    states = list(client.submit("Write an article about peaks", images=1, api_name="/write"))
    assert states[-1]["step"] == "done" and states[-1]["status"] == "done"
    assert sum(bool(s["illustration"]) for s in states[-1]["sections"]) == 1
    got = client.predict(states[-1]["id"], "zip", api_name="/export")
    assert "article.md" in zipfile.ZipFile(got).namelist()


def test_an_article_is_written_from_a_title_and_materials(client: Client) -> None:
    *_, last = client.submit(title="Peaks", materials="- snow", images=0, api_name="/write")
    assert last["title"] == "Peaks" and last["brief"]["materials"] == "- snow" and last["status"] == "done"


def test_a_question_about_a_picture_is_answered(client: Client) -> None:
    picture = handle_file(str(PICTURES / "cat.webp"))
    *_, answer = client.submit([picture], "What is this?", api_name="/ask")
    assert "picture" in answer and "mountains" in answer


def under_way(client: Client) -> tuple[Job, int]:
    """A long article that has begun, and its number."""
    job = client.submit("Write slowly", images=0, api_name="/write")
    state = next(s for s in job if len(s["sections"]) > 0)
    return job, state["id"]


def test_stop_ends_what_write_began(client: Client, scripted: Server) -> None:
    job, id = under_way(client)
    stranger = Client(scripted.url, verbose=False, headers={"cookie": "studio-person=" + "b" * 32})
    assert stranger.predict(id, api_name="/stop") is False, "another person's is not there"
    assert client.predict(id, api_name="/stop") is True
    *_, last = job
    assert (last["step"], last["status"]) == ("done", "stopped") and last["sections"]
    assert client.predict(id, api_name="/stop") is False


def test_cancelling_a_job_ends_the_article(client: Client) -> None:
    job, id = under_way(client)
    job.cancel()
    for _ in range(50):  # the end is at its next step; what was written is kept
        if not client.predict(id, api_name="/stop"):
            break
    assert not client.predict(id, api_name="/stop")
    assert "article.md" in zipfile.ZipFile(client.predict(id, "zip", api_name="/export")).namelist()


def test_cancelling_a_question_ends_its_answer(client: Client) -> None:
    """The engine answers one at a time: the next one is answered at once only if the first has ended."""
    job = client.submit([], "Tell me slowly", api_name="/ask")
    next(iter(job))
    job.cancel()
    began = time.monotonic()
    *_, answer = client.submit([], "And now?", api_name="/ask")
    assert "mountains" in answer and time.monotonic() - began < 6, "it would take eight seconds"


def test_what_cannot_be_done_is_said(client: Client) -> None:
    for asked, sentence in (
        (("  ",), "nothing to write about yet"),
        (("x", "", 99), "choose 0 to 15"),
        (("x" * 200_001,), "characters"),
        (("tea", " \n  \n"), "only blank lines"),
        (("", "", -1, 1, "", "notes"), "no title yet"),
        (("tea", "", -1, 1, "Tea"), "only one of them"),
    ):
        with pytest.raises(exceptions.AppError, match=sentence):
            client.predict(*asked, api_name="/write")
    with pytest.raises(exceptions.AppError, match="not here"):
        client.predict(999, "zip", api_name="/export")
