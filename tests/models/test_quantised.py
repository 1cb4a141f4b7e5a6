"""int8 weights: how near they stay, and what is left alone."""

from __future__ import annotations

import torch
from golden import Given, architecture, tensors, whole

from studio.models.linear import IMAGE, Linear, LowRank, image_rows
from studio.models.model import from_source

CPU = torch.device("cpu")


def test_every_number_is_within_half_a_step_of_its_row() -> None:
    weight = torch.randn(50, 64, generator=torch.Generator().manual_seed(0)) * torch.logspace(-4, 2, 50)[:, None]
    weight[7] = 0
    small = Linear(weight).quantised()
    assert small.weight.dtype == torch.int8 and small.scales is not None
    near = small.weight * small.scales[:, None]
    assert ((near - weight).abs() <= small.scales[:, None] * 0.5001).all()
    assert small.weight[7].abs().max() == 0 and (small.weight.abs().amax(1)[torch.arange(50) != 7] == 127).all()
    x = torch.randn(3, 64)
    torch.testing.assert_close(small(x), x @ near.T, atol=1e-4, rtol=1e-4)
    assert small.bytes == 50 * 64 + 50 * 4


def test_patches_stay_as_they_are() -> None:
    g = torch.Generator().manual_seed(1)
    patch = LowRank(torch.randn(8, 64, generator=g), torch.randn(40, 4, generator=g), 0.5)
    assert patch.parts == 2  # of the 40 outputs
    linear = Linear(torch.zeros(40, 64), {IMAGE: patch}).quantised()
    x = torch.randn(6, 64, generator=g)
    y = linear(x, image_rows([(1, 3)], CPU, x.dtype))
    expected = torch.zeros(6, 40)
    expected[1:3, :20] = 0.5 * x[1:3] @ patch.a[:4].T @ patch.b[:20].T
    expected[1:3, 20:] = 0.5 * x[1:3] @ patch.a[4:].T @ patch.b[20:].T
    torch.testing.assert_close(y, expected)


def test_a_quantised_model_says_nearly_the_same() -> None:
    a = architecture()
    full, small = (from_source(a, Given(tensors(a)), CPU, int8) for int8 in (False, True))
    x = full.decoder.embed(torch.randint(0, a.vocab, (40,), generator=torch.Generator().manual_seed(2)))
    spans = [(5, 21)]
    plain, found = whole(full.decoder, x, spans), whole(small.decoder, x, spans)
    assert 0 < float((found - plain).norm() / plain.norm()) < 0.03
    assert small.bytes < 0.75 * full.bytes and full.bytes == a.parameters() * 4
    assert small.decoder.output.dtype == torch.float32  # the head keeps its type
