"""A model with little room: what pictures take of it, what is no longer seen, empty places that are filled later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Server, begin, ended, free_port, serve, watched
from studio.storage.store import DATABASE

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "assets" / "pictures"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("small")


@pytest.fixture(scope="module")
def small(data: Path) -> Iterator[Server]:
    port = free_port()
    yield from serve([str(Path(__file__).parent / "scripted.py"), str(port), str(data), "small"], port, data)


@pytest.fixture
def page(small: Server, chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    yield from watched(small, chromium, locale=request.param)


in_english, in_chinese = (pytest.mark.parametrize("page", [locale], indirect=True) for locale in ("en-US", "zh-CN"))


def spoken(page: Page) -> int:
    return int(page.evaluate("navigator.language").startswith("zh"))


def ask(page: Page, question: str, *names: str) -> None:
    page.set_input_files("#question input[type=file]", [str(PICTURES / f"{name}.webp") for name in names])
    expect(page.locator("#question .thumbnail-item")).to_have_count(len(names), timeout=30_000)
    page.fill("#question textarea", question)
    expect(page.locator("#question-room")).to_contain_text("1,200", timeout=30_000)  # the pictures have come


@in_chinese
def test_chat_says_how_much_room_pictures_take_and_which_are_no_longer_seen(page: Page) -> None:
    zh = spoken(page)
    page.get_by_role("tab", name=("Chat", "看图问答")[zh], exact=True).click()
    room = page.locator("#question-room")
    ask(page, "What are these?", "cat", "dog")
    expect(room).to_have_text(
        ("2 pictures, 512 of 1,200 tokens", "2 张图片，占 1,200 个 token 中的 512 个")[zh], timeout=30_000
    )
    page.keyboard.press("Enter")
    expect(page.locator("#chatbot .bot")).to_have_count(1, timeout=60_000)
    expect(room).to_have_text("")
    expect(page.locator("#chatbot .bot").first).not_to_contain_text(("no longer", "已看不到")[zh])
    ask(page, "And these?", "sea", "train")
    page.keyboard.press("Enter")
    told = (
        "Pictures 1–2 are no longer seen: the conversation is longer than the model's context.",
        "图片 1–2 已看不到：对话超出了模型的上下文。",
    )[zh]
    expect(page.locator("#chatbot .bot").last).to_contain_text(told, timeout=60_000)
    page.reload()
    page.get_by_role("tab", name=("History", "历史")[zh], exact=True).click()
    page.select_option("#history-shelf select", "conversations")
    page.locator("#history-shelf .cover").first.click()
    expect(page.locator("#chatbot .bot").last).to_contain_text(told, timeout=60_000)


@in_english
def test_a_question_that_cannot_fit_is_refused_with_the_numbers(page: Page) -> None:
    zh = spoken(page)
    page.get_by_role("tab", name=("Chat", "看图问答")[zh], exact=True).click()
    ask(page, "What are these?", "cat", "dog", "sea", "train", "city")
    expect(page.locator("#question-room")).to_contain_text("1,280", timeout=30_000)
    page.keyboard.press("Enter")
    expect(page.locator(".toast-message-text").last).to_contain_text("1,200", timeout=30_000)


def leave(data: Path, count: int) -> None:
    """So many pictures in the library; not as a person, since the starter set is nobody's."""
    with sqlite3.connect(data / DATABASE, timeout=30) as database:
        database.execute("UPDATE pictures SET removed = id > ?", (count,))


@in_english
def test_places_that_stayed_empty_are_filled_with_one_click(page: Page, data: Path) -> None:
    zh = spoken(page)
    leave(data, 1)
    begin(page, "写一篇关于高山的文章", "3")
    ended(page)
    expect(page.locator("#paper figure")).to_have_count(1)
    expect(page.locator("#paper section .note")).to_have_count(2)
    fill = page.locator("#paper [data-act=fill]")
    expect(fill).to_have_text(("Fill the empty places", "补上空缺的配图")[zh])
    leave(data, 1000)
    fill.click()
    expect(page.locator("#paper figure")).to_have_count(3, timeout=60_000)
    expect(page.locator("#paper section .note")).to_have_count(0)
    ended(page)
    expect(fill).to_be_hidden()
