"""The proxy net: a small classifier trained for a few epochs, watched after each of them.

Its penultimate layer is a feature space shaped by the labels, in which the CG-score is taken too
(CG-score paper, appendix H: features of the 10th epoch), and its per-sample losses show how
groups of samples are learned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, silent
from dvaudit.models.proxy_size import BATCH, WIDTHS

LEARNING_RATE = 1e-3
LOOK_ROWS = 8192


@dataclass(frozen=True, eq=False)
class EpochView:
    """The net after `epoch` epochs (0 = untrained), over all n training samples.

    Attributes:
        features: (n, WIDTHS[-1]) float32 penultimate layer, after its ReLU.
        losses: (n,) cross-entropy of each sample.
        correct: (n,) whether the net predicts the given label.
    """

    epoch: int
    features: Tensor
    losses: Tensor
    correct: Tensor


@dataclass(frozen=True, eq=False)
class ProxyRun:
    """What `train_proxy` returns.

    Attributes:
        features_by_epoch: (n, WIDTHS[-1]) float32 by epoch, for the epochs that were kept.
        accuracy: (epochs + 1,) share of given labels predicted, on the training samples; the
            first entry is the untrained net.
        loss: (epochs + 1,) mean cross-entropy on the training samples.
    """

    features_by_epoch: dict[int, NDArray[np.float32]]
    accuracy: NDArray[np.float64]
    loss: NDArray[np.float64]


def train_proxy(
    vectors: NDArray[np.floating],
    codes: NDArray[np.int64],
    classes: int,
    *,
    epochs: int = 10,
    keep: Collection[int] | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> ProxyRun:
    """Train the proxy net and return its penultimate layer after the epochs of `keep`.

    Args:
        vectors: (n, d) finite features; columns are standardised as part of the net.
        codes: (n,) class codes in 0 to classes - 1.
        keep: epochs in 0 to `epochs`; None keeps the last one.

    Raises:
        UnsuitableDataError: no sample, a code outside the classes, or an epoch to keep that
            is not trained.
    """
    kept = {epochs} if keep is None else set(keep)
    if not kept <= set(range(epochs + 1)):
        raise UnsuitableDataError(
            f"Epochs {sorted(kept - set(range(epochs + 1)))} are asked for and the net is trained "
            f"for {epochs}; name epochs from 0 to {epochs}."
        )
    features: dict[int, NDArray[np.float32]] = {}
    accuracy, loss = np.empty(epochs + 1), np.empty(epochs + 1)
    for view in watch_training(
        vectors, codes, classes, epochs=epochs, seed=seed, device=device, progress=progress
    ):
        accuracy[view.epoch] = float(view.correct.double().mean())
        loss[view.epoch] = float(view.losses.double().mean())
        if view.epoch in kept:
            features[view.epoch] = view.features.cpu().numpy()
    return ProxyRun(features, accuracy, loss)


def watch_training(
    vectors: NDArray[np.floating],
    codes: NDArray[np.int64],
    classes: int,
    *,
    epochs: int,
    seed: int,
    device: str = "cpu",
    progress: Progress = silent,
) -> Iterator[EpochView]:
    """Train a fresh net by Adam and yield its view of all samples before and after each epoch.

    Initial weights and the order of batches come from `seed` alone, through a generator of
    their own: equal inputs give equal nets on one machine. Arguments as in `train_proxy`.
    """
    _check(codes, classes)
    draws = torch.Generator().manual_seed(seed)
    inputs = _standardised(torch.as_tensor(np.asarray(vectors, dtype=np.float32))).to(device)
    labels = torch.as_tensor(codes).to(device)
    parameters = _initial((inputs.shape[1], *WIDTHS, classes), draws, device)
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    progress(0.0, "training the proxy net")
    yield _look(0, parameters, inputs, labels)
    for epoch in range(1, epochs + 1):
        order = torch.randperm(len(labels), generator=draws).to(device)
        for rows in torch.split(order, BATCH):
            optimiser.zero_grad()
            logits = _forward(parameters, inputs[rows])[1]
            functional.cross_entropy(logits, labels[rows]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        progress(epoch / epochs, "training the proxy net")
        yield _look(epoch, parameters, inputs, labels)


def _check(codes: NDArray[np.int64], classes: int) -> None:
    if not len(codes):
        raise UnsuitableDataError("The proxy net got no sample; give at least one.")
    wrong = np.flatnonzero((codes < 0) | (codes >= classes))
    if len(wrong):
        raise UnsuitableDataError(
            f"{len(wrong):,} of {len(codes):,} class codes are outside 0 to {classes - 1} (first "
            f"at row {wrong[0]}); leave out samples without a label."
        )


def _standardised(inputs: Tensor) -> Tensor:
    """Return columns of mean 0 and standard deviation 1; constant columns become 0."""
    centred = inputs - inputs.mean(0)
    spread = centred.square().mean(0).sqrt()
    return centred / torch.where(spread > 1e-6 * spread.max(), spread, torch.inf)


def _initial(sizes: tuple[int, ...], draws: torch.Generator, device: str) -> list[Tensor]:
    """Return weight and bias of each layer: He et al. 2015 normal weights, zero biases."""
    parameters = []
    for fan_in, fan_out in pairwise(sizes):
        weight = torch.randn((fan_out, fan_in), generator=draws) * (2 / fan_in) ** 0.5
        parameters += [
            value.to(device).requires_grad_() for value in (weight, torch.zeros(fan_out))
        ]
    return parameters


def _forward(parameters: list[Tensor], inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the penultimate layer and the logits."""
    hidden = inputs
    for weight, bias in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
        hidden = torch.relu(functional.linear(hidden, weight, bias))
    return hidden, functional.linear(hidden, parameters[-2], parameters[-1])


@torch.no_grad()
def _look(epoch: int, parameters: list[Tensor], inputs: Tensor, labels: Tensor) -> EpochView:
    features, losses, correct = [], [], []
    for rows, given in zip(
        torch.split(inputs, LOOK_ROWS), torch.split(labels, LOOK_ROWS), strict=True
    ):
        hidden, logits = _forward(parameters, rows)
        features.append(hidden)
        losses.append(functional.cross_entropy(logits, given, reduction="none"))
        correct.append(logits.argmax(1) == given)
    return EpochView(epoch, torch.cat(features), torch.cat(losses), torch.cat(correct))
