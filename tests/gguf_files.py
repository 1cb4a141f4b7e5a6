"""GGUF files made here: any entries and tensors, in the format's own layout."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Raw(bytes):
    """A value with its type, as it stands in a file."""


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


def model(path: Path, **facts: Any) -> Path:
    """A model's file of a small architecture; of `facts` the name `template` stands for its chat template."""
    entries: dict[str, Any] = {
        "general.architecture": "qwen2",
        "general.name": "Toy 1B",
        "qwen2.context_length": 32768,
        "qwen2.embedding_length": 64,
        "qwen2.block_count": 2,
        "qwen2.attention.head_count": 4,
        "qwen2.attention.head_count_kv": 2,
    }
    if template := facts.pop("template", ""):
        entries["tokenizer.chat_template"] = template
    return write(path, entries | facts, {"token_embd.weight": [64, 1000]})


def mmproj(path: Path, width: int = 64) -> Path:
    """What lets a model with embeddings of `width` see."""
    return write(path, {"general.architecture": "clip"}, {"mm.2.weight": [128, width], "v.patch": [14, 14]})


def _value(value: Any) -> bytes:
    match value:
        case Raw():
            return bytes(value)
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value) if value >= 0 else struct.pack("<Ii", 5, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
    items = list(value)
    first = items[0] if items else 0
    kind, pack = (8, _text) if isinstance(first, str) else (6, _float) if isinstance(first, float) else (5, _int)
    return struct.pack("<IIQ", 9, kind, len(items)) + b"".join(map(pack, items))


def _int(value: int) -> bytes:
    return struct.pack("<i", value)


def _float(value: float) -> bytes:
    return struct.pack("<f", value)


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def language_model(path: Path, template: str = "", **entries: Any) -> Path:
    """A whole model of one layer that llama.cpp loads: 64 wide, a token a byte, all weights zero."""
    bytes_ = [*range(33, 127), *range(161, 173), *range(174, 256)]  # as GPT-2's tokenizer writes bytes as characters
    letters = [chr(b) for b in bytes_] + [chr(256 + n) for n in range(256 - len(bytes_))]
    specials = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    facts: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "Toy",
        "llama.context_length": 512,
        "llama.embedding_length": 64,
        "llama.block_count": 1,
        "llama.feed_forward_length": 64,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 4,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": 16,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": [*letters, *specials],
        "tokenizer.ggml.token_type": [NORMAL] * 256 + [CONTROL] * len(specials),
        "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": 257,
        "tokenizer.ggml.add_bos_token": False,
    }
    if template:
        facts["tokenizer.chat_template"] = template
    facts |= entries
    layer = {
        **dict.fromkeys(("attn_norm", "ffn_norm"), [64]),
        **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"), [64, 64]),
    }
    tensors = {"token_embd.weight": [64, 259], "output_norm.weight": [64], "output.weight": [64, 259]}
    return write(path, facts, tensors | {f"blk.0.{name}.weight": shape for name, shape in layer.items()})


def vision_tower(path: Path, width: int = 64) -> Path:
    """Eyes for `language_model`, as LLaVA's: pictures of 28 × 28 in patches of 14, so four tokens; all weights zero."""
    facts = {
        "general.architecture": "clip",
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": True,
        "clip.vision.image_size": 28,
        "clip.vision.patch_size": 14,
        "clip.vision.embedding_length": 32,
        "clip.vision.feed_forward_length": 32,
        "clip.vision.projection_dim": width,
        "clip.vision.block_count": 2,
        "clip.vision.attention.head_count": 4,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    tensors: dict[str, list[int]] = {
        "v.class_embd": [32],
        "v.patch_embd.weight": [14, 14, 3, 32],
        "v.position_embd.weight": [32, 5],
        **{f"{name}.{part}": [32] for name in ("v.pre_ln", "v.post_ln") for part in ("weight", "bias")},
        **{"mm.0.weight": [32, width], "mm.0.bias": [width], "mm.2.weight": [width, width], "mm.2.bias": [width]},
    }
    for layer in range(2):
        for name in ("attn_q", "attn_k", "attn_v", "attn_out", "ffn_up", "ffn_down"):
            tensors |= {f"v.blk.{layer}.{name}.weight": [32, 32], f"v.blk.{layer}.{name}.bias": [32]}
        for name in ("ln1", "ln2"):
            tensors |= {f"v.blk.{layer}.{name}.{part}": [32] for part in ("weight", "bias")}
    return write(path, facts, tensors)
