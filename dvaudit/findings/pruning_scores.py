"""Scores of a proxy model on held-out samples while its training samples are removed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.progress import Progress, silent
from dvaudit.findings.pruning import Proxy

NET_EPOCHS = 10
LOGISTIC_STEPS = 300

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a proxy learns from, and what it is asked about.

    Attributes:
        vectors: (m, d) of the training samples.
        targets: (m,) class codes below `classes`, or numbers where `classes` is 0.
        held_out: (t, d).
        ridge: of kernel ridge.
        seed: of the small net.
    """

    vectors: NDArray[np.floating]
    targets: Rows | Floats
    classes: int
    held_out: NDArray[np.floating]
    ridge: float
    seed: int
    device: str


def predictions(
    lesson: Lesson,
    proxy: Proxy,
    plans: Sequence[tuple[Rows, Sequence[tuple[int, int]]]],
    progress: Progress = silent,
) -> list[Floats]:
    """Return the predictions (cuts, t, k) of a proxy for each plan; k = 1 for regression.

    Args:
        plans: an order of the training rows, and the places [start, end) of it that are removed
            at each cut.
    """
    if proxy is Proxy.KERNEL:
        return _by_kernel(lesson, plans, progress)
    fit = _logistic if proxy is Proxy.LOGISTIC else _net
    total, done = sum(len(windows) for _, windows in plans), 0
    found = []
    for order, windows in plans:
        cuts = []
        for start, end in windows:
            progress(done / total, f"{proxy}, fit {done + 1:,} of {total:,}")
            cuts.append(_fitted(lesson, np.concatenate([order[:start], order[end:]]), fit))
            done += 1
        found.append(np.stack(cuts))
    return found


def _by_kernel(
    lesson: Lesson, plans: Sequence[tuple[Rows, Sequence[tuple[int, int]]]], progress: Progress
) -> list[Floats]:
    from dvaudit.kernels.downdates import PrunedKernel  # here: it loads torch

    progress(0.0, "kernel matrix")
    targets, mean, scale = kernel_targets(lesson.targets, lesson.classes)
    system = PrunedKernel(lesson.vectors, lesson.held_out, targets, lesson.ridge)
    found = []
    for index, (order, windows) in enumerate(plans):
        progress((index + 0.5) / (len(plans) + 0.5), f"order {index + 1} of {len(plans)}")
        if all(start == 0 for start, _ in windows):
            cuts = system.after(order, [end for _, end in windows])
        else:
            cuts = system.without_windows(order, windows)
        found.append(cuts * scale + mean)
    return found


def kernel_targets(targets: Rows | Floats, classes: int) -> tuple[Floats, float, float]:
    """Return the (m, k) targets of kernel ridge, and mean and scale that undo a standardisation.

    One column of +1 and -1 for each class; numbers are standardised by all training samples,
    also after some are removed.
    """
    if classes:
        return 2.0 * np.eye(classes)[targets.astype(np.int64)] - 1.0, 0.0, 1.0
    numbers = targets.astype(np.float64)
    mean, scale = float(numbers.mean()), float(numbers.std())
    if scale <= 1e-12 * max(abs(mean), 1e-300):
        scale = 1.0
    return ((numbers - mean) / scale)[:, None], mean, scale


def chosen_ridge(vectors: NDArray[np.floating], targets: Rows | Floats, classes: int) -> float:
    """Return the ridge of least squared leave-one-out error, as kernel-loo chooses it."""
    from dvaudit.kernels import KernelSystem  # here: it loads torch

    return KernelSystem(vectors, "float64", "cpu").choose_ridge(kernel_targets(targets, classes)[0])


def _fitted(lesson: Lesson, rows: Rows, fit: Callable[[Lesson, Rows], Floats]) -> Floats:
    """Return the predictions (t, k) of a fit on `rows`; a single class or none needs no fit."""
    t = len(lesson.held_out)
    if not lesson.classes:
        return fit(lesson, rows) if len(rows) else np.zeros((t, 1))
    present = np.unique(lesson.targets[rows])
    if len(present) > 1:
        return fit(lesson, rows)
    out = np.zeros((t, lesson.classes))
    out[:, present.astype(np.int64)] = 1.0
    return out


def _logistic(lesson: Lesson, rows: Rows) -> Floats:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    inputs = scaler.fit_transform(lesson.vectors[rows])
    model = LogisticRegression(max_iter=LOGISTIC_STEPS)
    with warnings.catch_warnings():
        # Stopped early is regularised a little more; a proxy may be.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(inputs, lesson.targets[rows])
    out = np.zeros((len(lesson.held_out), lesson.classes))
    known = model.classes_.astype(np.int64)
    out[:, known] = model.predict_proba(scaler.transform(lesson.held_out))
    return out


def _net(lesson: Lesson, rows: Rows) -> Floats:
    from dvaudit.models.proxy_predictions import predict_held_out  # here: it loads torch

    targets, mean, scale = lesson.targets[rows], 0.0, 1.0
    if not lesson.classes:
        whole, mean, scale = kernel_targets(lesson.targets, 0)
        targets = whole[rows, 0]
    found = predict_held_out(
        lesson.vectors[rows],
        targets,
        lesson.held_out,
        outputs=lesson.classes or 1,
        epochs=NET_EPOCHS,
        seed=lesson.seed,
        device=lesson.device,
    )
    return found * scale + mean


def held_out_scores(predicted: Floats, truth: Rows | Floats, classes: int) -> Floats:
    """Return (cuts,) accuracy, or R2 where `classes` is 0; higher = better, NaN without samples.

    Args:
        predicted: (cuts, t, k).
        truth: (t,) class codes or numbers.
    """
    if not len(truth):
        return np.full(len(predicted), np.nan)
    if classes:
        return np.asarray((predicted.argmax(2) == truth).mean(1))
    spread = float(((truth - truth.mean()) ** 2).sum())
    if spread == 0:
        return np.full(len(predicted), np.nan)
    return np.asarray(1 - ((predicted[:, :, 0] - truth) ** 2).sum(1) / spread)


def part_scores(
    predicted: Floats, truth: Rows | Floats, classes: int, codes: Rows, parts: int
) -> tuple[Floats, Rows]:
    """Return (cuts, parts) scores on the held-out samples of each part, and their (parts,) numbers.

    Args:
        codes: (t,) part of each held-out sample, -1 for none.
    """
    sizes = np.bincount(codes[codes >= 0], minlength=parts).astype(np.int64)
    if not classes:
        found = [
            held_out_scores(predicted[:, codes == part], truth[codes == part], 0)
            for part in range(parts)
        ]
        return np.array(found).reshape(parts, len(predicted)).T, sizes
    right = (predicted.argmax(2) == truth).astype(float)
    inside = codes >= 0
    sums = [np.bincount(codes[inside], row[inside], minlength=parts) for row in right]
    empty = np.where(sizes > 0, sizes, np.nan)
    return np.array(sums).reshape(len(predicted), parts) / empty, sizes
