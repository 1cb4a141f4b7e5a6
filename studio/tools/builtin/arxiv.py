"""Papers on arXiv, through its public interface (info.arxiv.org/help/api/user-manual.html): one request, an Atom feed.

The answer comes from outside: it is read up to a size, within a time, as XML without entities. arXiv asks for three
seconds between requests; answers are kept for a while.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studio.documents.steps import StepTable
from studio.errors import StudioError
from studio.tools.background import run_apart
from studio.tools.registry import FixedTools, SimpleTool, ToolContext, ToolResult, ToolSource

MAX_RESULTS = 3
MAX_QUERY = 300  # characters
MAX_ABSTRACT = 1_500
MAX_BYTES = 2 << 20
SECONDS = 20.0  # for an answer, with all waiting
INTERVAL = 3.0  # seconds between two requests
REMEMBERED = 100  # answers
_ATOM = "{http://www.w3.org/2005/Atom}"
_ID = re.compile(r"(?:arxiv:)?(\d{4}\.\d{4,5}(?:v\d+)?|[a-z-]+(?:\.[A-Z]{2})?/\d{7}(?:v\d+)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Paper:
    """One paper; `date` is that of its first version."""

    title: str
    authors: tuple[str, ...]
    date: str
    abstract: str
    link: str


class ArxivTool(SimpleTool):
    """See the module. `url` is the address of the interface, empty where it is off."""

    name = "arxiv"
    words = ("arXiv", "arXiv 论文")
    description = (
        "Search arXiv for papers: title, authors, date, abstract and link of the best three. Search in English.",
        "在 arXiv 上搜索论文：给出最相关三篇的标题、作者、日期、摘要和链接。请用英文搜索。",
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "Words to search for, or an arXiv number / 检索词"}},
        "required": ["query"],
    }

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()  # one request at a time
        self._last = -INTERVAL
        self._answers: OrderedDict[str, tuple[Paper, ...]] = OrderedDict()

    def unavailable(self) -> StudioError | None:
        """Where it was switched off."""
        return None if self._url else StudioError("arxiv_off")

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Raises StudioError when arXiv is slow, gone, or says something else."""
        query = " ".join(str(arguments["query"]).split())[:MAX_QUERY]
        papers = self._answers.get(query)
        if papers is None:
            try:
                papers = run_apart(lambda: self._search(query), context.stop, SECONDS)
            except TimeoutError as e:
                raise StudioError("arxiv_slow", seconds=round(SECONDS)) from e
            self._remember(query, papers)
        if not papers:
            return ToolResult("No good arXiv result was found.")
        rows = tuple((p.title, ", ".join(p.authors), p.date, p.link) for p in papers)
        table = StepTable(("Title", "Authors", "Date", "Link"), rows)
        return ToolResult("\n\n".join(map(_text, papers)), tables=(table,))

    def _remember(self, query: str, papers: tuple[Paper, ...]) -> None:
        self._answers[query] = papers
        while len(self._answers) > REMEMBERED:
            self._answers.popitem(last=False)

    def _search(self, query: str) -> tuple[Paper, ...]:
        numbers = _ID.fullmatch(query)
        asked = {"id_list": numbers[1]} if numbers else {"search_query": query}
        with self._lock:
            time.sleep(max(0.0, self._last + INTERVAL - time.monotonic()))
            try:
                data = _fetch(self._url, {**asked, "start": "0", "max_results": str(MAX_RESULTS)})
            finally:
                self._last = time.monotonic()
        return read_feed(data)


def _fetch(url: str, query: Mapping[str, str]) -> bytes:
    """The body of an answer. Raises StudioError."""
    import httpx

    data, deadline = b"", time.monotonic() + SECONDS
    try:
        with (
            httpx.Client(
                timeout=httpx.Timeout(10.0, connect=5.0), headers={"User-Agent": "xcomposer-studio"}
            ) as client,
            client.stream("GET", url, params=query) as answer,
        ):
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                data += piece
                if len(data) > MAX_BYTES:
                    raise StudioError("arxiv_unreadable", cause=f"more than {MAX_BYTES >> 20} MB")
                if time.monotonic() > deadline:
                    raise StudioError("arxiv_slow", seconds=round(SECONDS))
    except httpx.TimeoutException as e:
        raise StudioError("arxiv_slow", seconds=10) from e
    except httpx.HTTPStatusError as e:
        raise StudioError("arxiv_gone", cause=f"HTTP {e.response.status_code}") from e
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise StudioError("arxiv_gone", cause=str(e)[:200] or type(e).__name__) from e
    return data


def read_feed(data: bytes) -> tuple[Paper, ...]:
    """The papers of an Atom feed. Raises StudioError for what is none, or has entities of its own."""
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    try:
        feed = ElementTree.fromstring(data)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError) as e:
        raise StudioError("arxiv_unreadable", cause=str(e)[:100]) from e
    if feed.tag != f"{_ATOM}feed":
        raise StudioError("arxiv_unreadable", cause="it is no Atom feed")
    papers = []
    for entry in feed.findall(f"{_ATOM}entry")[:MAX_RESULTS]:
        link = _words(entry.findtext(f"{_ATOM}id"))
        title = _words(entry.findtext(f"{_ATOM}title"))
        if not re.match(r"https?://arxiv\.org/abs/", link):  # arXiv tells of errors as an entry
            raise StudioError("arxiv_unreadable", cause=_words(entry.findtext(f"{_ATOM}summary"))[:100] or title[:100])
        names = tuple(_words(author.findtext(f"{_ATOM}name")) for author in entry.findall(f"{_ATOM}author"))
        abstract = _words(entry.findtext(f"{_ATOM}summary"))[:MAX_ABSTRACT]
        papers.append(Paper(title, names, _words(entry.findtext(f"{_ATOM}published"))[:10], abstract, link))
    return tuple(papers)


def _words(text: str | None) -> str:
    return " ".join((text or "").split())


def _text(paper: Paper) -> str:
    """A paper as Lagent's ArxivSearch, with which InternLM2 was trained, tells it."""
    return (
        f"Published: {paper.date}\nTitle: {paper.title}\nAuthors: {', '.join(paper.authors)}\n"
        f"Summary: {paper.abstract}\nLink: {paper.link}"
    )


TOOLS = ToolSource(20, lambda settings: FixedTools(ArxivTool(settings.arxiv)))
