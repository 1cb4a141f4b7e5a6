"""What a checkpoint is: its architecture, read from `config.json` and from the shapes of its tensors.

Sizes and PLoRA ranks come from the tensors, so a checkpoint is described by what it holds and not by what its name
promises; `config.json` gives what shapes cannot say (heads, epsilon, RoPE base, special ids, context). Anything that is
not one of the InternLM2 family is refused by name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from studio.checkpoints.config_json import Fields, Shapes, config_of, layers_of, shape_of
from studio.errors import ModelError
from studio.protocol import Role

Family = Literal["xcomposer2", "xcomposer2-4khd", "internlm2"]

LINEARS = ("attention.wqkv", "attention.wo", "feed_forward.w1", "feed_forward.w3", "feed_forward.w2")
PIXELS = {"composer": 224, "viewer": 490}  # what the published 7B model of each role sees
TOWER = "vit.vision_tower.vision_model."
SIZES = {(4096, 32): "7B", (2048, 24): "1.8B"}
VIT_NORM_EPS = 1e-5  # CLIP's, which no checkpoint of this family writes down
POSITIONS = 32768  # max_position_embeddings in the config.json of every published XComposer2
TILE_PIXELS, MOST_TILES = 336, 25  # 4KHD: side of a tile, and how many the original takes at inference


@dataclass(frozen=True)
class Vision:
    """The CLIP ViT in front of the language model."""

    image: int  # pixels a side that the ViT sees
    patch: int
    width: int
    layers: int
    heads: int
    ffn: int
    positions: int  # stored rows: class token + grid², or raw CLIP's 577, resized when loaded
    projector_in: int  # width, or 4 × width where 2×2 patches are merged (4KHD)
    projector_hidden: int

    @property
    def grid(self) -> int:
        """Patches a side."""
        return self.image // self.patch


@dataclass(frozen=True)
class Architecture:
    """One model of the InternLM2 family, with or without eyes."""

    family: Family
    vocab: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    ffn: int
    norm_eps: float
    rope_theta: float
    context: int  # tokens: as many as config.json has positions for, or fewer where less memory is planned for
    bos: int
    eos: int
    ranks: Mapping[str, int] = field(default_factory=dict)  # PLoRA rank by linear, for those that have one
    vision: Vision | None = None

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads

    @property
    def qkv_rows(self) -> int:
        """Rows of wqkv: for each kv head its query heads, one key head and one value head."""
        return (self.heads + 2 * self.kv_heads) * self.head_dim

    @property
    def image_tokens(self) -> int:
        """Positions one picture takes; for 4KHD the most it can take."""
        if self.vision is None:
            return 0
        if self.family == "xcomposer2-4khd":
            return tile_tokens(1, MOST_TILES)
        return self.vision.grid**2

    @property
    def name(self) -> str:
        """The name people know it by."""
        size = SIZES.get((self.hidden, self.layers), f"{self.hidden}x{self.layers}")
        if self.vision is None:
            return f"InternLM2-Chat-{size}"
        if self.family == "xcomposer2-4khd":
            return f"XComposer2-4KHD-{size}"
        kind = {224: "", 490: "VL-"}.get(self.vision.image, f"{self.vision.image}px-")
        return f"XComposer2-{kind}{size}"

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Every tensor the model needs, by its name in the published files, with its shape."""
        wide = {"attention.wqkv": (self.qkv_rows, self.hidden), "attention.wo": (self.hidden, self.hidden)}
        wide |= {"feed_forward.w1": (self.ffn, self.hidden), "feed_forward.w3": (self.ffn, self.hidden)}
        wide |= {"feed_forward.w2": (self.hidden, self.ffn)}
        needed: dict[str, tuple[int, ...]] = {"model.tok_embeddings.weight": (self.vocab, self.hidden)}
        for i in range(self.layers):
            for name in LINEARS:
                out, into = wide[name]
                needed[f"model.layers.{i}.{name}.weight"] = (out, into)
                if rank := self.ranks.get(name):
                    needed[f"model.layers.{i}.{name}.Plora_A.weight"] = (rank, into)
                    needed[f"model.layers.{i}.{name}.Plora_B.weight"] = (out, rank)
            needed[f"model.layers.{i}.attention_norm.weight"] = (self.hidden,)
            needed[f"model.layers.{i}.ffn_norm.weight"] = (self.hidden,)
        needed |= {"model.norm.weight": (self.hidden,), "output.weight": (self.vocab, self.hidden)}
        return needed | (_vision_tensors(self.vision, self.hidden, self.family) if self.vision else {})

    def parameters(self) -> int:
        """How many numbers the model has."""
        return sum(math.prod(shape) for shape in self.tensors().values())

    def cache_bytes(self, tokens: int, element: int) -> int:
        """Bytes of keys and values for so many tokens, at `element` bytes a number."""
        return 2 * self.layers * self.kv_heads * self.head_dim * tokens * element


