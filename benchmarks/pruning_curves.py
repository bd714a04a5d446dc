"""One pruning curve of kernel ridge from one factorisation, against a fit from the start per cut.

Prints the seconds and the peak memory of one order at size --n, its parts as a ratio to a bare
Cholesky factorisation of the same matrix, the same for windows; and, at the smaller size --small
where refits are bearable, the ratio to refits and the largest difference of predictions. The large
curve runs in a process of its own, for its peak memory. One thread.

    python benchmarks/pruning_curves.py [--n 10000] [--small 2000] [--cuts 18]
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time

import numpy as np
import torch

from dvaudit.findings.pruning import cut_grid, window_grid
from dvaudit.findings.pruning_scores import kernel_targets
from dvaudit.kernels.arccos import gram
from dvaudit.kernels.downdates import PrunedKernel

CLASSES, DIMENSIONS, HELD_OUT, RIDGE, MOST, WIDTH = 10, 784, 2000, 0.1, 0.9, 0.1


def _data(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, CLASSES, n + HELD_OUT)
    centres = rng.standard_normal((CLASSES, DIMENSIONS))
    vectors = centres[codes] + 2 * rng.standard_normal((n + HELD_OUT, DIMENSIONS))
    return vectors[:n].astype(np.float32), codes[:n], vectors[n:].astype(np.float32)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _curve(n: int, cuts: int, windows: bool) -> dict[str, float]:
    vectors, codes, held_out = _data(n)
    targets = kernel_targets(codes, CLASSES)[0]
    order = np.random.default_rng(1).permutation(n)
    before, start = _peak(), time.perf_counter()
    system = PrunedKernel(vectors, held_out, targets, RIDGE)
    built = time.perf_counter()
    system.after(order, cut_grid(n, MOST, cuts).tolist())
    done = time.perf_counter()
    found = {"kernel": built - start, "curve": done - built}
    if windows:
        system.without_windows(order, window_grid(n, WIDTH, cuts))
        found["windows"] = time.perf_counter() - done
    return {**found, "bytes": _peak() - before, "matrices": (_peak() - before) / (8 * n * n)}


def _bare(n: int) -> float:
    matrix, _ = gram(torch.as_tensor(_data(n)[0]).double())
    matrix.diagonal().add_(RIDGE)
    start = time.perf_counter()
    torch.linalg.cholesky(matrix)
    return time.perf_counter() - start


def _refits(n: int, cuts: int) -> tuple[float, float, float]:
    """Return seconds of the curve, of refits at each cut, and the largest difference."""
    vectors, codes, held_out = _data(n)
    targets = kernel_targets(codes, CLASSES)[0]
    order, grid = np.random.default_rng(1).permutation(n), cut_grid(n, MOST, cuts).tolist()
    start = time.perf_counter()
    fast = PrunedKernel(vectors, held_out, targets, RIDGE).after(order, grid)
    seconds = time.perf_counter() - start
    start = time.perf_counter()
    worst = 0.0
    for at, gone in enumerate(grid):
        rows = order[gone:]
        again = PrunedKernel(vectors[rows], held_out, targets[rows], RIDGE)
        slow = again.after(np.arange(len(rows)), [0])[0]
        worst = max(worst, float(np.abs(slow - fast[at]).max()))
    return seconds, time.perf_counter() - start, worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--cuts", type=int, default=18)
    parser.add_argument("--windows", action="store_true", help="also remove windows at size --n")
    parser.add_argument("--part", choices=("curve", "bare"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.part == "curve":
        print(json.dumps(_curve(asked.n, asked.cuts, asked.windows)))
        return
    if asked.part == "bare":
        print(json.dumps(_bare(asked.n)))
        return
    common = [sys.executable, __file__, "--n", str(asked.n), "--cuts", str(asked.cuts)]
    if asked.windows:
        common.append("--windows")
    curve, bare = (
        json.loads(subprocess.check_output([*common, "--part", part])) for part in ("curve", "bare")
    )
    print(f"{platform.machine()}, 1 thread, torch {torch.__version__}")
    print(f"n = {asked.n:,}, {CLASSES} classes, {DIMENSIONS} dimensions, {HELD_OUT:,} held out")
    print(
        f"kernel {curve['kernel']:.1f} s, once; one curve of {asked.cuts} cuts {curve['curve']:.1f}"
        f" s = {curve['curve'] / bare:.2f} bare Cholesky factorisations ({bare:.1f} s); peak "
        f"{curve['bytes'] / 1e9:.2f} GB = {curve['matrices']:.2f} n^2 numbers"
    )
    if asked.windows:
        print(f"{asked.cuts + 1} windows of {WIDTH:.0%}: {curve['windows']:.1f} s more")
    fast, slow, worst = _refits(asked.small, asked.cuts)
    print(
        f"n = {asked.small:,}: curve with its kernel {fast:.2f} s, refits at each cut {slow:.2f} s,"
        f" ratio {slow / fast:.1f}; largest difference of predictions {worst:.1e}"
    )


if __name__ == "__main__":
    main()
