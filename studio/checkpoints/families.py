"""The model families that can be run, one entry each, and reading a checkpoint folder with them.

To add a family, add an entry to `FAMILIES` here and, where its network differs, a module in `studio/models` that the
entry names. Sizes and PLoRA ranks come from the tensors, so a checkpoint is described by what it holds and not by what
its name promises; `config.json` gives what shapes cannot say (heads, epsilon, RoPE base, special ids, context).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.checkpoints.architecture import LINEARS, Architecture, Family, Tensors, Vision
from studio.checkpoints.config_json import Shapes, config_of
from studio.checkpoints.internlm2 import (
    clip_tensors,
    internlm2_tensors,
    is_internlm2,
    read_clip,
    read_internlm2,
    read_lora_sets,
    tile_pixels,
)
from studio.checkpoints.xcomposer1 import (
    SampledVision,
    is_xcomposer1,
    merged_into_others,
    read_xcomposer1,
    xcomposer1_tensors,
)
from studio.errors import ModelError
from studio.protocol import Role
from studio.roles import COMPOSER, ROLES, TALK, VIEWER, role_of

SIZES = {(4096, 32): "7B", (2048, 24): "1.8B"}
CHAT_SHAPES = {"chat-1.8b": (2048, 24, 16, 8192), "chat-7b": (4096, 32, 32, 14336)}  # hidden, layers, heads, ffn
POSITIONS = 32768  # max_position_embeddings in the config.json of every published XComposer2
TILE_PIXELS, MAX_TILES = 336, 25  # 4KHD: side of a tile, and how many the original takes at inference
TILE_PIXELS_2D5, MAX_TILES_2D5 = 560, 24  # the same of XComposer2.5
ADAPTERS_2D5 = {"write": ("sft", "dpo"), "web": ("web",)}  # its modes, and the LoRA sets that act together in each


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
    """The published models for random weights: by size those of the roles that have pixels, a chat model by name;
    XComposer2.5 is one model for both."""
    if size in CHAT_SHAPES:
        return {TALK.name: published_chat(size)}
    if size == "2.5-7b":
        return dict.fromkeys(published_pixels(), _published_2d5())
    return {role: published(size, pixels) for role, pixels in published_pixels().items()}


def published_chat(size: str) -> Architecture:
    """InternLM2-Chat without a file, of the sizes in `CHAT_SHAPES`."""
    hidden, layers, heads, ffn = CHAT_SHAPES[size]
    return Architecture(INTERNLM2_CHAT, 92544, hidden, layers, heads, 8, ffn, 1e-5, 1e6, POSITIONS, 1, 2)


def published(size: str, image: int) -> Architecture:
    """The published shapes without a file: XComposer2-7B (224 px), -VL-7B and -VL-1.8B (490 px), 4KHD-7B or
    XComposer2.5-7B, by `size`. `tiny` has XComposer2's context and tokens a picture and is small everywhere else: to
    try a whole path on a CPU."""
    if size == "2.5-7b":
        return _published_2d5()
    if size == "4khd-7b":
        return _published_4khd()
    if size not in ("7b", "1.8b", "tiny"):
        raise ModelError("model_unknown", name=size, known="7b, 1.8b, 2.5-7b, 4khd-7b")
    positions = (image // 14) ** 2 + 1
    if size == "tiny":
        vision = Vision(image, 14, 64, 1, 4, 128, positions, 64, 64)
        ranks = dict.fromkeys(LINEARS, 8)
        return Architecture(XCOMPOSER2, 2048, 64, 2, 4, 2, 128, 1e-5, 1e6, POSITIONS, 1, 2, ranks, vision)
    hidden, layers, heads, ffn = CHAT_SHAPES[f"chat-{size}"]
    vision = Vision(image, 14, 1024, 24, 16, 4096, positions, 1024, hidden)
    ranks = dict.fromkeys(LINEARS, 256)
    return Architecture(XCOMPOSER2, 92544, hidden, layers, heads, 8, ffn, 1e-5, 1e6, POSITIONS, 1, 2, ranks, vision)


def _published_4khd() -> Architecture:
    base = published("7b", TILE_PIXELS)
    vision = Vision(TILE_PIXELS, 14, 1024, 24, 16, 4096, 577, 4096, 4096)
    return replace(base, family=XCOMPOSER2_4KHD, vision=vision, ranks={**base.ranks, "attention.wqkv": 8})


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


def tile_tokens(rows: int, columns: int, side: int = TILE_PIXELS // 28) -> int:
    """Positions of a picture of rows × columns tiles of `side`² positions: global view, separator, tiles, and a newline
    behind each row of positions."""
    return (rows * columns + 1) * side**2 + 1 + (rows + 1) * side


def _read_4khd(family: Family, folder: Path, config: Mapping[str, Any], shapes: Shapes) -> Architecture:
    text = read_internlm2(family, folder, config, shapes)
    vision = read_clip(folder, config, shapes, merged=4)
    if vision.image != TILE_PIXELS:  # another tiled model, which cuts otherwise
        raise ModelError("model_refused", path=folder, found=f"a model with tiles of {vision.image} px")
    return replace(text, vision=vision)


def _tiled_tensors(a: Architecture) -> Tensors:
    assert a.vision is not None
    into = a.vision.projector_in
    return _xcomposer2_tensors(a) | {"plora_glb_GN": (1, 1, into), "plora_sub_GN": (1, 1, 1, into)}


# XComposer2.5: tiles of 560 px, and adapters for what it writes


def _is_2d5(config: Mapping[str, Any], shapes: Shapes) -> bool:
    return is_internlm2(config, shapes) and "plora_glb_GN" in shapes and tile_pixels(shapes) == TILE_PIXELS_2D5


def _read_2d5(family: Family, folder: Path, config: Mapping[str, Any], shapes: Shapes) -> Architecture:
    """With the adapters whose LoRA sets are there: a checkpoint without any (OmniLive's) has its base weights alone."""
    ranks = read_lora_sets(folder, shapes, dict.fromkeys(part for parts in ADAPTERS_2D5.values() for part in parts))
    return replace(
        read_internlm2(family, folder, config, shapes),
        vision=read_clip(folder, config, shapes, merged=4),
        adapters={name: parts for name, parts in ADAPTERS_2D5.items() if all(part in ranks for part in parts)},
        lora_ranks=ranks,
    )


def _published_2d5() -> Architecture:
    vision = Vision(TILE_PIXELS_2D5, 14, 1024, 24, 16, 4096, 1601, 4096, 4096)
    base = Architecture(XCOMPOSER2D5, 92544, 4096, 32, 32, 8, 14336, 1e-5, 1e6, 2 * 24576, 1, 2)
    return replace(
        base,
        ranks=dict.fromkeys(LINEARS, 256),
        vision=vision,
        adapters=ADAPTERS_2D5,
        lora_ranks={"sft": 256, "dpo": 256, "web": 512},
        trained=24576,
        rope_factor=2.0,
    )


XCOMPOSER1 = Family(
    name="xcomposer1",
    dialect="xcomposer1",
    matches=is_xcomposer1,
    read=read_xcomposer1,
    tensors=xcomposer1_tensors,
    title=lambda a: f"XComposer-{'VL-' if a.vocab % 8 else ''}{_size(a)}",  # the VL model has two rows more
    roles=lambda a: (COMPOSER.name, VIEWER.name),
    image_tokens=lambda vision: vision.queries + 2 if isinstance(vision, SampledVision) else 0,
    tower="studio.models.xcomposer1:VisionTower",
    source="studio.models.xcomposer1:AsInternLM2",
    merged=merged_into_others,
    control_tokens=(("<TOKENS_UNUSED_0>",), ("<TOKENS_UNUSED_1>",)),
    start_of_turn="<TOKENS_UNUSED_0>",
    end_of_turn="<TOKENS_UNUSED_1>",
    also_ends=("<TOKENS_UNUSED_0>",),
    extra_rows=2,
)
XCOMPOSER2D5 = Family(
    name="xcomposer2.5",
    dialect="xcomposer2.5",
    matches=_is_2d5,
    read=_read_2d5,
    tensors=_tiled_tensors,
    title=lambda a: f"XComposer2.5-{_size(a)}",
    roles=lambda a: (COMPOSER.name, VIEWER.name),
    image_tokens=lambda vision: tile_tokens(MAX_TILES_2D5, 1, TILE_PIXELS_2D5 // 28),
    tower="studio.models.xcomposer2d5:TiledVisionTower",
    tiled=True,
)
XCOMPOSER2_4KHD = Family(
    name="xcomposer2-4khd",
    dialect="xcomposer2",
    matches=lambda config, shapes: is_internlm2(config, shapes) and "plora_glb_GN" in shapes,
    read=_read_4khd,
    tensors=_tiled_tensors,
    title=lambda a: f"XComposer2-4KHD-{_size(a)}",
    roles=lambda a: (VIEWER.name,),
    image_tokens=lambda vision: tile_tokens(MAX_TILES, 1),  # tall pictures have more rows to end
    tower="studio.models.xcomposer2_4khd:TiledVisionTower",
    tiled=True,
)
XCOMPOSER2 = Family(
    name="xcomposer2",
    dialect="xcomposer2",
    matches=lambda config, shapes: is_internlm2(config, shapes) and "vision_proj.0.weight" in shapes,
    read=_read_xcomposer2,
    tensors=_xcomposer2_tensors,
    title=_xcomposer2_title,
    roles=_xcomposer2_roles,
    image_tokens=lambda vision: vision.grid**2,
)
INTERNLM2_CHAT = Family(
    name="internlm2",
    dialect="internlm2",
    matches=is_internlm2,
    read=read_internlm2,
    tensors=internlm2_tensors,
    title=lambda a: f"InternLM2-Chat-{_size(a)}",
    roles=lambda a: (COMPOSER.name,),
    image_tokens=lambda vision: 0,
)

FAMILIES: tuple[Family, ...] = (
    XCOMPOSER2D5,
    XCOMPOSER2_4KHD,
    XCOMPOSER2,
    XCOMPOSER1,
    INTERNLM2_CHAT,
)  # the first that matches is taken
