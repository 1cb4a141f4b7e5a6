"""InternLM2 with low-rank sets: embeddings in, hidden states out, over a paged KV cache.

The mathematics is Llama's (w1 gate, w3 up, w2 down; RMSNorm before attention and before the feed-forward); three things
are its own. `wqkv` holds, for each key-value head, its query heads, its key and its value. Each linear may have a
low-rank partner (PLoRA) that is added at image positions only, so never to generated tokens. And it may have adapters,
sets of LoRA matrices for the rows of whoever asks for them: in prompts here, in decoding in the step's kernels.

`forward` reads any number of tokens of any number of sequences at once. The fast decoding step of a GPU is `step`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.models import ops
from studio.models.kv_cache import BatchLayout, KVCache
from studio.models.linear import IMAGE, ActiveRows, AdapterStack, Linear, LowRank
from studio.models.rope import RopeTables
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
        self.rope = RopeTables(architecture, device)

    @property
    def dtype(self) -> torch.dtype:
        """The type of activations, and of weights that are not quantised."""
        return self.embedding.dtype

    @property
    def linears(self) -> Iterator[Linear]:
        """The matrices of all layers."""
        return (linear for layer in self.layers for linear in (layer.wqkv, layer.wo, layer.w13, layer.w2))

    def bytes_per_token(self, adapter: str = "") -> int:
        """Weights that a decoded token must read: with its adapter, without PLoRA and the embedding table."""
        return self.output.nbytes + sum(linear.bytes + linear.lora_bytes(adapter) for linear in self.linears)

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
        active: ActiveRows | None = None,
        output_rows: Tensor | None = None,
    ) -> Tensor:
        """Read embeddings [tokens, hidden], laid out as `layout` says, with the low-rank sets on their `active` rows;
        returns hidden states before the last norm, of all tokens or of the `output_rows` rows [n] alone.

        Positions count by slot of the sequence. x is used up.
        """
        a = self.architecture
        delta = None
        angles = self.rope.angles(layout)
        for i, layer in enumerate(self.layers):
            qkv = layer.wqkv(ops.add_norm(x, delta, layer.attention_norm, a.norm_eps), active)
            q = ops.rotate_and_write(qkv, layout, kv_cache, i, angles, a)
            attended = ops.attention(q, layout, kv_cache, i)
            if output_rows is not None and layer is self.layers[-1]:  # from here on no token knows of another
                x, attended = x.index_select(0, output_rows), attended.index_select(0, output_rows)
                active = {name: rows.among(output_rows) for name, rows in active.items()} if active else None
            delta = layer.wo(attended, active)
            gates = layer.w13(ops.add_norm(x, delta, layer.ffn_norm, a.norm_eps), active)
            delta = layer.w2(ops.swiglu(gates), active)
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


def _layer(architecture: Architecture, source: Source, i: int, int8: bool) -> Layer:
    path, ffn = f"model.layers.{i}.", architecture.ffn
    lora_sets = {IMAGE: ("Plora",)} | {
        name: tuple(f"lora_{part}" for part in parts) for name, parts in architecture.adapters.items()
    }

    def loras(*names: str) -> dict[str, LowRank]:
        """The low-rank sets of a matrix that is these of the checkpoint's, one below the other. Pairs that act together
        are one of the sum of their ranks."""
        found = {}
        for name, sets in lora_sets.items():
            if name == IMAGE and not architecture.ranks.get(names[0]):
                continue
            low = [[source(f"{path}{n}.{part}_A.weight") for part in sets] for n in names]
            high = [torch.cat([source(f"{path}{n}.{part}_B.weight") for part in sets], 1) for n in names]
            scale = _plora_scale(high[0].shape[1]) if name == IMAGE else 1.0
            found[name] = LowRank(torch.cat([a for each in low for a in each]), torch.cat(high), scale)
        return found

    def finished(weight: Tensor, loras: dict[str, LowRank], bias: Tensor | None = None) -> Linear:
        names = [name for name in architecture.adapters if name in loras]
        stack = AdapterStack.of([loras[name] for name in names]) if names else None
        if stack:  # one copy in memory: the sets become views of the stack
            loras |= {name: stack.lora(i) for i, name in enumerate(names, 1)}
        made = Linear(weight, loras, bias=bias, adapters=stack)
        return made.quantised() if int8 else made

    def linear(name: str) -> Linear:
        bias = source(f"{path}{name}.bias") if name in architecture.biases else None
        return finished(source(f"{path}{name}.weight"), loras(name), bias)

    def gates() -> Linear:
        w1 = source(f"{path}feed_forward.w1.weight")
        both = torch.empty(2 * ffn, architecture.hidden, device=w1.device, dtype=w1.dtype)
        both[:ffn] = w1
        del w1
        both[ffn:] = source(f"{path}feed_forward.w3.weight")
        return finished(both, loras("feed_forward.w1", "feed_forward.w3"))

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
