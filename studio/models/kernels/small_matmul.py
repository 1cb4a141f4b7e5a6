"""Matrix times few rows: what decoding is made of, and bound by the reading of the matrix alone.

`vector` serves one row: a program owns a few rows of the matrix and multiplies on the ordinary units, nothing passes
through shared memory. `rows` serves up to 64 rows on the tensor cores; the matrix stands on the left, so that its rows
fill them. What stands around the product is fused into it: RMSNorm of the input (the sum of squares is found on
the way, its root divides the result), SwiGLU of two halves, the residual added, the scales of int8 rows.

An adapter (LoRA) of the rows is added on the way: out += B (A x). For one row, the first programs make A x and the
others, which come later, wait for it when they are done with their own rows. For few rows A x is an input, made by a
product of its own, and each adapter is added to the rows that use it.

On Hopper a kernel begins while the one before it ends (programmatic dependent launch): it starts to read its matrix,
which nobody writes, and waits only then for its input.
"""

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait


@triton.jit
def _halves(bytes_):
    """int8 → float16 without the slow conversion: a byte put under the exponent of 1024 is 1024 + byte."""
    return tl.inline_asm_elementwise(
        """{ .reg .b32 biased, low, high, middle; xor.b32 biased, $2, 0x80808080; mov.b32 middle, 0x64806480;
        prmt.b32 low, biased, 0x64646464, 0x4140; prmt.b32 high, biased, 0x64646464, 0x4342;
        sub.f16x2 $0, low, middle; sub.f16x2 $1, high, middle; }""",
        "=r,=r,r", [bytes_], dtype=tl.float16, is_pure=True, pack=4,
    )  # fmt: skip


@triton.jit
def _shifted(bytes_):
    """int8 q → float32 128.5 + q / 256, in one instruction a number: the byte becomes a part of the mantissa."""
    return tl.inline_asm_elementwise(
        """{ .reg .b32 biased; xor.b32 biased, $4, 0x80808080;
        prmt.b32 $0, biased, 0x43000000, 0x7404; prmt.b32 $1, biased, 0x43000000, 0x7414;
        prmt.b32 $2, biased, 0x43000000, 0x7424; prmt.b32 $3, biased, 0x43000000, 0x7434; }""",
        "=r,=r,=r,=r,r", [bytes_], dtype=tl.float32, is_pure=True, pack=4,
    )  # fmt: skip


@triton.jit
def _wide(tile, INT8: tl.constexpr, ASM: tl.constexpr):
    """A tile in float32; int8 as 128.5 + q / 256."""
    if INT8:
        return _shifted(tile) if ASM else tile.to(tl.float32) / 256 + 128.5
    return tile.to(tl.float32)


@triton.jit
def _count(counter, ASM: tl.constexpr):
    """The number of a counter; what was written before it counted on can be read. Not by an atomic operation: those of
    a thousand programs that wait would keep the counter from going on."""
    if ASM:
        return tl.inline_asm_elementwise(
            "ld.acquire.gpu.global.s32 $0, [$1];", "=r,l", [counter], dtype=tl.int32, is_pure=False, pack=1
        )
    return tl.load(counter)


