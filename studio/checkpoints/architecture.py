"""The architecture of a checkpoint as plain data, and what a model family says of itself.

The families, and reading a folder, are in `families`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studio.checkpoints.config_json import Shapes
from studio.protocol import Role

LINEARS = ("attention.wqkv", "attention.wo", "feed_forward.w1", "feed_forward.w3", "feed_forward.w2")
TOWER = "vit.vision_tower.vision_model."
UNLIMITED = 1 << 30  # positions
VIT_NORM_EPS = 1e-5  # CLIP's, which no checkpoint of this family writes down
Tensors = dict[str, tuple[int, ...]]  # name in the published files → shape

# The control tokens of InternLM2's vocabulary, each by all its names: XComposer2's, then InternLM2-Chat's.
CONTROL_TOKENS = (
    ("[UNUSED_TOKEN_141]", "<|plugin|>"),
    ("[UNUSED_TOKEN_142]", "<|interpreter|>"),
    ("[UNUSED_TOKEN_143]", "<|action_end|>"),
    ("[UNUSED_TOKEN_144]", "<|action_start|>"),
    ("[UNUSED_TOKEN_145]", "<|im_end|>"),
    ("[UNUSED_TOKEN_146]", "<|im_start|>"),
)


@dataclass(frozen=True)
class Vision:
    """The CLIP ViT in front of the language model."""

    image: int  # pixels a side of its input
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
class Family:
    """One model family: how its checkpoints are recognised, read, built and talked to.

    An entry of `families.FAMILIES`. `decoder` and `tower` name classes as "module:class", so that torch is imported
    only when a model is built; `tower` must have the methods of `studio.models.clip.VisionTower`.
    """

    name: str
    dialect: str  # how its prompts are written: a name that `studio.prompts.dialect` knows
    matches: Callable[[Mapping[str, Any], Shapes], bool]  # by config.json and tensors
    read: Callable[[Family, Path, Mapping[str, Any], Shapes], Architecture]
    tensors: Callable[[Architecture], Tensors]  # all that it needs
    title: Callable[[Architecture], str]  # the name people know a model by
    roles: Callable[[Architecture], tuple[Role, ...]]  # what it can be used for
    image_tokens: Callable[[Vision], int]  # positions of a picture in the context, the most where they differ
    decoder: str = "studio.models.internlm2:Decoder"
    tower: str = "studio.models.clip:VisionTower"
    control_tokens: tuple[tuple[str, ...], ...] = CONTROL_TOKENS  # each by all its names
    start_of_turn: str = "[UNUSED_TOKEN_146]"
    end_of_turn: str = "[UNUSED_TOKEN_145]"  # ends generation, as EOS does
    also_ends: tuple[str, ...] = ()  # control tokens that end generation, too
    extra_rows: int = 0  # rows that the embedding may have beyond the tokenizer's pieces
    source: str = ""  # "module:class" that gives its tensors by InternLM2's names, where its own are others
    merged: Callable[[str], bool] = lambda name: False  # tensors that are added to others when they are loaded
    tiled: bool = False  # cuts pictures into tiles, so that their size decides how many positions they take


@dataclass(frozen=True)
class Architecture:
    """The sizes of one model."""

    family: Family = field(repr=False)
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
    adapters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name → the LoRA sets that act together
    lora_ranks: Mapping[str, int] = field(default_factory=dict)  # of those sets, in every linear
    biases: tuple[str, ...] = ()  # linears that have one
    trained: int = UNLIMITED  # positions up to which RoPE's base is rope_theta; beyond them it grows (dynamic NTK) …
    rope_factor: float = 1.0  # … by this factor

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
        """Positions of one picture in the context; where they depend on the picture, the most."""
        return self.family.image_tokens(self.vision) if self.vision else 0

    @property
    def tile_tokens(self) -> int:
        """Positions that a tile of a picture takes at the most, line ends included; 0 where pictures are not cut."""
        side = self.vision.grid // 2 if self.vision else 0
        return side**2 + side if self.family.tiled else 0

    @property
    def name(self) -> str:
        """The name people know it by."""
        return self.family.title(self)

    def tensors(self) -> Tensors:
        """Every tensor the model needs, by its name in the published files, with its shape."""
        return self.family.tensors(self)

    def parameters(self) -> int:
        """How many numbers the model has."""
        return sum(math.prod(shape) for name, shape in self.tensors().items() if not self.family.merged(name))

    def cache_bytes(self, tokens: int, element: int) -> int:
        """Bytes of keys and values for so many tokens, at `element` bytes a number."""
        return 2 * self.layers * self.kv_heads * self.head_dim * tokens * element
