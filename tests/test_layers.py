"""Who may import whom, and what the page's process must not load."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

STUDIO = Path(__file__).parents[1] / "studio"

# Each part and the parts below it that it may import, beside itself and the ground. A part is a module or folder of
# studio/.
GROUND = {"errors", "language", "logs", "messages", "__init__"}  # `__init__` is studio's version
TABLE: dict[str, set[str]] = {
    "messages": set(),
    "errors": {"messages"},
    "language": {"errors"},
    "logs": {"errors"},
    "__init__": set(),
    "settings": set(),
    "protocol": set(),
    "specs": {"protocol"},
    "roles": set(),
    "sampling": set(),
    "encodings": set(),
    "markdown": set(),
    "documents": {"markdown", "sampling"},
    "pictures": {"encodings"},
    "prompts": {"protocol", "documents"},
    "checkpoints": {"roles", "settings", "protocol", "specs"},
    "models": {"checkpoints", "pictures", "protocol"},
    "auxiliary": {"pictures", "protocol", "models"},
    "engine": {"roles", "auxiliary", "checkpoints", "models", "protocol", "specs"},
    "worker": {"engine", "protocol", "specs"},
    "storage": {"documents", "encodings", "pictures"},
    "library": {"storage", "encodings", "documents", "pictures", "prompts", "protocol"},
    "manuscript": {"documents", "encodings", "library", "markdown", "pictures", "sampling", "storage"},
    "tools": {"documents", "pictures", "prompts", "settings", "storage"},
    "export": {"documents", "markdown", "pictures", "sampling"},
    "tasks": {
        "checkpoints", "settings", "specs", "roles", "worker", "storage", "library", "prompts", "protocol", "sampling",
        "documents", "markdown", "tools",
    },
    "app": {
        "prompts", "tasks", "tools", "worker", "library", "export", "storage", "documents", "specs", "protocol",
        "settings",
    },
    "api": {"app"},
    "ui": {
        "api", "app", "tasks", "library", "export", "storage", "checkpoints", "prompts", "protocol", "specs",
        "manuscript", "settings", "documents", "markdown", "roles", "sampling",
    },
    "cli": {
        "ui", "app", "tasks", "library", "export", "storage", "pictures", "checkpoints", "engine", "models", "prompts",
        "protocol", "specs", "manuscript", "settings", "documents", "roles", "sampling",
    },
}  # fmt: skip

# Heavy packages and the only parts that may import them.
ONLY_IN = {
    "torch": {"models", "auxiliary", "engine"},
    "transformers": {"models", "engine"},
    "timm": {"auxiliary"},
    "xllamacpp": {"engine"},
    "gradio": {"ui"},
}


def part(name: str) -> str:
    """studio.ui.server → ui."""
    return name.split(".")[1] if "." in name else "__init__"


def module(file: Path) -> str:
    names = file.relative_to(STUDIO.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


MODULES = {module(file): file for file in sorted(STUDIO.rglob("*.py"))}


def imports(source: str) -> Iterator[str]:
    """Every module named by an import, wherever it stands. `from studio import article` names studio.article."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who is meant"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)


def wrong(name: str, source: str) -> list[str]:
    """The imports of a module that the tables forbid."""
    mine, found = part(name), []
    for other in imports(source):
        if other.split(".")[0] == "studio":
            if part(other) not in {mine, *GROUND, *TABLE[mine]}:
                found.append(f"{name} imports {other}")
        elif mine not in ONLY_IN.get(other.split(".")[0], {mine}):
            found.append(f"{name} imports {other}")
    return found


@pytest.mark.parametrize("name", MODULES)
def test_imports_follow_the_table(name: str) -> None:
    assert part(name) in TABLE, f"{part(name)} is new: give it a place in the table"
    assert wrong(name, MODULES[name].read_text()) == []


def test_the_table_leads_downward() -> None:
    done: set[str] = set()
    while rest := {name for name in TABLE if name not in done}:
        free = {name for name in rest if TABLE[name] | (GROUND - {name}) <= done | GROUND}
        assert free, f"in a circle: {rest}"
        done |= free
    assert set(TABLE) == {part(name) for name in MODULES}, "a part that is gone still stands in the table"


def test_no_module_is_in_a_circle() -> None:
    """Not even for type hints: what two modules need of each other is a protocol in the lower one."""
    graph = {name: {other for other in imports(file.read_text()) if other in MODULES} for name, file in MODULES.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("studio.tasks.write", "import torch.nn"),
        ("studio.app", "def f():\n    from transformers import AutoModel"),
        ("studio.tasks.write", "from studio.ui import server"),
        ("studio.checkpoints.catalog", "from studio import engine"),
        ("studio.checkpoints.catalog", "import studio.engine.base"),
        ("studio.ui.server", "from studio.cli.write import save"),
        ("studio.cli.main", "import gradio as gr"),
    ],
)
def test_the_check_finds_what_it_must(name: str, source: str) -> None:
    assert wrong(name, source)


def test_the_page_loads_no_model_library() -> None:
    script = (
        "import studio.ui.server, studio.app, studio.cli.main, sys;"
        "import studio.cli.write, studio.cli.ask, studio.cli.library, studio.cli.doctor;"
        "print(sorted({'torch', 'transformers', 'timm', 'xllamacpp', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
