"""What a ViT sees, on a GPU as one CUDA graph for each number of pictures: its 300 kernels are quicker than their
launching. The graphs are no part of the model, whose memory may be lent to another one between calls.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.models.clip import Cut, VisionTower
from studio.models.graphs import Graphs

MOST = 4  # pictures of a graph: the candidates for a place


class Seeing:
    """Call it to see."""

    def __init__(self, tower: VisionTower, graphs: Graphs) -> None:
        self._tower, self._graphs = tower, graphs
        self._most = MOST if tower.patches.is_cuda and not tower.tiled else 0
        self._places: dict[int, tuple[Tensor, Tensor]] = {}  # pixels in, embeddings out

    @torch.inference_mode()
    def __call__(self, cuts: Sequence[Cut]) -> list[Tensor]:
        """See `VisionTower.see`."""
        count = len(cuts)
        if count > self._most:
            return self._tower.see(cuts)
        if count not in self._places:
            self._places[count] = self._made(torch.cat([cut.views for cut in cuts]))
        pixels, embeddings = self._places[count]
        for place, cut in zip(pixels, cuts, strict=True):
            place.copy_(cut.views[0])
        self._graphs.run(("see", count), lambda: embeddings.copy_(self._tower(pixels)))
        return list(embeddings.clone())

    def _made(self, views: Tensor) -> tuple[Tensor, Tensor]:
        vision, patches = self._tower.vision, self._tower.patches
        hidden = self._tower.projector[1].weight.shape[0]
        pixels = torch.zeros(views.shape, device=patches.device, dtype=patches.dtype)
        return pixels, pixels.new_zeros(len(views), vision.grid**2, hidden)
