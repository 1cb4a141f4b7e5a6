"""Pictures on their way into a prompt: opened and resized on threads of their own, seen once, kept by their key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from studio.engine.native.vision_graphs import Seeing
from studio.models.clip import Cut, VisionTower
from studio.models.graphs import Graphs
from studio.models.image_preprocessing import opened
from studio.protocol import Image

KEPT_BYTES = 256 << 20  # embeddings: 25 pictures of 490 px, 120 of 224 px
OPENERS = 2  # threads
TOGETHER = 8  # pictures that the ViT sees in one go
MOST_OPENED = 64  # that wait to be seen; a call that ended before its turn leaves some behind


class Pictures:
    """What the tower makes of pictures."""

    def __init__(self, tower: VisionTower, graphs: Graphs) -> None:
        self._tower, self._seeing = tower, Seeing(tower, graphs)
        self._threads = ThreadPoolExecutor(OPENERS, thread_name_prefix="pictures")
        self._opening: OrderedDict[str, Future[Cut]] = OrderedDict()
        self._seen: OrderedDict[str, Tensor] = OrderedDict()

    def open(self, image: Image) -> None:
        """Begin to open a picture that has not been seen lately."""
        if image.key not in self._seen and image.key not in self._opening:
            self._opening[image.key] = self._threads.submit(self._cut, image)
        while len(self._opening) > MOST_OPENED:
            self._opening.popitem(last=False)

    def ready(self, image: Image) -> bool:
        """Whether `see` need not wait for the file."""
        return image.key not in self._opening or self._opening[image.key].done()

    @torch.inference_mode()
    def see(self, images: Sequence[Image]) -> list[Tensor]:
        """Embeddings of each picture [positions, hidden]. Raises InputError for one that cannot be opened."""
        fresh = {image.key: image for image in images if image.key not in self._seen}
        for image in fresh.values():
            self.open(image)
        opening = {key: self._opening.pop(key, None) for key in fresh}
        cuts = {key: future.result() if future else self._cut(fresh[key]) for key, future in opening.items()}
        keys = list(cuts)
        for at in range(0, len(keys), TOGETHER):
            some = keys[at : at + TOGETHER]
            self._seen |= dict(zip(some, self._seeing([cuts[key] for key in some]), strict=True))
        found = []
        for image in images:
            self._seen.move_to_end(image.key)
            found.append(self._seen[image.key])
        while len(self._seen) > 1 and self.bytes > KEPT_BYTES:
            self._seen.popitem(last=False)
        return found

    def forget(self) -> None:
        """Drop what was seen."""
        self._seen.clear()

    def _cut(self, image: Image) -> Cut:
        return self._tower.cut(opened(image.data))

    @property
    def bytes(self) -> int:
        """Memory of what is kept."""
        return sum(tensor.nbytes for tensor in self._seen.values())

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
