"""Sampling the next token of each row from its logits: the 64 best of the vocabulary, then one of them at random.

Two kernels. `top_k_kernel` finds the 64 best of each part of the vocabulary, under the repetition penalty;
`sample_kernel` finds the 64 best of those, applies temperature, top-k and top-p, samples with the row's own random
numbers, and advances the row by a token. A logit and its id travel as one integer, so that equal logits have an order:
the lower id first.
"""

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait


@triton.jit
def uniform_noise(seed, step, token):
    """A uniform number in (0, 1) that depends on these three alone; see sampler.uniform_noise for the same in torch."""
    h = _mixed(seed.to(tl.uint32) ^ (step.to(tl.uint32) * 0x9E3779B1))
    h = _mixed(h ^ token.to(tl.uint32))
    h = _mixed(h + 0x85EBCA6B)
    return ((h >> 9).to(tl.float32) + 0.5) * (1.0 / 8388608.0)


@triton.jit
def _mixed(h):
    """A bijection of 32 bits in which every bit depends on every bit (lowbias32 of Ellis)."""
    h = h ^ (h >> 16)
    h = h * 0x7FEB352D
    h = h ^ (h >> 15)
    h = h * 0x846CA68B
    return h ^ (h >> 16)


@triton.jit
def top_k_kernel(
    logits, seen, sampling, packed, vocab, sampling_stride,
    CHUNK: tl.constexpr, KEEP: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """The KEEP best of CHUNK ids of one row, as keys."""
    row, chunk = tl.program_id(0), tl.program_id(1)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    ids = chunk * CHUNK + tl.arange(0, CHUNK)
    inside = ids < vocab
    value = tl.load(logits + row.to(tl.int64) * vocab + ids, mask=inside, other=-float("inf"))
    marked = tl.load(seen + row.to(tl.int64) * vocab + ids, mask=inside, other=0)
    penalty = tl.load(sampling + row * sampling_stride + 2)
    value = tl.where(marked != 0, tl.where(value < 0, value * penalty, value / penalty), value)
    bits = value.to(tl.int32, bitcast=True)
    order = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    keys = (order.to(tl.int64) << 32) | (0x7FFFFFFF - ids).to(tl.int64)
    keys = tl.topk(keys, KEEP)
    tl.store(packed + (row * tl.num_programs(1) + chunk) * KEEP + tl.arange(0, KEEP), keys)


@triton.jit(do_not_specialize=["count"])
def sample_kernel(
    packed, state, sampling, seen, ids_out, vocab, count, state_stride, sampling_stride,
    WIDTH: tl.constexpr, KEEP: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """The row's next token. state: token, position, step, top-k, seed, three stop tokens …; sampling: temperature,
    top-p, penalty."""
    row = tl.program_id(0)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    i = tl.arange(0, WIDTH)
    keys = tl.load(packed + row * count + i, mask=i < count, other=-0x7FFFFFFFFFFFFFFF)
    keys = tl.topk(keys, KEEP)
    ids = 0x7FFFFFFF - (keys & 0x7FFFFFFF).to(tl.int32)
    order = (keys >> 32).to(tl.int32)
    value = tl.where(order < 0, order ^ 0x7FFFFFFF, order).to(tl.float32, bitcast=True)
    mine = state + row * state_stride
    step, most, seed = tl.load(mine + 2), tl.load(mine + 3), tl.load(mine + 4)
    temperature = tl.load(sampling + row * sampling_stride)
    share = tl.load(sampling + row * sampling_stride + 1)
    rank = tl.arange(0, KEEP)
    scaled = (value - tl.max(value, 0)) / tl.where(temperature > 0, temperature, 1.0)
    kth = tl.min(tl.where(rank < most, scaled, float("inf")), 0)
    kept = scaled >= kth
    chance = tl.where(kept, tl.exp(scaled), 0.0)
    chance = chance / tl.sum(chance, 0)
    kept = kept & ((tl.cumsum(chance, 0) - chance < share) | (rank == 0))
    race = scaled - tl.log(-tl.log(uniform_noise(seed, step, ids)))
    race = tl.where(kept, race, -float("inf"))
    winner = tl.where(temperature > 0, tl.argmax(race, 0), 0)
    token = tl.minimum(tl.sum(tl.where(rank == winner, ids, 0), 0), vocab - 1)  # an id, even if all logits are NaN
    tl.store(ids_out + row, token)
    tl.store(mine, token)
    moved = (most > 0).to(tl.int32)  # empty rows and those that stopped stay where they are
    tl.store(mine + 1, tl.load(mine + 1) + moved)
    tl.store(mine + 2, step + moved)
    stopped = (token == tl.load(mine + 5)) | (token == tl.load(mine + 6)) | (token == tl.load(mine + 7))
    tl.store(mine + 3, tl.where(stopped, 0, most))
    tl.store(seen + row.to(tl.int64) * vocab + token, 1)
