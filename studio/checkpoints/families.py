"""The model families that can be run, one entry each, and reading a checkpoint folder with them.

To add a family, add an entry to `FAMILIES` here and, where its network differs, a module in `studio/models` that the
entry names. Sizes and PLoRA ranks come from the tensors, so a checkpoint is described by what it holds and not by what
its name promises; `config.json` gives what shapes cannot say (heads, epsilon, RoPE base, special ids, context).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.checkpoints.architecture import LINEARS, TOWER, Architecture, Family, Tensors, Vision
from studio.checkpoints.config_json import Fields, Shapes, config_of, layers_of, shape_of
from studio.errors import ModelError
from studio.protocol import Role
from studio.roles import COMPOSER, ROLES, TALK, VIEWER, role_of

SIZES = {(4096, 32): "7B", (2048, 24): "1.8B"}
CHAT_SHAPES = {"chat-1.8b": (2048, 24, 16, 8192), "chat-7b": (4096, 32, 32, 14336)}  # hidden, layers, heads, ffn
POSITIONS = 32768  # max_position_embeddings in the config.json of every published XComposer2
TILE_PIXELS, MAX_TILES = 336, 25  # 4KHD: side of a tile, and how many the original takes at inference


def read(folder: Path, shapes: Shapes) -> Architecture:
    """The architecture of the checkpoint in `folder` whose tensors have these shapes.

    Raises ModelError where no family matches, or config.json and tensors disagree.
    """
    config = config_of(folder)
    architectures = config.get("architectures")
    kind = str(config.get("model_type") or "a model without model_type")
    found = str(architectures[0]) if isinstance(architectures, list) and architectures else kind
    if any(name.endswith(".qweight") for name in shapes):
        raise ModelError("model_refused", path=folder, found=f"{found} in 4-bit (AutoGPTQ)")
    family = next((family for family in FAMILIES if family.matches(config, shapes)), None)
    if family is None:
        raise ModelError("model_refused", path=folder, found=found)
    architecture = family.read(family, folder, config, shapes)
    _require_agreement(folder, config, architecture)
    return architecture


def require_role(role: Role, folder: Path, architecture: Architecture) -> None:
    """Raises ModelError when the model in a folder is not made for this: one writes, the other sees."""
    wanted, family = role_of(role), architecture.family
    made_for_it = role in family.roles(architecture) or family.name in wanted.families or wanted.any_family
    if not made_for_it or (wanted.sees and not architecture.vision):
        raise ModelError(wanted.refused, path=folder, found=architecture.name)


def require_tensors(folder: Path, shapes: Shapes, needed: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ModelError unless every needed tensor is there in its shape."""
    missing = [name for name in needed if name not in shapes]
    if missing:
        raise ModelError("tensors_missing", path=folder, count=len(missing), first=missing[0])
    for name, shape in needed.items():
        if shapes[name] != shape:
            cause = f"{name} has the shape {list(shapes[name])}, expected {list(shape)}"
            raise ModelError("model_broken", path=folder, cause=cause)


def published_pixels() -> dict[Role, int]:
    """The side of the input images of the published 7B model of each role that has one."""
    return {role.name: role.pixels[0] for role in ROLES.values() if role.pixels}


def published_by_role(size: str) -> dict[Role, Architecture]:
    """The published models for random weights: by size those of the roles that have pixels, or a chat model by name."""
    if size in CHAT_SHAPES:
        return {TALK.name: published_chat(size)}
    return {role: published(size, pixels) for role, pixels in published_pixels().items()}


def published_chat(size: str) -> Architecture:
    """InternLM2-Chat without a file, of the sizes in `CHAT_SHAPES`."""
    hidden, layers, heads, ffn = CHAT_SHAPES[size]
    return Architecture(INTERNLM2_CHAT, 92544, hidden, layers, heads, 8, ffn, 1e-5, 1e6, POSITIONS, 1, 2)


