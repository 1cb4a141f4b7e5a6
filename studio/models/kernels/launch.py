"""Launching the kernels: shapes checked, grids and tile sizes chosen.

The tile sizes were measured on an H200, those for one row by benchmarks/kernels.py; they only decide how fast a kernel
is, never whether it is right. On Hopper every kernel of the decoding step starts while the one before it ends.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
import triton
from torch import Tensor

from studio.checkpoints.architecture import Architecture
from studio.models.kernels import attention, elementwise, small_matmul
from studio.models.kv_cache import BLOCK, CHUNK_TILE, AttentionMetadata, KVCache
from studio.models.linear import Linear, RowAdapters

FEW = 8  # rows of 16 bits up to which our own product is faster than cuBLAS
MOST = 64  # rows of int8 up to which it is faster than making 16 bits of the matrix first
MAKER_ROWS = 2  # rows of an adapter's A that a program makes for one row of x
COUNTER = 4  # numbers from one counter to the next: Triton compiles a kernel anew for pointers not aligned to 16 bytes
LOG2_E = 1.4426950408889634


@dataclass(frozen=True)
class Tiles:
    """Rows of the matrix and columns a program takes at a time, its warps; for `few_rows_kernel` stages and parts."""

    rows: int
    columns: int
    warps: int
    stages: int = 1
    parts: int = 1


@functools.cache
def supports_pdl(device: torch.device) -> bool:
    """Whether kernels may start before the one in front of them has ended."""
    return torch.cuda.get_device_capability(device)[0] >= 9


def launch_options(device: torch.device) -> dict[str, bool]:
    """Launch options that go with `supports_pdl`."""
    return {"launch_pdl": True} if supports_pdl(device) else {}


def vector_tiles(out: int, into: int, gated: bool, int8: bool) -> Tiles:
    """For one row."""
    if int8:
        chosen = Tiles(8, 512, 4) if into > 8192 else Tiles(4, 4096, 4) if gated or out > 4096 else Tiles(4, 512, 2)
    elif into > 8192:
        chosen = Tiles(8, 2048, 4)
    else:
        chosen = Tiles(2, 4096, 4) if gated else Tiles(4, 2048, 2) if out <= 4096 else Tiles(4, 2048, 8)
    return Tiles(chosen.rows, min(chosen.columns, into & -into), chosen.warps)


def few_rows_tiles(out: int, into: int, gated: bool, int8: bool, padded: int) -> Tiles:
    """For few rows."""
    if int8 and padded == 8:
        chosen = Tiles(16, 512, 1, 3) if gated else Tiles(32, 256, 2, 4, parts=4)
        if into > 8192:
            chosen = Tiles(16, 512, 1, 4, parts=2)
    elif int8:
        chosen = Tiles(64, 128, 4, 4, parts=1 if gated else 4)
    elif gated:
        chosen = Tiles(16, 512, 1, 2)
    elif out <= 1024 < into:  # an adapter's A: many programs for few rows
        chosen = Tiles(16, 256, 1, 4, parts=4)
    elif out > 65536:
        chosen = Tiles(64, 256, 4, 2) if padded < 32 else Tiles(64, 64, 4, 3)
    else:
        chosen = Tiles(64, 128, 4, 6, parts=4)
    parts = chosen.parts if into % chosen.parts == 0 else 1
    columns = min(chosen.columns, (into // parts) & -(into // parts))
    if columns < 32:
        parts, columns = 1, min(chosen.columns, into & -into)
    return Tiles(chosen.rows, columns, chosen.warps, chosen.stages, parts)


def shrink_tiles(t: Tiles, padded: int, gated: bool, element: int, room: int) -> Tiles:
    """The same tiles with as many stages, then columns, as `room` bytes of shared memory hold; `element` bytes a number
    of the matrix."""

    def needed(t: Tiles) -> int:
        return t.stages * t.columns * (t.rows * (2 if gated else 1) * element + 2 * padded)

    while needed(t) > room and t.stages > 2:
        t = replace(t, stages=t.stages - 1)
    while needed(t) > room and t.columns > 32:
        t = replace(t, columns=t.columns // 2)
    return t


@functools.cache
def shared_memory(device: torch.device) -> int:
    """Bytes a program may have. 8.9 and 8.6 have the least, and a little is left for the kernel's own use."""
    known = {(8, 0): 163, (8, 7): 163, (9, 0): 227, (10, 0): 227}
    return (known.get(torch.cuda.get_device_capability(device), 99) - 3) << 10


