"""Web pages as tasks: made, changed, edited, stopped, failed; nothing of them is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.app import Studio
from studio.documents.web_page import MAX_SOURCE, WebPage
from studio.errors import InputError, NotFoundError
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.tasks.page_jobs import PageJob, PageState

CARD = ModelCard("pages", "xcomposer2.5", ("en",), True, 16384, beams=5, image_tokens=800, adapters=("web",))
FARM = '<html><head><title>Farm</title></head><body><img src="a.jpg" alt="bread on a table"></body></html>'
BLUE = FARM.replace("<body>", "<body><h1>Blue</h1>")
SPEC = ScriptedSpec(
    (
        Reply(BLUE, "Change the html code: make it blue", times=0),
        Reply("", "Change the html code: say nothing", times=0),
        Reply("<html>half " + "more " * 1000, "Change the html code: slowly", pace=0.02, times=0),
        Reply("", "nothing at all", times=0),
        Reply(f"```html\n{FARM}\n```", times=0),
    ),
    CARD,
)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(Settings(data=str(tmp_path_factory.mktemp("pages"))), SPEC) as made:
        yield made


def end(job: PageJob) -> PageState:
    *_, last = job.updates()
    assert last.ended
    return last


def test_a_page_is_made_changed_edited_and_undone(studio: Studio) -> None:
    jobs, pages = studio.page_jobs, studio.store.web_pages
    made = end(jobs.start("me", WebPage(text="A page about a farm"))).page
    assert made.source == FARM and made.title == "Farm" and made.status == "done" and made.version == 1
    (key,) = made.pictures
    assert studio.store.read_file(key)
    blue = end(jobs.change("me", made.id, " make it blue ")).page
    assert blue.source == BLUE and blue.wish == "make it blue" and blue.pictures == (key,) and blue.version == 2
    typed = end(jobs.apply("me", made.id, BLUE + '<img alt="no such thing as zzqqx">')).page
    assert typed.pictures[0] == key and len(typed.pictures) == 2 and typed.wish == "" and typed.version == 3
    assert pages.step("me", made.id, -1) == blue and pages.step("me", made.id, -1) == made
    again = end(jobs.again("me", made.id)).page
    assert again.source == FARM and again.version == 4 and jobs.get("me", made.id) is None


def test_a_change_of_which_nothing_was_written_leaves_the_page_as_it_was(studio: Studio) -> None:
    jobs, pages = studio.page_jobs, studio.store.web_pages
    made = end(jobs.start("me", WebPage(text="A page"))).page
    failed = end(jobs.change("me", made.id, "say nothing"))
    assert failed.error and failed.error.key == "nothing_written"
    assert failed.page == made == pages.get("me", made.id) and pages.can_step("me", made.id) == (False, False)
    new = end(jobs.start("me", WebPage(text="nothing at all")))
    assert new.error and new.page.status == "failed" and "nothing" in new.page.error.lower()
    assert pages.get("me", new.page.id).text == "nothing at all"  # to be made again


def test_a_stop_keeps_what_was_written_and_a_page_has_one_writer(studio: Studio) -> None:
    jobs, pages = studio.page_jobs, studio.store.web_pages
    made = end(jobs.start("me", WebPage(text="A page"))).page
    job = jobs.change("me", made.id, "slowly")
    assert jobs.get("me", made.id) is job and jobs.get("you", made.id) is None
    next(state for state in job.updates() if state.page.source)
    with pytest.raises(InputError) as busy:
        jobs.apply("me", made.id, "<p>")
    assert busy.value.key == "web_page_busy"
    job.stop.press()
    stopped = end(job).page
    assert stopped.status == "stopped" and stopped.source.startswith("<html>half") and stopped.version == 2
    assert pages.step("me", made.id, -1).source == FARM


@pytest.mark.parametrize(
    ("page", "key"),
    [
        (WebPage(text=" "), "page_empty"),
        (WebPage("resume"), "resume_empty"),
        (WebPage("screenshot", "words"), "page_without_screenshot"),
        (WebPage(text="x" * 100_001), "page_request_too_long"),
    ],
)
def test_what_no_page_can_be_made_of_is_refused_before_anything_is_kept(
    studio: Studio, page: WebPage, key: str
) -> None:
    before = studio.store.web_pages.rows("me")
    with pytest.raises(InputError) as refused:
        studio.page_jobs.start("me", page)
    assert refused.value.key == key and studio.store.web_pages.rows("me") == before


def test_wrong_changes_and_anothers_pages_are_refused(studio: Studio) -> None:
    jobs = studio.page_jobs
    made = end(jobs.start("me", WebPage(text="A page"))).page
    for wish, key in ((" ", "page_wish_empty"), ("x" * 5000, "page_request_too_long")):
        with pytest.raises(InputError) as refused:
            jobs.change("me", made.id, wish)
        assert refused.value.key == key
    for source, key in ((" ", "page_source_empty"), ("x" * (MAX_SOURCE + 1), "page_source_too_long")):
        with pytest.raises(InputError) as refused:
            jobs.apply("me", made.id, source)
        assert refused.value.key == key
    with pytest.raises(NotFoundError):
        jobs.change("you", made.id, "x")
    with pytest.raises(NotFoundError):
        jobs.apply("you", made.id, "x")
    with pytest.raises(NotFoundError):
        jobs.again("you", made.id)


def test_a_model_that_cannot_says_so_and_pages_can_still_be_edited(tmp_path: Path) -> None:
    with Studio(Settings(data=str(tmp_path)), replace(SPEC, card=replace(CARD, adapters=()))) as studio:
        refused = end(studio.page_jobs.start("me", WebPage(text="A page")))
        assert refused.error and refused.error.key == "no_web_pages" and refused.page.status == "failed"
        typed = end(studio.page_jobs.apply("me", refused.page.id, "<h1>Mine")).page
        assert typed.source == "<h1>Mine" and typed.status == "done" and typed.error == ""
