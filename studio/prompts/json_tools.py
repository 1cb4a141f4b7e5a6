"""Tools for models whose calls are JSON in ordinary text: Qwen's convention, which Hermes began and most models read
(`<tool_call>` around each call), and Llama 3's (the reply is nothing but the call)."""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from studio.documents.steps import AgentStep
from studio.prompts.messages import Message, message
from studio.prompts.tool_protocol import AgentReply, Exchange, ToolSpec, clip, read_json_call
from studio.protocol import Text

QWEN_SYSTEM = """\
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{{"name": <function-name>, "arguments": <args-json-object>}}
</tool_call>"""

LLAMA_SYSTEM = """\
Given the following functions, please respond with a JSON for a function call with its proper arguments that best \
answers the given prompt.

Respond in the format {{"name": function name, "parameters": dictionary of argument name and its value}}.\
Do not use variables.

{tools}"""

_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"\A```(?:json)?\s*|\s*```\Z")
_BEGIN = r'(?=\{\s*["\'](?:name|type|function)["\'])'
# what small models write instead of the marks, with nothing but a call inside
_ODD = re.compile(
    rf"<(tools?|tool_calls|function_call|function)>\s*{_BEGIN}(?P<tagged>.*?)(?:</\1>|\Z)"
    rf"|```(?:json|tool_call|tool_code)?[ \t]*\n\s*{_BEGIN}(?P<fenced>.*?)(?:\n\s*```|\Z)",
    re.DOTALL,
)
_CALL = re.compile(r'\A\{.*?["\'](?:arguments|parameters)["\']\s*:', re.DOTALL)

_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True)
class JsonTools:
    """See `ToolConvention`. `style` is `qwen` or `llama`."""

    style: Literal["qwen", "llama"] = "qwen"
    controls: tuple[str, ...] = ("<|python_tag|>",)

    def messages(
        self,
        system: str,
        tools: tuple[ToolSpec, ...],
        exchanges: tuple[Exchange, ...],
        opening: tuple[Message, ...] = (),
    ) -> tuple[Message, ...]:
        """One system text; each result as the turn of an environment, several of one reply in one turn."""
        texts = [system] if system else []
        if tools:
            listed = [_function(tool) for tool in tools]
            if self.style == "qwen":
                texts.append(QWEN_SYSTEM.format(tools="\n".join(json.dumps(f, ensure_ascii=False) for f in listed)))
            else:
                shown = "\n\n".join(json.dumps(f, ensure_ascii=False, indent=4) for f in listed)
                texts.append(LLAMA_SYSTEM.format(tools=shown))
        made = [message("system", "\n\n".join(texts))] if texts else []
        made += opening
        for exchange in exchanges:
            made += self._turns(exchange)
        return tuple(made)

    def read(self, reply: str) -> AgentReply:
        """The text before the first call is the thought. Calls without marks count where they are the whole reply."""
        text = _THOUGHT.sub("", reply).strip()
        calls = tuple(read_json_call(mended(found[1])) for found in _TAGGED.finditer(text))
        if calls:
            return AgentReply(text.split("<tool_call>", 1)[0].strip(), calls)
        odd = [(found, found["tagged"] or found["fenced"]) for found in _ODD.finditer(text)]
        if odd := [(found, written) for found, written in odd if _CALL.match(written.strip())]:
            return AgentReply(text[: odd[0][0].start()].strip(), tuple(read_json_call(mended(one)) for _, one in odd))
        bare = _FENCE.sub("", text.removeprefix("<|python_tag|>").strip()).strip()
        if bare.startswith("{") and re.search(r'\A\{\s*"(name|type|function)"', bare):
            call = read_json_call(mended(bare))
            if call.tool or call.problem:
                return AgentReply("", (call,))
        return AgentReply(text)

    def _turns(self, exchange: Exchange) -> list[Message]:
        turns = [Message("user", (*exchange.images, Text(exchange.with_files)))]
        replies: dict[int, list[AgentStep]] = {}
        for step in exchange.steps:
            replies.setdefault(step.reply, []).append(step)
        for steps in replies.values():
            turns += [message("assistant", self._written(steps)), message("environment", self._results(steps))]
        return [*turns, message("assistant", exchange.answer)] if exchange.answer else turns

    def _written(self, steps: list[AgentStep]) -> str:
        if self.style == "llama":
            return "\n".join(step.written.strip() for step in steps)
        calls = [f"<tool_call>\n{step.written.strip()}\n</tool_call>" for step in steps]
        return "\n".join(filter(None, [steps[0].thought, *calls]))

    def _results(self, steps: list[AgentStep]) -> str:
        if self.style == "llama":
            return "\n".join(clip(step.result) for step in steps)
        return "\n".join(f"<tool_response>\n{clip(step.result)}\n</tool_response>" for step in steps)


def mended(written: str) -> str:
    """A call that is no JSON as JSON, where it is certain what it says: in a fence, as Python writes it, or without its
    last braces. Any other stays as it is."""
    text = _FENCE.sub("", written.strip()).strip()
    for tried in (text, text + "}", text + "}}"):
        with suppress(ValueError, RecursionError):
            _DECODER.raw_decode(tried)
            return tried
    with suppress(ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        if isinstance(data := ast.literal_eval(text), dict):
            return json.dumps(data, ensure_ascii=False)
    return written


def _function(tool: ToolSpec) -> dict[str, object]:
    shown = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": shown}
