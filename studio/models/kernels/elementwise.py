"""What stands between the matrix products of a prefill, each in one pass over its rows."""

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait


@triton.jit
def norm_kernel(
    x, add, weight, out, eps, K: tl.constexpr, WIDTH: tl.constexpr, ADD: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """out = RMSNorm(x + add), and x becomes x + add. One row a program; rounds where the plain version rounds."""
    row = tl.program_id(0).to(tl.int64) * K
    k = tl.arange(0, WIDTH)
    inside = k < K
    factor = tl.load(weight + k, mask=inside, other=0.0)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    value = tl.load(x + row + k, mask=inside, other=0.0)
    if ADD:
        value = value + tl.load(add + row + k, mask=inside, other=0.0)
        tl.store(x + row + k, value, mask=inside)
    wide = value.to(tl.float32)
    root = tl.rsqrt(tl.sum(wide * wide, 0) / K + eps)
    scaled = (wide * root).to(value.dtype) * factor
    tl.store(out + row + k, scaled, mask=inside)


@triton.jit
def rope_kernel(
    qkv, q_out, keys, values, positions, slots, cos, sin,
    KV: tl.constexpr, GROUP: tl.constexpr, PAD: tl.constexpr, HALF: tl.constexpr,
):  # fmt: skip
    """One token and key-value head a program: q rotated into q_out, k rotated and v into their slot."""
    D: tl.constexpr = 2 * HALF
    token, head = tl.program_id(0), tl.program_id(1)
    half, g = tl.arange(0, HALF), tl.arange(0, PAD)
    position = tl.load(positions + token)
    slot = tl.load(slots + token).to(tl.int64)
    angle_cos = tl.load(cos + position * D + half)[None, :]
    angle_sin = tl.load(sin + position * D + half)[None, :]
    base = qkv + (token.to(tl.int64) * KV + head) * (GROUP + 2) * D
    heads = (g < GROUP + 1)[:, None]  # the query heads, then the key
    at = base + g[:, None] * D + half[None, :]
    a = tl.load(at, mask=heads, other=0.0).to(tl.float32)
    b = tl.load(at + HALF, mask=heads, other=0.0).to(tl.float32)
    kind: tl.constexpr = qkv.dtype.element_ty
    first = (a * angle_cos - b * angle_sin).to(kind)
    second = (b * angle_cos + a * angle_sin).to(kind)
    query = (g < GROUP)[:, None]
    to = q_out + ((token.to(tl.int64) * KV + head) * GROUP + g[:, None]) * D + half[None, :]
    tl.store(to, first, mask=query)
    tl.store(to + HALF, second, mask=query)
    key = (g == GROUP)[:, None]
    there = (slot * KV + head) * D + half[None, :] + g[:, None] * 0
    tl.store(keys + there, first, mask=key)
    tl.store(keys + there + HALF, second, mask=key)
    wide = tl.arange(0, D)
    value = tl.load(base + (GROUP + 1) * D + wide)
    tl.store(values + (slot * KV + head) * D + wide, value)


@triton.jit
def swiglu_kernel(x, out, F: tl.constexpr, WIDTH: tl.constexpr):
    """[tokens, 2 · F] → silu(first half) · second half."""
    row, part = tl.program_id(0).to(tl.int64), tl.program_id(1)
    k = part * WIDTH + tl.arange(0, WIDTH)
    inside = k < F
    gate = tl.load(x + row * 2 * F + k, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(x + row * 2 * F + F + k, mask=inside, other=0.0)
    silu = (gate / (1 + tl.exp(-gate))).to(up.dtype)
    tl.store(out + row * F + k, silu * up, mask=inside)
