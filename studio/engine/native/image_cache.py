"""Embeddings of pictures: opened and resized on threads, run through the vision tower once, cached by key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from studio.engine.native.vision_graphs import VisionGraphs
from studio.models.clip import PreprocessedImage, VisionTower
from studio.models.graphs import CudaGraphs
from studio.models.image_preprocessing import opened
from studio.protocol import Image

MAX_BYTES = 256 << 20  # of embeddings: 25 pictures of 490 px, 120 of 224 px
THREADS = 2  # threads
MAX_BATCH = 8  # pictures of one forward of the vision tower
MAX_PENDING = 64  # opened pictures without embeddings; a request that ended early leaves some behind


class ImageCache:
    """A cache in front of the vision tower."""

    def __init__(self, tower: VisionTower, graphs: CudaGraphs) -> None:
        self._tower, self._vision_graphs = tower, VisionGraphs(tower, graphs)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pictures")
        self._pending: OrderedDict[str, Future[PreprocessedImage]] = OrderedDict()
        self._embeddings: OrderedDict[str, Tensor] = OrderedDict()

    def prefetch(self, image: Image) -> None:
        """Begin to open a picture whose embeddings are not cached."""
        if image.cache_key not in self._embeddings and image.cache_key not in self._pending:
            self._pending[image.cache_key] = self._threads.submit(self._preprocess, image)
        while len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)

    def ready(self, image: Image) -> bool:
        """Whether `embed` need not wait for the file."""
        return image.cache_key not in self._pending or self._pending[image.cache_key].done()

    @torch.inference_mode()
    def embed(self, images: Sequence[Image]) -> list[Tensor]:
        """Embeddings of each picture [positions, hidden]. Raises InputError for one that cannot be opened."""
        fresh = {image.cache_key: image for image in images if image.cache_key not in self._embeddings}
        for image in fresh.values():
            self.prefetch(image)
        opening = {key: self._pending.pop(key, None) for key in fresh}
        cuts = {key: future.result() if future else self._preprocess(fresh[key]) for key, future in opening.items()}
        keys = list(cuts)
        for at in range(0, len(keys), MAX_BATCH):
            some = keys[at : at + MAX_BATCH]
            self._embeddings |= dict(zip(some, self._vision_graphs([cuts[key] for key in some]), strict=True))
        found = []
        for image in images:
            self._embeddings.move_to_end(image.cache_key)
            found.append(self._embeddings[image.cache_key])
        while len(self._embeddings) > 1 and self.bytes > MAX_BYTES:
            self._embeddings.popitem(last=False)
        return found

    def clear(self) -> None:
        """Drop all embeddings."""
        self._embeddings.clear()

    def _preprocess(self, image: Image) -> PreprocessedImage:
        picture = opened(image.data)
        return self._tower.preprocess(picture, image.tiles) if image.tiles else self._tower.preprocess(picture)

    @property
    def bytes(self) -> int:
        """Bytes of the cached embeddings."""
        return sum(tensor.nbytes for tensor in self._embeddings.values())

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