def published(size: str, image: int) -> Architecture:
    """The published shapes without a file, for random weights: XComposer2-7B (224 px) and -VL-7B (490 px). `tiny` has
    their context and tokens a picture and is small everywhere else: to try a whole path on a CPU."""
    if size not in ("7b", "tiny"):
        raise ModelError("model_unknown", name=size, known="7b")
    positions = (image // 14) ** 2 + 1
    if size == "tiny":
        vision = Vision(image, 14, 64, 1, 4, 128, positions, 64, 64)
        ranks = dict.fromkeys(LINEARS, 8)
        return Architecture(XCOMPOSER2, 2048, 64, 2, 4, 2, 128, 1e-5, 1e6, POSITIONS, 1, 2, ranks, vision)
    vision = Vision(image, 14, 1024, 24, 16, 4096, positions, 1024, 4096)
    ranks = dict.fromkeys(LINEARS, 256)
    return Architecture(XCOMPOSER2, 92544, 4096, 32, 32, 8, 14336, 1e-5, 1e6, POSITIONS, 1, 2, ranks, vision)


# InternLM2, which all families so far share


def _is_internlm2(config: Mapping[str, Any], shapes: Shapes) -> bool:
    kinds = ("internlmxcomposer2", "internlm2", "internlm")  # 4KHD calls itself InternLM2: the tensors tell them apart
    return config.get("model_type") in kinds and "model.tok_embeddings.weight" in shapes


def read_internlm2(family: Family, folder: Path, config: Mapping[str, Any], shapes: Shapes) -> Architecture:
    """An InternLM2 decoder without a vision tower."""
    get = Fields(folder, config)
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
        context=_context(config, get),
        bos=get.whole("bos_token_id", vocab - 1),
        eos=get.whole("eos_token_id", vocab - 1),
        ranks={name: shape_of(folder, shapes, plora, 2)[0] for name, plora in first.items() if plora in shapes},
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
        needed[f"model.layers.{i}.attention_norm.weight"] = (a.hidden,)
        needed[f"model.layers.{i}.ffn_norm.weight"] = (a.hidden,)
    return needed | {"model.norm.weight": (a.hidden,), "output.weight": (a.vocab, a.hidden)}


def _context(config: Mapping[str, Any], get: Fields) -> int:
    """Tokens. Beyond max_position_embeddings the dynamic NTK scaling would begin, which this code does not do.

    `max_length` does not count: it is where the original demo cuts a prompt.
    """
    scaling = config.get("rope_scaling")
    if isinstance(scaling, dict) and scaling.get("type", "dynamic") != "dynamic":
        raise get.wrong("rope_scaling", f"cannot be {scaling}")
    return get.whole("max_position_embeddings")


def _size(a: Architecture) -> str:
    return SIZES.get((a.hidden, a.layers), f"{a.hidden}x{a.layers}")


def _require_agreement(folder: Path, config: Mapping[str, Any], a: Architecture) -> None:
    """config.json and tensors must describe one model: a config copied from elsewhere shows here."""
    if a.heads < 1 or a.kv_heads < 1 or a.hidden % (2 * a.heads) or a.heads % a.kv_heads:
        cause = f"{a.heads} heads and {a.kv_heads} key-value heads do not divide a width of {a.hidden}"
        raise ModelError("config_bad", path=folder / "config.json", cause=cause)
    found = {"hidden_size": a.hidden, "num_hidden_layers": a.layers, "intermediate_size": a.ffn, "vocab_size": a.vocab}
    for name, value in found.items():
        if name in config and config[name] != value:
            cause = f"{name!r} is {config[name]} and the tensors say {value}"
            raise ModelError("config_bad", path=folder / "config.json", cause=cause)


# XComposer2: a CLIP ViT and a projector in front of it


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


def _read_xcomposer2(family: Family, folder: Path, config: Mapping[str, Any], shapes: Shapes) -> Architecture:
    text = read_internlm2(family, folder, config, shapes)
    return replace(text, vision=read_clip(folder, config, shapes))


def _xcomposer2_tensors(a: Architecture) -> Tensors:
    assert a.vision is not None
    return internlm2_tensors(a) | clip_tensors(a.vision, a.hidden)


def _xcomposer2_title(a: Architecture) -> str:
    pixels = a.vision.image if a.vision else 0
    return f"XComposer2-{ {224: '', 490: 'VL-'}.get(pixels, f'{pixels}px-') }{_size(a)}"


def _xcomposer2_roles(a: Architecture) -> tuple[Role, ...]:
    """The published ones were trained for one role, told apart by their pixels; others may try both."""
    pixels = a.vision.image if a.vision else 0
    trained = tuple(role.name for role in ROLES.values() if pixels in role.pixels)
    return trained or (COMPOSER.name, VIEWER.name)


# XComposer2-4KHD: pictures are cut into tiles of 336 px


def tile_tokens(rows: int, columns: int) -> int:
    """Positions of a 4KHD picture of rows × columns tiles: global view, separator, tiles, one newline a row."""
    return (rows * columns + 1) * 144 + 1 + (rows + 1) * 12


def _read_4khd(family: Family, folder: Path, config: Mapping[str, Any], shapes: Shapes) -> Architecture:
    text = read_internlm2(family, folder, config, shapes)
    vision = read_clip(folder, config, shapes, merged=4)
    if vision.image != TILE_PIXELS:  # XComposer2.5 has these tensors too, and cuts otherwise
        raise ModelError("model_refused", path=folder, found=f"a model with tiles of {vision.image} px")
    return replace(text, vision=vision)


def _4khd_tensors(a: Architecture) -> Tensors:
    assert a.vision is not None
    into = a.vision.projector_in
    return _xcomposer2_tensors(a) | {"plora_glb_GN": (1, 1, into), "plora_sub_GN": (1, 1, 1, into)}


XCOMPOSER2_4KHD = Family(
    name="xcomposer2-4khd",
    dialect="xcomposer2",
    matches=lambda config, shapes: _is_internlm2(config, shapes) and "plora_glb_GN" in shapes,
    read=_read_4khd,
    tensors=_4khd_tensors,
    title=lambda a: f"XComposer2-4KHD-{_size(a)}",
    roles=lambda a: (VIEWER.name,),
    image_tokens=lambda vision: tile_tokens(1, MAX_TILES),
    tower="studio.models.xcomposer2_4khd:TiledVisionTower",
)
XCOMPOSER2 = Family(
    name="xcomposer2",
    dialect="xcomposer2",
    matches=lambda config, shapes: _is_internlm2(config, shapes) and "vision_proj.0.weight" in shapes,
    read=_read_xcomposer2,
    tensors=_xcomposer2_tensors,
    title=_xcomposer2_title,
    roles=_xcomposer2_roles,
    image_tokens=lambda vision: vision.grid**2,
)
INTERNLM2_CHAT = Family(
    name="internlm2",
    dialect="internlm2",
    matches=_is_internlm2,
    read=read_internlm2,
    tensors=internlm2_tensors,
    title=lambda a: f"InternLM2-Chat-{_size(a)}",
    roles=lambda a: (COMPOSER.name,),
    image_tokens=lambda vision: 0,
)

FAMILIES: tuple[Family, ...] = (XCOMPOSER2_4KHD, XCOMPOSER2, INTERNLM2_CHAT)  # the first that matches is taken
