"""What checkpoints of InternLM-XComposer v1 hold: an InternLM-7B with biases and LoRA, an EVA ViT-g, and a sampler that
reads 64 positions from it.

LoRA acts on all tokens here, so it is added to the matrices when they are loaded. The sizes of ViT and sampler are in
no config: heads are 88 and 64 wide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.checkpoints.architecture import Architecture, Family, Tensors, Vision
from studio.checkpoints.config_json import Fields, Shapes, layers_of, shape_of

DECODER, VIT, SAMPLER = "internlm_model.model.", "visual_encoder.", "Qformer.bert.encoder."
EMBEDDING, HEAD = f"{DECODER}embed_tokens.weight", "internlm_model.lm_head.weight"
LORA = ("self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj", "mlp.down_proj")  # the linears that have it
ROPE_THETA = 10000.0


@dataclass(frozen=True)
class SampledVision(Vision):
    """An EVA ViT whose output is read by queries. `projector_in` is the sampler's width."""

    queries: int = 64
    sampler_layers: int = 12
    sampler_ffn: int = 3072

    @property
    def crossing(self) -> range:
        """The layers of the sampler that look at the picture: every second."""
        return range(0, self.sampler_layers, 2)


def is_xcomposer1(config: Mapping[str, Any], shapes: Shapes) -> bool:
    """By config.json and tensors."""
    return config.get("model_type") == "InternLMXComposer" and EMBEDDING in shapes


def read_xcomposer1(family: Family, folder: Path, config: Mapping[str, Any], shapes: Shapes) -> Architecture:
    """The whole model; heads, epsilon and positions from config.json."""
    get = Fields(folder, config)
    vocab, hidden = shape_of(folder, shapes, EMBEDDING, 2)
    first = f"{DECODER}layers.0.{LORA[0]}.lora_A.weight"
    rank = shape_of(folder, shapes, first, 2)[0] if first in shapes else 0
    lora = config.get("internlm_lora")
    alpha = lora.get("lora_alpha", rank) if isinstance(lora, Mapping) else rank
    if rank and alpha != rank:
        raise get.wrong("internlm_lora", f"cannot have the alpha {alpha} with a rank of {rank}")
    heads = get.whole("num_attention_heads")
    return Architecture(
        family=family,
        vocab=vocab,
        hidden=hidden,
        layers=layers_of(shapes, f"{DECODER}layers."),
        heads=heads,
        kv_heads=heads,
        ffn=shape_of(folder, shapes, f"{DECODER}layers.0.mlp.gate_proj.weight", 2)[0],
        norm_eps=get("rms_norm_eps"),
        rope_theta=ROPE_THETA,
        context=get.whole("max_position_embeddings"),
        bos=get.whole("bos_token_id", vocab - 1),
        eos=get.whole("eos_token_id", vocab - 1),
        vision=_read_vision(folder, shapes),
        lora_ranks={"merged": rank} if rank else {},
        biases=("attention.wqkv", "attention.wo"),
    )


