"""What the decoder does between its matrix products: norm, rotation, attention, gate.

Each operation is one kernel on a GPU and plain torch elsewhere; the tests compare the two.
"""

from __future__ import annotations

import importlib.util

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.models.kv_cache import BatchLayout, KVCache
from studio.models.rope import Angles

MAX_ROWS = 64  # of the kernels for few rows
HAS_TRITON = importlib.util.find_spec("triton") is not None


def use_kernels(x: Tensor) -> bool:
    """Whether the kernels serve this tensor."""
    return HAS_TRITON and x.is_cuda and x.dtype in (torch.bfloat16, torch.float16)


def add_norm(x: Tensor, delta: Tensor | None, weight: Tensor, eps: float) -> Tensor:
    """x [tokens, hidden] becomes x + delta, in place; returns its RMS norm.

    In float32, cast back, then times the weight: the order the original rounds in.
    """
    if use_kernels(x):
        from studio.models.kernels import launch

        return launch.add_norm(x, delta, weight, eps)
    if delta is not None:
        x += delta
    wide = x.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    return wide.to(x.dtype) * weight


def rotate_and_write(
    qkv: Tensor, layout: BatchLayout, kv_cache: KVCache, layer: int, angles: Angles, a: Architecture
) -> Tensor:
    """Rotate queries and keys by their angles, put keys and values into their slots.

    qkv [tokens, rows], grouped by kv head: its g query heads, its key, its value; query head h·g + i is the i-th of
    group h. Returns q [tokens, heads, width].
    """
    metadata, (cos, sin, rows) = layout.metadata, angles
    rows = metadata.positions if rows is None else rows
    if use_kernels(qkv):
        from studio.models.kernels import launch

        return launch.rotate_and_write(qkv, rows, metadata.slots, kv_cache, layer, (cos, sin), a)
    grouped = qkv.view(qkv.shape[0], a.kv_heads, -1, a.head_dim)
    cos, sin = cos[rows][:, None], sin[rows][:, None]
    kv_cache.keys[layer][metadata.slots] = rotated(grouped[..., -2, :], cos, sin)
    kv_cache.values[layer][metadata.slots] = grouped[..., -1, :]
    return rotated(grouped[..., :-2, :].flatten(1, 2), cos, sin)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding, halves convention, in float32. cos and sin broadcast against x [..., width]."""
    wide = x.float()
    first, second = wide.chunk(2, dim=-1)
    return (wide * cos + torch.cat((-second, first), dim=-1) * sin).to(x.dtype)


def attention(q: Tensor, layout: BatchLayout, kv_cache: KVCache, layer: int) -> Tensor:
    """Each chunk attends to its own sequence: itself, causally, and all that its table holds before it.

    q [tokens, heads, width] → [tokens, heads · width]. Keys and values must be in the cache.
    """
    if use_kernels(q):
        from studio.models.kernels import launch

        return launch.prefill_attention(q, layout.metadata, kv_cache, layer)
    parts = []
    for (first, last), slots in zip(layout.edges, layout.behind, strict=True):
        keys, values = kv_cache.gather(layer, slots)
        parts.append(_attend(q[first:last], keys, values))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _attend(q: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """q stands at the end of keys and values."""
    new, total = q.shape[0], keys.shape[0]
    q, keys, values = (t.transpose(0, 1)[None] for t in (q, keys, values))
    if new in (1, total):
        y = F.scaled_dot_product_attention(q, keys, values, is_causal=new > 1, enable_gqa=True)
    else:
        mask = torch.ones(new, total, dtype=torch.bool, device=q.device).tril(total - new)
        y = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, enable_gqa=True)
    return y[0].transpose(0, 1).flatten(1)


def swiglu(x: Tensor) -> Tensor:
    """[tokens, 2 · ffn] → silu(first half) · second half."""
    if use_kernels(x):
        from studio.models.kernels import launch

        return launch.swiglu(x)
    gate, up = x.chunk(2, dim=-1)
    return F.silu(gate) * up
