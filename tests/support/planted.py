"""Small datasets with planted situations, and results of a method that knows the truth."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Origin, Task
from dvaudit.core.result import ValuationResult


def clusters(sizes: dict[str, int], dimensions: int = 16, noise: float = 0.15, seed: int = 0):
    """Return (vectors, codes): one tight cluster of directions per class."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.standard_normal((dimensions, dimensions)))[0]
    codes = np.repeat(np.arange(len(sizes)), list(sizes.values()))
    vectors = centres[codes] + noise * rng.standard_normal((len(codes), dimensions))
    return vectors, codes


def planted_dataset(
    vectors: NDArray[np.float64],
    labels: NDArray,
    names: tuple[str, ...] = (),
    task: Task = Task.CLASSIFICATION,
) -> Dataset:
    return Dataset(
        name="planted",
        ids=tuple(f"s{i:03}" for i in range(len(vectors))),
        kind=Kind.VECTOR,
        task=task,
        labels=labels,
        class_names=names,
        hashes=tuple(hashlib.sha256(row.tobytes()).hexdigest() for row in vectors),
        fingerprint="0" * 64,
        origin=Origin("", "arrays"),
        vectors=vectors,
    )


def class_result(
    data: Dataset, scores: NDArray[np.float64], name: str = "kernel-loo"
) -> ValuationResult:
    """Return what a method with leave-one-out scores (n, k) says: margin, flag, suggestion."""
    n, known = len(data), data.labelled
    codes = np.where(known, data.labels, 0).astype(int)
    rows = np.arange(n)
    given = scores[rows, codes]
    others = scores.copy()
    others[rows, codes] = -np.inf
    best = others.argmax(axis=1)
    margin = np.where(known, others[rows, best] - given, np.nan)
    flagged = known & (np.nan_to_num(margin, nan=-1.0) > 0)
    suggested = np.full(n, None, dtype=object)
    suggested[flagged] = [data.class_names[code] for code in best[flagged]]
    return ValuationResult(
        valuator=name,
        ids=data.ids,
        given_labels=data.label_text(),
        values=-margin,
        flagged=flagged,
        suggested_labels=suggested,
        margins=margin,
        class_scores=np.where(known[:, None], scores, np.nan),
        scored_classes=data.class_names,
        columns={"loo_given": np.where(known, given, np.nan)},
    )


def score_result(
    data: Dataset, values: NDArray[np.float64], flagged: NDArray[np.bool_], name: str
) -> ValuationResult:
    """Return what a method without suggestions says."""
    return ValuationResult(name, data.ids, data.label_text(), values, flagged)


def nearest_centre_scores(
    vectors: NDArray[np.float64], true_codes: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Return (n, k) scores in -1 to 1 that follow the true class."""
    centres = np.stack([vectors[true_codes == code].mean(axis=0) for code in range(classes)])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    centres = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    return unit @ centres.T
