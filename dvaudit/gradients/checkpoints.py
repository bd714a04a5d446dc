"""Data Value Embedding from saved checkpoints alone, where no batch was recorded.

Each checkpoint stands for one step over all n samples: theta_{c+1} = theta_c - eta_c / n sum g_i
(or eta_c sum g_i), so the influence of sample i is the sum over checkpoints of eta_c / n times
g_i(theta_c) . u_{c+1}, with u_c = u_{c+1} - eta_c / n H_c u_{c+1} over all samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from dvaudit.core.errors import SettingsError
from dvaudit.gradients._plan import plan_taps
from dvaudit.gradients.curvature import Curvature, gradient_and_curvature
from dvaudit.gradients.dvemb import InfluenceStep
from dvaudit.gradients.layout import Layout
from dvaudit.gradients.losses import Batch, Loss, take
from dvaudit.gradients.trajectory import Reduction

ROWS = 1024


def checkpoint_influences(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    checkpoints: Sequence[Tensor],
    rates: Sequence[float],
    queries: Tensor,
    *,
    curvature: Curvature = Curvature.GAUSS_NEWTON,
    reduction: Reduction = Reduction.MEAN,
    chunk: int = ROWS,
) -> Iterator[InfluenceStep]:
    """Yield the influences of all n samples at each checkpoint, last one first.

    Args:
        model: the net, in any state; its trainable parameters make up a checkpoint.
        checkpoints: C points (P,), in the order of training, without the end of the run.
        rates: eta_c; the sum of the rates of the steps that the checkpoint stands for.
        queries: (k, P), gradients at the end of the run.
        chunk: samples worked on at a time; the values do not depend on it.

    Raises:
        SettingsError: not one rate a checkpoint.
        UnsuitableDataError: as in `inner_products`.
    """
    if len(rates) != len(checkpoints):
        raise SettingsError(
            f"There are {len(checkpoints)} checkpoints and {len(rates)} rates; give one each."
        )
    n, layout = len(data[0]), Layout.of(model)
    taps = plan_taps(model, loss, data, set(layout.shapes))
    everyone = torch.arange(n)
    u = queries
    for number in reversed(range(len(checkpoints))):
        rate = rates[number] / n if reduction is Reduction.MEAN else rates[number]
        inner, curved = [], torch.zeros_like(u)
        for rows in torch.split(everyone, chunk):
            batch = take(data, rows.to(data[0].device))
            found, product = gradient_and_curvature(
                model, loss, batch, taps, checkpoints[number], u, curvature
            )
            inner.append(found)
            curved += product
        u = torch.add(u, curved, alpha=-rate)
        yield InfluenceStep(number, everyone, rate * torch.cat(inner), u.norm(dim=1))
