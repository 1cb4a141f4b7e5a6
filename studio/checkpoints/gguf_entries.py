"""Which entries of a GGUF header cannot be: of another type than the format has, or beyond all measure.

Only entries that decide how a model is loaded; others may say what they like. Names and types:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TEXTS = ("general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.pre", "tokenizer.chat_template")
_COUNTS = {  # of the file's own architecture: the least and the most
    "context_length": (1, 1 << 30),
    "embedding_length": (1, 1 << 20),
    "block_count": (1, 512),
    "feed_forward_length": (0, 1 << 24),
    "attention.head_count": (0, 1 << 16),
    "attention.head_count_kv": (0, 1 << 16),
    "attention.key_length": (0, 1 << 16),
    "attention.value_length": (0, 1 << 16),
    "vocab_size": (1, 1 << 28),
    "expert_count": (0, 1 << 16),
    "expert_used_count": (0, 1 << 16),
}
_SCALINGS = ("none", "linear", "yarn", "longrope")
_LISTS = {"tokens": ("text",), "merges": ("text",), "scores": ("f", "d"), "token_type": ("i", "I")}
_AS_MANY_AS_TOKENS = ("scores", "token_type")


@dataclass(frozen=True)
class ListKind:
    """What a list is made of: `text`, `list`, or a letter of `struct`."""

    of: str
    length: int


def wrong_entry(
    architecture: str, facts: Mapping[str, Any], lists: Mapping[str, ListKind]
) -> tuple[str, str, str] | None:
    """The first entry that cannot be: its name, what is found and what is expected; None where all can."""
    for name in _TEXTS:
        if name in facts and not isinstance(facts[name], str):
            return name, _shown(facts[name]), "a text"
    alignment = facts.get("general.alignment", 32)
    if not _whole(alignment) or not 0 < alignment <= 1 << 20 or alignment & (alignment - 1):
        return "general.alignment", _shown(alignment), "a power of two"
    for suffix, (least, most) in _COUNTS.items():
        name = f"{architecture}.{suffix}"
        if name not in facts:
            continue
        values = facts[name] if isinstance(facts[name], tuple) else (facts[name],)
        if not values or not all(_whole(value) and least <= value <= most for value in values):
            return name, _shown(facts[name]), f"a whole number from {least} to {most}"
    if facts.get(name := f"{architecture}.rope.scaling.type", "none") not in _SCALINGS:
        return name, _shown(facts[name]), f"one of {', '.join(_SCALINGS)}"
    if facts.get(f"{architecture}.expert_count") and not facts.get(name := f"{architecture}.expert_used_count"):
        return name, _shown(facts.get(name, 0)), "a whole number from 1 on"
    for name, value in facts.items():
        if name.startswith("tokenizer.ggml.") and name.endswith("_token_id") and not _whole(value):
            return name, _shown(value), "a whole number"
    return _wrong_list(facts, lists)


def _wrong_list(facts: Mapping[str, Any], lists: Mapping[str, ListKind]) -> tuple[str, str, str] | None:
    tokens = lists.get("tokenizer.ggml.tokens", ListKind("text", 0))
    for suffix, kinds in _LISTS.items():
        name = f"tokenizer.ggml.{suffix}"
        expected = f"a list of {'texts' if kinds == ('text',) else 'numbers'}"
        if name not in facts:
            continue
        if (found := lists.get(name)) is None:
            return name, _shown(facts[name]), expected
        if found.of not in kinds and found.length:
            return name, f"a list of {_KINDS.get(found.of, 'numbers')}", expected
        if suffix in _AS_MANY_AS_TOKENS and found.length != tokens.length:
            return name, f"{found.length:,} values", f"one for each of {tokens.length:,} tokens"
    return None


_KINDS = {"text": "texts", "list": "lists", "f": "fractions", "d": "fractions"}


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    """An entry, shortened, on one line."""
    text = "a long list" if value is None else f"{value!r}"
    return text if len(text) <= 40 else f"{text[:40]}…"
