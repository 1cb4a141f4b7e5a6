"""Choosing tokens: against transformers' own processors, against exhaustive search, and with seeds."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import transformers
from golden import Given, architecture, llama, tensors
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.engine.native.beam import BeamScorer
from studio.engine.native.check.reference_loop import BeamSearch, beam_search_blocks, read_prompt
from studio.engine.native.rows import DecodeBatch
from studio.engine.native.sampler import apply_repetition_penalty, sample, top_k_top_p_mask, uniform_noise
from studio.models.internlm2 import Decoder
from studio.protocol import Sampling

CPU = torch.device("cpu")


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 999), penalty=st.floats(0.5, 2), k=st.integers(0, 60), p=st.floats(0.01, 1))
@example(seed=0, penalty=2.0, k=0, p=1.0)  # sums of probabilities reach 1 before the last token
def test_processors_equal_those_of_transformers(seed: int, penalty: float, k: int, p: float) -> None:
    g = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 50, generator=g) * 4
    ids = torch.randint(0, 50, (1, 12), generator=g)
    seen = torch.zeros(50, dtype=torch.bool)
    seen[ids[0]] = True
    ordered, order = apply_repetition_penalty(logits, seen, penalty).sort(descending=True, stable=True)
    staying = top_k_top_p_mask(ordered, torch.tensor([[k or 50]]), torch.tensor([[p]]))
    found = torch.full((50,), -torch.inf).scatter(0, order[0], ordered[0].masked_fill(~staying[0], -torch.inf))
    expected = transformers.RepetitionPenaltyLogitsProcessor(penalty)(ids, logits)
    if k:
        expected = transformers.TopKLogitsWarper(k)(ids, expected)
    expected = transformers.TopPLogitsWarper(p)(ids, expected)
    torch.testing.assert_close(found, expected[0])


def draws(sampling: Sampling, logits: torch.Tensor, count: int) -> list[int]:
    """One call's ids from the same logits again and again."""
    rows = DecodeBatch(1, 1, logits.shape[-1], CPU)
    rows.set_row(0, 1, [], sampling, 1)
    return [int(sample(logits[None], rows)) for _ in range(count)]


@pytest.mark.slow
def test_draws_follow_the_chances() -> None:
    chances = torch.tensor([0.0, 0.0, 0.5, 0.3, 0.15, 0.05])
    free = Sampling(temperature=1, top_p=1, top_k=0, repetition_penalty=1)
    ids = draws(free, chances.log(), 20_000)
    shares = torch.tensor([ids.count(i) / len(ids) for i in range(6)])
    torch.testing.assert_close(shares, chances, atol=0.015, rtol=0)
    assert set(draws(Sampling(temperature=1, top_p=0.6, top_k=0, repetition_penalty=1), chances.log(), 500)) == {2, 3}
    assert set(draws(Sampling(temperature=1, top_p=1, top_k=3, repetition_penalty=1), chances.log(), 500)) == {2, 3, 4}


def test_the_same_seed_draws_the_same() -> None:
    logits = torch.randn(400, generator=torch.Generator().manual_seed(0))
    one = draws(Sampling(seed=7), logits, 50)
    assert one == draws(Sampling(seed=7), logits, 50)
    assert one != draws(Sampling(seed=8), logits, 50)
    assert draws(Sampling(seed=-1), logits, 3) == draws(Sampling(seed=-1), logits, 3)


def test_the_penalty_starts_with_bos_and_grows_with_what_was_generated() -> None:
    greedy = Sampling(temperature=0, repetition_penalty=2.0)
    logits = torch.tensor([0.1, 5.0, 3.0, 2.6, -1.0])  # BOS is 1: its 5.0 counts as 2.5 from the beginning
    assert draws(greedy, logits, 4) == [2, 3, 1, 1]


