"""Prefill of short prompts as one CUDA graph per size: launching its 400 kernels one by one takes longer than they run.

A turn of a chat with a cached prefix, a caption, the question about a picture: few tokens, and each waits for the host.
The graph of the next larger size runs, padded with tokens that belong to nobody.
"""

from __future__ import annotations

import torch
from torch import Tensor

from studio.models.async_copy import to_device
from studio.models.graphs import CudaGraphs
from studio.models.internlm2 import Decoder
from studio.models.kv_cache import CHUNK_TILE, AttentionMetadata, BatchLayout, KVCache, MetadataShape, blocks_for
from studio.models.linear import RowSpans

SIZES = (16, 64, 128, 256)  # tokens
MAX_CHUNKS = 8


class PromptGraphs:
    """Call it to prefill."""

    def __init__(self, decoder: Decoder, kv_cache: KVCache, graphs: CudaGraphs) -> None:
        self._decoder, self._kv_cache, self._graphs = decoder, kv_cache, graphs
        self._buffers: dict[int, _GraphBuffers] = {}

    def fits(self, layout: BatchLayout) -> bool:
        """Whether a graph has room for it, and the table of its RoPE serves it."""
        few = layout.tokens <= SIZES[-1] and len(layout.chunks) <= MAX_CHUNKS
        return few and all(chunk.prompt <= self._decoder.architecture.trained for chunk in layout.chunks)

    @torch.inference_mode()
    def warm_up(self) -> None:
        """Capture all sizes."""
        for adapter in ("", *self._decoder.architecture.adapters):
            for tokens in SIZES:
                self._run(tokens, adapter)

    @torch.inference_mode()
    def __call__(self, x: Tensor, layout: BatchLayout, adapter: str = "") -> Tensor:
        """Embeddings [tokens, hidden] → hidden states after the last token of each chunk [chunks, hidden], which
        the next call overwrites. All chunks are read with one adapter, or with none."""
        tokens = next(size for size in SIZES if size >= x.shape[0])
        buffers = self._at(tokens)
        buffers.x[: x.shape[0]] = x
        buffers.metadata.numbers.copy_(to_device(buffers.metadata.filled(layout.chunks), x.device, torch.int32))
        self._run(tokens, adapter)
        return buffers.hidden[: len(layout.chunks)]

    def _at(self, tokens: int) -> _GraphBuffers:
        if tokens not in self._buffers:
            self._buffers[tokens] = _GraphBuffers(self._decoder, tokens)
        return self._buffers[tokens]

    def _run(self, tokens: int, adapter: str) -> None:
        at = self._at(tokens)
        layout = BatchLayout((), self._decoder.device, at.metadata)

        active = {adapter: RowSpans(0, tokens)} if adapter else {}

        def prefill() -> None:
            x = at.x.clone()
            at.hidden.copy_(self._decoder.forward(x, self._kv_cache, layout, active, at.metadata.ends))

        self._graphs.run(("prefill", tokens, adapter), prefill)


class _GraphBuffers:
    """Static input and output tensors of a graph."""

    def __init__(self, decoder: Decoder, tokens: int) -> None:
        a, device = decoder.architecture, decoder.device
        size = MetadataShape(tokens, MAX_CHUNKS, tokens // CHUNK_TILE + MAX_CHUNKS, blocks_for(a.context))
        self.metadata = AttentionMetadata(size, AttentionMetadata(size, torch.empty(0)).filled(()).to(device))
        self.x = torch.zeros(tokens, a.hidden, device=device, dtype=decoder.dtype)
        self.hidden = torch.zeros(MAX_CHUNKS, a.hidden, device=device, dtype=decoder.dtype)
