"""The decode step on a GPU: every running sequence processes its last token and samples the next, without the host.

Embedding, layers, head, penalty and sampling are one CUDA graph per batch size, so a step costs one launch. Its state
lives in `DecodeBatch` on the device and is advanced by the step itself, so that the next step can be launched at once.
Requests that want more of the vocabulary than the top-k kernel serves have graphs of their own, which sort it; so has
the speculative step of one sequence.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.engine.native.rows import BLOCK_TABLE, DecodeBatch
from studio.engine.native.sampler import sample
from studio.engine.native.speculative import MAX_DRAFT_TOKENS, SpeculativeStep
from studio.models.graphs import CudaGraphs
from studio.models.internlm2 import Decoder, Layer
from studio.models.kv_cache import KVCache
from studio.models.linear import Linear


class DecodeStep:
    """Call it to launch a step; `ids` [rows] then holds the sampled tokens, once the device gets there."""

    def __init__(self, decoder: Decoder, kv_cache: KVCache, rows: DecodeBatch, graphs: CudaGraphs) -> None:
        from studio.engine.native import sampling_launch
        from studio.models.kernels import launch

        self._launch, self._sampling, self._graphs = launch, sampling_launch, graphs
        self._decoder, self._kv_cache, self._rows = decoder, kv_cache, rows
        self._work = launch.Workspace(decoder.architecture, max(len(rows), 1 + MAX_DRAFT_TOKENS), decoder.device)
        self._head = Linear(decoder.output)
        self.ids = torch.zeros(len(rows), dtype=torch.int32, device=decoder.device)
        self.speculative_step = SpeculativeStep(rows.slice(0, 1))

    def size(self, count: int) -> int:
        """The batch size of the graph that serves `count` sequences: the next power of two."""
        return min(len(self._rows), 1 << (count - 1).bit_length())

    @torch.inference_mode()
    def __call__(self, rows: int, top_k_kernel: bool) -> None:
        """One step of the first `rows` rows, a `size`."""
        self._graphs.run(("step", rows, top_k_kernel), lambda: self.run(rows, top_k_kernel))

    @torch.inference_mode()
    def speculative(self, top_k_kernel: bool) -> None:
        """One step of the first row with `speculative_step.draft`; see its `accepted`."""
        self._graphs.run(("speculative", top_k_kernel), lambda: self._run_speculative(top_k_kernel))

    def run(self, count: int, top_k_kernel: bool) -> None:
        """The step of the first `count` rows, kernel by kernel."""
        self._forward(self._rows.slice(0, count), self.ids[:count], top_k_kernel)

    def _run_speculative(self, top_k_kernel: bool) -> None:
        self.speculative_step.prepare()
        self._forward(
            self.speculative_step.rows, self.speculative_step.ids, top_k_kernel, self.speculative_step.slots()
        )
        self.speculative_step.accept()

    def _forward(
        self, rows: DecodeBatch, ids: Tensor, top_k_kernel: bool, places: tuple[Tensor, Tensor] | None = None
    ) -> None:
        """The rows through the model. `places`: positions and slots of rows that attend to each other."""
        decoder = self._decoder
        x = decoder.embed(rows.tokens)
        for i, layer in enumerate(decoder.layers):
            self._layer(x, i, layer, rows, places)
        logits = torch.empty(len(rows), decoder.architecture.vocab, device=x.device)
        self._product(x, self._head, logits, norm=decoder.norm)
        self.sample(logits, rows, ids, top_k_kernel)

    def sample(self, logits: Tensor, rows: DecodeBatch, ids: Tensor, top_k_kernel: bool) -> None:
        """Sample each row's next token into `ids` [rows] from logits [rows, vocab], and advance the rows."""
        if top_k_kernel:
            self._sampling.sample(logits, rows, ids)
        else:
            ids.copy_(sample(logits, rows))

    def _layer(self, x: Tensor, i: int, layer: Layer, rows: DecodeBatch, places: tuple[Tensor, Tensor] | None) -> None:
        """With `places`, see `_through`, all keys and values are written before any row attends."""
        a, count, rope = self._decoder.architecture, x.shape[0], self._decoder.rope
        qkv = x.new_empty(count, a.qkv_rows)
        self._product(x, layer.wqkv, qkv, norm=layer.attention_norm)
        y = x.new_empty(count, a.heads * a.head_dim)
        if places:
            self._launch.rotate_and_write(qkv, *places, self._kv_cache, i, rope, a)
        state, written = rows.state, places is not None
        self._launch.decode_attention(qkv, self._kv_cache, i, state, BLOCK_TABLE, rope, y, self._work, a, written)
        self._add(y, layer.wo, x)
        gated = x.new_empty(count, a.ffn)
        self._product(x, layer.w13, gated, norm=layer.ffn_norm, gated=True)
        self._add(gated, layer.w2, x)

    def _product(self, x: Tensor, matrix: Linear, out: Tensor, norm: Tensor, gated: bool = False) -> None:
        """out = matrix · norm(x), gated or not."""
        launch, eps = self._launch, self._decoder.architecture.norm_eps
        if x.shape[0] == 1:
            launch.matmul(x, matrix, out, self._work, norm=norm, eps=eps, gated=gated)
            return
        x = launch.add_norm(x, None, norm, eps)
        if matrix is self._head or launch.fits_matmul(x.shape[0], matrix):
            launch.matmul(x, matrix, out, self._work, gated=gated)
        elif gated:
            out.copy_(launch.swiglu(F.linear(x, matrix.weight)))
        else:
            torch.mm(x, matrix.weight.T, out=out)

    def _add(self, y: Tensor, matrix: Linear, x: Tensor) -> None:
        """x += matrix · y."""
        if self._launch.fits_matmul(y.shape[0], matrix):
            self._launch.matmul(y, matrix, x, self._work, residual=x)
        else:
            x.addmm_(y, matrix.weight.T)
