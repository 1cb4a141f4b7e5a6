"""The python tool: its processes between conversations, and the demos of the course on the scripted engine."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from studio.app import Studio
from studio.errors import BusyError, StudioError
from studio.prompts.tool_protocol import Exchange
from studio.roles import VIEWER
from studio.settings import Settings
from studio.specs import Reply, ScriptedSpec
from studio.storage.conversation_files import ConversationFiles, list_files
from studio.tasks.agent import AgentRequest, AgentState, agent_model
from studio.tasks.progress import Stop
from studio.tools.builtin.python import PythonTool
from studio.tools.registry import ToolContext
from studio.tools.sandbox.code_pool import CodePool

if sys.platform != "linux":
    pytest.skip("code runs on Linux only", allow_module_level=True)

EQUATION = "from sympy import symbols, Eq, solve\nX = symbols('X')\nsolve(Eq(2*X, 1360), X)"
CHART = "import matplotlib.pyplot as plt\nplt.bar(data.month, data.sales)\nplt.title('销售额')\nplt.show()"
HUGE = "import matplotlib.pyplot as plt\nplt.figure(figsize=(200, 200))\nplt.plot([1])"
SALES = "month,sales\nJanuary,120\nFebruary,90\nMarch,150\n"


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[CodePool]:
    made = CodePool(tmp_path / "agent", tmp_path, at_once=2, prepare=False)
    assert made.unavailable() is None, made.unavailable()
    yield made
    made.close()


def test_conversations_do_not_share_anything(pool: CodePool, tmp_path: Path) -> None:
    a, b = tmp_path / "agent" / "a", tmp_path / "agent" / "b"
    assert pool.run(a, "x = 1; open('mine.txt', 'w').write('a')", Stop())[0].text == "1"
    run, _ = pool.run(b, "import os; print(os.listdir('.')); x", Stop())
    assert "NameError" in run.text and "mine.txt" not in run.text
    assert pool.run(a, "x", Stop())[0].text == "1"
    assert [file.name for file in list_files(a)] == ["mine.txt"] and list_files(b) == ()


def test_a_conversation_keeps_its_files_and_is_told_that_its_variables_are_gone(pool: CodePool, tmp_path: Path) -> None:
    folder = tmp_path / "agent" / "a"
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text(SALES)
    assert pool.run(folder, "x = open('data.csv').read()[:5]; x", Stop())[0].text == "'month'"
    pool.forget(folder)
    run, forgot = pool.run(folder, "print(open('data.csv').read()[:5]); x", Stop())
    assert forgot and run.text.startswith("month") and "NameError" in run.text


def test_the_longest_idle_process_makes_room(pool: CodePool, tmp_path: Path) -> None:
    folders = [tmp_path / "agent" / name for name in "abc"]
    for folder in folders:
        pool.run(folder, "x = 1", Stop())
    assert pool.processes == folders[1:]


def test_too_many_at_once_and_stop(pool: CodePool, tmp_path: Path) -> None:
    stops, ends = [Stop(), Stop()], []
    folders = [tmp_path / "agent" / name for name in "ab"]

    def wait(folder: Path, stop: Stop) -> None:
        try:
            ends.append(pool.run(folder, "import time\nopen('begun', 'w')\ntime.sleep(60)", stop)[0].text)
        except StudioError as e:
            ends.append(str(e))

    threads = [threading.Thread(target=wait, args=pair) for pair in zip(folders, stops, strict=True)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while not all((folder / "begun").exists() for folder in folders) and time.monotonic() < deadline:
        time.sleep(0.02)
    for name in ("c", "a"):  # there is no room for one more, and one conversation runs one code
        with pytest.raises(BusyError):
            pool.run(tmp_path / "agent" / name, "1", Stop())
    for stop in stops:
        stop.press()
    for thread in threads:
        thread.join(30)
    assert [end.rpartition("\n")[2] for end in ends] == ["Stopped."] * 2


def test_idle_processes_and_all_of_them_at_the_end(tmp_path: Path) -> None:
    pool = CodePool(tmp_path / "agent", tmp_path, idle_seconds=0.2, prepare=False)
    pool.run(tmp_path / "agent" / "a", "1", Stop())
    (process, _) = pool._processes[tmp_path / "agent" / "a"]
    deadline = time.monotonic() + 10
    while (pool.processes or process.alive) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert pool.processes == [] and not process.alive
    pool.close()
    assert [p for p in (tmp_path / "agent").iterdir() if p.name.startswith("ready-")] == []
    assert not [c for c in psutil.Process().children(recursive=True) if "studio.tools.sandbox" in " ".join(c.cmdline())]


def test_a_machine_where_no_guard_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from studio.tools.sandbox import code_pool

    def refuse(*_: object) -> None:
        raise StudioError("sandbox_not_started", cause="not here")

    monkeypatch.setattr(code_pool, "start", refuse)
    tool = PythonTool(CodePool(tmp_path / "agent", tmp_path))
    context = ToolContext("me", "c", "en", Stop(), tmp_path / "agent" / "a")
    with pytest.raises(StudioError, match="not here"):
        tool.run({"code": "1"}, context)
    off = tool.unavailable()
    assert off is not None and "not here" in off.say(), "it stays off, and says why"
    tool.close()


# The course's demos


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    card = replace(ScriptedSpec().card, dialect="internlm2", sees=False, context=8_000)
    replies = (
        Reply(_code(EQUATION, "我来解方程。"), "2*X=1360"),
        Reply("X = 680。", "interpreter|>\n[680]", times=0),
        Reply(_code("import pandas as pd\ndata = pd.read_csv('sales.csv')\ndata"), "Draw the sales"),
        Reply(_code(CHART), "February"),
        Reply("Here is the chart.", "1 picture is shown", times=0),
        Reply(_code(HUGE), "Draw a huge picture"),
        Reply("It was too large.", "", times=0),
    )  # fmt: skip
    data = tmp_path_factory.mktemp("data")
    with Studio(
        Settings(data=str(data)), ScriptedSpec(tuple(sorted(replies, key=lambda r: r.match == "")), card)
    ) as made:
        made.worker.wait_ready()
        made.toolbox.warm(("python",))
        yield made


def _code(code: str, thought: str = "") -> str:
    return f"{thought}<|action_start|><|interpreter|>\n```python\n{code}\n```<|action_end|>\n"


def ask(studio: Studio, question: str, conversation: str, files: tuple[tuple[str, int], ...] = ()) -> AgentState:
    request = AgentRequest((Exchange(question, files),), ("python",), conversation, "zh")
    *_, last = studio.agent.run(request, agent_model(studio.worker, VIEWER), "me", Stop())
    return last


def test_an_equation(studio: Studio) -> None:
    end = ask(studio, "请解方程 2*X=1360 之中 X 的结果", "1")
    assert end.error is None and end.answer == "X = 680。"
    (step,) = end.steps
    assert (step.thought, step.tool, step.form, step.status, step.result) == (
        "我来解方程。", "python", "interpreter", "done", "[680]",
    )  # fmt: skip
    assert step.code.startswith("from sympy")


def test_a_chart_from_an_uploaded_file(studio: Studio) -> None:
    file = studio.agent_files.add("me", "2", "../../sales.csv", SALES.encode())
    end = ask(studio, "Draw the sales", "2", ((file.name, file.size),))
    assert end.error is None and end.answer == "Here is the chart.", end
    table, chart = end.steps
    assert table.tables[0].columns == ("month", "sales") and table.tables[0].rows[1] == ("February", "90")
    (picture,) = chart.pictures
    assert studio.store.read_file(picture.key)[:4] == b"\x89PNG"
    assert "Glyph" not in chart.result, "Chinese words have a font"


def test_a_huge_picture_costs_nothing_but_itself(studio: Studio) -> None:
    end = ask(studio, "Draw a huge picture", "3")
    assert end.answer == "It was too large." and end.steps[0].pictures == (), end.steps


def test_a_round_trip_costs_little(studio: Studio) -> None:
    """What the loop adds around a tool: at most 50 ms. The models' time is the scripted engine's, next to nothing."""
    tool = studio.toolbox.find("python")
    assert isinstance(tool, PythonTool)
    folder = studio.agent_files.folder("me", "4")
    context = ToolContext("me", "4", "en", Stop(), folder)
    tool.run({"code": "1"}, context)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        tool.run({"code": "1 + 1"}, context)
        times.append(time.perf_counter() - started)
    assert min(times) < 0.05


# Files of conversations


def test_files_of_others_are_not_found(tmp_path: Path) -> None:
    files = ConversationFiles(tmp_path)
    files.add("me", "1", "a.csv", b"mine")
    assert files.read("me", "1", "a.csv") == b"mine"
    for person, conversation, name in (
        ("you", "1", "a.csv"),
        ("me", "2", "a.csv"),
        ("me", "1", "../a.csv"),
        ("me", "1", ""),
    ):
        with pytest.raises(StudioError):
            files.read(person, conversation, name)
    files.remove("me", "1")
    assert files.list("me", "1") == ()


def test_links_and_hidden_files_are_not_files(tmp_path: Path) -> None:
    files = ConversationFiles(tmp_path)
    folder = files.folder("me", "1")
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / ".hidden").write_text("x")
    (folder / "inner").mkdir()
    assert files.list("me", "1") == ()
    with pytest.raises(StudioError):
        files.read("me", "1", "link")
    files.add("me", "1", "link", b"new")
    assert (tmp_path / "secret").read_text() == "secret" and files.read("me", "1", "link") == b"new"
