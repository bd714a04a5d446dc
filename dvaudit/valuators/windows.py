"""The window experiment: which stretch of a ranking is the best half to train on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, silent
from dvaudit.core.sampling import stratified_rows
from dvaudit.kernels import gram
from dvaudit.kernels.strips import KernelStrips
from dvaudit.linalg.cholesky import factorise, forced_ridge
from dvaudit.valuators.kernel_problem import one_vs_rest

OFFSETS = tuple(i / 20 for i in range(11))  # 0 to 50 % by 5 %
HELD_OUT = 0.2
TEST_ROWS = 1024


@dataclass(frozen=True, eq=False)
class WindowCurve:
    """Held-out accuracy by where in the ranking the training window starts.

    Attributes:
        offsets: share of the training samples that are more useful than the window's first.
        accuracy: share of held-out labels that a model trained on the window predicts.
        trained: samples in each window.
        held_out: held-out samples.
    """

    offsets: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    trained: int
    held_out: int


def window_curve(
    vectors: NDArray[np.floating],
    labels: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    held_out: tuple[NDArray[np.floating], NDArray[np.int64]] | None = None,
    share: float = 0.5,
    offsets: Sequence[float] = OFFSETS,
    ridge: float = 0.1,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
) -> WindowCurve:
    """Return held-out accuracy of training on `share` of the samples from each offset.

    Samples are ordered from the highest value down, for the CG-score from the lowest gap up, as
    in the paper. Where labels are right the curve rises: atypical samples are worth most. With
    wrong labels it falls at the end, where the windows take them in; the offset of its top says
    where atypical ends and mislabelled begins. The model is kernel ridge regression on +-1
    one-vs-rest targets with the CG-score's kernel.

    Args:
        vectors, labels: (n, d) and (n,) class codes >= 0.
        values: (n,) higher = more useful; samples with NaN are left out.
        held_out: (t, d) vectors and (t,) codes to test on. None holds out a class-stratified
            fifth of the samples, whose own wrong labels then lower every point of the curve.

    Raises:
        UnsuitableDataError: lengths that differ, a window outside the samples, or one without
            any sample.
    """
    train, test_vectors, test_labels = _split(vectors, labels, values, held_out, seed)
    size = round(share * len(train))
    _check_windows(share, offsets, size, len(test_labels))
    ordered = train[np.argsort(-values[train], kind="stable")]
    classes = int(max(labels.max(), test_labels.max())) + 1
    accuracy = []
    for done, offset in enumerate(offsets):
        progress(done / len(offsets), "training on windows")
        first = min(round(offset * len(train)), len(train) - size)
        rows = ordered[first : first + size]
        found = kernel_ridge_predictions(
            vectors[rows], one_vs_rest(labels[rows], classes), test_vectors, ridge, device
        )
        accuracy.append(float((found == test_labels).mean()))
    progress(1.0, "training on windows")
    return WindowCurve(np.array(offsets), np.array(accuracy), size, len(test_labels))


def _split(
    vectors: NDArray[np.floating],
    labels: NDArray[np.int64],
    values: NDArray[np.float64],
    held_out: tuple[NDArray[np.floating], NDArray[np.int64]] | None,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.floating], NDArray[np.int64]]:
    """Return the rows to train on, and the held-out vectors and labels."""
    if not len(vectors) == len(labels) == len(values):
        raise UnsuitableDataError(
            f"There are {len(vectors):,} vectors, {len(labels):,} labels and {len(values):,} "
            "values; give one of each per sample."
        )
    scored = np.flatnonzero(np.isfinite(values))
    if held_out is not None:
        return scored, *held_out
    test = scored[stratified_rows(labels[scored], int(HELD_OUT * len(scored)), seed)]
    return np.setdiff1d(scored, test), vectors[test], labels[test]


def _check_windows(share: float, offsets: Sequence[float], size: int, tested: int) -> None:
    outside = [offset for offset in offsets if offset < 0 or offset + share > 1 + 1e-9]
    if outside or not offsets:
        raise UnsuitableDataError(
            f"{len(outside)} of {len(offsets)} windows of share {share:g} lie outside the samples; "
            f"give offsets from 0 to {1 - share:g}."
        )
    if size < 1 or tested < 1:
        raise UnsuitableDataError(
            f"A window would hold {size} samples and {tested} are held out; give at least ten "
            "samples, or a larger share."
        )


def kernel_ridge_predictions(
    vectors: NDArray[np.floating],
    targets: NDArray[np.float64],
    tests: NDArray[np.floating],
    ridge: float,
    device: str,
) -> NDArray[np.int64]:
    """Return the class predicted for each test vector."""
    known = torch.as_tensor(np.asarray(vectors, dtype=np.float64)).to(device)
    asked = torch.as_tensor(np.asarray(tests, dtype=np.float64)).to(device)

    def build() -> tuple[torch.Tensor, float]:
        matrix, report = gram(known)
        return matrix, forced_ridge(matrix.dtype) if report.duplicate_rows else 0.0

    weights = factorise(build, ridge).solve(torch.as_tensor(targets).to(device))
    strips = KernelStrips(torch.cat([known, asked]))
    columns = torch.arange(len(known), device=device)
    rows = torch.arange(len(known), len(known) + len(asked), device=device)
    scores = [strips.block(part, columns) @ weights for part in torch.split(rows, TEST_ROWS)]
    return np.asarray(torch.cat(scores).argmax(1).cpu().numpy())
