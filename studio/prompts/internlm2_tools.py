"""InternLM2-Chat's own protocol for tools (chat/chat_format.md of InternLM/InternLM, and Lagent's Internlm2Protocol).

The system texts are those it was trained with, to the character. A call stands at the end of an assistant turn between
`<|action_start|>` and `<|action_end|>`; its result is the turn of an `environment`.
"""

from __future__ import annotations

import json
import re

from studio.documents.steps import AgentStep
from studio.prompts.messages import Message, message
from studio.prompts.tool_protocol import CODE_TOOL, AgentReply, Call, Exchange, ToolSpec, clip, read_json_call
from studio.protocol import Control, Segment, Text

META = "当开启工具以及代码时，根据需求选择合适的工具进行调用"
INTERPRETER_SYSTEM = (
    "你现在已经能够在一个有状态的 Jupyter 笔记本环境中运行 Python 代码。"
    "当你向 python 发送含有 Python 代码的消息时，它将在该环境中执行。"
    "这个工具适用于多种场景，如数据分析或处理（包括数据操作、统计分析、图表绘制），"
    "复杂的计算问题（解决数学和物理难题），编程示例（理解编程概念或特性），"
    "文本处理和分析（比如文本解析和自然语言处理），机器学习和数据科学（用于展示模型训练和数据可视化），"
    "以及文件操作和数据导入（处理CSV、JSON等格式的文件）。"
)
PLUGIN_SYSTEM = (
    "你可以使用如下工具：\n{prompt}\n如果你已经获得足够信息，请直接给出答案. "
    "避免不必要的工具调用! 同时注意你可以使用的工具，不要随意捏造！"
)
PLUGIN, INTERPRETER = "<|plugin|>", "<|interpreter|>"
ACTION_START, ACTION_END = "<|action_start|>", "<|action_end|>"

_CALL = re.compile(rf"(?:{re.escape(ACTION_START)})?\s*({re.escape(PLUGIN)}|{re.escape(INTERPRETER)})\n?")
_FENCED = re.compile(r"```(?:[\w+-]*)[ \t]*\n(.*?)(?:\n```|```|\Z)", re.DOTALL)


class InternLM2Tools:
    """See `ToolConvention`."""

    controls = (ACTION_START, ACTION_END, PLUGIN, INTERPRETER)

    def messages(
        self,
        system: str,
        tools: tuple[ToolSpec, ...],
        exchanges: tuple[Exchange, ...],
        opening: tuple[Message, ...] = (),
    ) -> tuple[Message, ...]:
        """A person's own system text, the trained ones for what is switched on, then the turns."""
        plugins = [tool for tool in tools if tool.name != CODE_TOOL]
        made = [message("system", system)] if system else []
        made += [message("system", META)] if tools else []
        if len(plugins) < len(tools):
            made.append(message("system", INTERPRETER_SYSTEM, INTERPRETER))
        if plugins:
            made.append(message("system", PLUGIN_SYSTEM.replace("{prompt}", _listed(plugins)), PLUGIN))
        made += opening
        for exchange in exchanges:
            made += _turns(exchange)
        return tuple(made)

    def read(self, reply: str) -> AgentReply:
        """The thought before the first call, and the call; nothing may follow it. Words are kept to the character, so
        that the next prompt begins with what was written."""
        found = _CALL.search(reply)
        if found is None:
            thought, begun, _ = reply.partition(ACTION_START)
            if begun:  # cut, or a name that is none
                return AgentReply(thought, (Call("", reply[len(thought) + len(begun) :], problem=_NO_KIND),))
            return AgentReply(reply.replace(ACTION_END, ""))
        thought = reply[: found.start()]
        written = reply[found.end() :].split(ACTION_END, 1)[0]
        if found[1] == INTERPRETER:
            return AgentReply(thought, (_code_call(written),))
        return AgentReply(thought, (read_json_call(written),))


def _listed(tools: list[ToolSpec]) -> str:
    listed = [{"name": t.name, "description": t.description, "parameters": t.parameters} for t in tools]
    return json.dumps(listed, ensure_ascii=False, indent=4)


def _turns(exchange: Exchange) -> list[Message]:
    turns = []
    if exchange.files:
        listed = [{"path": name, "size": _size(size)} for name, size in exchange.files]
        turns.append(message("user", json.dumps(listed, ensure_ascii=False), "file"))
    turns.append(Message("user", (*exchange.images, Text(exchange.question))))
    for step in exchange.steps:
        kind = INTERPRETER if step.form == "interpreter" else PLUGIN
        turns += [Message("assistant", _call_segments(step, kind)), message("environment", clip(step.result), kind)]
    return [*turns, message("assistant", exchange.answer)] if exchange.answer else turns


def _call_segments(step: AgentStep, kind: str) -> tuple[Segment, ...]:
    """Thought and call in one turn; code is followed by a line break, as in training."""
    after = (Text("\n"),) if kind == INTERPRETER else ()
    marks = (Control(ACTION_START), Control(kind), Text(f"\n{step.written}"), Control(ACTION_END), *after)
    return (Text(step.thought), *marks) if step.thought else marks


def _code_call(written: str) -> Call:
    """Code from the first fenced block, from a JSON object's `code`, or the text itself (as Lagent reads it)."""
    if fenced := _FENCED.search(written):
        code = fenced[1]
    else:
        code = written.strip().strip("`").strip()
        if code.startswith("{") and isinstance(given := read_json_code(code), str):
            code = given
    problem = "" if code.strip() else "There is no code in the call. Write it as a ```python block."
    return Call(CODE_TOOL, written, {"code": code}, "interpreter", problem)


def read_json_code(text: str) -> str | None:
    """The `code` of a JSON object; None where it is none."""
    try:
        data = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    code = data.get("code") if isinstance(data, dict) else None
    return code if isinstance(code, str) else None


def _size(size: int) -> str:
    return f"{size / 1024:.0f}K" if size < 1 << 20 else f"{size / (1 << 20):.1f}M"


_NO_KIND = f"The call has no kind. Write {PLUGIN} before JSON, or {INTERPRETER} before code."
