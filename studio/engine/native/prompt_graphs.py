"""Short prompts as one CUDA graph a size: launching their 400 kernels one by one takes longer than running them.

A turn of a chat behind what is known already, a caption, the question about a picture: few tokens, and each waits for
the host. The graph of the next larger size reads them with some tokens to spare, which belong to nobody.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.models.async_copy import to_device
from studio.models.graphs import Graphs
from studio.models.internlm2 import Decoder
from studio.models.kv_cache import TOGETHER, Layout, Marks, Pool, Size, blocks_for

SIZES = (16, 64, 128, 256)  # tokens
STRETCHES = 8


class Reader:
    """Call it to read."""

    def __init__(self, decoder: Decoder, pool: Pool, graphs: Graphs) -> None:
        self._decoder, self._pool, self._graphs = decoder, pool, graphs
        self._places: dict[int, _Places] = {}

    def serves(self, layout: Layout) -> bool:
        """Whether a graph has room for it."""
        return layout.tokens <= SIZES[-1] and len(layout.stretches) <= STRETCHES

    @torch.inference_mode()
    def warm(self) -> None:
        """Capture all sizes."""
        for tokens in SIZES:
            self._run(tokens)

    @torch.inference_mode()
    def __call__(self, x: Tensor, layout: Layout) -> Tensor:
        """Embeddings [tokens, hidden] → hidden states after the last token of each stretch [stretches, hidden], which
        the next call overwrites."""
        tokens = next(size for size in SIZES if size >= x.shape[0])
        places = self._at(tokens)
        places.x[: x.shape[0]] = x
        places.marks.numbers.copy_(to_device(places.marks.filled(layout.stretches), x.device, torch.int32))
        self._run(tokens)
        return places.hidden[: len(layout.stretches)]

    def _at(self, tokens: int) -> _Places:
        if tokens not in self._places:
            self._places[tokens] = _Places(self._decoder, tokens)
        return self._places[tokens]

    def _run(self, tokens: int) -> None:
        at = self._at(tokens)
        layout = Layout((), self._decoder.device, at.marks)

        def read() -> None:
            at.hidden.copy_(self._decoder.forward(at.x.clone(), self._pool, layout, wanted=at.marks.ends))

        self._graphs.run(("read", tokens), read)


class _Places:
    """Where a graph finds its input and leaves its output."""

    def __init__(self, decoder: Decoder, tokens: int) -> None:
        a, device = decoder.architecture, decoder.device
        size = Size(tokens, STRETCHES, tokens // TOGETHER + STRETCHES, blocks_for(a.context))
        self.marks = Marks(size, Marks(size, torch.empty(0)).filled(()).to(device))
        self.x = torch.zeros(tokens, a.hidden, device=device, dtype=decoder.dtype)
        self.hidden = torch.zeros(STRETCHES, a.hidden, device=device, dtype=decoder.dtype)
