"""`studio chat`: one answer, a chat with its commands, tools and their steps, on the scripted engine."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from studio.cli import chat
from studio.cli.main import studio
from studio.protocol import ModelCard
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.storage.persons import CLI
from studio.storage.store import Store

CALL = '<tool_call>\n{"name": "calculator", "arguments": {"expression": "1360/2"}}\n</tool_call>'
REPLIES = (
    Reply("Half of it:\n" + CALL, match="2*X=1360", times=1),
    Reply("X = 680", match="2*X=1360", times=0),
    Reply("An answer.", match="after", times=0),
    Reply("word " * 400, match="slowly", pace=0.02, times=0),
    Reply("\x1b[31mred\x1b[0m answer", match="colour", times=0),
    Reply("  Two  spaces.\n", match="  two  spaces  ", times=0),
    Reply("An answer.", times=0),
)
SPEC = ScriptedSpec(REPLIES, ModelCard("scripted", "instruct", ("en",), False, 16384))
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(chat, "plan", lambda settings: SPEC)

    def invoke(*given: Any, **more: Any) -> Any:
        """Without the loop that Playwright leaves running on this thread: the prompt has one of its own, and Ctrl+C
        comes to no other thread."""
        loop = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            return CliRunner().invoke(studio, ["chat", *given, "--data", str(tmp_path)], **more)
        finally:
            asyncio._set_running_loop(loop)

    return invoke


def test_a_question_is_answered_and_kept(run: Run, tmp_path: Path) -> None:
    done = run("  two  spaces  ", "--system", "Be brief.", "--temperature", "0.5")
    assert (done.exit_code, done.stdout) == (0, "  Two  spaces.\n\n")
    store = Store(tmp_path)
    (row,) = store.list_conversations(CLI)
    kept = store.conversation(CLI, row.id)
    assert kept.turns[0].question == "  two  spaces  " and kept.persona and kept.persona.system == "Be brief."
    store.close()


def test_what_is_piped_in_is_the_question_or_stands_under_it(run: Run) -> None:
    assert run(input="What is tea?").stdout == "An answer.\n"
    assert run("In which colour?", input="a long text").stdout == "[31mred[0m answer\n", "no escape steers the terminal"
    assert run(input="").exit_code == 1


def test_wrong_names_are_told(run: Run) -> None:
    for flags in (("--persona", "nobody"), ("--tools", "hammer"), ("--temperature", "9")):
        assert run("hello", *flags).exit_code in (1, 2)
    assert "八戒" in run("hello", "--persona", "nobody").stderr


def test_a_tool_s_call_is_shown_before_the_answer(run: Run) -> None:
    done = run("解方程 2*X=1360", "--tools", "calculator")
    assert done.exit_code == 0, done.output
    assert done.stdout.index("Half of it") < done.stdout.index("[calculator]") < done.stdout.index("X = 680")
    assert "  | 1360/2 = 680" in done.stdout


@pytest.fixture
def typed(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A terminal into which a person types."""
    monkeypatch.setattr(chat, "_with_piped", lambda question: question)
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


def test_a_chat_goes_on_until_exit(run: Run, typed: Any, tmp_path: Path) -> None:
    lines = ("one", "/again", "two\x1b\rlines", "/picture nowhere.png", "/help", " ", "exit")
    typed.send_text("".join(f"{line}\r" for line in lines))
    done = run("--persona", "bajie")
    assert done.exit_code == 0 and done.stdout.count("An answer.") == 3 and "nowhere.png" in done.stderr
    assert "studio models download bajie-chat-mini" in done.stderr
    store = Store(tmp_path)
    kept = store.conversation(CLI, store.list_conversations(CLI)[0].id)
    assert [t.question for t in kept.turns] == ["one", "two\nlines"] and len(kept.turns[0].others) == 1
    store.close()


def test_ctrl_c_stops_the_answer_and_not_the_chat(run: Run, typed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def interrupt(text: str) -> str:
        shown.append(text)
        if "word" in text and len(shown) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return text

    monkeypatch.setattr(chat, "printable", interrupt)
    typed.send_text("slowly\rafter\rexit\r")
    done = run()
    assert done.exit_code == 0 and done.stdout.count("word") < 300 and "An answer." in done.stdout


def test_a_model_is_named_by_a_flag() -> None:
    assert chat.with_model(Settings(), "internlm2-chat-1_8b").talk == "internlm2-chat-1_8b"
    assert chat.with_model(Settings(), "a.gguf").gguf == "a.gguf"
    assert chat.with_model(Settings(), "qwen2.5-coder-1.5b").models == "qwen2.5-coder-1.5b"
