"""Vectors of texts, through the lane: every text that is not remembered goes in one call."""

from __future__ import annotations

import threading
from collections import OrderedDict

from studio.protocol import Embed, Vectors
from studio.worker.lane import Lane

REMEMBERED = 400  # texts; about 5 MB

Vector = tuple[float, ...]


class Embedder:
    """Remembers the texts of late. A search then costs no turn in the queue, where others' articles may be ahead."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: tuple[str, ...]) -> tuple[Vector, ...]:
        """One unit vector per text. Raises the error of a call that failed."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        missing = tuple(dict.fromkeys(text for text in texts if text not in found))
        if missing:
            vectors = self._lane.submit(Embed(missing)).result()
            assert isinstance(vectors, Vectors)
            found |= zip(missing, vectors.values, strict=True)
        with self._lock:
            for text in texts:
                self._known[text] = found[text]
                self._known.move_to_end(text)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return tuple(found[text] for text in texts)
