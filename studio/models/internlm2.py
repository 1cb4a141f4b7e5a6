"""InternLM2 with partial LoRA: embeddings in, hidden states out, over a paged KV cache.

The mathematics is Llama's (w1 gate, w3 up, w2 down; RMSNorm before attention and before the feed-forward); three things
are its own. `wqkv` holds, for each key-value head, its query heads, its key and its value. Each linear has a low-rank
partner (PLoRA) that is added at image positions only. And generated tokens never use it, so the decoding step knows
nothing of it.

`forward` reads any number of tokens of any number of sequences at once. The fast decoding step of a GPU is `step`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.models import ops
from studio.models.kv_cache import BatchLayout, KVCache
from studio.models.linear import ImageRows, Linear, PartialLoRA
from studio.models.weights import Source


@dataclass(frozen=True)
class Layer:
    """One transformer block's weights. w1 and w3 are one matrix, gate rows first: one read of x, one kernel."""

    attention_norm: Tensor
    wqkv: Linear
    wo: Linear
    ffn_norm: Tensor
    w13: Linear
    w2: Linear


class Decoder:
    """The language model. With `int8` the matrices of its layers are quantised as they are loaded, one at a time."""

    def __init__(self, architecture: Architecture, source: Source, device: torch.device, int8: bool = False) -> None:
        self.architecture = architecture
        self.device = device
        self.embedding = source("model.tok_embeddings.weight")
        self.layers = [_layer(architecture, source, i, int8) for i in range(architecture.layers)]
        self.norm = source("model.norm.weight")
        self.output = source("output.weight")
        self.rope = _rope_table(architecture, device)

    @property
    def dtype(self) -> torch.dtype:
        """The type of activations, and of weights that are not quantised."""
        return self.embedding.dtype

    @property
    def bytes_per_token(self) -> int:
        """Weights that a decoded token must read: neither PLoRA nor the embedding table."""
        linears = sum(linear.bytes for layer in self.layers for linear in (layer.wqkv, layer.wo, layer.w13, layer.w2))
        return linears + self.output.nbytes

    def new_kv_cache(self, blocks: int) -> KVCache:
        """An empty KV cache for this model."""
        return KVCache(self.architecture, blocks, self.device, self.dtype)

    def embed(self, ids: Tensor) -> Tensor:
        """ids [tokens] → embeddings [tokens, hidden]."""
        return F.embedding(ids, self.embedding)

    @torch.inference_mode()
    def forward(
        self,
        x: Tensor,
        kv_cache: KVCache,
        layout: BatchLayout,
        image: ImageRows | None = None,
        output_rows: Tensor | None = None,
    ) -> Tensor:
        """Read embeddings [tokens, hidden], laid out as `layout` says; returns hidden states before the last norm, of
        all tokens or of the `output_rows` rows [n] alone.

        Positions count by slot of the sequence. x is used up.
        """
        a = self.architecture
        delta = None
        for i, layer in enumerate(self.layers):
            qkv = layer.wqkv(ops.add_norm(x, delta, layer.attention_norm, a.norm_eps), image)
            q = ops.rotate_and_write(qkv, layout, kv_cache, i, self.rope, a)
            attended = ops.attention(q, layout, kv_cache, i)
            if output_rows is not None and layer is self.layers[-1]:  # from here on no token knows of another
                x, attended = x.index_select(0, output_rows), attended.index_select(0, output_rows)
                image = image.among(output_rows) if image else None
            delta = layer.wo(attended, image)
            gates = layer.w13(ops.add_norm(x, delta, layer.ffn_norm, a.norm_eps), image)
            delta = layer.w2(ops.swiglu(gates), image)
        return x if delta is None else x + delta

    @torch.inference_mode()
    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states [rows, hidden] → scores of the vocabulary [rows, vocab] in float32."""
        x = ops.add_norm(hidden, None, self.norm, self.architecture.norm_eps)
        if ops.use_kernels(x) and x.shape[0] <= ops.MAX_ROWS:
            from studio.models.kernels import launch

            out = torch.empty(x.shape[0], self.architecture.vocab, device=x.device)
            launch.matmul(x, Linear(self.output), out, None)
            return out
        return F.linear(x, self.output).float()


def _rope_table(a: Architecture, device: torch.device) -> tuple[Tensor, Tensor]:
    """cos and sin [context, head width] in float32."""
    frequencies = 1.0 / a.rope_theta ** (torch.arange(0, a.head_dim, 2, device=device).float() / a.head_dim)
    angles = torch.outer(torch.arange(a.context, device=device).float(), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def _layer(architecture: Architecture, source: Source, i: int, int8: bool) -> Layer:
    path, ffn = f"model.layers.{i}.", architecture.ffn

    def plora(name: str, first: int = 0) -> tuple[PartialLoRA, ...]:
        if not (rank := architecture.ranks.get(name)):
            return ()
        a, b = (source(f"{path}{name}.Plora_{half}.weight") for half in "AB")
        return (PartialLoRA(a, b, _plora_scale(rank), first),)

    def linear(name: str) -> Linear:
        made = Linear(source(f"{path}{name}.weight"), plora(name))
        return made.quantised() if int8 else made

    def gates() -> Linear:
        w1 = source(f"{path}feed_forward.w1.weight")
        both = torch.empty(2 * ffn, architecture.hidden, device=w1.device, dtype=w1.dtype)
        both[:ffn] = w1
        del w1
        both[ffn:] = source(f"{path}feed_forward.w3.weight")
        made = Linear(both, plora("feed_forward.w1") + plora("feed_forward.w3", first=ffn))
        return made.quantised() if int8 else made

    return Layer(
        attention_norm=source(f"{path}attention_norm.weight"),
        wqkv=linear("attention.wqkv"),
        wo=linear("attention.wo"),
        ffn_norm=source(f"{path}ffn_norm.weight"),
        w13=gates(),
        w2=linear("feed_forward.w2"),
    )


def _plora_scale(rank: int) -> float:
    """α / r: everywhere α equals the rank, save for the rank-8 wqkv of 4KHD, whose α is 16
    (its modeling_internlm2.py)."""
    return 2.0 if rank == 8 else 1.0
