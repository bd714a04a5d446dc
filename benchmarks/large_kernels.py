"""Kernel systems beyond the exact one: how near bagged blocks and the iterative solver come.

On a dataset with known flips, prints for both kernel methods, against the exact values: Spearman,
the area under the ROC curve of the flips, seconds and peak memory beside the vectors, for bagged
blocks of n/8, n/4 and n/2 and for the iterative solver; and how often the intervals of bagged
values cover the mean of many partitions. With --rows, instead, the time and peak memory of both
methods on that many generated rows of 64 features, as the automatic plan takes them.

    python benchmarks/large_kernels.py DATASET.zip TRUTH.csv [--coverage 200] [--samples 12000]
    python benchmarks/large_kernels.py --rows 1000000
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import dvaudit
from dvaudit import features, valuators
from dvaudit.core.dataset import Dataset, Kind, Origin, Task
from dvaudit.core.machine import GIB, this_machine
from dvaudit.core.result import ValuationResult
from dvaudit.core.sampling import stratified_rows

METHODS = ("kernel-loo", "cg-score")
RIDGE = {"cg-score": {"ridge": 0.0}, "kernel-loo": {}}


def vector_data(vectors: np.ndarray, codes: np.ndarray) -> Dataset:
    """Return a dataset of plain vectors."""
    count = len(codes)
    return Dataset(
        name="vectors",
        ids=tuple(map(str, range(count))),
        kind=Kind.VECTOR,
        task=Task.CLASSIFICATION,
        labels=codes,
        class_names=tuple(map(str, range(int(codes.max()) + 1))),
        hashes=("",) * count,
        fingerprint="",
        origin=Origin("", "arrays"),
        vectors=vectors,
    )


def timed(name: str, data: Dataset, **settings: object) -> tuple[ValuationResult, float, int]:
    """Return the result of one method, its seconds, and the bytes it took at its peak.

    Linux only: the process's own peak is reset before.
    """
    Path("/proc/self/clear_refs").write_text("5")
    before, start = memory("VmRSS"), time.perf_counter()
    result = valuators.get(name, {**RIDGE[name], **settings}).value(data, seed=0)
    return result, time.perf_counter() - start, memory("VmHWM") - before


def memory(field: str) -> int:
    """Return a field of this process's status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


def compare(data: Dataset, flipped: np.ndarray, coverage: int) -> None:
    """Print every plan against the exact one."""
    n = len(data)
    for name in METHODS:
        exact, seconds, whole = timed(name, data, plan="exact", precision="float64")
        line(f"{name} exact", exact, exact, flipped, seconds, whole, whole)
        for part in (8, 4, 2):
            result, seconds, peak = timed(name, data, plan="bagged", block=n // part)
            line(f"{name} bagged, m = n/{part}", result, exact, flipped, seconds, peak, whole)
            if part == 4 and coverage:
                covered(name, data, result, n // part, coverage)
        for precision in ("float64", "float32"):
            result, seconds, peak = timed(name, data, plan="iterative", precision=precision)
            line(f"{name} iterative, {precision}", result, exact, flipped, seconds, peak, whole)


def line(
    title: str,
    result: ValuationResult,
    exact: ValuationResult,
    flipped: np.ndarray,
    seconds: float,
    peak: int,
    whole: int,
) -> None:
    """Print one plan's agreement, detection, time, and memory beside the exact plan's."""
    agreement = spearmanr(result.values, exact.values).statistic
    area = roc_auc_score(flipped, -result.values)
    print(
        f"{title}: Spearman {agreement:.4f}, AUROC {area:.4f}, {seconds:.1f} s, "
        f"{peak / GIB:.2f} GiB ({peak / whole:.2f} of exact)",
        flush=True,
    )


def covered(name: str, data: Dataset, result: ValuationResult, block: int, partitions: int) -> None:
    """Print the share of samples whose interval covers the mean of many other partitions."""
    ridge = result.stats["ridge"]
    asked = {"plan": "bagged", "block": block, "ridge": ridge, "partitions": partitions}
    many = valuators.get(name, asked).value(data, seed=1).values
    inside = (result.columns["value_low"] <= many) & (many <= result.columns["value_high"])
    print(f"  intervals cover the mean of {partitions} partitions: {inside.mean():.3f}", flush=True)


def many_rows(rows: int, settings: dict[str, object]) -> None:
    """Print time and memory of both methods on generated rows, a tenth of them flipped."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 10, rows)
    centres = rng.standard_normal((10, 64))
    vectors = centres[codes] + 1.5 * rng.standard_normal((rows, 64))
    flipped = rng.random(rows) < 0.1
    codes[flipped] = (codes[flipped] + rng.integers(1, 10, int(flipped.sum()))) % 10
    data = vector_data(vectors, codes)
    for name in METHODS:
        method = valuators.get(name, settings)
        cost = method.estimate(rows, 64, 10, this_machine())
        print(f"{name}: planned {cost.seconds:.0f} s, {cost.plan}", flush=True)
        start = time.perf_counter()
        result = method.value(data, seed=0)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB
        print(
            f"{name}: {time.perf_counter() - start:.0f} s, peak {peak:.1f} GiB, "
            f"AUROC {roc_auc_score(flipped, -result.values):.4f}. {result.status}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path, nargs="?")
    parser.add_argument("truth", type=Path, nargs="?")
    parser.add_argument("--coverage", type=int, default=0, help="partitions of the long run")
    parser.add_argument("--samples", type=int, default=12_000)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--block", type=int, help="samples in a bagged block, with --rows")
    parser.add_argument("--partitions", type=int, help="of bagged blocks, with --rows")
    args = parser.parse_args()
    if args.rows:
        asked = {"block": args.block, "partitions": args.partitions}
        given = {name: value for name, value in asked.items() if value}
        many_rows(args.rows, {"plan": "bagged", **given} if given else {})
    if args.dataset:
        data = dvaudit.load(args.dataset)
        matrix = features.extract(data, None).matrix
        truth = pd.read_csv(args.truth, index_col=0)
        flipped = truth["is_flipped"].reindex(list(data.ids)).to_numpy().astype(bool)
        assert data.labels is not None
        rows = stratified_rows(data.labels.astype(np.int64), args.samples, 0)
        print(f"{len(rows):,} samples, {matrix.shape[1]:,} features")
        compare(vector_data(matrix[rows], data.labels[rows]), flipped[rows], args.coverage)


if __name__ == "__main__":
    main()
