"""How often an agent on a real model does what it is asked: fourteen requests in two languages, tools and all.

    python benchmarks/agent.py [--models qwen2.5-coder-1.5b] [--data FOLDER] [--threads 1] [--only 0,4] [--steps]

Each request has a check of its answer and of what the tools did; arXiv is a stand-in on this machine. The last line is
one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from studio.app import Studio
from studio.checkpoints.catalog import plan
from studio.documents.conversation import Conversation, Turn
from studio.documents.steps import AgentStep
from studio.settings import Settings
from studio.storage.persons import CLI

SALES = "month,sales\nJanuary,120\nFebruary,90\nMarch,150\nApril,200\n"
TITLES = ("Writing with Pictures", "Large Models that See", "A Study of Free-form Composition")
ENTRY = (
    "<entry><id>http://arxiv.org/abs/2401.0000{n}v1</id><published>2024-01-0{n}T00:00:00Z</published>"
    "<title>{title}</title><summary>About it.</summary><author><name>A. Writer</name></author></entry>"
)
FEED = '<feed xmlns="http://www.w3.org/2005/Atom">{}</feed>'.format(
    "".join(ENTRY.format(n=n, title=title) for n, title in enumerate(TITLES, 1))
)


@dataclass(frozen=True)
class Request:
    """A question, the tools that are on, the files that come with it, and whether a turn answers it."""

    question: str
    tools: str
    right: Callable[[Turn], bool]
    file: str = ""


def _says(*words: str) -> Callable[[Turn], bool]:
    """The answer has all the words, and a tool was used that did not fail."""
    return lambda turn: _used(turn) and all(word in turn.answer.replace(",", "") for word in words)


def _draws(turn: Turn) -> bool:
    return any(step.pictures for step in turn.steps)


def _used(turn: Turn) -> bool:
    return any(step.status == "done" for step in turn.steps)


REQUESTS = (
    Request("解方程 2*X=1360", "python,calculator", _says("680")),
    Request("Solve the equation 2*X = 1360 for X.", "python,calculator", _says("680")),
    Request("What is 123456789 * 987654321?", "calculator", _says("121932631112635269")),
    Request("计算 1 到 100 之间所有偶数的和", "python", _says("2550")),
    Request("Draw a bar chart of the sales by month in sales.csv.", "python", _draws, SALES),
    Request("用 sales.csv 画一张每月销售额的折线图", "python", _draws, SALES),
    Request("What is the mean of the sales in sales.csv?", "python", _says("140"), SALES),
    Request("Find three papers about models that see on arXiv and list their titles.", "arxiv", _says(*TITLES)),
    Request("在 arXiv 上找三篇关于多模态大模型的论文，列出标题", "arxiv", _says(*TITLES)),
    Request("Find a picture of a cat in the library.", "library", lambda turn: any(s.pictures for s in turn.steps)),
    Request("在图库里找一张火车的图片", "library", lambda turn: any(s.pictures for s in turn.steps)),
    Request("Which day of the week was 1 January 2000?", "python,date", _says("Saturday")),
    Request("2024年2月29日是星期几？", "python,date", _says("星期四")),
    Request("Say hello to my friend Anna.", "python,calculator", lambda turn: "Anna" in turn.answer),
)


class Arxiv(BaseHTTPRequestHandler):
    """A stand-in that knows three papers."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(FEED.encode())

    def log_message(self, format: str, *args: object) -> None: ...


def ask(studio: Studio, request: Request) -> tuple[Turn, float]:
    """The answered turn, and the seconds that it took."""
    tools = tuple(request.tools.split(","))
    asked = Conversation(kind="talk", tools=tools).ask(request.question)
    if request.file:
        asked = studio.store.save_conversation(CLI, asked)
        file = studio.agent_files.add(CLI, str(asked.id), "sales.csv", request.file.encode())
        asked = asked.answer(files=(file,))
    started = time.monotonic()
    *_, end = studio.answers.start(CLI, asked).updates()
    if end.error:
        print(end.error.say(), flush=True)
    return end.conversation.turns[-1], time.monotonic() - started


def _shown(step: AgentStep) -> str:
    return f"    {step.thought!r} [{step.tool} {step.status}] {step.written!r}\n      -> {step.result[:300]!r}"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="qwen2.5-coder-1.5b")
    parser.add_argument("--data", default="", help="a data folder that has the models")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--only", default="", help="numbers of requests")
    parser.add_argument("--steps", action="store_true", help="print what was called and what came of it")
    given = parser.parse_args(arguments)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Arxiv)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data=given.data or folder,
            models=given.models,
            threads=given.threads,
            arxiv=f"http://127.0.0.1:{server.server_address[1]}/",
        )
        with Studio(settings, plan(settings)) as studio:
            chosen = [int(n) for n in given.only.split(",")] if given.only else range(len(REQUESTS))
            results = {}
            for number in chosen:
                request = REQUESTS[number]
                turn, seconds = ask(studio, request)
                results[number] = right = request.right(turn)
                print(f"{number:2} {'right' if right else 'WRONG'} {seconds:5.0f} s  {request.question}", flush=True)
                if given.steps:
                    print("\n".join(map(_shown, turn.steps)))
                    print(f"    = {turn.answer!r} ({turn.finish})", flush=True)
    server.shutdown()
    print(json.dumps({"models": given.models, "right": sum(results.values()), "of": len(results), "each": results}))


if __name__ == "__main__":
    main()
