"""Which tile sizes are fastest for one row: each product of a decoder layer alone, then the layer as a chain.

    python benchmarks/kernels.py [--int8]

Alone every size is tried; in the chain, where a kernel begins while the one before it ends, the ten best of each
product, one product after the other. Times are medians of graph replays over weights that do not fit into the cache
together. Needs a GPU.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import statistics
from collections.abc import Callable

import torch

from studio.models.kernels import launch
from studio.models.kernels.launch import Tiles
from studio.models.linear import Linear

HIDDEN, QKV, FFN = 4096, 6144, 14336
PRODUCTS = {  # name: rows and columns of the matrix, then whether the input is normed and the output gated
    "wqkv": (QKV, HIDDEN, True, False),
    "wo": (HIDDEN, HIDDEN, False, False),
    "w13": (FFN, HIDDEN, True, True),
    "w2": (HIDDEN, FFN, False, False),
}
CACHE = 200 << 20  # bytes of weights that make sure that none is still in the cache
CHAIN = 6  # layers


class Layer:
    """The matrices of one layer, and what goes through them."""

    def __init__(self, int8: bool) -> None:
        gpu = torch.device("cuda")
        self.norm = torch.ones(HIDDEN, device=gpu, dtype=torch.bfloat16)
        self.matrices, self.inputs, self.outputs = {}, {}, {}
        for name, (out, into, _, gated) in PRODUCTS.items():
            shape = (out * (2 if gated else 1), into)
            if int8:
                weight = torch.randint(-127, 128, shape, device=gpu, dtype=torch.int8)
                self.matrices[name] = Linear(weight, scales=torch.full((shape[0],), 1e-4, device=gpu))
            else:
                self.matrices[name] = Linear(torch.randn(shape, device=gpu, dtype=torch.bfloat16) / 64)
            self.inputs[name] = torch.randn(1, into, device=gpu, dtype=torch.bfloat16)
            self.outputs[name] = torch.empty(1, out, device=gpu, dtype=torch.bfloat16)

    def run(self, name: str) -> None:
        """One product, as a decoding step does it."""
        _, _, normed, gated = PRODUCTS[name]
        out = self.outputs[name]
        launch.matmul(
            self.inputs[name], self.matrices[name], out, None, norm=self.norm if normed else None, eps=1e-5,
            residual=None if normed else out, gated=gated,
        )  # fmt: skip


def replayed(work: Callable[[], None], times: int) -> float:
    """Microseconds of one of the `times` things that `work` does."""
    work()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    spent = []
    for _ in range(12):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        spent.append(begin.elapsed_time(end))
    return statistics.median(spent[2:]) * 1000 / times


def use(chosen: dict[str, Tiles]) -> None:
    """Let `product` take these tiles."""
    by = {PRODUCTS[name][:2]: tiles for name, tiles in chosen.items()}
    launch.vector_tiles = lambda out, into, gated, int8: by[out, into]  # type: ignore[assignment]


def sizes(into: int) -> list[Tiles]:
    """Everything worth trying: at most 256 numbers of the matrix a thread."""
    widths = [w for w in (512, 1024, 2048, 4096) if into % w == 0]
    every = itertools.product((1, 2, 4, 8), widths, (1, 2, 4, 8))
    return [Tiles(r, c, w) for r, c, w in every if 16 <= r * c / (32 * w) <= 256]


_layer: Layer | None = None


def compiled(task: tuple[str, Tiles, bool]) -> None:
    """Compile in a process of its own; Triton keeps what comes of it on the disk."""
    name, tiles, int8 = task
    global _layer  # noqa: PLW0603 - one a process
    _layer = _layer or Layer(int8)
    use({name: tiles})
    _layer.run(name)
    torch.cuda.synchronize()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--int8", action="store_true")
    given = parser.parse_args()
    before = {n: launch.vector_tiles(o, i, g, given.int8) for n, (o, i, _, g) in PRODUCTS.items()}
    tried = [(n, t, given.int8) for n, (_, i, _, _) in PRODUCTS.items() for t in sizes(i)]
    with multiprocessing.get_context("spawn").Pool(12) as pool:
        pool.map(compiled, tried, chunksize=4)
    layers = [Layer(given.int8) for _ in range(CHAIN)]
    best = {}
    for name in PRODUCTS:
        size = layers[0].matrices[name].weight.nbytes
        copies = max(CHAIN, -(-CACHE // size))
        alone = [layers[i] if i < CHAIN else Layer(given.int8) for i in range(copies)]
        found = []
        for tiles in [before[name], *(t for n, t, _ in tried if n == name)]:
            use({name: tiles})
            spent = replayed(lambda some=alone, one=name: [layer.run(one) for layer in some], copies)  # type: ignore[misc]
            found.append((spent, tiles))
        now, best[name] = found[0][0], [t for _, t in sorted(found[1:], key=lambda f: f[0])[:10]]
        least, tiles = min(found, key=lambda f: f[0])
        print(f"{name:5} now {now:6.2f} µs ({size / now / 1e6:.2f} TB/s), best alone {least:6.2f} {tiles}", flush=True)

    def chain(chosen: dict[str, Tiles]) -> float:
        use(chosen)
        return replayed(lambda: [layer.run(name) for layer in layers for name in PRODUCTS], CHAIN)  # type: ignore[func-returns-value]

    chosen, spent = dict(before), chain(before)
    print(f"chain {spent:.2f} µs a layer")
    for name in (*PRODUCTS, *PRODUCTS):
        for tiles in best[name]:
            took = chain({**chosen, name: tiles})
            if took < spent - 0.05:
                chosen, spent = {**chosen, name: tiles}, took
        print(f"{name:5} {chosen[name]} chain {spent:.2f} µs", flush=True)
    print(json.dumps({"device": torch.cuda.get_device_name(), "int8": given.int8, "layer_us": spent,
                      "tiles": {name: vars(tiles) for name, tiles in chosen.items()}}))  # fmt: skip


if __name__ == "__main__":
    main()