def test_beams_equal_exhaustive_search() -> None:
    vocab, depth, stop = 5, 4, 4
    table = torch.randn(vocab + 1, vocab, generator=torch.Generator().manual_seed(3)).log_softmax(-1)

    def total(ids: tuple[int, ...]) -> float:
        return sum(float(table[a, b]) for a, b in itertools.pairwise((vocab, *ids)))

    count = vocab**depth
    beams = BeamScorer(count, frozenset({stop}), 1.0, 0, CPU)
    for _ in range(depth):
        last = [ids[-1] if ids else vocab for ids in beams.ids]
        beams.advance(table[torch.tensor(last)])
    scored = {}
    for length in range(depth + 1):
        for ids in itertools.product(range(vocab - 1), repeat=length):
            if length == depth:
                scored[ids] = total(ids) / (1 + length)
            else:
                scored[ids] = total((*ids, stop)) / (1 + length)
    best = max(scored, key=scored.__getitem__)
    found = beams.best()
    assert found.ids == best and found.score == pytest.approx(scored[best], abs=1e-5)
    assert found.ended == (len(best) < depth)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_beams_equal_those_of_transformers(count: int, penalty: float) -> None:
    a = architecture(eyes=False)
    weights = tensors(a, seed=count)
    decoder = Decoder(a, Given(weights), CPU)
    ids = torch.tensor([[1]])  # BOS alone, so that both count the same lengths and penalise the same ids
    table = range(beam_search_blocks(1, 40, count))
    kv_cache = decoder.new_kv_cache(len(table))
    beams = BeamScorer(count, frozenset(), penalty, 1, CPU)
    search = BeamSearch(
        decoder, kv_cache, table, 1, read_prompt(decoder, kv_cache, table, decoder.embed(ids[0])), beams, count
    )
    for i in range(40):  # beyond the first block
        search.advance(last=i == 39)
    expected = llama(a, weights).generate(
        ids,
        attention_mask=torch.ones_like(ids),
        num_beams=count,
        max_new_tokens=40,
        do_sample=False,
        repetition_penalty=penalty,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert list(beams.best().ids) == expected[0, 1:].tolist()


def test_a_search_ends_when_nothing_can_get_better() -> None:
    sure = torch.full((2, 4), math.log(0.001))
    sure[:, 3] = math.log(0.99)
    beams = BeamScorer(2, frozenset({3}), 1.0, 0, CPU)
    rounds = 0
    while not beams.done and rounds < 10:
        beams.advance(sure)
        rounds += 1
    assert 2 <= rounds < 10  # not at once: a second hypothesis is wanted, and a longer one has the better mean
    assert beams.best().ids == () and beams.best().ended


def test_the_noise_is_uniform_and_its_neighbours_are_strangers() -> None:
    ids = torch.arange(92544)
    pairs = itertools.product((0, 1, -5), (0, 1, 99))
    table = torch.stack([uniform_noise(torch.tensor(seed), torch.tensor(at), ids) for seed, at in pairs])
    assert float(table.min()) > 0 and float(table.max()) < 1
    torch.testing.assert_close(table.mean(1), torch.full((9,), 0.5), atol=0.004, rtol=0)
    shares = torch.histc(table, 50, 0, 1) / table.numel()
    torch.testing.assert_close(shares, torch.full((50,), 0.02), atol=6e-4, rtol=0)
    assert float(torch.corrcoef(table).fill_diagonal_(0).abs().max()) < 0.02  # between seeds and steps
    assert float(torch.corrcoef(torch.stack((table[0, 1:], table[0, :-1])))[0, 1].abs()) < 0.02  # between ids


def test_a_call_draws_the_same_in_any_row_beside_anybody() -> None:
    logits = torch.randn(3, 300, generator=torch.Generator().manual_seed(4))
    samplings = [Sampling(seed=9), Sampling(temperature=0), Sampling(seed=3, top_k=0, top_p=0.6, temperature=1.7)]
    alone = [draws(sampling, row, 12) for sampling, row in zip(samplings, logits, strict=True)]
    for order in itertools.permutations(range(3)):
        rows = DecodeBatch(4, 1, 300, CPU)  # the last row stays empty
        for row, which in enumerate(order):
            rows.set_row(row, 1, [], samplings[which], 1)
        found = [sample(torch.cat((logits[list(order)], logits[:1])), rows).tolist() for _ in range(12)]
        assert [[ids[order.index(i)] for ids in found] for i in range(3)] == alone
        assert rows.state[3, 1:3].tolist() == [0, 0]
