"""The arxiv tool against a stand-in server: three papers, and every way in which it can be slow, gone or wrong."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from studio.errors import StudioError
from studio.settings import Settings
from studio.tasks.progress import Stop
from studio.tools.builtin import arxiv
from studio.tools.builtin.arxiv import ArxivTool, read_feed
from studio.tools.registry import ToolContext

FEED = Path(__file__).with_name("arxiv_feed.xml").read_bytes()
BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<feed xmlns="http://www.w3.org/2005/Atom"><title>&b;</title></feed>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>http://arxiv.org/abs/1</id><title>&a;</title></entry></feed>"""


ENTRY = b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>%s</id></entry></feed>'


class StandIn(http.server.ThreadingHTTPServer):
    """Answers with `reply` or what that does, and notes the queries."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply: Any = FEED
        self.asked: list[dict[str, list[str]]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/api/query"


class Handler(http.server.BaseHTTPRequestHandler):
    server: StandIn

    def do_GET(self) -> None:
        self.server.asked.append(parse_qs(urlsplit(self.path).query))
        reply = self.server.reply
        if callable(reply):
            reply(self)
            return
        status, body = reply if isinstance(reply, tuple) else (200, reply)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(arxiv, "INTERVAL", 0.0)
    with StandIn() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(server: StandIn, query: str = "tea ceremony", stop: Stop | None = None) -> Any:
    context = ToolContext("me", "c", "en", stop or Stop(), Path("/"))
    return ArxivTool(server.url).run({"query": query}, context)


def test_three_papers(stand_in: StandIn) -> None:
    result = ask(stand_in, "InternLM2   technical report")
    assert stand_in.asked == [{"search_query": ["InternLM2 technical report"], "start": ["0"], "max_results": ["3"]}]
    (table,) = result.tables
    assert [row[0] for row in table.rows] == [
        "InternLM2 Technical Report", "A Second Paper & Its Title", "数学 in a Title",
    ]  # fmt: skip
    assert table.rows[0] == (
        "InternLM2 Technical Report",
        "Zheng Cai, Maosong Cao",
        "2024-03-26",
        "http://arxiv.org/abs/2403.17297v1",
    )
    first = result.text.split("\n\n")[0].split("\n")
    assert first[:3] == [
        "Published: 2024-03-26",
        "Title: InternLM2 Technical Report",
        "Authors: Zheng Cai, Maosong Cao",
    ]
    assert first[3].startswith("Summary: The evolution of") and first[4] == "Link: http://arxiv.org/abs/2403.17297v1"
    assert all(len(line) <= arxiv.MAX_ABSTRACT + 9 for line in result.text.split("\n"))


def test_queries_are_cut_and_numbers_are_looked_up(stand_in: StandIn) -> None:
    ask(stand_in, "x" * 5_000)
    ask(stand_in, "arXiv:2403.17297")
    ask(stand_in, "hep-th/9901001v2")
    assert len(stand_in.asked[0]["search_query"][0]) == 300
    assert stand_in.asked[1]["id_list"] == ["2403.17297"] and stand_in.asked[2]["id_list"] == ["hep-th/9901001v2"]


def test_the_same_question_is_asked_once(stand_in: StandIn) -> None:
    tool, context = ArxivTool(stand_in.url), ToolContext("me", "c", "en", Stop(), Path("/"))
    assert tool.run({"query": "a"}, context) == tool.run({"query": " a "}, context)
    assert len(stand_in.asked) == 1


def test_nothing_found(stand_in: StandIn) -> None:
    stand_in.reply = b'<feed xmlns="http://www.w3.org/2005/Atom"></feed>'
    assert ask(stand_in).text == "No good arXiv result was found."


@pytest.mark.parametrize(
    ("reply", "key"),
    [
        ((503, b"busy"), "arxiv_gone"),
        ((429, b""), "arxiv_gone"),
        ((301, b""), "arxiv_gone"),
        (b"<html>hello", "arxiv_unreadable"),
        (b"<html></html>", "arxiv_unreadable"),
        (b"", "arxiv_unreadable"),
        (b"\xff\xfe\x00", "arxiv_unreadable"),
        (BOMB, "arxiv_unreadable"),
        (OUTSIDE, "arxiv_unreadable"),
        (b"<a>" + b"x" * (3 << 20), "arxiv_unreadable"),
        (ENTRY % b"http://arxiv.org/api/errors", "arxiv_unreadable"),
        (ENTRY % b"javascript:alert(1)", "arxiv_unreadable"),
    ],
)
def test_answers_that_are_none(stand_in: StandIn, reply: Any, key: str) -> None:
    stand_in.reply = reply
    with pytest.raises(StudioError) as caught:
        ask(stand_in)
    assert caught.value.key == key


def test_gone() -> None:
    context = ToolContext("me", "c", "en", Stop(), Path("/"))
    for url in ("http://127.0.0.1:9/", "http://nowhere.invalid/", "nonsense"):
        with pytest.raises(StudioError, match="cannot be reached"):
            ArxivTool(url).run({"query": "a"}, context)
    off = ArxivTool("").unavailable()
    assert off is not None and off.key == "arxiv_off"
    assert ArxivTool(Settings().arxiv).unavailable() is None


def slow(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(200):
            handler.wfile.write(b" ")
            time.sleep(0.05)
    except OSError:
        pass


def test_slow(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trickle never runs into a time-out of the connection."""
    monkeypatch.setattr(arxiv, "SECONDS", 0.5)
    stand_in.reply = slow
    with pytest.raises(StudioError) as caught:
        ask(stand_in)
    assert caught.value.key == "arxiv_slow"


def test_stop(stand_in: StandIn) -> None:
    stand_in.reply, stop, started = slow, Stop(), time.monotonic()
    threading.Timer(0.2, stop.press).start()
    with pytest.raises(StudioError, match="stopped"):
        ask(stand_in, stop=stop)
    assert time.monotonic() - started < 2


def test_arxiv_is_not_asked_too_often(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arxiv, "INTERVAL", 0.3)
    tool, context, started = ArxivTool(stand_in.url), ToolContext("me", "c", "en", Stop(), Path("/")), time.monotonic()
    tool.run({"query": "a"}, context)
    tool.run({"query": "b"}, context)
    assert time.monotonic() - started >= 0.3


def test_a_long_abstract_is_cut() -> None:
    (paper, *_) = read_feed(FEED.replace(b"The evolution of", b"The evolution of" + b" very" * 2_000))
    assert len(paper.abstract) == arxiv.MAX_ABSTRACT
