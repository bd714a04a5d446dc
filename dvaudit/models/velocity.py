"""How groups of samples are learned: loss, accuracy and kernel velocity while a net trains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, silent
from dvaudit.core.result import suspicion_ranks
from dvaudit.models.proxy import EpochView, watch_training


def score_groups(values: NDArray[np.float64], groups: int = 10) -> NDArray[np.int64]:
    """Return (n,) group numbers by value: 0 = the least useful n / groups samples.

    Groups differ by at most one sample; ties keep input order; -1 where a value is NaN.
    """
    ranks = suspicion_ranks(values)
    scored = np.isfinite(ranks)
    numbers = np.full(len(values), -1)
    numbers[scored] = (ranks[scored].astype(np.int64) - 1) * groups // max(int(scored.sum()), 1)
    return numbers


def kernel_velocity(before: Tensor, after: Tensor) -> float:
    """Return 1 - <G, G'> / (|G| |G'|) for the Gram matrices G = F F^T of features, in 0 to 1.

    How far the kernel of a set of samples turned between two moments of training (Fort et al.
    2020, "Deep learning versus kernel learning", equation 5, with the penultimate layer's
    kernel; the CG-score paper's section on training dynamics). Since <F F^T, F' F'^T> =
    |F^T F'|^2, no matrix larger than the layer's width squared is made. NaN where all features
    of one moment are zero.

    Args:
        before, after: (m, width) features of the same samples.
    """
    first, second = before.double(), after.double()
    cross = (first.T @ second).square().sum()
    norms = torch.linalg.matrix_norm(first.T @ first) * torch.linalg.matrix_norm(second.T @ second)
    if float(norms) == 0:
        return float("nan")
    return max(0.0, 1 - float(cross / norms))


def group_dynamics(
    vectors: NDArray[np.floating],
    codes: NDArray[np.int64],
    classes: int,
    groups: NDArray[np.int64],
    *,
    epochs: int = 10,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> pd.DataFrame:
    """Train the proxy net on all samples and return what each group does after each epoch.

    Args:
        vectors, codes, classes: as in `proxy.train_proxy`.
        groups: (n,) group of each sample, such as `score_groups`; negative = in no group, but
            trained on.

    Returns:
        One row per epoch (0 = untrained) and group: epoch, group, loss (mean cross-entropy),
        accuracy (share of given labels predicted), velocity (see `kernel_velocity`, since the
        epoch before; NaN at epoch 0).

    Raises:
        UnsuitableDataError: `groups` has another length, or the proxy net refuses the data.
    """
    if len(groups) != len(codes):
        raise UnsuitableDataError(
            f"There are {len(codes):,} samples and {len(groups):,} group numbers; give one each."
        )
    members = {
        int(group): torch.as_tensor(np.flatnonzero(groups == group)).to(device)
        for group in np.unique(groups[groups >= 0])
    }
    rows: list[dict[str, float]] = []
    before: Tensor | None = None
    for view in watch_training(
        vectors, codes, classes, epochs=epochs, seed=seed, device=device, progress=progress
    ):
        rows += [_row(view, before, group, own) for group, own in members.items()]
        before = view.features
    return pd.DataFrame(rows, columns=["epoch", "group", "loss", "accuracy", "velocity"])


def _row(view: EpochView, before: Tensor | None, group: int, own: Tensor) -> dict[str, float]:
    moved = float("nan")
    if before is not None:
        moved = kernel_velocity(before[own], view.features[own])
    return {
        "epoch": view.epoch,
        "group": group,
        "loss": float(view.losses[own].double().mean()),
        "accuracy": float(view.correct[own].double().mean()),
        "velocity": moved,
    }
