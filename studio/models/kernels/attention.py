"""Attention over blocks of the cache: of one new token a row, and of chunks of prompts.

Both go through the keys in tiles with a running softmax (FlashAttention, arXiv:2205.14135), and serve one key-value
head with all its query heads in one program, so keys and values are read once. The loop over the tiles is pipelined:
while one is multiplied, the next are on their way into shared memory.
"""

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait


@triton.jit
def _load_tile(keys, values, table, token, head, limit, KV: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr):
    """Keys and values [tokens, D] of one head. From `limit` > 0 on values are zero, and keys are anything: their scores
    must not count."""
    block = tl.load(table + tl.minimum(token, limit - 1) // BLOCK)
    at = (((block * BLOCK + token % BLOCK).to(tl.int64) * KV + head) * D)[:, None] + tl.arange(0, D)[None, :]
    return tl.load(keys + at), tl.load(values + at, mask=(token < limit)[:, None], other=0.0)


@triton.jit
def _online_softmax(q, key, value, counts, scale, top, total, acc):
    """The running softmax after a tile more: its largest score, its sum, and the weighted values; scores in powers
    of 2. `counts` [queries, tokens] or None: which scores count."""
    score = tl.dot(q, tl.trans(key)) * scale
    if counts is not None:
        score = tl.where(counts, score, -1e30)
    higher = tl.maximum(top, tl.max(score, 1))
    chance = tl.exp2(score - higher[:, None])
    shrink = tl.exp2(top - higher)
    return higher, total * shrink + tl.sum(chance, 1), tl.dot(chance.to(value.dtype), value, acc * shrink[:, None])


@triton.jit
def decode_attention_kernel(
    qkv, keys, values, numbers, cos, sin, out, parts, tops, sums, arrived, stride, scale,
    KV: tl.constexpr, GROUP: tl.constexpr, PAD: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr,
    TABLE: tl.constexpr, SPLITS: tl.constexpr, TILE: tl.constexpr, STAGES: tl.constexpr, WRITTEN: tl.constexpr,
    PDL: tl.constexpr,
):  # fmt: skip
    """One new token a row: RoPE, its key and value into the cache, attention over all before it and itself.

    A program serves one part of the tokens; the last to arrive joins the parts ("flash decoding"). keys, values [slots,
    KV, D]; numbers: a row's second says where the new token stands, its blocks begin at TABLE. The first tile is read
    while the kernel that makes q still runs. With WRITTEN the keys and values of all rows are in the cache already,
    since some rows are later tokens of the same text.
    """
    row, head, split = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    if PDL:
        gdc_launch_dependents()
        if WRITTEN:
            gdc_wait()
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
    end = tl.minimum(begin + share, position)  # the new token comes from qkv
    limit = tl.maximum(end, 1)
    key, value = _load_tile(keys, values, table, begin + t, head, limit, KV, D, BLOCK)
    if PDL and not WRITTEN:
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
    last = split == active - 1
    if last and not WRITTEN:
        slot = (tl.load(table + position // BLOCK) * BLOCK + position % BLOCK).to(tl.int64)
        tl.store(keys + (slot * KV + head) * D + d, new_key)
        tl.store(values + (slot * KV + head) * D + d, new_value)
    own = tl.sum(q.to(tl.float32) * new_key.to(tl.float32)[None, :], 1) * scale
    top = tl.where(last, own, -1e30)
    total = tl.where(last, 1.0, tl.zeros([PAD], tl.float32))
    acc = tl.where(last, new_value.to(tl.float32)[None, :], tl.zeros([PAD, D], tl.float32))
    top, total, acc = _online_softmax(q, key, value, (begin + t < end)[None, :], scale, top, total, acc)
    for start in tl.range(begin + TILE, end, TILE, num_stages=STAGES):
        key, value = _load_tile(keys, values, table, start + t, head, limit, KV, D, BLOCK)
        top, total, acc = _online_softmax(q, key, value, (start + t < end)[None, :], scale, top, total, acc)
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
    _join(result, parts, tops, sums, (row * KV + head) * SPLITS, active, GROUP, D, SPLITS)


@triton.jit
def _join(result, parts, tops, sums, first, active, GROUP: tl.constexpr, D: tl.constexpr, SPLITS: tl.constexpr):
    """The parts of one row and head into one result [GROUP, D]."""
    d, s = tl.arange(0, D), tl.arange(0, SPLITS)
    there = s < active
    for i in tl.static_range(GROUP):
        where = (first + s) * GROUP + i
        peak = tl.load(tops + where, mask=there, other=-1e30, cache_modifier=".cg")
        weight = tl.exp2(peak - tl.max(peak, 0))
        amount = tl.load(sums + where, mask=there, other=0.0, cache_modifier=".cg")
        piece = tl.load(parts + where[:, None] * D + d[None, :], mask=there[:, None], other=0.0, cache_modifier=".cg")
        joined = tl.sum(piece * weight[:, None], 0) / tl.sum(amount * weight, 0)
        tl.store(result + i * D + d, joined.to(result.dtype.element_ty))


@triton.jit(do_not_specialize=["width"])
def prefill_attention_kernel(
    q, keys, values, tiles, chunks, tables, out, scale, width,
    KV: tl.constexpr, GROUP: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr, TOKENS: tl.constexpr,
    TILE: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Stretches of prompts whose keys and values are in the cache: each token attends to all before it and itself.

    q, out [tokens, KV · GROUP, D]. A program serves TOKENS tokens of one chunk, as `tiles` says: (chunk or -1, its
    first token). chunks: (first row of q, tokens, position of the first); tables [chunks, width] their blocks.
    """
    chunk = tl.load(tiles + 2 * tl.program_id(0))
    if chunk < 0:
        return
    head = tl.program_id(1)
    at = tl.load(tiles + 2 * tl.program_id(0) + 1)
    first, count = tl.load(chunks + 3 * chunk), tl.load(chunks + 3 * chunk + 1)
    start = tl.load(chunks + 3 * chunk + 2)
    table = tables + chunk * width
    d, t, m = tl.arange(0, D), tl.arange(0, TILE), tl.arange(0, TOKENS * GROUP)
    token = at + m // GROUP
    position = start + token
    where = (((first + token).to(tl.int64) * KV + head) * GROUP + m % GROUP) * D
    real = (token < count)[:, None]
    query = tl.load(q + where[:, None] + d[None, :], mask=real, other=0.0)
    top = tl.full([TOKENS * GROUP], -1e30, tl.float32)
    total = tl.zeros([TOKENS * GROUP], tl.float32)
    acc = tl.zeros([TOKENS * GROUP, D], tl.float32)
    end = start + tl.minimum(at + TOKENS, count)
    whole = (start + at + 1) // TILE * TILE  # tiles below this are seen whole by every token
    for begin in tl.range(0, whole, TILE, num_stages=STAGES):
        key, value = _load_tile(keys, values, table, begin + t, head, end, KV, D, BLOCK)
        top, total, acc = _online_softmax(query, key, value, None, scale, top, total, acc)
    for begin in tl.range(whole, end, TILE, num_stages=STAGES):
        key, value = _load_tile(keys, values, table, begin + t, head, end, KV, D, BLOCK)
        seen = begin + t[None, :] <= position[:, None]
        top, total, acc = _online_softmax(query, key, value, seen, scale, top, total, acc)
    tl.store(out + where[:, None] + d[None, :], (acc / total[:, None]).to(out.dtype.element_ty), mask=real)
