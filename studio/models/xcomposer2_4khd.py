"""XComposer2-4KHD (arXiv:2404.06512): pictures in tiles of 336 px, 25 at the most, filled up above and below.

As many tiles as fit are taken: small pictures are enlarged.
"""

from __future__ import annotations

from studio.checkpoints.families import MAX_TILES, TILE_PIXELS
from studio.models.tiles import Tiling, TilingVisionTower, largest_scale

TILING = Tiling(TILE_PIXELS, MAX_TILES, MAX_TILES, True, lambda w, h, most: largest_scale(w / h, most))


class TiledVisionTower(TilingVisionTower):
    """The vision tower of XComposer2-4KHD."""

    tiling = TILING
