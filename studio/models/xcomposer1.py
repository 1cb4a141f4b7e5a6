"""InternLM-XComposer v1 (arXiv:2309.15112): its decoder under InternLM2's names, and its vision tower.

The language model is a Llama with biases on query, key, value and output, so InternLM2's decoder computes it once its
tensors have been put together in that order. The vision tower is an EVA ViT-g, whose 257 features a sampler (a
Q-Former, arXiv:2301.12597) reads with 64 queries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.checkpoints.xcomposer1 import DECODER, EMBEDDING, HEAD, LORA, SAMPLER, VIT, SampledVision
from studio.models import clip
from studio.models.weights import Source

NAMES = {
    "attention.wo": "self_attn.o_proj",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w3": "mlp.up_proj",
    "feed_forward.w2": "mlp.down_proj",
    "attention_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
WHOLE = {
    "model.tok_embeddings.weight": EMBEDDING,
    "model.norm.weight": f"{DECODER}norm.weight",
    "output.weight": HEAD,
}
VIT_EPS, FEATURES_EPS, SAMPLER_EPS = 1e-6, 1e-5, 1e-12
SAMPLER_HEAD = 64  # width of a head


class AsInternLM2:
    """A `Source` that gives this model's tensors by InternLM2's names, LoRA added; others by their own."""

    def __init__(self, architecture: Architecture, source: Source) -> None:
        self._a, self._source = architecture, source

    def __call__(self, name: str) -> Tensor:
        """See `Source`."""
        if whole := WHOLE.get(name):
            return self._source(whole)
        if not name.startswith("model.layers."):
            return self._source(name)
        _, _, i, rest = name.split(".", 3)
        module, _, kind = rest.rpartition(".")
        layer = f"{DECODER}layers.{i}."
        if module == "attention.wqkv":
            return self._grouped([self._merged(f"{layer}self_attn.{c}_proj", kind) for c in "qkv"])
        return self._merged(layer + NAMES[module], kind)

    def finish(self) -> None:
        """See `Source`."""
        self._source.finish()

    def _grouped(self, parts: list[Tensor]) -> Tensor:
        """Query, key and value rows as wqkv has them: together for each head."""
        heads = [part.view(self._a.heads, self._a.head_dim, -1) for part in parts]
        return torch.stack(heads, 1).flatten(0, 2).reshape(-1, *parts[0].shape[1:])

    def _merged(self, module: str, kind: str) -> Tensor:
        tensor = self._source(f"{module}.{kind}")
        if kind != "weight" or not self._a.lora_ranks or not module.endswith(LORA):
            return tensor
        a, b = (self._source(f"{module}.lora_{half}.weight").float() for half in "AB")
        return (tensor.float() + b @ a).to(tensor.dtype)


@dataclass(frozen=True)
class Attention:
    """Attention of the sampler with what follows it: a linear, and a norm of its sum with the input."""

    query: clip.Affine
    key: clip.Affine
    value: clip.Affine
    out: clip.Affine
    norm: clip.Affine

    def __call__(self, x: Tensor, seen: Tensor) -> Tensor:
        """x [pictures, queries, width] looks at `seen` [pictures, positions, …]."""
        q, k, v = (
            torch.unflatten(affine.linear(t), -1, (-1, SAMPLER_HEAD)).transpose(1, 2)
            for affine, t in ((self.query, x), (self.key, seen), (self.value, seen))
        )
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return _norm(self.norm, self.out.linear(y) + x, SAMPLER_EPS)


@dataclass(frozen=True)
class SamplerLayer:
    """One layer of the sampler; `cross` looks at the picture, where there is one."""

    own: Attention
    cross: Attention | None
    up: clip.Affine
    down: clip.Affine
    norm: clip.Affine

    def __call__(self, x: Tensor, features: Tensor) -> Tensor:
        """x [pictures, queries, width] → the same."""
        x = self.own(x, x)
        if self.cross:
            x = self.cross(x, features)
        return _norm(self.norm, self.down.linear(F.gelu(self.up.linear(x))) + x, SAMPLER_EPS)


class VisionTower(clip.VisionTower):
    """ViT, sampler and projector; a picture is 64 positions between two learned ones."""

    def __init__(self, architecture: Architecture, source: Source) -> None:
        vision = architecture.vision
        assert isinstance(vision, SampledVision)
        self.vision = self._sampled = vision

        def affine(name: str) -> clip.Affine:
            return clip.Affine(source(f"{name}.weight"), source(f"{name}.bias"))

        self.class_token, self.positions = source(f"{VIT}cls_token"), source(f"{VIT}pos_embed")
        self.patches, self.patch_bias = source(f"{VIT}patch_embed.proj.weight"), source(f"{VIT}patch_embed.proj.bias")
        self.blocks = [_block(affine, source, f"{VIT}blocks.{i}.") for i in range(vision.layers)]
        self.feature_norm = affine("ln_vision")
        self.queries, self.query_norm = source("query_tokens"), affine("Qformer.bert.embeddings.LayerNorm")
        self.sampler = [_sampler_layer(affine, i, i in vision.crossing) for i in range(vision.sampler_layers)]
        self.projection = affine("internlm_proj")
        self.ends = source("flag_image_start"), source("flag_image_end")

    def tokens(self, width: int, height: int, tiles: int = 0) -> int:
        """See `clip.VisionTower.tokens`."""
        return self._sampled.queries + 2

    def features(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [pictures, 3, side, side] → features [pictures, grid² + 1, width], class token first."""
        x = F.conv2d(pixels.to(self.patches), self.patches, self.patch_bias, stride=self.vision.patch)
        x = torch.cat((self.class_token.expand(x.shape[0], -1, -1), x.flatten(2).transpose(1, 2)), dim=1)
        x = x + self.positions
        for block in self.blocks:
            x = _encode(block, x, self.vision.heads)
        return _norm(self.feature_norm, x, FEATURES_EPS)

    def project(self, features: Tensor) -> Tensor:
        """Features → embeddings [pictures, queries + 2, hidden]."""
        count = features.shape[0]
        x = _norm(self.query_norm, self.queries, SAMPLER_EPS).expand(count, -1, -1)
        for layer in self.sampler:
            x = layer(x, features)
        start, end = (flag.expand(count, -1, -1) for flag in self.ends)
        return torch.cat((start, self.projection.linear(x), end), dim=1)


