"""Which convention for tools a loaded model has, and the prompt of it that fits its context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from studio.errors import ContextOverflow
from studio.language import language_of
from studio.prompts.budget import Budget
from studio.prompts.internlm2_tools import InternLM2Tools
from studio.prompts.json_tools import JsonTools
from studio.prompts.messages import Message
from studio.prompts.template_tools import TemplateTools
from studio.prompts.tool_protocol import MAX_RESULT, Exchange, ToolConvention, ToolSpec, clip
from studio.protocol import MIN_NEW_TOKENS, Control, ModelCard, Prompt, Sampling

SMALL = 4_000_000_000  # weights of a model below which it is reminded to answer
ANSWER_NOW = {
    "en": "Now answer my question with this result, in a whole sentence. Only if it is not enough, call a tool again.",
    "zh": "如果这已经能回答问题，请直接用完整的一句话回答，不要再调用工具。",
}
MEND = {
    "en": "That went wrong. Call the tool again with the mistake mended; do not explain it to me.",
    "zh": "出错了。请改正错误后再次调用工具，不要向我解释。",
}
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


def calling(answering: Sampling) -> Sampling:
    """How a model that answers so calls tools: nearly greedily, and free to repeat numbers and names to the letter."""
    return replace(answering, temperature=min(answering.temperature, 0.1), repetition_penalty=1.0)


def with_reminders(card: ModelCard, exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """Small instruction models go on calling when they have what they need, unless each result tells them to answer."""
    if card.dialect != "instruct" or not 0 < card.parameters < SMALL:
        return exchanges
    return tuple(map(_with_reminder, exchanges))


def _with_reminder(exchange: Exchange) -> Exchange:
    language = language_of(exchange.question)
    told = {"done": ANSWER_NOW[language], "failed": MEND[language]}
    steps = (replace(s, result=f"{s.result}\n\n{told[s.status]}") if s.status in told else s for s in exchange.steps)
    return replace(exchange, steps=tuple(steps))


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
