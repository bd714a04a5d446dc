"""Nets and batches, and that their products are what the loop over samples gives."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dvaudit.gradients import capture, inner_products, plan_taps, reference, squared_norms
from dvaudit.gradients.losses import Batch, Loss

DOUBLE = torch.float64
TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-4}


def fill(model: nn.Module, dtype: torch.dtype = DOUBLE) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=generator)
    return model.to(dtype).eval()


def vectors(n: int, *shape: int, dtype: torch.dtype = DOUBLE) -> Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(n)).to(dtype)


def classes(n: int, outputs: int) -> Tensor:
    return torch.randint(outputs, (n,), generator=torch.Generator().manual_seed(n))


def assert_same(model: nn.Module, loss: Loss, batch: Batch) -> None:
    """Every product of a batch is what the loop gives."""
    dtype = next(model.parameters()).dtype
    rtol = TOLERANCE[dtype]
    truth = reference.gradients(model, loss, batch)
    taps = plan_taps(model, loss, batch)
    seen = capture(model, loss, batch, taps)
    directions = vectors(3, truth.shape[1], dtype=dtype)
    weights = vectors(len(truth), 2, dtype=dtype)
    for found, expected in (
        (seen.inner_products(directions), truth @ directions.T),
        (seen.squared_norms(), truth.square().sum(1)),
        (seen.weighted_sum(weights), weights.T @ truth),
        # After the norms some gradients are formed: the same products by another way.
        (seen.inner_products(directions), truth @ directions.T),
        (seen.weighted_sum(weights), weights.T @ truth),
        (seen.gradients(), truth),
        (seen.gradient(), truth.sum(0)),
        (inner_products(model, loss, batch, directions), truth @ directions.T),
        (squared_norms(model, loss, batch), truth.square().sum(1)),
    ):
        torch.testing.assert_close(
            found, expected, rtol=rtol, atol=rtol * max(float(expected.abs().max()), 1e-3)
        )