@triton.jit
def _make_low_rank(
    x, a, norm, low, arrived, first, eps, K: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, NORM: tl.constexpr,
    PDL: tl.constexpr,
):  # fmt: skip
    """low[n] = a[n] · x for BN rows n from `first` on, in float32; then `arrived` counts one program more."""
    n = first + tl.arange(0, BN)
    k = tl.arange(0, BK)
    at = a + n.to(tl.int64)[:, None] * K + k[None, :]
    tile = tl.load(at, eviction_policy="evict_first")
    if PDL:
        gdc_wait()
    acc = tl.zeros([BN, BK], tl.float32)
    squares = tl.zeros([BK], tl.float32)
    for step in tl.static_range(K // BK):
        here = tile
        if step + 1 < K // BK:
            tile = tl.load(at + (step + 1) * BK, eviction_policy="evict_first")
        part = tl.load(x + step * BK + k, eviction_policy="evict_last").to(tl.float32)
        if NORM:
            squares += part * part
            part *= tl.load(norm + step * BK + k, eviction_policy="evict_last").to(tl.float32)
        acc += here.to(tl.float32) * part[None, :]
    result = tl.sum(acc, 1)
    if NORM:
        result *= tl.rsqrt(tl.sum(squares, 0) / K + eps)
    tl.store(low + n, result)
    tl.debug_barrier()
    tl.atomic_add(arrived, 1, sem="acq_rel")


@triton.jit
def vector_kernel(
    x, w, scales, norm, residual, out, lora_a, lora_b, low, arrived, rows_out, eps,
    K: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, NORM: tl.constexpr, RESIDUAL: tl.constexpr,
    GLU: tl.constexpr, INT8: tl.constexpr, ASM: tl.constexpr, PDL: tl.constexpr, RANK: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """out[n] = w[n] · x for BN rows n a program; K in steps of BK, the next step's weights on their way meanwhile.

    With a RANK, the first programs make lora_a · x, BL rows each, and `arrived` stands at zero before.
    """
    block = tl.program_id(0)
    LOW: tl.constexpr = (2 if GLU else 1) * RANK
    MAKERS: tl.constexpr = LOW // BL
    if RANK:
        if block < MAKERS:
            if PDL:
                gdc_launch_dependents()
            _make_low_rank(x, lora_a, norm, low, arrived, block * BL, eps, K, BL, BK, NORM, PDL)
            return
        block -= MAKERS
    n = block * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    inside = n < rows_out
    at = w + tl.minimum(n, rows_out - 1).to(tl.int64)[:, None] * K + k[None, :]
    at_up = at + rows_out.to(tl.int64) * K
    if PDL:
        gdc_launch_dependents()
    tile = tl.load(at, eviction_policy="evict_first")
    tile_up = tile
    if GLU:
        tile_up = tl.load(at_up, eviction_policy="evict_first")
    if PDL:
        gdc_wait()
    acc = tl.zeros([BN, BK], tl.float32)
    acc_up = tl.zeros([BN, BK], tl.float32)
    squares = tl.zeros([BK], tl.float32)
    sums = tl.zeros([BK], tl.float32)
    for step in tl.static_range(K // BK):
        here, here_up = tile, tile_up
        if step + 1 < K // BK:
            tile = tl.load(at + (step + 1) * BK, eviction_policy="evict_first")
            if GLU:
                tile_up = tl.load(at_up + (step + 1) * BK, eviction_policy="evict_first")
        part = tl.load(x + step * BK + k, eviction_policy="evict_last").to(tl.float32)
        if NORM:
            squares += part * part
            part *= tl.load(norm + step * BK + k, eviction_policy="evict_last").to(tl.float32)
        if INT8:
            sums += part
        acc += _wide(here, INT8, ASM) * part[None, :]
        if GLU:
            acc_up += _wide(here_up, INT8, ASM) * part[None, :]
    result = tl.sum(acc, 1)
    up = result
    if GLU:
        up = tl.sum(acc_up, 1)
    if INT8:  # take the 128.5 out again
        much = tl.sum(sums, 0) * 128.5
        result = (result - much) * 256 * tl.load(scales + n, mask=inside)
        if GLU:
            up = (up - much) * 256 * tl.load(scales + rows_out + n, mask=inside)
    if NORM:
        root = tl.rsqrt(tl.sum(squares, 0) / K + eps)
        result *= root
        up *= root
    if RANK:
        r = tl.arange(0, RANK)
        at_b = lora_b + tl.minimum(n, rows_out - 1).to(tl.int64)[:, None] * RANK + r[None, :]
        b = tl.load(at_b, eviction_policy="evict_first")
        b_up = b
        if GLU:
            b_up = tl.load(at_b + rows_out.to(tl.int64) * RANK, eviction_policy="evict_first")
        while _count(arrived, ASM) < MAKERS:
            pass
        result += tl.sum(b.to(tl.float32) * tl.load(low + r, cache_modifier=".cg")[None, :], 1)
        if GLU:
            up += tl.sum(b_up.to(tl.float32) * tl.load(low + RANK + r, cache_modifier=".cg")[None, :], 1)
    if GLU:
        result = result / (1 + tl.exp(-result)) * up
    if RESIDUAL:
        result += tl.load(residual + n, mask=inside).to(tl.float32)
    tl.store(out + n, result.to(out.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["rows_in"])
def few_rows_kernel(
    x, w, scales, residual, out, partial, arrived, low, lora_b, adapter, rows_in, rows_out,
    K: tl.constexpr, M: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, SPLIT: tl.constexpr, STAGES: tl.constexpr,
    RESIDUAL: tl.constexpr, GLU: tl.constexpr, INT8: tl.constexpr, ASM: tl.constexpr, PDL: tl.constexpr,
    RANK: tl.constexpr, BR: tl.constexpr, FIRST: tl.constexpr, ADAPTERS: tl.constexpr,
):  # fmt: skip
    """out[m, n] = x[m] · w[n] for BN rows n and one of SPLIT parts of K a program; m < rows_in ≤ M.

    Row m has the adapter number adapter[m], of which ADAPTERS are given from FIRST on: low[m] is A x of all of them.

    The last program to arrive at a block of rows adds the parts up, always in the same order. int8 is multiplied in
    float16, which holds it exactly.
    """
    block = tl.program_id(0)
    n = block * BN + tl.arange(0, BN)
    m = tl.arange(0, M)
    k = tl.arange(0, BK)
    inside = n < rows_out
    KS: tl.constexpr = K // SPLIT
    first = tl.program_id(1) * KS
    at = w + tl.minimum(n, rows_out - 1).to(tl.int64)[:, None] * K + first + k[None, :]
    at_up = at + rows_out.to(tl.int64) * K
    at_x = x + m[None, :] * K + first + k[:, None]
    real = m < rows_in
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    acc = tl.zeros([BN, M], tl.float32)
    acc_up = tl.zeros([BN, M], tl.float32)
    for step in tl.range(0, KS, BK, num_stages=STAGES):
        part = tl.load(at_x + step, mask=real[None, :], other=0.0)
        tile = tl.load(at + step, eviction_policy="evict_first")
        tile_up = tile
        if GLU:
            tile_up = tl.load(at_up + step, eviction_policy="evict_first")
        if INT8:
            part = part.to(tl.float16)
            tile = _halves(tile) if ASM else tile.to(tl.float16)
            tile_up = _halves(tile_up) if ASM else tile_up.to(tl.float16)
        acc = tl.dot(tile, part, acc)
        if GLU:
            acc_up = tl.dot(tile_up, part, acc_up)
    if INT8:
        acc *= tl.load(scales + n, mask=inside)[:, None]
        if GLU:
            acc_up *= tl.load(scales + rows_out + n, mask=inside)[:, None]
    if ADAPTERS:
        LOW: tl.constexpr = (2 if GLU else 1) * RANK
        r = tl.program_id(1) * (RANK // SPLIT) + tl.arange(0, BR)
        at_b = lora_b + tl.minimum(n, rows_out - 1).to(tl.int64)[:, None] * RANK + r[None, :]
        whose = tl.load(adapter + m, mask=real, other=0)
        for i in tl.static_range(ADAPTERS):
            at_low = low + m[None, :] * (ADAPTERS * LOW) + i * LOW + r[:, None]
            mine = (real & (whose == FIRST + i))[None, :]
            for step in tl.range(0, RANK // SPLIT, BR, num_stages=STAGES):
                acc = tl.dot(tl.load(at_b + step), tl.load(at_low + step, mask=mine, other=0.0), acc)
                if GLU:
                    up = tl.load(at_b + rows_out.to(tl.int64) * RANK + step)
                    acc_up = tl.dot(up, tl.load(at_low + RANK + step, mask=mine, other=0.0), acc_up)
            at_b += rows_out.to(tl.int64) * LOW
    where = m[None, :] * rows_out + n[:, None]
    mask = real[None, :] & inside[:, None]
    if SPLIT > 1:
        tl.store(partial + tl.program_id(1) * M * rows_out + where, acc, mask=mask)
        tl.debug_barrier()
        before = tl.atomic_add(arrived + block, 1, sem="acq_rel")
        if before < SPLIT - 1:
            return
        tl.store(arrived + block, 0)
        acc = tl.zeros([BN, M], tl.float32)
        for i in tl.static_range(SPLIT):
            acc += tl.load(partial + i * M * rows_out + where, mask=mask, other=0.0, cache_modifier=".cg")
    if GLU:
        acc = acc / (1 + tl.exp(-acc)) * acc_up
    if RESIDUAL:
        acc += tl.load(residual + where, mask=mask).to(tl.float32)
    tl.store(out + where, acc.to(out.dtype.element_ty), mask=mask)
