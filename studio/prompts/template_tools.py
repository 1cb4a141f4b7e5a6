"""Tools as the chat template of a model's own file has them, see `ToolFormat`.

The messages carry the list of tools and each call as JSON; `chat_protocol.by_template` puts around them what the
template does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from studio.documents.steps import AgentStep
from studio.prompts.json_tools import JsonTools
from studio.prompts.messages import TOOL_CALL, TOOL_LIST, Message, message
from studio.prompts.tool_protocol import AgentReply, Exchange, ToolSpec, clip, read_json_call
from studio.protocol import Control, Text, ToolFormat


@dataclass(frozen=True)
class TemplateTools:
    """See `ToolConvention`."""

    format: ToolFormat

    @property
    def controls(self) -> tuple[str, ...]:
        """Those that the model writes before a call, and Llama's mark of a program."""
        written = {s.piece for s in (*self.format.again, *self.format.called) if isinstance(s, Control)}
        return ("<|python_tag|>", *sorted(piece for piece in written if piece in self.format.mark))

    def messages(
        self,
        system: str,
        tools: tuple[ToolSpec, ...],
        exchanges: tuple[Exchange, ...],
        opening: tuple[Message, ...] = (),
    ) -> tuple[Message, ...]:
        """What the template cannot show is left out: a thought before a call. Calls of one reply follow each other, or
        one comes after the result of the other, as the template can have them."""
        made = [message("system", system)] if system else []
        if tools:
            made.append(message("system", self.format.between.join(map(self._listed, tools)), TOOL_LIST))
        made += opening
        for exchange in exchanges:
            made += self._turns(exchange)
        return tuple(made)

    def read(self, reply: str) -> AgentReply:
        """With the mark that the template has before a call; else as `JsonTools` reads it."""
        mark = self.format.mark.split()[0] if self.format.mark.strip() else ""
        before, found, after = reply.partition(mark) if mark and mark != "<tool_call>" else (reply, "", "")
        if not found:
            return JsonTools().read(reply)
        try:
            data, _ = json.JSONDecoder(strict=False).raw_decode(after.strip())
        except (ValueError, RecursionError):
            return AgentReply(before.strip(), (read_json_call(after),))
        calls = data if isinstance(data, list) else [data]
        return AgentReply(before.strip(), tuple(read_json_call(_json(call)) for call in calls))

    def _turns(self, exchange: Exchange) -> list[Message]:
        turns = [Message("user", (*exchange.images, Text(exchange.with_files)))]
        for _, group in groupby(exchange.steps, lambda step: step.reply):
            steps = list(group)
            if self.format.thought is not None and (thought := steps[0].thought):
                turns.append(message("assistant", thought))
            calls = [message("assistant", self._written(step), TOOL_CALL) for step in steps]
            results = [message("environment", self._result(step)) for step in steps]
            together = self.format.next_call is not None and self.format.next_result is not None
            pairs = zip(calls, results, strict=True)
            turns += [*calls, *results] if together else [turn for pair in pairs for turn in pair]
        return [*turns, message("assistant", exchange.answer)] if exchange.answer else turns

    def _listed(self, tool: ToolSpec) -> str:
        shown = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        whole = {"type": "function", "function": shown} if self.format.wrapped else shown
        return json.dumps(whole, ensure_ascii=False, indent=self.format.indent)

    def _written(self, step: AgentStep) -> str:
        """A call as the model wrote it; with the id that its result will name, where the template has ids."""
        written = step.written.strip()
        if not self.format.call_id:
            return written
        try:
            return _json({**json.loads(written), "id": self.format.call_id})
        except (ValueError, TypeError, RecursionError):
            return written

    def _result(self, step: AgentStep) -> str:
        result = clip(step.result)
        return _json(result) if self.format.quoted else result


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
