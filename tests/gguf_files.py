"""GGUF files made here: any entries and tensors, in the format's own layout."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CONTROL, USER_DEFINED, NORMAL = 3, 4, 1


def write(path: Path, facts: Mapping[str, Any], tensors: Mapping[str, Sequence[int]] | None = None) -> Path:
    """A file with these entries, and tensors of float32 of these shapes, all zero."""
    shapes = {"t": [32]} if tensors is None else tensors
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(facts))
    for name, value in facts.items():
        head += _text(name) + _value(value)
    at = 0
    for name, shape in shapes.items():
        head += _text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", 0, at)
        size = 4
        for number in shape:
            size *= number
        at += size + -size % 32
    path.write_bytes(head + bytes(-len(head) % 32) + bytes(at))
    return path


def model(path: Path, template: str = "", **facts: Any) -> Path:
    """A model's file of a small architecture."""
    entries: dict[str, Any] = {
        "general.architecture": "qwen2",
        "general.name": "Toy 1B",
        "qwen2.context_length": 32768,
        "qwen2.embedding_length": 64,
        "qwen2.block_count": 2,
        "qwen2.attention.head_count": 4,
        "qwen2.attention.head_count_kv": 2,
    }
    if template:
        entries["tokenizer.chat_template"] = template
    return write(path, entries | facts, {"token_embd.weight": [64, 1000]})


def mmproj(path: Path, width: int = 64) -> Path:
    """What lets a model with embeddings of `width` see."""
    return write(path, {"general.architecture": "clip"}, {"mm.2.weight": [128, width], "v.patch": [14, 14]})


def _value(value: Any) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<Ii", 5, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
    items = list(value)
    kind = 8 if items and isinstance(items[0], str) else 5
    body = b"".join(_text(item) if kind == 8 else struct.pack("<i", item) for item in items)
    return struct.pack("<IIQ", 9, kind, len(items)) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data
