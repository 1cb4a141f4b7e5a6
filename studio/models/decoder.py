"""InternLM2 with partial LoRA: embeddings in, logits out, over a cache.

The mathematics is Llama's (w1 gate, w3 up, w2 down; RMSNorm before attention and before the feed-forward); three things
are its own. `wqkv` holds, for each key-value head, its query heads, its key and its value. Each linear has a low-rank
partner (PLoRA, arXiv:2401.16420) that is added at image positions only. And generated tokens never use it, so the
decoding step knows nothing of it: `step` and `prefill` differ in the `image_rows` they pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.models.cache import Cache
from studio.models.config import Architecture
from studio.models.weights import Source

CHUNK = 2048  # prompt tokens read in one go: long prompts stay cancellable and bounded in memory


@dataclass(frozen=True)
class Linear:
    """y = x Wᵀ, and at image rows + x Aᵀ Bᵀ · scale. No biases anywhere in this family."""

    weight: Tensor  # [out, in]
    a: Tensor | None = None  # [rank, in]
    b: Tensor | None = None  # [out, rank]
    scale: float = 1.0

    def __call__(self, x: Tensor, image_rows: Tensor | None) -> Tensor:
        """x [batch, tokens, in] → [batch, tokens, out]; `image_rows` are the image positions among the tokens."""
        y = F.linear(x, self.weight)
        if image_rows is not None and self.a is not None and self.b is not None:
            low = F.linear(x.index_select(1, image_rows), self.a)
            y.index_add_(1, image_rows, F.linear(low, self.b), alpha=self.scale)
        return y


@dataclass(frozen=True)
class Layer:
    """One transformer block's weights. w1 and w3 are one matrix: one read of x, one kernel."""

    attention_norm: Tensor
    wqkv: Linear
    wo: Linear
    ffn_norm: Tensor
    w1: Linear  # views into w13, for the image rows' own products
    w3: Linear
    w13: Tensor  # [2 · ffn, in]: gate rows, then up rows
    w2: Linear


class Decoder:
    """The language model."""

    def __init__(self, architecture: Architecture, source: Source, device: torch.device) -> None:
        self.architecture = architecture
        self.device = device
        self.embedding = source("model.tok_embeddings.weight")
        self.layers = [_layer(architecture, source, i) for i in range(architecture.layers)]
        self.norm = source("model.norm.weight")
        self.output = source("output.weight")
        self.cos, self.sin = _rope_table(architecture, device)

    @property
    def dtype(self) -> torch.dtype:
        """The type of weights and activations."""
        return self.embedding.dtype

    def cache(self, capacity: int, batch: int = 1) -> Cache:
        """An empty cache for this model."""
        return Cache(self.architecture, capacity, self.device, self.dtype, batch)

    def embed(self, ids: Tensor) -> Tensor:
        """ids [batch, tokens] → embeddings [batch, tokens, hidden]."""
        return F.embedding(ids, self.embedding)

    def forward(self, x: Tensor, cache: Cache, image_rows: Tensor | None = None) -> Tensor:
        """Read embeddings [batch, tokens, hidden] behind what is cached; returns hidden states after the last norm.

        Positions count by slot. `image_rows` are indices into `tokens`.
        """
        a, tokens = self.architecture, x.shape[1]
        start, end = cache.length, cache.length + tokens
        cos, sin = self.cos[start:end], self.sin[start:end]
        mask = _causal_mask(tokens, end, x.device) if tokens > 1 and start else None
        for i, layer in enumerate(self.layers):
            y = layer.wqkv(rms_norm(x, layer.attention_norm, a.norm_eps), image_rows)
            q, k, v = split_heads(y, a)
            keys, values = cache.write(i, rotate(k, cos, sin), v)
            y = attend(rotate(q, cos, sin), keys, values, mask)
            x = x + layer.wo(y.transpose(1, 2).flatten(2), image_rows)
            x = x + feed_forward(layer, rms_norm(x, layer.ffn_norm, a.norm_eps), image_rows)
        cache.length = end
        return rms_norm(x, self.norm, a.norm_eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states [..., hidden] → scores of the vocabulary [..., vocab] in float32."""
        return F.linear(hidden, self.output).float()

    @torch.inference_mode()
    def step(self, ids: Tensor, cache: Cache) -> Tensor:
        """One decoding step: ids [batch, 1] → logits [batch, vocab] of the next token."""
        return self.logits(self.forward(self.embed(ids), cache)[:, -1])


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Root-mean-square norm in float32, cast back, then times the weight: the order the original rounds in."""
    wide = x.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
    return wide.to(x.dtype) * weight


def split_heads(qkv: Tensor, a: Architecture) -> tuple[Tensor, Tensor, Tensor]:
    """[batch, tokens, qkv rows] → q [batch, heads, tokens, width], k and v [batch, kv heads, tokens, width].

    Rows are grouped by kv head: its g query heads, its key, its value. Query head h·g + i is the i-th of group h.
    """
    group = a.heads // a.kv_heads
    grouped = torch.unflatten(qkv, -1, (a.kv_heads, group + 2, a.head_dim))
    q = grouped[..., :group, :].flatten(2, 3)
    return q.transpose(1, 2), grouped[..., -2, :].transpose(1, 2), grouped[..., -1, :].transpose(1, 2)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding, halves convention. x [batch, heads, tokens, width]; cos, sin [tokens, width] fp32."""
    wide = x.float()
    first, second = wide.chunk(2, dim=-1)
    return (wide * cos + torch.cat((-second, first), dim=-1) * sin).to(x.dtype)


def attend(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attention of q [batch, heads, new, width] over keys and values [batch, kv heads, all, width], softmax in float32.

    Without a mask, the first tokens see what stands before them and a single new one sees everything. The kernels that
    take a mask want as many key heads as query heads; the others read each key-value head once for its whole group.
    """
    if mask is None:
        causal = q.shape[2] > 1
        return F.scaled_dot_product_attention(q, keys, values, is_causal=causal, enable_gqa=True)
    group = q.shape[1] // keys.shape[1]
    keys, values = (t.repeat_interleave(group, dim=1) for t in (keys, values))
    return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask)


