"""What day it is, what day of the week a date is, and how far two dates are apart: models know none of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from studio.errors import InputError
from studio.tools.registry import FixedTools, SimpleTool, ToolContext, ToolResult, ToolSource

_WEEKDAYS = (
    "Monday 星期一", "Tuesday 星期二", "Wednesday 星期三", "Thursday 星期四", "Friday 星期五", "Saturday 星期六",
    "Sunday 星期日",
)  # fmt: skip


class DateTool(SimpleTool):
    """See the module."""

    name = "date"
    words = ("Date and time", "日期与时间")
    description = (
        "Tell today's date and the time now; with a date its day of the week and how many days away it is.",
        "给出今天的日期和当前时间；给定日期时给出星期几以及相差多少天。",
    )
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "date": {"type": "string", "description": "YYYY-MM-DD, to ask about this date / 要查询的日期"},
            "since": {"type": "string", "description": "YYYY-MM-DD to count from instead of today / 起始日期"},
            "time_zone": {"type": "string", "description": "Such as Asia/Shanghai / 时区"},
        },
    }

    def run(self, arguments: Mapping[str, Any], context: ToolContext) -> ToolResult:
        """Raises InputError for what is no date, or no time zone."""
        zone = _zone(arguments.get("time_zone"))
        now = datetime.now(zone) if zone else datetime.now().astimezone()
        lines = [f"Now: {now:%Y-%m-%d %H:%M} ({_WEEKDAYS[now.weekday()]}, time zone {now.tzname()})"]
        if given := arguments.get("date"):
            asked = _date(given)
            since = _date(arguments["since"]) if arguments.get("since") else now.date()
            lines.append(f"{asked}: {_WEEKDAYS[asked.weekday()]}")
            lines.append(f"From {since} to {asked}: {(asked - since).days} days")
        return ToolResult("\n".join(lines))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as e:
        raise InputError("date_wrong", value=text[:40]) from e


def _zone(name: str | None) -> tzinfo | None:
    if not name:
        return None
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError) as e:  # a name that is a path is a ValueError
        raise InputError("time_zone_unknown", name=name[:40]) from e


TOOLS = ToolSource(50, lambda settings: FixedTools(DateTool()))
