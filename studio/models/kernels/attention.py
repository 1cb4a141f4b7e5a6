"""Attention of one new token a row over its blocks of the cache, with RoPE and the writing of the new key and value.

A program serves one row, one key-value head with all its query heads (so keys and values are read once), and one part
of the tokens. The last program to arrive joins the parts (split-KV, "flash decoding").
"""

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait


@triton.jit
def _tile(keys, values, table, token, position, head, KV: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr):
    """Keys and values [tokens, D] of one head, zero where a token is not before `position`."""
    old = token < position
    slots = (tl.load(table + token // BLOCK, mask=old, other=0) * BLOCK + token % BLOCK).to(tl.int64)
    at = ((slots * KV + head) * D)[:, None] + tl.arange(0, D)[None, :]
    key = tl.load(keys + at, mask=old[:, None], other=0.0)
    return key, tl.load(values + at, mask=old[:, None], other=0.0)


@triton.jit
def attend_kernel(
    qkv, keys, values, numbers, cos, sin, out, parts, tops, sums, arrived, stride, scale,
    KV: tl.constexpr, GROUP: tl.constexpr, PAD: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr,
    TABLE: tl.constexpr, SPLITS: tl.constexpr, TILE: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """See above. keys, values [slots, KV, D]; numbers: a row's second says where the new token stands, its blocks begin
    at TABLE. What was cached before is read while the kernel that makes q still runs."""
    row, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    if PDL:
        gdc_launch_dependents()
    position = tl.load(numbers + row * stride + 1)
    table = numbers + row * stride + TABLE
    share = tl.cdiv(tl.cdiv(position + 1, SPLITS), TILE) * TILE
    active = tl.cdiv(position + 1, share)
    if split >= active:
        return
    d, g, t = tl.arange(0, D), tl.arange(0, PAD), tl.arange(0, TILE)
    other = (d + D // 2) % D  # rotation pairs each column with this one
    angle_cos = tl.load(cos + position * D + d)
    angle_sin = tl.load(sin + position * D + d) * tl.where(d < D // 2, -1.0, 1.0)
    begin = split * share
    end = tl.minimum(begin + share, position + 1)
    key, value = _tile(keys, values, table, begin + t, position, head, KV, D, BLOCK)
    if PDL:
        gdc_wait()
    base = qkv + (row * KV + head) * (GROUP + 2) * D
    real = (g < GROUP)[:, None]
    kind: tl.constexpr = keys.dtype.element_ty
    q = tl.load(base + g[:, None] * D + d[None, :], mask=real, other=0.0).to(tl.float32)
    q_other = tl.load(base + g[:, None] * D + other[None, :], mask=real, other=0.0).to(tl.float32)
    q = (q * angle_cos[None, :] + q_other * angle_sin[None, :]).to(kind)
    new_key = tl.load(base + GROUP * D + d).to(tl.float32) * angle_cos
    new_key = (new_key + tl.load(base + GROUP * D + other).to(tl.float32) * angle_sin).to(kind)
    new_value = tl.load(base + (GROUP + 1) * D + d)
    if split == active - 1:
        slot = (tl.load(table + position // BLOCK) * BLOCK + position % BLOCK).to(tl.int64)
        tl.store(keys + (slot * KV + head) * D + d, new_key)
        tl.store(values + (slot * KV + head) * D + d, new_value)
    top = tl.full([PAD], -1e30, tl.float32)
    total = tl.zeros([PAD], tl.float32)
    acc = tl.zeros([PAD, D], tl.float32)
    for start in range(begin, end, TILE):
        latest = (start + t == position)[:, None]
        k_here = tl.where(latest, new_key[None, :], key)
        v_here = tl.where(latest, new_value[None, :], value)
        coming = tl.where(start + TILE < end, start + TILE + t, position)
        key, value = _tile(keys, values, table, coming, position, head, KV, D, BLOCK)
        score = tl.dot(q, tl.trans(k_here)) * (scale * 1.4426950408889634)
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
        tl.store(result + g[:, None] * D + d[None, :], acc.to(out.dtype.element_ty), mask=real)
        return
    mine = ((row * KV + head) * SPLITS + split) * GROUP
    tl.store(parts + (mine + g[:, None]) * D + d[None, :], acc, mask=real)
    tl.store(tops + mine + g, top, mask=g < GROUP)
    tl.store(sums + mine + g, total, mask=g < GROUP)
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
        piece = tl.load(parts + where[:, None] * D + d[None, :], mask=there[:, None], other=0.0, cache_modifier=".cg")
        joined = tl.sum(piece * weight[:, None], 0) / tl.sum(amount * weight, 0)
        tl.store(result + i * D + d, joined.to(out.dtype.element_ty))
