"""The decode step on a GPU: every running sequence processes its last token and samples the next, without the host.

Embedding, layers, head, penalty and sampling are one CUDA graph per batch size, so a step costs one launch. Its state
lives in `DecodeBatch` on the device and is advanced by the step itself, so that the next step can be launched at once.
Requests that want more of the vocabulary than the top-k kernel serves have graphs of their own, which sort it; so has
the speculative step of one sequence.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.engine.native.rows import BLOCK_TABLE, DecodeBatch
from studio.engine.native.sampler import sample
from studio.engine.native.speculative import MAX_DRAFT_TOKENS, SpeculativeStep
from studio.models.graphs import CudaGraphs
from studio.models.internlm2 import Decoder, Layer
from studio.models.kv_cache import KVCache
from studio.models.linear import Linear, RowAdapters

Adapters: TypeAlias = tuple[int, ...]  # numbers, in order


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
        self._adapters: RowAdapters | None = None  # of the step that is being launched
        self._next_counter = 0

    def size(self, count: int) -> int:
        """The batch size of the graph that serves `count` sequences: the next power of two."""
        return min(len(self._rows), 1 << (count - 1).bit_length())

    @torch.inference_mode()
    def __call__(self, rows: int, top_k_kernel: bool, adapters: Adapters = ()) -> None:
        """One step of the first `rows` rows, a `size`, which use these adapters, one of `adapter_sets`."""
        name = ("step", rows, top_k_kernel, self._known(adapters))
        self._graphs.run(name, lambda: self.run(rows, top_k_kernel, adapters))

    @torch.inference_mode()
    def speculative(self, top_k_kernel: bool, adapters: Adapters = ()) -> None:
        """One step of the first row with `speculative_step.draft`; see its `accepted`."""
        name = ("speculative", top_k_kernel, self._known(adapters))
        self._graphs.run(name, lambda: self._run_speculative(top_k_kernel, adapters))

    @property
    def adapter_sets(self) -> list[Adapters]:
        """The numbers of adapters that steps are made for: none, each alone, all together."""
        numbers = tuple(range(1, 1 + len(self._decoder.architecture.adapters)))
        return list(dict.fromkeys(((), *((number,) for number in numbers), numbers)))

    def run(self, count: int, top_k_kernel: bool, adapters: Adapters = ()) -> None:
        """The step of the first `count` rows, kernel by kernel."""
        self._forward(self._rows.slice(0, count), self.ids[:count], top_k_kernel, adapters)

    def _known(self, adapters: Adapters) -> Adapters:
        """Several adapters are served by the step for all."""
        return adapters if len(adapters) < 2 else self.adapter_sets[-1]

    def _run_speculative(self, top_k_kernel: bool, adapters: Adapters) -> None:
        step = self.speculative_step
        step.prepare()
        self._forward(step.rows, step.ids, top_k_kernel, adapters, step.slots())
        step.accept()

    def _forward(
        self,
        rows: DecodeBatch,
        ids: Tensor,
        top_k_kernel: bool,
        adapters: Adapters,
        places: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """The rows through the model. `places`: positions and slots of rows that attend to each other."""
        decoder, adapters = self._decoder, self._known(adapters)
        x = decoder.embed(rows.tokens)
        self._adapters = RowAdapters(adapters[0], len(adapters), rows.adapter) if adapters else None
        self._next_counter = 0
        if adapters:
            self._work.low_arrived.zero_()
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
        a, count, rope = self._decoder.architecture, x.shape[0], self._decoder.rope.table
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
            arrived = self._counter()
            launch.matmul(
                x, matrix, out, self._work, norm=norm, eps=eps, gated=gated, adapters=self._adapters, arrived=arrived
            )
        else:
            x = launch.add_norm(x, None, norm, eps)
            if matrix is self._head or launch.fits_matmul(x.shape[0], matrix):
                launch.matmul(x, matrix, out, self._work, gated=gated, adapters=self._adapters)
            elif gated:
                y = F.linear(x, matrix.weight)
                self._add_adapters(x, matrix, y)
                out.copy_(launch.swiglu(y))
            else:
                torch.mm(x, matrix.weight.T, out=out)
                self._add_adapters(x, matrix, out)
        if matrix.bias is not None:
            out += matrix.bias

    def _add(self, y: Tensor, matrix: Linear, x: Tensor) -> None:
        """x += matrix · y."""
        if self._launch.fits_matmul(y.shape[0], matrix):
            arrived = self._counter() if y.shape[0] == 1 else None
            self._launch.matmul(y, matrix, x, self._work, residual=x, adapters=self._adapters, arrived=arrived)
        else:
            x.addmm_(y, matrix.weight.T)
            self._add_adapters(y, matrix, x)
        if matrix.bias is not None:
            x += matrix.bias

    def _add_adapters(self, x: Tensor, matrix: Linear, y: Tensor) -> None:
        """y += the adapters of the rows of x, where there are too many rows for the kernels."""
        if matrix.adapters and self._adapters:
            for number in range(self._adapters.first, self._adapters.first + self._adapters.count):
                mask = (self._adapters.rows == number)[:, None].to(x.dtype)
                matrix.adapters.lora(number).add_to(y, x, mask)

    def _counter(self) -> Tensor | None:
        """A counter that no other matrix of this step has."""
        if self._adapters is None:
            return None
        self._next_counter += 1
        return self._work.low_arrived[self._launch.COUNTER * (self._next_counter - 1) :]
