"""What checkpoints of the InternLM2 line hold: the decoder with its low-rank sets, and the CLIP ViT in front of it.

Both are read from the shapes of tensors and `config.json`, and listed as the tensors that a model needs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from studio.checkpoints.architecture import LINEARS, TOWER, UNLIMITED, Architecture, Family, Tensors, Vision
from studio.checkpoints.config_json import Fields, Shapes, layers_of, shape_of
from studio.errors import ModelError


def is_internlm2(config: Mapping[str, Any], shapes: Shapes) -> bool:
    kinds = ("internlmxcomposer2", "internlm2", "internlm")  # 4KHD calls itself InternLM2: the tensors tell them apart
    return config.get("model_type") in kinds and "model.tok_embeddings.weight" in shapes


def read_internlm2(family: Family, folder: Path, config: Mapping[str, Any], shapes: Shapes) -> Architecture:
    """An InternLM2 decoder without a vision tower."""
    get = Fields(folder, config)
    context, trained, factor = _context(config, get)
    vocab, hidden = shape_of(folder, shapes, "model.tok_embeddings.weight", 2)
    first = {name: f"model.layers.0.{name}.Plora_A.weight" for name in LINEARS}
    return Architecture(
        family=family,
        vocab=vocab,
        hidden=hidden,
        layers=layers_of(shapes, "model.layers."),
        heads=get.whole("num_attention_heads"),
        kv_heads=get.whole("num_key_value_heads"),
        ffn=shape_of(folder, shapes, "model.layers.0.feed_forward.w1.weight", 2)[0],
        norm_eps=get("rms_norm_eps"),
        rope_theta=get("rope_theta"),
        context=context,
        bos=get.whole("bos_token_id", vocab - 1),
        eos=get.whole("eos_token_id", vocab - 1),
        ranks={name: shape_of(folder, shapes, plora, 2)[0] for name, plora in first.items() if plora in shapes},
        trained=trained,
        rope_factor=factor,
    )


def internlm2_tensors(a: Architecture) -> Tensors:
    """Tensors of the decoder."""
    wide = {"attention.wqkv": (a.qkv_rows, a.hidden), "attention.wo": (a.hidden, a.hidden)}
    wide |= {"feed_forward.w1": (a.ffn, a.hidden), "feed_forward.w3": (a.ffn, a.hidden)}
    wide |= {"feed_forward.w2": (a.hidden, a.ffn)}
    needed: Tensors = {"model.tok_embeddings.weight": (a.vocab, a.hidden)}
    for i in range(a.layers):
        for name in LINEARS:
            out, into = wide[name]
            needed[f"model.layers.{i}.{name}.weight"] = (out, into)
            if rank := a.ranks.get(name):
                needed[f"model.layers.{i}.{name}.Plora_A.weight"] = (rank, into)
                needed[f"model.layers.{i}.{name}.Plora_B.weight"] = (out, rank)
            for part, rank in a.lora_ranks.items():
                needed[f"model.layers.{i}.{name}.lora_{part}_A.weight"] = (rank, into)
                needed[f"model.layers.{i}.{name}.lora_{part}_B.weight"] = (out, rank)
        needed[f"model.layers.{i}.attention_norm.weight"] = (a.hidden,)
        needed[f"model.layers.{i}.ffn_norm.weight"] = (a.hidden,)
    return needed | {"model.norm.weight": (a.hidden,), "output.weight": (a.vocab, a.hidden)}


def read_lora_sets(folder: Path, shapes: Shapes, names: Iterable[str]) -> dict[str, int]:
    """Rank of each of these LoRA sets that the checkpoint has."""
    first = {name: f"model.layers.0.attention.wqkv.lora_{name}_A.weight" for name in names}
    return {name: shape_of(folder, shapes, a, 2)[0] for name, a in first.items() if a in shapes}


def _context(config: Mapping[str, Any], get: Fields) -> tuple[int, int, float]:
    """Positions that the model can have, those it was trained on, and the factor by which RoPE's base grows beyond them
    (dynamic NTK). With a factor of 1 the positions end where the training did.

    `max_length` does not count: it is where the original demo cuts a prompt.
    """
    scaling, positions = config.get("rope_scaling"), get.whole("max_position_embeddings")
    if not isinstance(scaling, dict):
        return positions, UNLIMITED, 1.0
    factor = scaling.get("factor", 1.0)
    known = isinstance(factor, int | float) and not isinstance(factor, bool) and 1 <= factor <= 64
    if scaling.get("type", "dynamic") != "dynamic" or not known:
        raise get.wrong("rope_scaling", f"cannot be {scaling}")
    return (positions, UNLIMITED, 1.0) if factor == 1 else (int(positions * factor), positions, float(factor))


def read_clip(folder: Path, config: Mapping[str, Any], shapes: Shapes, merged: int = 1) -> Vision:
    """The ViT; `merged` neighbouring patches become one position of the context."""
    get = Fields(folder, config)
    width, _, patch, _ = shape_of(folder, shapes, TOWER + "embeddings.patch_embedding.weight", 4)
    positions = shape_of(folder, shapes, TOWER + "embeddings.position_embedding.weight", 2)[0]
    projector_hidden, projector_in = shape_of(folder, shapes, "vision_proj.0.weight", 2)
    if projector_in != merged * width:
        cause = f"vision_proj.0.weight reads {projector_in} numbers, the ViT gives {width}"
        raise ModelError("model_broken", path=folder, cause=cause)
    tiled = merged > 1  # a tile is what the position table was stored for, whatever img_size says
    image = get.whole("img_size", 4096) if "img_size" in get and not tiled else math.isqrt(positions - 1) * patch
    if image < patch:
        raise get.wrong("img_size", f"cannot be {image}")
    return Vision(
        image=image,
        patch=patch,
        width=width,
        layers=layers_of(shapes, TOWER + "encoder.layers."),
        heads=max(4, width // 64),  # no file says it: every published CLIP has heads of 64, tiny test towers four
        ffn=shape_of(folder, shapes, TOWER + "encoder.layers.0.mlp.fc1.weight", 2)[0],
        positions=positions,
        projector_in=projector_in,
        projector_hidden=projector_hidden,
    )


def tile_pixels(shapes: Shapes) -> int:
    """The side of the ViT's input, by its position table; 0 where there is none."""
    positions = shapes.get(TOWER + "embeddings.position_embedding.weight", (0,))[0]
    patch = shapes.get(TOWER + "embeddings.patch_embedding.weight", (0,))[-1]
    return math.isqrt(max(0, positions - 1)) * patch


