"""The CLIP ViT (arXiv:2103.00020) and the projector: pixels in, embeddings of the language model out.

The features are the last encoder layer's *before* post_layernorm, the class token dropped. A checkpoint of this family
holds all weights of its ViT, with the position table already resized to its picture size; a table of another
size (raw CLIP's) is resized once, when loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from studio.checkpoints.architecture import TOWER, VIT_NORM_EPS, Architecture, Vision
from studio.models.image_preprocessing import pixels
from studio.models.weights import Source


@dataclass(frozen=True)
class Affine:
    """A weight and a bias: of a linear or of a layer norm."""

    weight: Tensor
    bias: Tensor

    def linear(self, x: Tensor) -> Tensor:
        """x Wᵀ + b."""
        return F.linear(x, self.weight, self.bias)

    def norm(self, x: Tensor) -> Tensor:
        """Layer norm."""
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, VIT_NORM_EPS)


@dataclass(frozen=True)
class Block:
    """One encoder layer. Query, key and value are one matrix."""

    norm1: Affine
    qkv: Affine
    out: Affine
    norm2: Affine
    fc1: Affine
    fc2: Affine


@dataclass(frozen=True)
class PreprocessedImage:
    """A picture as the ViT sees it: one view, or the whole and then rows × columns tiles."""

    views: Tensor  # normalised pixels [views, 3, side, side]
    rows: int = 1
    columns: int = 1


class VisionTower:
    """ViT and projector. A family whose towers differ overrides `tokens`, `preprocess` and `embed`."""

    tiled = False  # pictures of different sizes take different numbers of positions

    def __init__(self, architecture: Architecture, source: Source) -> None:
        assert architecture.vision is not None
        self.vision = v = architecture.vision

        def affine(*names: str) -> Affine:
            weights = [source(f"{name}.weight") for name in names]
            biases = [source(f"{name}.bias") for name in names]
            return Affine(torch.cat(weights), torch.cat(biases)) if len(names) > 1 else Affine(weights[0], biases[0])

        self.class_token = source(TOWER + "embeddings.class_embedding")
        self.patches = source(TOWER + "embeddings.patch_embedding.weight")
        self.positions = resized(source(TOWER + "embeddings.position_embedding.weight"), v.grid)
        self.pre_norm = affine(TOWER + "pre_layrnorm")
        self.blocks = [_block(affine, f"{TOWER}encoder.layers.{i}.") for i in range(v.layers)]
        self.projector = (affine("vision_proj.0"), affine("vision_proj.2"))

    @torch.inference_mode()
    def __call__(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [pictures, 3, side, side] → embeddings [pictures, grid², hidden]."""
        return self.project(self.features(pixels))

    def tiles_for(self, pictures: int) -> int:
        """The most tiles that each of so many pictures of one prompt is cut into; 0 where pictures are not cut."""
        return 0

    def tokens(self, width: int, height: int, tiles: int = 0) -> int:
        """Positions that a picture of this size takes in the prompt, cut into at most so many tiles."""
        return self.vision.grid**2

    def preprocess(self, picture: Image.Image, tiles: int = 0) -> PreprocessedImage:
        """An RGB picture, resized and normalised on the CPU: what `embed` takes."""
        return PreprocessedImage(pixels(picture, self.vision.image)[None])

    @torch.inference_mode()
    def embed(self, images: Sequence[PreprocessedImage]) -> list[Tensor]:
        """Embeddings [positions, hidden] of each picture; pictures of one view are seen together."""
        return list(self(torch.cat([image.views for image in images])))

    def features(self, pixels: Tensor) -> Tensor:
        """Normalised pixels [pictures, 3, side, side] → patch features [pictures, grid², width]."""
        x = F.conv2d(pixels.to(self.patches), self.patches, stride=self.vision.patch)
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat((self.class_token.expand(x.shape[0], 1, -1), x), dim=1) + self.positions
        x = self.pre_norm.norm(x)
        for block in self.blocks:
            x = _encode(block, x, self.vision)
        return x[:, 1:]

    def project(self, features: Tensor) -> Tensor:
        """Features [..., projector_in] → embeddings [..., hidden]: linear, exact GELU, linear."""
        first, second = self.projector
        return second.linear(F.gelu(first.linear(features)))


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's cheaper GELU."""
    return x * torch.sigmoid(1.702 * x)


def resized(positions: Tensor, grid: int) -> Tensor:
    """Position rows [1 + n², width] for a grid of `grid`²: the class row stays, the others are resized bicubically."""
    stored = math.isqrt(positions.shape[0] - 1)
    if stored == grid:
        return positions
    square = positions[1:].float().T.reshape(1, -1, stored, stored)
    square = F.interpolate(square, size=(grid, grid), mode="bicubic", align_corners=False)
    return torch.cat((positions[:1], square.flatten(2)[0].T.to(positions.dtype)))


def _encode(block: Block, x: Tensor, v: Vision) -> Tensor:
    qkv = torch.unflatten(block.qkv.linear(block.norm1.norm(x)), -1, (3, v.heads, v.width // v.heads))
    q, k, y = (part.transpose(1, 2) for part in qkv.unbind(2))
    y = F.scaled_dot_product_attention(q, k, y).transpose(1, 2).flatten(2)
    x = x + block.out.linear(y)
    return x + block.fc2.linear(quick_gelu(block.fc1.linear(block.norm2.norm(x))))


def _block(affine: Callable[..., Affine], prefix: str) -> Block:
    return Block(
        norm1=affine(prefix + "layer_norm1"),
        qkv=affine(*(f"{prefix}self_attn.{c}_proj" for c in "qkv")),
        out=affine(prefix + "self_attn.out_proj"),
        norm2=affine(prefix + "layer_norm2"),
        fc1=affine(prefix + "mlp.fc1"),
        fc2=affine(prefix + "mlp.fc2"),
    )
