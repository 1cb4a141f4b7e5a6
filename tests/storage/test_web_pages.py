"""Web pages in the store: versions, undo and redo, owners, a writer that is gone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio.documents.article import Picture
from studio.documents.web_page import WebPage
from studio.errors import InputError, NotFoundError
from studio.storage.store import Store

PAGE = WebPage("resume", "I am Ada", own=(Picture("k", "t"),), source="<p>1", pictures=("", "key"), title="Ada")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_versions_are_a_tree_and_nothing_in_it_is_lost(store: Store) -> None:
    pages = store.web_pages
    first = pages.save("me", PAGE)
    assert (first.id, first.version) == (1, 1) and pages.get("me", 1) == PAGE == pages.at("me", 1, 1)
    second = pages.save("me", replace(first, source="<p>2", wish="two"))
    assert second.version == 2 and pages.can_step("me", 1) == (True, False)
    assert pages.step("me", 1, -1).source == "<p>1" and pages.can_step("me", 1) == (False, True)
    third = pages.save("me", replace(first, source="<p>3"))
    assert third.version == 3 and pages.step("me", 1, -1).version == 1
    assert pages.step("me", 1, 1).version == 3 and pages.at("me", 1, 2).source == "<p>2"
    assert pages.step("me", 1, 1).version == 3


def test_a_page_that_is_written_is_one_version_and_can_be_discarded(store: Store) -> None:
    pages = store.web_pages
    first = pages.save("me", PAGE)
    for source in ("", "<p", "<p>2"):
        writing = pages.save("me", replace(first, source=source, status="writing"))
        assert writing.version == 2
    before = pages.discard("me", writing)
    assert before.version == 1 and pages.get("me", 1) == PAGE and pages.can_step("me", 1) == (False, False)
    alone = pages.save("me", WebPage(text="x", status="writing"))
    assert pages.discard("me", alone) == alone and pages.get("me", alone.id).status == "writing"


def test_of_a_writer_that_is_gone_what_was_written_stays(store: Store, tmp_path: Path) -> None:
    page = store.web_pages.save("me", replace(PAGE, status="writing"))
    other = Store(tmp_path)
    assert other.web_pages.get("me", page.id).status == "writing"
    with pytest.raises(InputError) as busy:
        other.web_pages.save("me", page)
    assert busy.value.key == "web_page_busy"
    store.close()
    stopped = other.web_pages.get("me", page.id)
    assert stopped.status == "stopped" and stopped.source == PAGE.source
    assert other.web_pages.save("me", replace(page, status="done")).version == 2
    other.close()


def test_what_is_anothers_is_not_found(store: Store) -> None:
    pages = store.web_pages
    page = pages.save("me", PAGE)
    for act in (
        lambda: pages.get("you", 1),
        lambda: pages.at("you", 1, 1),
        lambda: pages.step("you", 1, -1),
        lambda: pages.can_step("you", 1),
        lambda: pages.save("you", page),
        lambda: pages.discard("you", page),
        lambda: pages.delete("you", 1),
        lambda: pages.at("me", 1, 2),
        lambda: pages.at("me", 1, 2**70),
        lambda: pages.get("me", 2**70),
    ):
        with pytest.raises(NotFoundError):
            act()
    assert not pages.rows("you")


def test_lists_find_words_and_deleting_hides(store: Store) -> None:
    pages = store.web_pages
    pages.save("me", PAGE)
    pages.save("me", WebPage(text="a page about tea", source="<h1>Kettle"))
    assert [row.title for row in pages.rows("me")] == ["a page about tea", "Ada"]
    assert [row.id for row in pages.rows("me", "kettle TEA")] == [2]
    pages.delete("me", 2)
    assert [row.id for row in pages.rows("me")] == [1] and [row.id for row in pages.rows("me", deleted=True)] == [2]
    with pytest.raises(NotFoundError):
        pages.get("me", 2)
    pages.undelete("me", 2)
    assert pages.get("me", 2).text == "a page about tea"
