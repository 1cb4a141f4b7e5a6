"""Attention of one new token a row over its blocks of the cache, with RoPE and the writing of the new key and value.

A program serves one row, one key-value head with all its query heads (so keys and values are read once), and one part
of the tokens. The last program to arrive joins the parts (split-KV, "flash decoding").
"""

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait


@triton.jit
def _tile(keys, values, table, token, position, head, KV: tl.constexpr, HALF: tl.constexpr, BLOCK: tl.constexpr):
    """Keys (in halves) and values of these tokens of one head, zero where a token is not before `position`."""
    D: tl.constexpr = 2 * HALF
    old = token < position
    slots = (tl.load(table + token // BLOCK, mask=old, other=0) * BLOCK + token % BLOCK).to(tl.int64)
    rows = ((slots * KV + head) * D)[:, None]
    half, wide = tl.arange(0, HALF)[None, :], tl.arange(0, D)[None, :]
    low = tl.load(keys + rows + half, mask=old[:, None], other=0.0)
    high = tl.load(keys + rows + HALF + half, mask=old[:, None], other=0.0)
    return low, high, tl.load(values + rows + wide, mask=old[:, None], other=0.0)


@triton.jit
def attend_kernel(
    qkv, keys, values, numbers, cos, sin, out, parts, tops, sums, arrived, stride, scale,
    KV: tl.constexpr, GROUP: tl.constexpr, PAD: tl.constexpr, HALF: tl.constexpr, BLOCK: tl.constexpr,
    TABLE: tl.constexpr, SPLITS: tl.constexpr, TILE: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """See above. keys, values [slots, KV, D]; numbers: a row's second says where the new token stands, its blocks begin
    at TABLE. What was cached before is read while the kernel that makes q still runs."""
    D: tl.constexpr = 2 * HALF
    row, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    if PDL:
        gdc_launch_dependents()
    position = tl.load(numbers + row * stride + 1)
    table = numbers + row * stride + TABLE
    share = tl.cdiv(tl.cdiv(position + 1, SPLITS), TILE) * TILE
    active = tl.cdiv(position + 1, share)
    if split >= active:
        return
    half, wide, g, t = tl.arange(0, HALF), tl.arange(0, D), tl.arange(0, PAD), tl.arange(0, TILE)
    angle_cos = tl.load(cos + position * D + half)
    angle_sin = tl.load(sin + position * D + half)
    begin = split * share
    end = tl.minimum(begin + share, position + 1)
    low, high, value = _tile(keys, values, table, begin + t, position, head, KV, HALF, BLOCK)
    if PDL:
        gdc_wait()
    base = qkv + (row * KV + head) * (GROUP + 2) * D
    real = g < GROUP
    q1 = tl.load(base + g[:, None] * D + half[None, :], mask=real[:, None], other=0.0).to(tl.float32)
    q2 = tl.load(base + g[:, None] * D + HALF + half[None, :], mask=real[:, None], other=0.0).to(tl.float32)
    kind: tl.constexpr = keys.dtype.element_ty
    first = (q1 * angle_cos[None, :] - q2 * angle_sin[None, :]).to(kind)
    second = (q2 * angle_cos[None, :] + q1 * angle_sin[None, :]).to(kind)
    k1 = tl.load(base + GROUP * D + half).to(tl.float32)
    k2 = tl.load(base + GROUP * D + HALF + half).to(tl.float32)
    new1 = (k1 * angle_cos - k2 * angle_sin).to(kind)
    new2 = (k2 * angle_cos + k1 * angle_sin).to(kind)
    new_value = tl.load(base + (GROUP + 1) * D + wide)
    if split == active - 1:
        slot = (tl.load(table + position // BLOCK) * BLOCK + position % BLOCK).to(tl.int64)
        here = (slot * KV + head) * D
        tl.store(keys + here + half, new1)
        tl.store(keys + here + HALF + half, new2)
        tl.store(values + here + wide, new_value)
    top = tl.full([PAD], -1e30, tl.float32)
    total = tl.zeros([PAD], tl.float32)
    acc = tl.zeros([PAD, D], tl.float32)
    for start in range(begin, end, TILE):
        latest = (start + t == position)[:, None]
        k_low = tl.where(latest, new1[None, :], low)
        k_high = tl.where(latest, new2[None, :], high)
        v_here = tl.where(latest, new_value[None, :], value)
        coming = tl.where(start + TILE < end, start + TILE + t, position)
        low, high, value = _tile(keys, values, table, coming, position, head, KV, HALF, BLOCK)
        score = (tl.dot(first, tl.trans(k_low)) + tl.dot(second, tl.trans(k_high))) * (scale * 1.4426950408889634)
        score = tl.where((start + t <= position)[None, :], score, -1e30)
        higher = tl.maximum(top, tl.max(score, 1))
        chance = tl.exp2(score - higher[:, None])
        shrink = tl.exp2(top - higher)
        total = total * shrink + tl.sum(chance, 1)
        acc = acc * shrink[:, None] + tl.dot(chance.to(kind), v_here)
        top = higher
    result = out + (row * KV + head) * GROUP * D
    if active == 1:
        acc = acc / total[:, None]
        tl.store(result + g[:, None] * D + wide[None, :], acc.to(out.dtype.element_ty), mask=real[:, None])
        return
    mine = ((row * KV + head) * SPLITS + split) * GROUP
    tl.store(parts + (mine + g[:, None]) * D + wide[None, :], acc, mask=real[:, None])
    tl.store(tops + mine + g, top, mask=real)
    tl.store(sums + mine + g, total, mask=real)
    tl.debug_barrier()
    before = tl.atomic_add(arrived + row * KV + head, 1, sem="acq_rel")
    if before < active - 1:
        return
    tl.store(arrived + row * KV + head, 0)
    s = tl.arange(0, SPLITS)
    there = s < active
    for i in tl.static_range(GROUP):
        where = ((row * KV + head) * SPLITS + s) * GROUP + i
        peak = tl.load(tops + where, mask=there, other=-1e30, cache_modifier=".cg")
        weight = tl.exp2(peak - tl.max(peak, 0))
        amount = tl.load(sums + where, mask=there, other=0.0, cache_modifier=".cg")
        piece = tl.load(parts + where[:, None] * D + wide[None, :], mask=there[:, None], other=0.0, cache_modifier=".cg")
        joined = tl.sum(piece * weight[:, None], 0) / tl.sum(amount * weight, 0)
        tl.store(result + i * D + wide, joined.to(out.dtype.element_ty))