def decode_attention_tiles(count: int) -> tuple[int, int, int, int]:
    """Parts that the tokens of a row are cut into, tokens a program takes at a time, its warps, its stages."""
    if count == 1:
        return 32, 64, 4, 1
    return max(1, min(16, 64 // triton.next_power_of_2(count))), 64, 2, 2


def prefill_attention_tiles(device: torch.device) -> tuple[int, int, int]:
    """The same for `prefill_attention_kernel`, without parts."""
    return 64, 4, 4 if device.type != "cuda" or shared_memory(device) > 150 << 10 else 2


class Workspace:
    """What kernels whose programs meet need between them: parts of sums, and counters that stand at zero."""

    def __init__(self, a: Architecture, rows: int, device: torch.device) -> None:
        widest = max(a.qkv_rows, a.hidden)
        self.partial = torch.empty(4 * MOST * widest, device=device)
        self.arrived = torch.zeros(max(4096, rows * a.kv_heads), device=device, dtype=torch.int32)
        heads = rows * a.heads * 32
        self.parts = torch.empty(heads * a.head_dim, device=device)
        self.tops, self.sums = torch.empty(2, heads, device=device)
        self.low = torch.empty(4096, device=device)  # A x of one row
        self.low_arrived = torch.zeros(COUNTER * 4 * a.layers, device=device, dtype=torch.int32)  # one for each matrix


def fits_matmul(rows: int, matrix: Linear) -> bool:
    """Whether `product` takes so many rows."""
    return rows <= (FEW if matrix.scales is None else MOST)


def matmul(
    x: Tensor, matrix: Linear, out: Tensor, work: Workspace | None, *,
    norm: Tensor | None = None, eps: float = 0.0, residual: Tensor | None = None, gated: bool = False,
    adapters: RowAdapters | None = None, arrived: Tensor | None = None,
) -> None:  # fmt: skip
    """out = matrix · x (+ residual), for x [rows, in]; gated: silu(first half) · second half of the product.

    A `norm` weight, for the input, is for one row only. `out` and `residual` may be one. Without a workspace no sum
    is cut into parts. With `adapters` of the rows, those of the matrix are added; one row needs a counter of its own
    for it, `arrived` [1], which stands at zero.
    """
    rows, into = x.shape
    stack = matrix.adapters if adapters else None
    rank = stack.b.shape[2] if stack else 0
    width = out.shape[-1]
    pdl = supports_pdl(x.device)
    int8 = matrix.scales is not None
    scales = matrix.scales if int8 else x
    if rows == 1:
        t = vector_tiles(width, into, gated, int8)
        a, b, low, counter = x, x, x, x
        if stack and adapters and work and arrived is not None:
            a, b, low, counter = stack.a[adapters.first - 1], stack.b[adapters.first - 1], work.low, arrived
        makers = rank * (2 if gated else 1) // MAKER_ROWS
        small_matmul.vector_kernel[(makers + triton.cdiv(width, t.rows),)](
            x, matrix.weight, scales, x if norm is None else norm, x if residual is None else residual, out, a, b, low,
            counter, width, eps, into, t.rows, t.columns, norm is not None, residual is not None, gated, int8,
            x.is_cuda, pdl, rank, MAKER_ROWS, num_warps=t.warps, **launch_options(x.device),
        )  # fmt: skip
        return
    padded = max(8, triton.next_power_of_2(rows))
    t = few_rows_tiles(width, into, gated, int8, padded)
    if work is None or t.parts * padded * width > work.partial.numel() or 0 < rank < 16 * t.parts:
        t = replace(t, parts=1, columns=min(t.columns, into & -into))
    if x.is_cuda:
        t = shrink_tiles(t, padded, gated, matrix.weight.element_size(), shared_memory(x.device))
    low, b, whose, first, count = x, x, x, 0, 0
    if stack and adapters:
        first, count, whose = adapters.first, adapters.count, adapters.rows
        low, b = low_rank(x, matrix, adapters, work), stack.b[first - 1]
    small_matmul.few_rows_kernel[(triton.cdiv(width, t.rows), t.parts)](
        x, matrix.weight, scales, x if residual is None else residual, out, work.partial if work else out,
        work.arrived if work else out, low, b, whose, rows, width, into, padded, t.rows, t.columns, t.parts, t.stages,
        residual is not None, gated, int8, x.is_cuda, pdl, rank, min(t.columns, rank // t.parts), first, count,
        num_warps=t.warps, num_stages=t.stages, **launch_options(x.device),
    )  # fmt: skip


def low_rank(x: Tensor, matrix: Linear, adapters: RowAdapters, work: Workspace | None) -> Tensor:
    """A x [rows, adapters · parts · rank] of all adapters in use, for all rows."""
    assert matrix.adapters
    first = adapters.first - 1
    a = matrix.adapters.a[first : first + adapters.count].flatten(0, 1)
    if x.shape[0] > FEW:
        return F.linear(x, a)
    low = x.new_empty(x.shape[0], a.shape[0])
    matmul(x, Linear(a), low, work)
    return low


def decode_attention(
    qkv: Tensor, kv_cache: KVCache, layer: int, state: Tensor, head: int, rope: tuple[Tensor, Tensor], out: Tensor,
    work: Workspace, a: Architecture, written: bool = False,
) -> None:  # fmt: skip
    """Attention of one new token a row: qkv [rows, …] → out [rows, heads · width]. Its key and value are written to the
    cache, unless they are `written` already. `state` [rows, head + blocks] int32 holds for each row its position
    (column 1), whether it is empty, and from column `head` on its block table."""
    count = qkv.shape[0]
    splits, tile, warps, stages = decode_attention_tiles(count)
    group = a.heads // a.kv_heads
    attention.decode_attention_kernel[(count, a.kv_heads, splits)](
        qkv, kv_cache.keys[layer], kv_cache.values[layer], state, *rope, out, work.parts, work.tops, work.sums,
        work.arrived, state.stride(0), a.head_dim**-0.5 * LOG2_E, a.kv_heads, group,
        max(16, triton.next_power_of_2(group)), a.head_dim, BLOCK, head, splits, tile, stages, written,
        supports_pdl(qkv.device), num_warps=warps, **launch_options(qkv.device),
    )  # fmt: skip


def prefill_attention(q: Tensor, metadata: AttentionMetadata, kv_cache: KVCache, layer: int) -> Tensor:
    """Attention of chunks of prompts, see `ops.attention`: q [tokens, heads, width] → [tokens, heads · width]."""
    tokens, heads, width = q.shape
    out = q.new_empty(tokens, heads * width)
    kv_heads = kv_cache.keys[layer].shape[1]
    tile, warps, stages = prefill_attention_tiles(q.device)
    attention.prefill_attention_kernel[(metadata.tiles.shape[0], kv_heads)](
        q, kv_cache.keys[layer], kv_cache.values[layer], metadata.tiles, metadata.chunks, metadata.tables, out,
        width**-0.5 * LOG2_E, metadata.tables.shape[1], kv_heads, heads // kv_heads, width, BLOCK, CHUNK_TILE, tile,
        stages, num_warps=warps, num_stages=stages,
    )  # fmt: skip
    return out


def add_norm(x: Tensor, delta: Tensor | None, weight: Tensor, eps: float, out: Tensor | None = None) -> Tensor:
    """See `ops.add_norm`."""
    out = torch.empty_like(x) if out is None else out
    width = x.shape[-1]
    elementwise.norm_kernel[(x.shape[0],)](
        x, x if delta is None else delta, weight, out, eps, width, triton.next_power_of_2(width), delta is not None,
        supports_pdl(x.device), num_warps=8, **launch_options(x.device),
    )  # fmt: skip
    return out


def rotate_and_write(
    qkv: Tensor,
    positions: Tensor,
    slots: Tensor,
    kv_cache: KVCache,
    layer: int,
    rope: tuple[Tensor, Tensor],
    a: Architecture,
) -> Tensor:
    """Keys and values of qkv [tokens, …] into their slots [tokens], rotated to their positions [tokens]; the rotated
    queries [tokens, heads, width]."""
    tokens, group = qkv.shape[0], a.heads // a.kv_heads
    q = qkv.new_empty(tokens, a.heads, a.head_dim)
    elementwise.rope_kernel[(tokens, a.kv_heads)](
        qkv, q, kv_cache.keys[layer], kv_cache.values[layer], positions, slots, *rope, a.kv_heads, group,
        triton.next_power_of_2(group + 1), a.head_dim // 2, num_warps=1,
    )  # fmt: skip
    return q


def swiglu(x: Tensor) -> Tensor:
    """See `ops.swiglu`."""
    tokens, width = x.shape[0], x.shape[1] // 2
    out = x.new_empty(tokens, width)
    elementwise.swiglu_kernel[(tokens, triton.cdiv(width, 1024))](x, out, width, 1024)
    return out
