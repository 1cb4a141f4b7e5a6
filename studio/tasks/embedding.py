"""Vectors of texts, computed by the worker; those of the last texts are cached."""

from __future__ import annotations

import threading
from collections import OrderedDict

from studio.errors import ModelError
from studio.protocol import Embed, Vectors
from studio.worker.client import WorkerClient

CACHED = 400  # texts; about 5 MB
AT_ONCE = 16  # texts of a call, so that a search never waits until somebody's library is embedded

Vector = tuple[float, ...]


class Embedder:
    """Caches the vectors of the last texts. A search then costs no turn in the queue, where others' articles may be
    ahead."""

    def __init__(self, worker: WorkerClient) -> None:
        self._worker = worker
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, texts: tuple[str, ...]) -> tuple[Vector, ...]:
        """One unit vector per text; empty ones where the search model is not installed, and words must do. Raises the
        error of a call that failed."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        missing = tuple(dict.fromkeys(text for text in texts if text not in found))
        if missing:
            found |= zip(missing, self._request(missing), strict=True)
        with self._lock:
            for text in texts:
                self._known[text] = found[text]
                self._known.move_to_end(text)
            while len(self._known) > CACHED:
                self._known.popitem(last=False)
        return tuple(found[text] for text in texts)

    def _request(self, texts: tuple[str, ...]) -> tuple[Vector, ...]:
        found: list[Vector] = []
        try:
            for start in range(0, len(texts), AT_ONCE):
                vectors = self._worker.submit(Embed(texts[start : start + AT_ONCE])).result()
                assert isinstance(vectors, Vectors)
                found += vectors.values
        except ModelError as e:
            if e.key != "text_embedder_missing":
                raise
            return ((),) * len(texts)
        return tuple(found)
