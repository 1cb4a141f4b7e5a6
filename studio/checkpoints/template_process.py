"""A chat template at work, in a process of its own that has little time and memory.

A template comes with a file of strangers and is a program: Jinja's sandbox keeps it from everything outside, but not
from loops without end or texts that double. So it runs here, as a script that loads nothing but Jinja, and whoever
asked waits a bounded time: `render` gives what it wrote until then.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

PROCESSOR_SECONDS = 5  # of the process; all requests of a usual template take a hundredth of one
WAIT = 30.0  # seconds on the clock, as the machine may be busy
MEMORY = 512 << 20  # bytes of address space
LONGEST = 1 << 16  # characters of what a template may write around a few short messages


def render(template: str, common: Mapping[str, Any], requests: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """What the template writes for each of the requests, which are its variables beside those in common; None for one
    that it fails at, or that it did not come to."""
    work = json.dumps({"seconds": PROCESSOR_SECONDS, "template": template, "common": common, "requests": requests})
    command = [sys.executable, "-I", "-B", __file__]
    try:
        done = subprocess.run(command, input=work.encode(), stdout=-1, stderr=subprocess.DEVNULL, timeout=WAIT)
        output = done.stdout
    except subprocess.TimeoutExpired as e:
        output = e.stdout or b""
    except OSError:  # no process to be had
        output = b""
    lines = output.split(b"\n")[:-1]  # of whole lines only
    texts: list[str | None] = [json.loads(line) for line in lines[: len(requests)]]
    return texts + [None] * (len(requests) - len(texts))


def main() -> None:
    """The process: work as JSON comes in, a line of JSON a request goes out."""
    work = json.load(sys.stdin)
    _limit(work["seconds"])
    write = compiled(work["template"])
    for request in work["requests"]:
        text = write(work["common"] | request)
        sys.stdout.write(json.dumps(text) + "\n")
        sys.stdout.flush()


def compiled(source: str) -> Any:
    """A function that gives what the template writes with some variables, or None where it fails."""
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    failures = (
        *(TemplateError, ArithmeticError, AttributeError, LookupError),
        *(MemoryError, RuntimeError, TypeError, ValueError),
    )
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    # What transformers offers to templates:
    environment.globals |= {"raise_exception": _refuse, "strftime_now": _today}
    environment.filters["tojson"] = _to_json
    try:
        template = environment.from_string(source)
    except failures:
        return lambda variables: None

    def write(variables: Mapping[str, Any]) -> str | None:
        text = ""
        try:
            for piece in template.generate(**variables):
                text += piece
                if len(text) > LONGEST:
                    return None
        except failures:
            return None
        return text

    return write


def _limit(seconds: int) -> None:
    """The kernel's limits, where the system has them."""
    if sys.platform != "win32":
        import resource

        for limit, value in (
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_AS, MEMORY),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(limit, (value, value))


def _to_json(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    """As transformers has it: Jinja's own escapes what HTML does not allow."""
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _refuse(reason: object) -> str:
    raise ValueError(str(reason)[:200])


def _today(pattern: str) -> str:
    """A date that stays: today's would make every day's prompts new to the prefix cache."""
    from datetime import date

    return date(2026, 1, 1).strftime(str(pattern)[:40])


if __name__ == "__main__":
    main()
