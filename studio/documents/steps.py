"""What an agent does between a question and its answer, as data that is stored and shown: a step a call of a tool.

The model thinks aloud, calls a tool, and reads the result; then it goes on. `written` is what it wrote as the call, to
the character, since a later prompt repeats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from studio.documents.article import Picture

# Being written; waits for the person's yes; runs; has a result; failed, which the model is told and may mend; the
# person said no; stopped.
StepStatus = Literal["writing", "asking", "running", "done", "failed", "refused", "stopped"]
CallForm = Literal["plugin", "interpreter"]  # how InternLM2 writes a call: as JSON, or as code
Cells: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class StepTable:
    """A table that a tool made, as text. `rows_left_out` more rows are not in it."""

    columns: Cells
    rows: tuple[Cells, ...]
    rows_left_out: int = 0


@dataclass(frozen=True)
class StepFile:
    """A file in the conversation's folder, by its name there; `size` in bytes. `head`: the first lines of a text that a
    person brought, which a model should know before it works with it."""

    name: str
    size: int
    head: str = ""


@dataclass(frozen=True)
class AgentStep:
    """One call of a tool. `thought` is what the model wrote before it; `tool` the tool's name, empty where the call
    named none that is there; `arguments` what it is called with (for python: `code`). `result` is what the model was
    told, also about an error. Steps with the same `reply` were written in one reply of the model, numbered from 0 in
    each question."""

    thought: str = ""
    tool: str = ""
    written: str = ""
    form: CallForm = "plugin"
    reply: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)
    status: StepStatus = "running"
    result: str = ""
    pictures: tuple[Picture, ...] = ()
    tables: tuple[StepTable, ...] = ()
    files: tuple[StepFile, ...] = ()
    seconds: float = 0.0  # that the tool took

    @property
    def code(self) -> str:
        """The code that runs, empty for a tool that takes none."""
        code = self.arguments.get("code", "")
        return code if isinstance(code, str) else ""

    @property
    def ended(self) -> bool:
        """Whether it has a result."""
        return self.status not in ("writing", "asking", "running")


def steps_to_list(steps: tuple[AgentStep, ...]) -> list[dict[str, Any]]:
    """As plain JSON data."""
    return [asdict(step) for step in steps]


def steps_from_list(data: Any) -> tuple[AgentStep, ...]:
    """Back from `steps_to_list`. A step that was under way when the studio ended is stopped."""
    return tuple(map(_step, data or ()))


def _step(data: Mapping[str, Any]) -> AgentStep:
    step = AgentStep(
        **{
            **data,
            "pictures": tuple(Picture(**p) for p in data.get("pictures", ())),
            "tables": tuple(
                StepTable(tuple(t["columns"]), tuple(map(tuple, t["rows"])), t.get("rows_left_out", 0))
                for t in data.get("tables", ())
            ),
            "files": tuple(StepFile(**f) for f in data.get("files", ())),
        }
    )
    return step if step.ended else AgentStep(**{**vars(step), "status": "stopped"})
