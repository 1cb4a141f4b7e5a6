"""What people see when an agent or one of its tools cannot do what it should. Models read these sentences, too."""

from __future__ import annotations

# key: (English, Chinese)
SENTENCES: dict[str, tuple[str, str]] = {
    "agent_too_many_calls": (
        "The model called tools {limit} times without an answer. Ask for less at once, or switch tools off.",
        "模型调用了 {limit} 次工具仍没有回答。请缩小问题范围，或关闭部分工具。",
    ),
    "calculation_wrong": (
        "The expression {expression} cannot be calculated: {cause}. Use numbers, + - * / // % ** ( ) and functions such"
        " as sqrt, sin, log, round.",
        "无法计算 {expression}：{cause}。请使用数字、+ - * / // % ** ( ) 以及 sqrt、sin、log、round 等函数。",
    ),
    "date_wrong": (
        "{value} is no date. Write it as YYYY-MM-DD, for example 2026-07-31.",
        "{value} 不是日期，请写成 YYYY-MM-DD，例如 2026-07-31。",
    ),
    "time_zone_unknown": (
        "There is no time zone {name}. Use a name such as Asia/Shanghai, Europe/Berlin or UTC.",
        "没有时区 {name}，请使用 Asia/Shanghai、Europe/Berlin 或 UTC 这样的名称。",
    ),
}
