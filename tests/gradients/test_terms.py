"""The two ways to form a convolution's per-sample gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dvaudit.gradients._terms import FEW_CHANNELS, Product
from dvaudit.taps.patches import deltas, patches

_sides = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(
    kernel=st.tuples(st.integers(2, 4), st.integers(1, 4)),
    padding=st.one_of(_sides, st.just("valid")),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    stride=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    mode=st.sampled_from(["zeros", "circular"]),
    channels_last=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_unfolded_lines_give_the_product_of_the_patches(
    kernel: tuple[int, int],
    padding: tuple[int, int] | str,
    dilation: tuple[int, int],
    stride: int,
    groups: int,
    mode: str,
    channels_last: bool,
) -> None:
    module = nn.Conv2d(
        4, 6, kernel, (1, stride), padding, dilation, groups, padding_mode=mode
    ).double()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    inputs = torch.randn(5, 4, 11, 12, dtype=torch.float64).contiguous(memory_format=layout)
    delta = torch.randn_like(module(inputs))
    term = Product(module, module.weight.shape, inputs, delta)
    assert term._by_lines
    expected = deltas(module, delta) @ patches(module, inputs).transpose(2, 3)
    expected = expected.reshape(5, *module.weight.shape)
    torch.testing.assert_close(term.gradients(slice(None)), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(term.gradients(slice(1, 3)), expected[1:3], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(2, FEW_CHANNELS + 1, 3),
        nn.Conv2d(2, 4, (1, 3)),
        nn.Conv2d(2, 4, 3, stride=2),
    ],
    ids=["channels", "one line", "stride"],
)
def test_other_convolutions_multiply_the_patches(module: nn.Conv2d) -> None:
    inputs = torch.randn(3, 2, 9, 9)
    outputs = module(inputs)
    term = Product(module, module.weight.shape, inputs, torch.ones_like(outputs))
    assert not term._by_lines
    outputs.sum().backward()
    torch.testing.assert_close(
        term.gradients(slice(None)).sum(0), module.weight.grad, rtol=1e-4, atol=1e-4
    )
