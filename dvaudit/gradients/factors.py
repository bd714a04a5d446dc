"""Gauss-Newton curvature as products of vectors, one for each sample, for algorithm 1 of DVEmb.

With S_i = R_i R_i' the loss's second derivative by the outputs and s_i random signs, the vector
f_i = J_i' R_i s_i has E[f_i f_i'] = J_i' S_i J_i: the Gauss-Newton matrix of the sample. With one
output it is no draw but exact, whatever the sign.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from dvaudit.gradients._capture import Capture, Point, Taps, capture
from dvaudit.gradients._frozen import frozen
from dvaudit.gradients.losses import Batch, Loss


def capture_factors(
    model: nn.Module, loss: Loss, batch: Batch, taps: Taps, point: Point, seed: Sequence[int]
) -> Capture:
    """Return a capture whose gradients are f_i, (n, P), at `point`."""
    with frozen(model), torch.no_grad():
        outputs = functional_call(model, dict(point), (batch[0],))
    state = int(np.random.SeedSequence(seed).generate_state(1)[0])
    draws = torch.Generator().manual_seed(state)
    signs = torch.randint(2, outputs.flatten(1).shape, generator=draws) * 2 - 1
    columns = curvature_columns(loss, outputs, batch[1], signs.to(outputs))
    return capture(model, _along, (batch[0], columns), taps, point=point)


def curvature_columns(loss: Loss, outputs: Tensor, targets: Tensor, signs: Tensor) -> Tensor:
    """Return R_i s_i, shape (n, c), from outputs of c numbers a sample and signs (n, c).

    Negative eigenvalues of S_i, which a convex loss has by rounding alone, count as 0.
    """

    def alone(output: Tensor, target: Tensor) -> Tensor:
        return loss(output[None], target[None]).sum()

    second = vmap(jacrev(jacrev(alone)))(outputs, targets)
    c = outputs[0].numel()
    values, vectors = torch.linalg.eigh(second.reshape(len(outputs), c, c))
    scaled = values.clamp(min=0).sqrt() * signs
    columns: Tensor = (vectors @ scaled[:, :, None])[:, :, 0]
    return columns


def _along(outputs: Tensor, columns: Tensor) -> Tensor:
    """The loss whose gradient by the outputs is the column."""
    return (outputs.flatten(1) * columns).sum(1)