def clip_tensors(v: Vision, hidden: int) -> Tensors:
    """Tensors of the ViT and the projector."""
    needed: Tensors = {
        "embeddings.class_embedding": (v.width,),
        "embeddings.patch_embedding.weight": (v.width, 3, v.patch, v.patch),
        "embeddings.position_embedding.weight": (v.positions, v.width),
    }
    linears = {f"self_attn.{c}_proj": (v.width, v.width) for c in ("q", "k", "v", "out")}
    linears |= {"mlp.fc1": (v.ffn, v.width), "mlp.fc2": (v.width, v.ffn)}
    norms = ["pre_layrnorm"] + [f"encoder.layers.{i}.layer_norm{j}" for i in range(v.layers) for j in (1, 2)]
    for norm in norms:
        needed |= {f"{norm}.weight": (v.width,), f"{norm}.bias": (v.width,)}
    for i in range(v.layers):
        for name, shape in linears.items():
            needed |= {f"encoder.layers.{i}.{name}.weight": shape, f"encoder.layers.{i}.{name}.bias": shape[:1]}
    result = {TOWER + name: shape for name, shape in needed.items()}
    projector = {"vision_proj.0": (v.projector_hidden, v.projector_in), "vision_proj.2": (hidden, v.projector_hidden)}
    for name, shape in projector.items():
        result |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return result
