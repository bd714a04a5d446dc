"""The estimated share of wrong labels against the truth, and how often its interval covers it.

Prints one row per data set, size and labelling (means over the draws): the true share of wrong
labels; what `estimate_error_rate` tells; for comparison the disagreement of the surest samples
alone (`surest`, with the 95 % interval of its sampling error); how far off each is; and the share
of draws where the interval covers the truth. All but that share is in percent. Then means.
Scores are those of kernel-loo at its defaults; they are kept in the folder --kept by data set,
size, draw and labelling, so delete it after a change to features or kernel-loo.

The part "dev" is to choose an estimator on, "held-out" is to look at only in the end:

dev: cifar10n, first half of the pictures, and all 6,000 with random1; adult, first half of the
rows; scikit-learn digits; Gaussians in 5 classes.
held-out: cifar10n, second half of the pictures, and all 6,000 with the other three labellings;
adult, second half; mnist, banking77, wine, breast_cancer; Gaussians in 3 and 20 classes.

The labels of adult and banking77 as they come count as right, though some are not.

    python benchmarks/error_rate.py [--part dev|held-out] [--data NAME ...]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn import datasets

import dvaudit
from dvaudit import valuators
from dvaudit.core.dataset import Dataset
from dvaudit.core.joining import take
from dvaudit.findings import ErrorRate, estimate_error_rate
from dvaudit.findings.error_rate import (
    LEAST_IN_CLASS,
    calibrated,
    confident_joint,
    surest_rate,
)

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
KEPT = Path(tempfile.gettempdir()) / "dvaudit-error-rate"
CIFAR_LABELS = ("clean", "aggre", "random1", "worse")
FLIPS = ("uniform 0", "uniform 5", "uniform 20", "uniform 40", "pairs 5", "pairs 20", "pairs 40")
BINARY = ("uniform 0", "uniform 10", "uniform 20")

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Source:
    """A data set with the true code of each sample, and further labellings by name."""

    data: Dataset
    true: Codes
    labellings: dict[str, Codes]


@dataclass(frozen=True)
class Draw:
    """A subset of a data set: `half` 0 or 1 of its samples, 2 for all; the draw of that seed."""

    part: str
    source: str
    samples: int
    seed: int
    half: int
    labellings: tuple[str, ...]


def draws() -> Iterator[Draw]:
    """Yield every subset of the benchmark."""
    for half, part in ((0, "dev"), (1, "held-out")):
        for samples, seeds in ((300, 5), (1000, 3), (2000, 2)):
            for seed in range(seeds):
                yield Draw(part, "cifar10n", samples, seed, half, CIFAR_LABELS)
        for samples, seeds in ((500, 4), (2000, 3), (10_000, 1)):
            for seed in range(seeds):
                yield Draw(part, "adult", samples, seed, half, BINARY)
    yield Draw("dev", "cifar10n", 6000, 0, 2, ("random1",))
    yield Draw("held-out", "cifar10n", 6000, 0, 2, ("clean", "aggre", "worse"))
    for samples, seeds in ((300, 3), (1000, 3), (1797, 2)):
        for seed in range(seeds):
            yield Draw("dev", "digits", samples, seed, 2, FLIPS)
    for samples, seeds in ((300, 4), (1000, 3), (3000, 2), (6000, 1)):
        for seed in range(seeds):
            yield Draw("held-out", "mnist", samples, seed, 2, ("given", *FLIPS))
    for samples, seeds in ((2500, 2), (10_003, 1)):
        for seed in range(seeds):
            yield Draw("held-out", "banking77", samples, seed, 2, ("uniform 0", "uniform 20"))
    for name, samples in (("wine", 178), ("breast_cancer", 569)):
        for seed in range(4):
            yield Draw("held-out", name, samples, seed, 2, BINARY)
    for part, classes in (("dev", (5,)), ("held-out", (3, 20))):
        for k in classes:
            for apart in (2, 4):
                for seed in range(3):
                    flips = ("uniform 0", "uniform 10", "uniform 30")
                    yield Draw(part, f"gaussians {k} {apart}", 2000, seed, 2, flips)


@cache
def source(name: str) -> Source:
    """Return a data set by name."""
    kind, *rest = name.split()
    made: dict[str, Callable[..., Source]] = {
        "cifar10n": _cifar,
        "mnist": _mnist,
        "adult": lambda: _table("adult.csv", "income"),
        "banking77": lambda: _table("banking77_train.csv", "category"),
        "digits": lambda: _arrays(*datasets.load_digits(return_X_y=True)),
        "wine": lambda: _arrays(*datasets.load_wine(return_X_y=True)),
        "breast_cancer": lambda: _arrays(*datasets.load_breast_cancer(return_X_y=True)),
        "gaussians": _gaussians,
    }
    return made[kind](*rest)


def _coded(data: Dataset, names: pd.Series) -> Codes:
    code_of = {name: code for code, name in enumerate(data.class_names)}
    return names.map(code_of).to_numpy(dtype=np.int64)


def _cifar() -> Source:
    data = dvaudit.load(DATA / "cifar10n_6k.zip")
    known = pd.read_csv(DATA / "cifar10n_6k_truth.csv", dtype=str).set_index("path")
    labels = {name: _coded(data, known.loc[list(data.ids), name]) for name in CIFAR_LABELS}
    return Source(data, labels["clean"], labels)


def _mnist() -> Source:
    data = dvaudit.load(DATA / "mnist_12k_flipped.zip")
    known = pd.read_csv(DATA / "mnist_12k_truth.csv", dtype=str).set_index("path")
    known = known.loc[list(data.ids)]
    true, given = (_coded(data, known[name]) for name in ("true_label", "given_label"))
    return Source(data, true, {"given": given})


def _table(file: str, label: str) -> Source:
    data = dvaudit.load(DATA / file, label=label)
    assert data.labels is not None
    return Source(data, data.labels.astype(np.int64), {})


def _arrays(X: NDArray[np.float64], true: Codes) -> Source:
    scaled = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
    data = dvaudit.load((scaled, true))
    assert data.labels is not None
    return Source(data, data.labels.astype(np.int64), {})


def _gaussians(classes: str, apart: str) -> Source:
    k, rng = int(classes), np.random.default_rng(int(classes))
    centres = rng.standard_normal((k, 10))
    centres *= float(apart) / np.linalg.norm(centres, axis=1, keepdims=True)
    true = rng.integers(0, k, 6000)
    return _arrays(centres[true] + rng.standard_normal((6000, 10)), true)


def labelled(of: Source, name: str, rows: Codes, seed: int) -> Codes:
    """Return the given codes of `rows`: a labelling the data comes with, or planted flips."""
    if name in of.labellings:
        return of.labellings[name][rows]
    kind, percent = name.split()
    true, k = of.true[rows], len(of.data.class_names)
    rng = np.random.default_rng([seed, int(percent), len(kind)])
    wrong = rng.random(len(true)) < int(percent) / 100
    steps = rng.integers(1, k, len(true)) if kind == "uniform" else np.ones(len(true), np.int64)
    return np.where(wrong, (true + steps) % k, true)


def rows_of(draw: Draw, total: int) -> Codes:
    """Return the samples of a draw, sorted; draws of one size overlap only if they must."""
    order = np.random.default_rng(0).permutation(total)
    pool = order if draw.half == 2 else order[draw.half * (total // 2) :][: total // 2]
    start = draw.seed * draw.samples
    if start + draw.samples > len(pool):
        pool, start = np.random.default_rng([draw.seed, 1]).permutation(pool), 0
    return np.sort(pool[start : start + draw.samples])


def scored(draw: Draw, kept: Path) -> Iterator[tuple[str, NDArray[np.float64], Codes, float]]:
    """Yield labelling, leave-one-out scores, codes and the true share of wrong labels."""
    stem = f"{draw.source.replace(' ', '-')}_{draw.samples}_{draw.half}_{draw.seed}"
    files = {name: kept / f"{stem}_{name.replace(' ', '-')}.npz" for name in draw.labellings}
    missing = [name for name, file in files.items() if not file.exists()]
    if missing:
        of = source(draw.source)
        rows = rows_of(draw, len(of.data))
        subset, shared = take(of.data, rows), valuators.Shared()
        for name in missing:
            codes = labelled(of, name, rows, draw.seed)
            data = replace(subset, labels=codes)
            result = valuators.get("kernel-loo").value(data, shared=shared)
            column = {known: at for at, known in enumerate(result.scored_classes)}
            columns = np.array([column.get(known, -1) for known in data.class_names])
            truth = float((codes != of.true[rows]).mean())
            np.savez(files[name], scores=result.class_scores, codes=columns[codes], truth=truth)
    for name, file in files.items():
        stored = np.load(file)
        yield name, stored["scores"], stored["codes"], float(stored["truth"])


def surest(scores: NDArray[np.float64], codes: Codes) -> ErrorRate:
    """Return the disagreement of the surest samples, and the 95 % interval of a binomial share."""
    kept = np.flatnonzero(np.bincount(codes, minlength=scores.shape[1]) >= LEAST_IN_CLASS)
    rows = np.isin(codes, kept)
    codes = np.searchsorted(kept, codes[rows])
    joint = confident_joint(calibrated(scores[rows][:, kept], codes)[0], codes)
    rate, total = surest_rate(joint), int(joint.counts.sum())
    ends = proportion(total * rate, total)
    return ErrorRate(rate, min(ends[0], rate), max(ends[1], rate), "")


def proportion(found: float, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson, J. Am. Stat. Assoc. 1927."""
    z = 1.96
    centre = (found + z * z / 2) / (total + z * z)
    half = z / (total + z * z) * np.sqrt(found * (total - found) / total + z * z / 4)
    return max(centre - half, 0.0) if found else 0.0, float(centre + half)


