"""The tools an agent may call: each comes from a module in `builtin/` with one entry, `TOOLS`, found by being there.

An entry gives its tools when it is opened, so that a module may offer one tool, or as many as a server has. What a
model writes as arguments is checked against the tool's schema before the tool runs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from studio.documents.article import Picture
from studio.documents.steps import StepFile, StepTable
from studio.errors import Language, StudioError
from studio.prompts.tool_protocol import ToolSpec
from studio.settings import Settings
from studio.tools import builtin as _entries

Words: TypeAlias = tuple[str, str]  # English, Chinese


class Cancellable(Protocol):
    """Work under way that can be ended from any thread."""

    def cancel(self) -> None:
        """End it; harmless when it is over."""
        ...


C = TypeVar("C", bound=Cancellable)


class StopSignal(Protocol):
    """The person's Stop."""

    @property
    def pressed(self) -> bool:
        """Whether it was pressed."""
        ...

    def watch(self, request: C) -> C:
        """The work that a press would cancel now; cancelled at once where it was pressed before."""
        ...


@dataclass(frozen=True)
class FoundPicture:
    """A picture of the library, and its caption."""

    picture: Picture
    caption: str


@dataclass(frozen=True)
class ToolContext:
    """What a call may use: who asks, in which conversation (a key for what lasts as long as it), in which language, the
    folder of the conversation's files, a search of the picture library, and the person's Stop."""

    person: str
    conversation: str
    language: Language
    stop: StopSignal
    folder: Path
    find_pictures: Callable[[str, int], list[FoundPicture]] = lambda query, limit: []


@dataclass(frozen=True)
class DrawnPicture:
    """A picture that a tool made: the bytes of a file that nobody has looked at yet, and a title."""

    data: bytes = field(repr=False)
    title: str = ""


@dataclass(frozen=True)
class ToolResult:
    """What came of a call. `text` is for the model; `failed` says that the call went wrong in a way that it may mend.
    `drawn` are pictures that still have to be taken in, `pictures` are in the store already."""

    text: str
    failed: bool = False
    drawn: tuple[DrawnPicture, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[StepTable, ...] = ()
    files: tuple[StepFile, ...] = ()


class Tool(Protocol):
    """One tool. `words` are its name for people, `describe` what it does, which is told to the model, too."""

    @property
    def name(self) -> str:
        """How the model calls it: letters, digits, `_`, `-` and `.`."""
        ...

    @property
    def words(self) -> Words:
        """What the page calls it."""
        ...

    @property
    def description(self) -> Words:
        """What it does."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """A JSON schema of type object."""
        ...

    def unavailable(self) -> StudioError | None:
        """Why it cannot be used on this machine; None where it can. Answers at once."""
        ...

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Do it. `arguments` fit `parameters`. Raises StudioError, whose sentence the model is told."""
        ...

    def warm(self) -> None:
        """It will probably be used soon: prepare in the background what takes time. Returns at once."""
        ...

    def close(self) -> None:
        """End what it has started."""
        ...


class ToolProvider(Protocol):
    """The tools of one source while the studio runs. They may come and go, as a server does."""

    @property
    def tools(self) -> Sequence[Tool]:
        """Those there are now. Answers at once."""
        ...

    def close(self) -> None:
        """End what they have started."""
        ...


@dataclass(frozen=True)
class ToolSource:
    """The entry of a module. `open` is called once, when the studio starts. Menus go by `rank`."""

    rank: int
    open: Callable[[Settings], ToolProvider]


class SimpleTool:
    """What most tools are: nothing to prepare, nothing to end, available everywhere."""

    def unavailable(self) -> StudioError | None:
        """It always can."""
        return None

    def warm(self) -> None:
        """Nothing takes time."""

    def close(self) -> None:
        """Nothing was started."""


class FixedTools:
    """What most sources are: tools that are there from the beginning."""

    def __init__(self, *tools: Tool) -> None:
        self.tools = tools

    def close(self) -> None:
        """See `Tool.close`."""
        for tool in self.tools:
            tool.close()


class Toolbox:
    """The tools of a running studio by name. `close` it."""

    def __init__(self, settings: Settings) -> None:
        self._providers = [source.open(settings) for source in all_sources()]

    @property
    def all(self) -> tuple[Tool, ...]:
        """Every tool, in the order of menus, also those that cannot be used here."""
        return tuple(tool for provider in self._providers for tool in provider.tools)

    def find(self, name: str) -> Tool | None:
        """The tool of that name; of two, the first. A model may write a namespace before it: `Tools.python`."""
        tools = {tool.name: tool for tool in reversed(self.all)}
        return tools.get(name) or tools.get(name.rpartition(".")[2])

    def warm(self, names: tuple[str, ...]) -> None:
        """See `Tool.warm`."""
        for tool in self.all:
            if tool.name in names and tool.unavailable() is None:
                tool.warm()

    def close(self) -> None:
        """End what the tools have started."""
        for provider in self._providers:
            provider.close()


def spec_of(tool: Tool, language: Language) -> ToolSpec:
    """What the model is told of a tool."""
    return ToolSpec(tool.name, tool.description[language == "zh"], tool.parameters)


def named_nearly(name: str, tools: Mapping[str, Tool]) -> Tool | None:
    """Of these tools the one that a model means, where it can mean no other: small models write `Calculator`,
    `python_interpreter` or `arxiv_search`."""
    wanted = _letters(name)
    same = [tool for known, tool in tools.items() if wanted and _letters(known) in wanted]
    near = same or [tools[known] for known in get_close_matches(wanted, tools, cutoff=0.8)]
    return near[0] if len(near) == 1 else None


def _letters(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())


def arguments_problem(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """What is wrong with arguments, as a sentence for the model; empty where they fit the tool's schema."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(tool.parameters).iter_errors(dict(arguments)))
    if error is None:
        return ""
    where = f" at {error.json_path.removeprefix('$.')}" if error.path else ""
    return f"The arguments of {tool.name} are wrong{where}: {error.message[:300]}."


@cache
def all_sources() -> tuple[ToolSource, ...]:
    """In the order of menus."""
    names = (f"{_entries.__name__}.{module.name}" for module in pkgutil.iter_modules(_entries.__path__))
    modules = map(importlib.import_module, names)
    return tuple(sorted((module.TOOLS for module in modules), key=lambda source: source.rank))