def feed_forward(layer: Layer, x: Tensor, image_rows: Tensor | None) -> Tensor:
    """SwiGLU: w2(silu(w1 x) · w3 x)."""
    if image_rows is None:
        gate, up = F.linear(x, layer.w13).chunk(2, dim=-1)
    else:
        gate, up = layer.w1(x, image_rows), layer.w3(x, image_rows)
    return layer.w2(F.silu(gate) * up, image_rows)


def _causal_mask(tokens: int, end: int, device: torch.device) -> Tensor:
    """[tokens, end]: token i, which stands at end - tokens + i, sees everything up to itself."""
    return torch.ones(tokens, end, dtype=torch.bool, device=device).tril(end - tokens)


def _rope_table(a: Architecture, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin [context, head width] in float32."""
    frequencies = 1.0 / a.rope_theta ** (torch.arange(0, a.head_dim, 2, device=device).float() / a.head_dim)
    angles = torch.outer(torch.arange(a.context, device=device).float(), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def _layer(a: Architecture, source: Source, i: int) -> Layer:
    def linear(name: str, weight: Tensor | None = None) -> Linear:
        path = f"model.layers.{i}.{name}"
        weight = source(f"{path}.weight") if weight is None else weight
        rank = a.ranks.get(name)
        if not rank:
            return Linear(weight)
        return Linear(weight, source(f"{path}.Plora_A.weight"), source(f"{path}.Plora_B.weight"), _plora_scale(rank))

    w1 = source(f"model.layers.{i}.feed_forward.w1.weight")
    w13 = torch.empty(2 * a.ffn, a.hidden, device=w1.device, dtype=w1.dtype)
    w13[: a.ffn] = w1
    del w1
    w13[a.ffn :] = source(f"model.layers.{i}.feed_forward.w3.weight")
    return Layer(
        attention_norm=source(f"model.layers.{i}.attention_norm.weight"),
        wqkv=linear("attention.wqkv"),
        wo=linear("attention.wo"),
        ffn_norm=source(f"model.layers.{i}.ffn_norm.weight"),
        w1=linear("feed_forward.w1", w13[: a.ffn]),
        w3=linear("feed_forward.w3", w13[a.ffn :]),
        w13=w13,
        w2=linear("feed_forward.w2"),
    )


def _plora_scale(rank: int) -> float:
    """α / r: everywhere α equals the rank, save for the rank-8 wqkv of 4KHD, whose α is 16 (REFERENCE.md §2)."""
    return 2.0 if rank == 8 else 1.0
