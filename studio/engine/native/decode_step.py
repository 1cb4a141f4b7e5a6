"""The decoding step of a GPU: every running call reads its last token and draws the next, without the host.

Embedding, layers, head, penalty and draw are one CUDA graph a batch size, so a step costs one launch. What a step needs
stands in `Rows` on the device and is moved on by the step itself: the next step can be launched at once. Calls that
want more of the vocabulary than the drawing kernels keep have graphs of their own, which sort it; so has a trial, the
step of one text with guesses at what follows.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from studio.engine.native.rows import HEAD, Rows
from studio.engine.native.sampler import draw
from studio.engine.native.speculative import GUESSES, Trial
from studio.models.graphs import Graphs
from studio.models.internlm2 import Decoder, Layer
from studio.models.kv_cache import Pool
from studio.models.linear import Linear


class Step:
    """Call it to launch a step; `ids` then has what was drawn, once the device gets there."""

    def __init__(self, decoder: Decoder, pool: Pool, rows: Rows, graphs: Graphs) -> None:
        from studio.engine.native import sampling_launch
        from studio.models.kernels import launch

        self._launch, self._sampling, self._graphs = launch, sampling_launch, graphs
        self._decoder, self._pool, self._rows = decoder, pool, rows
        self._work = launch.Workspace(decoder.architecture, max(len(rows), 1 + GUESSES), decoder.device)
        self._head = Linear(decoder.output)
        self.ids = torch.zeros(len(rows), dtype=torch.int32, device=decoder.device)
        self.trial = Trial(rows.part(0, 1))

    def size(self, count: int) -> int:
        """The rows of the graph that serves so many calls."""
        return min(len(self._rows), 1 << (count - 1).bit_length())

    @torch.inference_mode()
    def __call__(self, rows: int, few: bool) -> None:
        """One step of the first `rows` rows, a `size`."""
        self._graphs.run(("step", rows, few), lambda: self.run(rows, few))

    @torch.inference_mode()
    def try_guesses(self, few: bool) -> None:
        """One step of the first row with `trial.guesses`; see `trial.outcome`."""
        self._graphs.run(("trial", few), lambda: self._run_trial(few))

    def run(self, count: int, few: bool) -> None:
        """The step of so many rows, kernel by kernel."""
        self._through(self._rows.part(0, count), self.ids[:count], few)

    def _run_trial(self, few: bool) -> None:
        self.trial.prepare()
        self._through(self.trial.rows, self.trial.ids, few, self.trial.slots())
        self.trial.settle()

    def _through(self, rows: Rows, ids: Tensor, few: bool, places: tuple[Tensor, Tensor] | None = None) -> None:
        """The rows through the model. `places`: positions and slots of rows that must see each other."""
        decoder = self._decoder
        x = decoder.embed(rows.tokens)
        for i, layer in enumerate(decoder.layers):
            self._layer(x, i, layer, rows, places)
        logits = torch.empty(len(rows), decoder.architecture.vocab, device=x.device)
        self._product(x, self._head, logits, norm=decoder.norm)
        self.draw(logits, rows, ids, few)

    def draw(self, logits: Tensor, rows: Rows, ids: Tensor, few: bool) -> None:
        """Each row's next token [rows] from its logits [rows, vocab]; the rows move on."""
        if few:
            self._sampling.draw(logits, rows, ids)
        else:
            ids.copy_(draw(logits, rows))

    def _layer(self, x: Tensor, i: int, layer: Layer, rows: Rows, places: tuple[Tensor, Tensor] | None) -> None:
        """With `places`, see `_through`, all keys and values are written before any row attends."""
        a, count, rope = self._decoder.architecture, x.shape[0], self._decoder.rope
        qkv = x.new_empty(count, a.qkv_rows)
        self._product(x, layer.wqkv, qkv, norm=layer.attention_norm)
        y = x.new_empty(count, a.heads * a.head_dim)
        if places:
            self._launch.rotate_and_write(qkv, *places, self._pool, i, rope, a)
        numbers, written = rows.numbers, places is not None
        self._launch.attend(qkv, self._pool, i, numbers, HEAD, rope, y, self._work, a, written)
        self._add(y, layer.wo, x)
        gated = x.new_empty(count, a.ffn)
        self._product(x, layer.w13, gated, norm=layer.ffn_norm, gated=True)
        self._add(gated, layer.w2, x)

    def _product(self, x: Tensor, matrix: Linear, out: Tensor, norm: Tensor, gated: bool = False) -> None:
        """out = matrix · norm(x), gated or not."""
        launch, eps = self._launch, self._decoder.architecture.norm_eps
        if x.shape[0] == 1:
            launch.product(x, matrix, out, self._work, norm=norm, eps=eps, gated=gated)
            return
        x = launch.add_norm(x, None, norm, eps)
        if matrix is self._head or launch.serves(x.shape[0], matrix):
            launch.product(x, matrix, out, self._work, gated=gated)
        elif gated:
            out.copy_(launch.swiglu(F.linear(x, matrix.weight)))
        else:
            torch.mm(x, matrix.weight.T, out=out)

    def _add(self, y: Tensor, matrix: Linear, x: Tensor) -> None:
        """x += matrix · y."""
        if self._launch.serves(y.shape[0], matrix):
            self._launch.product(y, matrix, x, self._work, residual=x)
        else:
            x.addmm_(y, matrix.weight.T)
