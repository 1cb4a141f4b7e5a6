"""XComposer2-4KHD (arXiv:2404.06512): a large picture is cut into tiles of 336 px, whose features are joined again.

A picture is shown twice: whole, at 336 px, and as h×w tiles. 2×2 neighbouring patches are merged, so a tile is 12×12
positions. A learned newline ends each row of positions and a learned separator stands between whole and tiles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.checkpoints.families import MAX_TILES, TILE_PIXELS, tile_tokens
from studio.models.clip import PreprocessedImage, VisionTower
from studio.models.image_preprocessing import normalised
from studio.models.weights import Source


class TiledVisionTower(VisionTower):
    """The vision tower of XComposer2-4KHD."""

    tiled = True

    def __init__(self, architecture: Architecture, source: Source) -> None:
        super().__init__(architecture, source)
        self.separator, self.newline = source("plora_glb_GN"), source("plora_sub_GN")

    def tokens(self, width: int, height: int) -> int:
        """See `VisionTower.tokens`."""
        return tile_tokens(*layout(width, height))

    def preprocess(self, picture: Image.Image) -> PreprocessedImage:
        """See `VisionTower.preprocess`: the whole picture, then rows × columns tiles."""
        return PreprocessedImage(*cut(picture))

    @torch.inference_mode()
    def embed(self, images: Sequence[PreprocessedImage]) -> list[Tensor]:
        """See `VisionTower.embed`; one picture at a time."""
        return [
            self.project(joined(self.features(image.views), image.rows, image.columns, self.separator, self.newline))
            for image in images
        ]


def layout(width: int, height: int, most: int = MAX_TILES) -> tuple[int, int]:
    """(rows, columns) of tiles for a picture of this size."""
    if width < height:
        columns, rows = layout(height, width, most)
        return rows, columns
    ratio = width / height
    scale = max(s for s in range(1, most + 1) if s * math.ceil(s / ratio) <= most)
    height = max(1, int(scale * TILE_PIXELS / ratio))
    return math.ceil(height / TILE_PIXELS), scale


def cut(picture: Image.Image) -> tuple[Tensor, int, int]:
    """An RGB picture → tiles [1 + rows · columns, 3, 336, 336], the whole first; rows; columns.

    Portrait pictures are laid on their side for the arithmetic and turned back, as the original does. The short side is
    filled up with white on both sides.
    """
    turned = picture.width < picture.height
    if turned:
        picture = picture.transpose(Image.Transpose.TRANSPOSE)
    _, columns = layout(picture.width, picture.height)
    width = columns * TILE_PIXELS
    height = max(1, int(width / (picture.width / picture.height)))
    padded = Image.new("RGB", (width, math.ceil(height / TILE_PIXELS) * TILE_PIXELS), "white")
    padded.paste(picture.resize((width, height), Image.Resampling.BILINEAR), (0, (padded.height - height) // 2))
    x = normalised(padded.transpose(Image.Transpose.TRANSPOSE) if turned else padded)
    rows, columns = x.shape[1] // TILE_PIXELS, x.shape[2] // TILE_PIXELS
    whole = F.interpolate(x[None], size=(TILE_PIXELS, TILE_PIXELS), mode="bicubic", align_corners=False)
    tiles = x.view(3, rows, TILE_PIXELS, columns, TILE_PIXELS)  # [3, rows, 336, columns, 336]
    return torch.cat((whole, tiles.permute(1, 3, 0, 2, 4).flatten(0, 1))), rows, columns


def joined(features: Tensor, rows: int, columns: int, separator: Tensor, newline: Tensor) -> Tensor:
    """Patch features [1 + rows · columns, 24², width] → what the projector reads [positions, 4 · width].

    Order: whole picture, each row ended by `newline` [1, 1, 1, 4 · width]; `separator` [1, 1, 4 · width]; the tiles in
    reading order of the whole picture, each row ended by `newline`.
    """
    merged = _merge_2x2(features)
    side = merged.shape[1]
    tiles = merged[1:].view(rows, columns, side, side, -1).transpose(1, 2)  # [rows, side, columns, side, 4 · width]
    tiles = tiles.reshape(rows * side, columns * side, -1)
    return torch.cat((_with_newlines(merged[0], newline), separator[0], _with_newlines(tiles, newline)))


def _merge_2x2(features: Tensor) -> Tensor:
    """[tiles, n², width] → [tiles, n/2, n/2, 4 · width]; the four neighbours in reading order."""
    half = math.isqrt(features.shape[1]) // 2
    square = features.reshape(features.shape[0], half, 2, half, 2, -1)
    return square.transpose(2, 3).flatten(3)


def _with_newlines(grid: Tensor, newline: Tensor) -> Tensor:
    """[height, width, channels] → [height · (width + 1), channels]."""
    return torch.cat((grid, newline[0].expand(grid.shape[0], 1, -1)), dim=1).flatten(0, 1)
