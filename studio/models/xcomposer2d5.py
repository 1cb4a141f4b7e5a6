"""XComposer2.5 (arXiv:2407.03320): pictures in tiles of 560 px, 24 at the most and 6 each of several, filled up below.

As many tiles as fit are taken, but no more columns than the picture has pixels for. The language model is InternLM2
with adapters, see `studio.models.internlm2`.
"""

from __future__ import annotations

import math

from studio.checkpoints.families import MAX_TILES_2D5, TILE_PIXELS_2D5
from studio.models.tiles import Tiling, TilingVisionTower, largest_scale


def _columns(width: int, height: int, most: int) -> int:
    return min(math.ceil(width / TILE_PIXELS_2D5), largest_scale(width / height, most))


TILING = Tiling(TILE_PIXELS_2D5, MAX_TILES_2D5, 6, False, _columns)


class TiledVisionTower(TilingVisionTower):
    """The vision tower of XComposer2.5."""

    tiling = TILING
