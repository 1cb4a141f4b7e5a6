"""Vision towers that cut a large picture into tiles, whose features are joined again.

A picture is shown twice: whole, at the size of a tile, and as rows × columns tiles. 2×2 neighbouring patches are
merged, so that a tile is (side / 28)² positions. A learned newline ends each row of positions and a learned separator
stands between whole and tiles. A family's `Tiling` says how a picture is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.checkpoints.families import tile_tokens
from studio.models.clip import PreprocessedImage, VisionTower
from studio.models.image_preprocessing import normalised
from studio.models.weights import Source


@dataclass(frozen=True)
class Tiling:
    """How a family cuts pictures: `columns` of tiles of `side` pixels for a picture that is at least as wide as high
    (its width, height, the most tiles); `centred`: filled up with white above and below, or else below alone."""

    side: int
    most: int  # tiles of a picture that is the only one of its prompt
    several: int  # tiles of each of several
    centred: bool
    columns: Callable[[int, int, int], int]

    def layout(self, width: int, height: int, most: int) -> tuple[int, int]:
        """(rows, columns) of tiles for a picture of this size."""
        if width < height:
            columns, rows = self.layout(height, width, most)
            return rows, columns
        scale = self.columns(width, height, most)
        return math.ceil(max(1, int(scale * self.side / (width / height))) / self.side), scale

    def fit(self, picture: Image.Image, most: int) -> Image.Image:
        """An RGB picture resized and filled up with white to whole tiles.

        Portrait pictures are laid on their side for the arithmetic and turned back, as the original does.
        """
        turned = picture.width < picture.height
        if turned:
            picture = picture.transpose(Image.Transpose.TRANSPOSE)
        width = self.columns(picture.width, picture.height, most) * self.side
        height = max(1, int(width / (picture.width / picture.height)))
        padded = Image.new("RGB", (width, math.ceil(height / self.side) * self.side), "white")
        top = (padded.height - height) // 2 if self.centred else 0
        padded.paste(picture.resize((width, height), Image.Resampling.BILINEAR), (0, top))
        return padded.transpose(Image.Transpose.TRANSPOSE) if turned else padded

    def cut(self, picture: Image.Image, most: int) -> PreprocessedImage:
        """An RGB picture whole and in tiles: views [1 + rows · columns, 3, side, side]."""
        side = self.side
        x = normalised(self.fit(picture, most))
        rows, columns = x.shape[1] // side, x.shape[2] // side
        whole = F.interpolate(x[None], size=(side, side), mode="bicubic", align_corners=False)
        tiles = x.view(3, rows, side, columns, side).permute(1, 3, 0, 2, 4).flatten(0, 1)
        return PreprocessedImage(torch.cat((whole, tiles)), rows, columns)


class TilingVisionTower(VisionTower):
    """A subclass says how it cuts."""

    tiled = True
    tiling: ClassVar[Tiling]

    def __init__(self, architecture: Architecture, source: Source) -> None:
        super().__init__(architecture, source)
        self.separator, self.newline = source("plora_glb_GN"), source("plora_sub_GN")

    def tiles_for(self, pictures: int) -> int:
        """See `VisionTower.tiles_for`."""
        return self.tiling.most if pictures == 1 else self.tiling.several

    def tokens(self, width: int, height: int, tiles: int = 0) -> int:
        """See `VisionTower.tokens`; with at most so many tiles (0: as a picture alone)."""
        return tile_tokens(*self.tiling.layout(width, height, tiles or self.tiling.most), self.vision.grid // 2)

    def preprocess(self, picture: Image.Image, tiles: int = 0) -> PreprocessedImage:
        """See `VisionTower.preprocess`."""
        return self.tiling.cut(picture, tiles or self.tiling.most)

    @torch.inference_mode()
    def embed(self, images: Sequence[PreprocessedImage]) -> list[Tensor]:
        """See `VisionTower.embed`; the views of a picture are seen together."""
        return [
            self.project(joined(self.features(image.views), image.rows, image.columns, self.separator, self.newline))
            for image in images
        ]


def largest_scale(ratio: float, most: int) -> int:
    """Columns of the largest grid of at most `most` tiles for a picture of this ratio of width to height."""
    return max(s for s in range(1, most + 1) if s * math.ceil(s / ratio) <= most)


def joined(features: Tensor, rows: int, columns: int, separator: Tensor, newline: Tensor) -> Tensor:
    """Patch features [1 + rows · columns, n², width] → what the projector reads [positions, 4 · width].

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