def tile_tokens(rows: int, columns: int) -> int:
    """Positions of a 4KHD picture of rows × columns tiles: global view, separator, tiles, one newline a row."""
    return (rows * columns + 1) * 144 + 1 + (rows + 1) * 12


def published(size: str, image: int) -> Architecture:
    """The published shapes without a file, for random weights: XComposer2-7B (224 px) and -VL-7B (490 px). `tiny` has
    their context and tokens a picture and is small everywhere else: to try a whole path on a CPU."""
    if size not in ("7b", "tiny"):
        raise ModelError("model_unknown", name=size, known="7b")
    positions = (image // 14) ** 2 + 1
    if size == "tiny":
        vision = Vision(image, 14, 64, 1, 4, 128, positions, 64, 64)
        ranks = dict.fromkeys(LINEARS, 8)
        return Architecture("xcomposer2", 2048, 64, 2, 4, 2, 128, 1e-5, 1e6, POSITIONS, 1, 2, ranks, vision)
    vision = Vision(image, 14, 1024, 24, 16, 4096, positions, 1024, 4096)
    ranks = dict.fromkeys(LINEARS, 256)
    return Architecture("xcomposer2", 92544, 4096, 32, 32, 8, 14336, 1e-5, 1e6, POSITIONS, 1, 2, ranks, vision)


def read(folder: Path, shapes: Shapes) -> Architecture:
    """The architecture of the checkpoint in `folder` whose tensors have these shapes; ModelError when it is none."""
    config = config_of(folder)
    family = _family(folder, config, shapes)
    get = Fields(folder, config)
    vocab, hidden = shape_of(folder, shapes, "model.tok_embeddings.weight", 2)
    first = {name: f"model.layers.0.{name}.Plora_A.weight" for name in LINEARS}
    architecture = Architecture(
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
        vision=None if family == "internlm2" else _vision(folder, get, shapes, family),
    )
    _agree(folder, config, architecture)
    return architecture


def require_role(role: Role, folder: Path, architecture: Architecture) -> None:
    """Raises ModelError when the model in a folder is not made for this: one writes, the other sees."""
    pixels = architecture.vision.image if architecture.vision else 0
    if pixels in {"composer": (490, 336), "viewer": (0, 224)}[role]:
        raise ModelError(f"{role}_refused", path=folder, found=architecture.name)


def require_tensors(folder: Path, shapes: Shapes, needed: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ModelError unless every needed tensor is there in its shape."""
    missing = [name for name in needed if name not in shapes]
    if missing:
        raise ModelError("tensors_missing", path=folder, count=len(missing), first=missing[0])
    for name, shape in needed.items():
        if shapes[name] != shape:
            cause = f"{name} has the shape {list(shapes[name])}, expected {list(shape)}"
            raise ModelError("model_broken", path=folder, cause=cause)


def _family(folder: Path, config: Mapping[str, Any], shapes: Shapes) -> Family:
    """What it is by type *and* tensors: 4KHD calls itself InternLM2, and a 4-bit file has other tensors."""
    kind = str(config.get("model_type") or "a model without model_type")
    architectures = config.get("architectures")
    said = str(architectures[0]) if isinstance(architectures, list) and architectures else kind
    if any(name.endswith(".qweight") for name in shapes):
        raise ModelError("model_refused", path=folder, found=f"{said} in 4-bit (AutoGPTQ)")
    if kind not in ("internlmxcomposer2", "internlm2", "internlm") or "model.tok_embeddings.weight" not in shapes:
        raise ModelError("model_refused", path=folder, found=said)
    if "plora_glb_GN" in shapes:
        return "xcomposer2-4khd"
    return "xcomposer2" if "vision_proj.0.weight" in shapes else "internlm2"


def _context(config: Mapping[str, Any], get: Fields) -> int:
    """Tokens. Beyond max_position_embeddings the dynamic NTK scaling would begin, which this code does not do.

    `max_length` does not count: it is where the original demo cuts a prompt.
    """
    scaling = config.get("rope_scaling")
    if isinstance(scaling, dict) and scaling.get("type", "dynamic") != "dynamic":
        raise get.wrong("rope_scaling", f"cannot be {scaling}")
    return get.whole("max_position_embeddings")


def _vision(folder: Path, get: Fields, shapes: Shapes, family: Family) -> Vision:
    width, _, patch, _ = shape_of(folder, shapes, TOWER + "embeddings.patch_embedding.weight", 4)
    positions = shape_of(folder, shapes, TOWER + "embeddings.position_embedding.weight", 2)[0]
    projector_hidden, projector_in = shape_of(folder, shapes, "vision_proj.0.weight", 2)
    stored = math.isqrt(positions - 1) * patch
    tiled = family == "xcomposer2-4khd"
    if tiled and stored != TILE_PIXELS:  # XComposer2.5 has these tensors too, and cuts otherwise
        raise ModelError("model_refused", path=folder, found=f"a model with tiles of {stored} px")
    if projector_in != (4 if tiled else 1) * width:
        cause = f"vision_proj.0.weight reads {projector_in} numbers, the ViT gives {width}"
        raise ModelError("model_broken", path=folder, cause=cause)
    image = get.whole("img_size", 4096) if "img_size" in get and not tiled else stored
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


def _vision_tensors(v: Vision, hidden: int, family: Family) -> dict[str, tuple[int, ...]]:
    needed: dict[str, tuple[int, ...]] = {
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
    result |= {
        "vision_proj.0.weight": (v.projector_hidden, v.projector_in),
        "vision_proj.0.bias": (v.projector_hidden,),
    }
    result |= {"vision_proj.2.weight": (hidden, v.projector_hidden), "vision_proj.2.bias": (hidden,)}
    if family == "xcomposer2-4khd":
        result |= {"plora_glb_GN": (1, 1, v.projector_in), "plora_sub_GN": (1, 1, 1, v.projector_in)}
    return result


def _agree(folder: Path, config: Mapping[str, Any], a: Architecture) -> None:
    """config.json and tensors must describe one model: a config copied from elsewhere shows here."""
    if a.heads < 1 or a.kv_heads < 1 or a.hidden % (2 * a.heads) or a.heads % a.kv_heads:
        cause = f"{a.heads} heads and {a.kv_heads} key-value heads do not divide a width of {a.hidden}"
        raise ModelError("config_bad", path=folder / "config.json", cause=cause)
    found = {"hidden_size": a.hidden, "num_hidden_layers": a.layers, "intermediate_size": a.ffn, "vocab_size": a.vocab}
    for name, value in found.items():
        if name in config and config[name] != value:
            cause = f"{name!r} is {config[name]} and the tensors say {value}"
            raise ModelError("config_bad", path=folder / "config.json", cause=cause)