def figures(found: ErrorRate, truth: float, name: str) -> dict[str, float]:
    """Return the columns of one estimate."""
    rate = np.nan if found.rate is None else found.rate
    low, high = (np.nan if end is None else end for end in (found.low, found.high))
    return {
        name: 100 * rate,
        f"{name}_off": 100 * abs(rate - truth),
        f"{name}_low": 100 * low,
        f"{name}_high": 100 * high,
        f"{name}_covers": float(low <= truth <= high),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["dev", "held-out"])
    parser.add_argument("--data", nargs="*", help="names of data sets; all without")
    parser.add_argument("--kept", type=Path, default=KEPT, help="folder of the scores")
    given = parser.parse_args()
    given.kept.mkdir(parents=True, exist_ok=True)
    rows = []
    for draw in draws():
        if given.part not in (None, draw.part):
            continue
        if given.data and draw.source.split()[0] not in given.data:
            continue
        cell = {"part": draw.part, "data": draw.source, "n": draw.samples}
        for name, scores, codes, truth in scored(draw, given.kept):
            told = figures(estimate_error_rate(scores, codes), truth, "told")
            before = figures(surest(scores, codes), truth, "surest")
            rows.append({**cell, "labels": name, "truth": 100 * truth, **told, **before})
    table = pd.DataFrame(rows)
    keys = ["part", "data", "n"]
    offs = ["told_off", "surest_off", "told_covers", "surest_covers"]
    with pd.option_context("display.width", 250, "display.max_columns", 40):
        each = table.groupby([*keys, "labels"], sort=False)
        print(each.mean().round(2).assign(draws=each.size()).to_string())
        print("\nMeans by data set and size")
        print(table.groupby(keys, sort=False)[offs].mean().round(2).to_string())
        print("\nMeans by part, every draw and labelling alike")
        print(table.groupby("part", sort=False)[offs].mean().round(2).to_string())


if __name__ == "__main__":
    main()
