"""Short prompts as one CUDA graph a size: launching their 400 kernels one by one takes longer than running them.

A turn of a chat behind what is known already, a caption, the question about a picture: few tokens, and each waits for
the host. The graph of the next larger size reads them with some tokens to spare, which belong to nobody.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from studio.models.cache import TOGETHER, Layout, Marks, Pool, Size, blocks_for
from studio.models.decoder import Decoder
from studio.models.device import to_device

SIZES = (16, 64, 128, 256)  # tokens
STRETCHES = 8


class Reader:
    """Call it to read; without graphs for tests."""

    def __init__(self, decoder: Decoder, pool: Pool, graphs: bool = True) -> None:
        self._decoder, self._pool, self._graphs = decoder, pool, graphs
        self._captured: dict[int, _Captured] = {}
        self._memory: Any = None  # the graphs' own pool of memory, which they share

    def serves(self, layout: Layout) -> bool:
        """Whether a graph has room for it."""
        fits = layout.tokens <= SIZES[-1] and len(layout.stretches) <= STRETCHES
        return fits and max(s.end for s in layout.stretches) <= self._decoder.architecture.context

    def warm(self) -> None:
        """Capture all sizes."""
        for tokens in SIZES:
            self._made(tokens)

    @torch.inference_mode()
    def __call__(self, x: Tensor, layout: Layout) -> Tensor:
        """Embeddings [tokens, hidden] → hidden states after the last token of each stretch [stretches, hidden], which
        the next call overwrites."""
        made = self._made(next(size for size in SIZES if size >= x.shape[0]))
        made.x[: x.shape[0]] = x
        made.marks.numbers.copy_(to_device(made.marks.filled(layout.stretches), x.device, torch.int32))
        if made.graph:
            made.graph.replay()
        else:
            self._read(made)
        return made.hidden[: len(layout.stretches)]

    @torch.inference_mode()
    def _made(self, tokens: int) -> _Captured:
        if made := self._captured.get(tokens):
            return made
        made = self._captured[tokens] = _Captured(self._decoder, tokens)
        self._read(made)
        if self._graphs:
            made.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(made.graph, pool=self._memory):
                self._read(made)
            self._memory = self._memory or made.graph.pool()
        return made

    def _read(self, made: _Captured) -> None:
        layout = Layout((), self._decoder.device, made.marks)
        hidden = self._decoder.forward(made.x.clone(), self._pool, layout)
        torch.index_select(hidden, 0, made.marks.ends, out=made.hidden)


class _Captured:
    """A size: its inputs, its output, and the graph between them."""

    def __init__(self, decoder: Decoder, tokens: int) -> None:
        a, device = decoder.architecture, decoder.device
        size = Size(tokens, STRETCHES, tokens // TOGETHER + STRETCHES, blocks_for(a.context))
        empty = Marks(size, torch.empty(0)).filled(())
        self.marks = Marks(size, empty.to(device))
        self.x = torch.zeros(tokens, a.hidden, device=device, dtype=decoder.dtype)
        self.hidden = torch.zeros(STRETCHES, a.hidden, device=device, dtype=decoder.dtype)
        self.graph: torch.cuda.CUDAGraph | None = None