def _read_vision(folder: Path, shapes: Shapes) -> SampledVision:
    width, _, patch, _ = shape_of(folder, shapes, f"{VIT}patch_embed.proj.weight", 4)
    positions = shape_of(folder, shapes, f"{VIT}pos_embed", 3)[1]
    _, queries, sampler = shape_of(folder, shapes, "query_tokens", 3)
    return SampledVision(
        image=math.isqrt(positions - 1) * patch,
        patch=patch,
        width=width,
        layers=layers_of(shapes, f"{VIT}blocks."),
        heads=max(1, width // 88),
        ffn=shape_of(folder, shapes, f"{VIT}blocks.0.mlp.fc1.weight", 2)[0],
        positions=positions,
        projector_in=sampler,
        projector_hidden=sampler,
        queries=queries,
        sampler_layers=layers_of(shapes, f"{SAMPLER}layer."),
        sampler_ffn=shape_of(folder, shapes, f"{SAMPLER}layer.0.intermediate_query.dense.weight", 2)[0],
    )


def xcomposer1_tensors(a: Architecture) -> Tensors:
    """All tensors of the model."""
    assert isinstance(a.vision, SampledVision)
    return _decoder_tensors(a) | _vit_tensors(a.vision) | _sampler_tensors(a.vision, a.hidden)


def merged_into_others(name: str) -> bool:
    """Whether a tensor takes no memory of its own once the model is loaded."""
    return ".lora_A." in name or ".lora_B." in name


def _decoder_tensors(a: Architecture) -> Tensors:
    needed: Tensors = {EMBEDDING: (a.vocab, a.hidden), HEAD: (a.vocab, a.hidden), f"{DECODER}norm.weight": (a.hidden,)}
    shapes = {f"self_attn.{c}_proj": (a.hidden, a.hidden) for c in "qkvo"}
    shapes |= {f"mlp.{name}_proj": (a.ffn, a.hidden) for name in ("gate", "up")} | {"mlp.down_proj": (a.hidden, a.ffn)}
    rank = a.lora_ranks.get("merged", 0)
    for i in range(a.layers):
        layer = f"{DECODER}layers.{i}."
        for name, (out, into) in shapes.items():
            needed[f"{layer}{name}.weight"] = (out, into)
            if name.startswith("self_attn"):
                needed[f"{layer}{name}.bias"] = (out,)
            if rank and name in LORA:
                needed |= {f"{layer}{name}.lora_A.weight": (rank, into), f"{layer}{name}.lora_B.weight": (out, rank)}
        needed |= {f"{layer}{norm}_layernorm.weight": (a.hidden,) for norm in ("input", "post_attention")}
    return needed


def _vit_tensors(v: SampledVision) -> Tensors:
    needed: Tensors = {
        f"{VIT}cls_token": (1, 1, v.width),
        f"{VIT}pos_embed": (1, v.positions, v.width),
        f"{VIT}patch_embed.proj.weight": (v.width, 3, v.patch, v.patch),
        f"{VIT}patch_embed.proj.bias": (v.width,),
    }
    needed |= _affine("ln_vision", (v.width,))
    for i in range(v.layers):
        block = f"{VIT}blocks.{i}."
        needed |= _affine(f"{block}norm1", (v.width,)) | _affine(f"{block}norm2", (v.width,))
        needed |= {f"{block}attn.qkv.weight": (3 * v.width, v.width)}
        needed |= {f"{block}attn.{c}_bias": (v.width,) for c in "qv"}
        needed |= _affine(f"{block}attn.proj", (v.width, v.width))
        needed |= _affine(f"{block}mlp.fc1", (v.ffn, v.width)) | _affine(f"{block}mlp.fc2", (v.width, v.ffn))
    return needed


def _sampler_tensors(v: SampledVision, hidden: int) -> Tensors:
    width = v.projector_in
    needed: Tensors = {"query_tokens": (1, v.queries, width)}
    needed |= _affine("Qformer.bert.embeddings.LayerNorm", (width,)) | _affine("internlm_proj", (hidden, width))
    needed |= {f"flag_image_{end}": (1, 1, hidden) for end in ("start", "end")}
    for i in range(v.sampler_layers):
        layer = f"{SAMPLER}layer.{i}."
        for kind, into in (("attention", width), *([("crossattention", v.width)] if i in v.crossing else [])):
            needed |= _affine(f"{layer}{kind}.self.query", (width, width))
            needed |= _affine(f"{layer}{kind}.self.key", (width, into))
            needed |= _affine(f"{layer}{kind}.self.value", (width, into))
            needed |= _affine(f"{layer}{kind}.output.dense", (width, width))
            needed |= _affine(f"{layer}{kind}.output.LayerNorm", (width,))
        needed |= _affine(f"{layer}intermediate_query.dense", (v.sampler_ffn, width))
        needed |= _affine(f"{layer}output_query.dense", (width, v.sampler_ffn))
        needed |= _affine(f"{layer}output_query.LayerNorm", (width,))
    return needed


def _affine(name: str, shape: tuple[int, ...]) -> Tensors:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