def _norm(affine: clip.Affine, x: Tensor, eps: float) -> Tensor:
    return F.layer_norm(x, affine.weight.shape, affine.weight, affine.bias, eps)


def _encode(block: clip.Block, x: Tensor, heads: int) -> Tensor:
    qkv = torch.unflatten(block.qkv.linear(_norm(block.norm1, x, VIT_EPS)), -1, (3, heads, -1))
    q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
    y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    x = x + block.out.linear(y)
    return x + block.fc2.linear(F.gelu(block.fc1.linear(_norm(block.norm2, x, VIT_EPS))))


def _block(affine: Callable[[str], clip.Affine], source: Source, prefix: str) -> clip.Block:
    query, value = (source(f"{prefix}attn.{c}_bias") for c in "qv")
    bias = torch.cat((query, torch.zeros_like(query), value))  # keys have none
    return clip.Block(
        norm1=affine(f"{prefix}norm1"),
        qkv=clip.Affine(source(f"{prefix}attn.qkv.weight"), bias),
        out=affine(f"{prefix}attn.proj"),
        norm2=affine(f"{prefix}norm2"),
        fc1=affine(f"{prefix}mlp.fc1"),
        fc2=affine(f"{prefix}mlp.fc2"),
    )


def _sampler_layer(affine: Callable[[str], clip.Affine], i: int, crosses: bool) -> SamplerLayer:
    prefix = f"{SAMPLER}layer.{i}."

    def attention(kind: str) -> Attention:
        names: Sequence[str] = ("self.query", "self.key", "self.value", "output.dense", "output.LayerNorm")
        return Attention(*(affine(f"{prefix}{kind}.{name}") for name in names))

    return SamplerLayer(
        own=attention("attention"),
        cross=attention("crossattention") if crosses else None,
        up=affine(f"{prefix}intermediate_query.dense"),
        down=affine(f"{prefix}output_query.dense"),
        norm=affine(f"{prefix}output_query.LayerNorm"),
    )
