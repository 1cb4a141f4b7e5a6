"""The vision tower on a GPU as one CUDA graph per number of pictures: its 300 kernels run faster than they launch.

The graphs are no part of the model, whose memory another model may use between calls.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from studio.models.clip import PreprocessedImage, VisionTower
from studio.models.graphs import CudaGraphs

MAX_IMAGES = 4  # pictures of a graph: the candidates for a place


class VisionGraphs:
    """Call it to embed preprocessed pictures."""

    def __init__(self, tower: VisionTower, graphs: CudaGraphs) -> None:
        self._tower, self._graphs = tower, graphs
        self._max_images = MAX_IMAGES if tower.patches.is_cuda and not tower.tiled else 0
        self._buffers: dict[int, tuple[Tensor, Tensor]] = {}  # pixels in, embeddings out

    @torch.inference_mode()
    def __call__(self, images: Sequence[PreprocessedImage]) -> list[Tensor]:
        """See `VisionTower.embed`."""
        count = len(images)
        if count > self._max_images:
            return self._tower.embed(images)
        if count not in self._buffers:
            self._buffers[count] = self._new_buffers(torch.cat([image.views for image in images]))
        pixels, embeddings = self._buffers[count]
        for buffer, image in zip(pixels, images, strict=True):
            buffer.copy_(image.views[0])
        self._graphs.run(("vision", count), lambda: embeddings.copy_(self._tower(pixels)))
        return list(embeddings.clone())

    def _new_buffers(self, views: Tensor) -> tuple[Tensor, Tensor]:
        patches = self._tower.patches
        pixels = torch.zeros(views.shape, device=patches.device, dtype=patches.dtype)
        return pixels, torch.zeros_like(self._tower(pixels))
