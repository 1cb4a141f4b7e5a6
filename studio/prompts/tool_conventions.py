"""Which convention for tools a loaded model has, and the prompt of it that fits its context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from studio.errors import ContextOverflow
from studio.prompts.budget import Budget
from studio.prompts.internlm2_tools import InternLM2Tools
from studio.prompts.json_tools import JsonTools
from studio.prompts.messages import Message
from studio.prompts.template_tools import TemplateTools
from studio.prompts.tool_protocol import MAX_RESULT, Exchange, ToolConvention, ToolSpec, clip
from studio.protocol import MIN_NEW_TOKENS, Control, ModelCard, Prompt

MIN_RESULT = 200  # characters of a result that stay when there is little room


def convention_of(card: ModelCard) -> ToolConvention:
    """How a loaded model calls tools: InternLM2 was trained with its own protocol; others as the chat template of their
    file has it. Where that says nothing of tools, Llama 3 knows bare JSON, and others Qwen's convention best."""
    if card.dialect in ("internlm2", "xcomposer2", "xcomposer2.5"):
        return InternLM2Tools()
    if card.chat and card.chat.tools:
        return TemplateTools(card.chat.tools)
    headers = [s.piece for s in (card.chat.ask if card.chat else ()) if isinstance(s, Control)]
    return JsonTools("llama") if "<|start_header_id|>" in headers else JsonTools()


@dataclass(frozen=True)
class Calling:
    """A prompt for the next reply and how many new tokens have room. The oldest `unread` exchanges are left out."""

    prompt: Prompt
    room: int
    unread: int = 0


def fit(
    budget: Budget,
    convention: ToolConvention,
    prompt_of: Callable[[tuple[Message, ...]], Prompt],
    system: str,
    tools: tuple[ToolSpec, ...],
    exchanges: tuple[Exchange, ...],
    wanted: int,
    opening: tuple[Message, ...] = (),
) -> Calling:
    """The oldest exchanges go first; then the results of the last one are shortened to a half, a quarter …

    Raises ContextOverflow when the question and the tools do not fit by themselves.
    """
    states = [(old, MAX_RESULT) for old in range(len(exchanges))]
    limit = MAX_RESULT // 2
    while exchanges[-1].steps and limit >= MIN_RESULT:
        states.append((len(exchanges) - 1, limit))
        limit //= 2

    def build(state: tuple[int, int]) -> Prompt:
        old, limit = state
        return prompt_of(
            convention.messages(system, tools, tuple(_clipped(e, limit) for e in exchanges[old:]), opening)
        )

    try:
        (unread, _), prompt = budget.fullest(states, build, budget.share(wanted))
    except ContextOverflow:
        (unread, _), prompt = budget.fullest(states, build, min(wanted, MIN_NEW_TOKENS))
    return Calling(prompt, budget.room(prompt, wanted), unread)


def _clipped(exchange: Exchange, limit: int) -> Exchange:
    return replace(exchange, steps=tuple(replace(s, result=clip(s.result, limit)) for s in exchange.steps))
