"""How a loss curves along a direction: the products H u of a batch, three ways.

H = sum over the batch of g g' (empirical Fisher, what the DVEmb paper calls Gauss-Newton), of
J' (d^2 loss / d output^2) J (true Gauss-Newton), or of the Hessian of each loss. For a squared
loss the Fisher carries the residual squared where Gauss-Newton has 2, so it is no curvature there.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jvp

from dvaudit.gradients._capture import Taps, capture
from dvaudit.gradients._frozen import transformable
from dvaudit.gradients.losses import Batch, Loss


class Curvature(StrEnum):
    """H of a batch."""

    FISHER = "fisher"
    GAUSS_NEWTON = "gauss_newton"
    HESSIAN = "hessian"


def gradient_and_curvature(
    model: nn.Module,
    loss: Loss,
    batch: Batch,
    taps: Taps,
    theta: Tensor,
    directions: Tensor,
    kind: Curvature,
) -> tuple[Tensor, Tensor]:
    """Return <g_i, u_k>, shape (n, k), and H u_k, shape (k, P), H summed over the batch.

    Args:
        taps: of `plan_taps` for this net.
        theta: values of the chosen parameters, (P,).
        directions: u, (k, P).
    """
    split = taps.layout.split
    if kind is Curvature.FISHER:
        seen = capture(model, loss, batch, taps, point=split(theta))
        inner = seen.inner_products(directions)
        return inner, seen.weighted_sum(inner)
    along = _gauss_newton if kind is Curvature.GAUSS_NEWTON else _hessian
    values = {name: value.detach() for name, value in model.named_parameters()}
    # A tangent must be laid out in its storage as its primal is, or torch copies it into room as
    # large as the primal's storage, which for a point may be that of the whole run.
    values.update(split(theta.clone()))
    columns, products = [], []
    with transformable(model), _forward_mode():
        for direction in directions:
            inner, product = along(model, loss, batch, values, split(direction.clone()))
            columns.append(inner)
            products.append(taps.layout.join(product))
    return torch.stack(columns, dim=1), torch.stack(products)


def largest_eigenvalue(
    model: nn.Module,
    loss: Loss,
    batch: Batch,
    taps: Taps,
    theta: Tensor,
    kind: Curvature,
    *,
    iterations: int = 20,
    seed: int = 0,
) -> float:
    """Return the size of the largest eigenvalue of H by power iteration, approached from below.

    A step of rate eta on the summed loss contracts along every direction while eta times it is
    below 1, and grows errors from 2 on. Arguments as in `gradient_and_curvature`.
    """
    draws = torch.Generator().manual_seed(seed)
    start = torch.randn((1, taps.layout.size), generator=draws, dtype=torch.float64)
    direction, size = start.to(theta.device, theta.dtype), 0.0
    for _ in range(iterations):
        direction = direction / direction.norm().clamp(min=torch.finfo(theta.dtype).tiny)
        direction = gradient_and_curvature(model, loss, batch, taps, theta, direction, kind)[1]
        size = float(direction.norm())
    return size


@contextmanager
def _forward_mode() -> Iterator[None]:
    """On its first use torch's forward mode warns of torch's own use of torch.jit."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.script` is deprecated", DeprecationWarning)
        yield


def _dual(value: Tensor, tangent: Tensor) -> Tensor:
    dual: Tensor = forward_ad.make_dual(value, tangent)  # type: ignore[no-untyped-call]
    return dual


def _gauss_newton(
    model: nn.Module,
    loss: Loss,
    batch: Batch,
    values: Mapping[str, Tensor],
    direction: dict[str, Tensor],
) -> tuple[Tensor, dict[str, Tensor]]:
    """One forward pass with tangents and one backward pass; <g_i, u> = d loss_i . J_i u."""
    chosen = {name: values[name].detach().requires_grad_() for name in direction}
    with forward_ad.dual_level(), torch.enable_grad():
        dual = {name: _dual(value, direction[name]) for name, value in chosen.items()}
        outputs = functional_call(model, {**values, **dual}, (batch[0],))
        primal, tangent = forward_ad.unpack_dual(outputs)  # type: ignore[no-untyped-call]
    slopes, curved = _loss_along(loss, primal, batch[1], tangent.detach())
    found = torch.autograd.grad(
        primal, list(chosen.values()), curved, allow_unused=True, materialize_grads=True
    )
    inner = (slopes * tangent.detach()).flatten(1).sum(1)
    return inner, dict(zip(chosen, found, strict=True))


def _loss_along(
    loss: Loss, outputs: Tensor, targets: Tensor, tangent: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the losses' gradient by output, and that gradient's derivative along the tangent."""
    outputs = outputs.detach().requires_grad_()
    with torch.enable_grad():
        total = loss(outputs, targets).sum()
        (slopes,) = torch.autograd.grad(total, outputs, create_graph=True)
        along = (slopes * tangent).sum()
    if not along.requires_grad:  # a loss linear in the outputs
        return slopes.detach(), torch.zeros_like(tangent)
    (curved,) = torch.autograd.grad(along, outputs, allow_unused=True, materialize_grads=True)
    return slopes.detach(), curved


def _hessian(
    model: nn.Module,
    loss: Loss,
    batch: Batch,
    values: Mapping[str, Tensor],
    direction: dict[str, Tensor],
) -> tuple[Tensor, dict[str, Tensor]]:
    """The backward pass with tangents; the losses' own tangents are <g_i, u>."""

    def losses(chosen: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        each = loss(functional_call(model, {**values, **chosen}, (batch[0],)), batch[1])
        return each.sum(), each

    chosen = {name: values[name].detach() for name in direction}
    product, inner = jvp(grad(losses, has_aux=True), (chosen,), (direction,))[1]
    return inner, product
