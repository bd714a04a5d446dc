"""Time and memory of the exact kernel methods against the bare factorisation and inverse.

Prints, for n samples, each method with its ridge given as a ratio to torch.linalg.cholesky plus
torch.cholesky_inverse on the same matrix, precision and threads; the Gram matrix and the choice
of the ridge apart; and the peak memory in n x n numbers. Each side runs in its own process.

    python benchmarks/kernel_system.py [--n 12000] [--precision float64]
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

from dvaudit.kernels import KernelSystem, gram
from dvaudit.valuators.cg_score import complexity_gap
from dvaudit.valuators.kernel_loo import leave_one_out
from dvaudit.valuators.kernel_problem import one_vs_rest

CLASSES, DIMENSIONS = 10, 784


def _data(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, CLASSES, n)
    centres = rng.standard_normal((CLASSES, DIMENSIONS))
    vectors = centres[codes] + 2 * rng.standard_normal((n, DIMENSIONS))
    return vectors.astype(np.float32), codes


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _bare(n: int, precision: str) -> dict[str, float]:
    vectors, _ = _data(n)
    dtype = getattr(torch, precision)
    matrix, _ = gram(torch.as_tensor(vectors).to(dtype))
    matrix.diagonal().add_(0.1)
    start = time.perf_counter()
    lower = torch.linalg.cholesky(matrix)
    middle = time.perf_counter()
    torch.cholesky_inverse(lower)
    return {"cholesky": middle - start, "cholesky_inverse": time.perf_counter() - middle}


def _method(name: str, n: int, precision: str) -> dict[str, float]:
    vectors, codes = _data(n)
    targets = one_vs_rest(codes, CLASSES)
    before = _peak()
    system = KernelSystem(vectors, precision, "cpu")
    chosen = time.perf_counter()
    system.choose_ridge(targets, np.arange(min(n, 2000)))
    start = time.perf_counter()
    inverse = system.inverse(0.1)
    solution, diagonal = inverse.solve(targets)
    if name == "cg-score":
        complexity_gap(solution[np.arange(n), codes], diagonal)
    else:
        leave_one_out(targets, solution, diagonal)
    total = time.perf_counter() - start
    return {
        "method": total - inverse.seconds["gram"],
        "gram": inverse.seconds["gram"],
        "ridge": start - chosen,
        "matrices": (_peak() - before) / (n * n * (8 if precision == "float64" else 4)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=12000)
    parser.add_argument("--precision", choices=("float64", "float32"), default="float64")
    parser.add_argument("--part", choices=("bare", "cg-score", "kernel-loo"))
    asked = parser.parse_args()
    if asked.part:
        part = _bare if asked.part == "bare" else lambda n, p: _method(asked.part, n, p)
        print(json.dumps(part(asked.n, asked.precision)))
        return
    command = [sys.executable, __file__, "--n", str(asked.n), "--precision", asked.precision]
    parts = {
        name: json.loads(subprocess.check_output([*command, "--part", name]))
        for name in ("bare", "cg-score", "kernel-loo")
    }
    bare = parts["bare"]["cholesky"] + parts["bare"]["cholesky_inverse"]
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"n = {asked.n}, {CLASSES} classes, {asked.precision}")
    print(f"bare cholesky + cholesky_inverse: {bare:.1f} s")
    for name in ("cg-score", "kernel-loo"):
        found = parts[name]
        print(
            f"{name}: {found['method']:.1f} s, ratio {found['method'] / bare:.2f} (at most 1.5); "
            f"Gram {found['gram']:.1f} s; ridge {found['ridge']:.1f} s; "
            f"peak {found['matrices']:.2f} n^2 numbers (at most 3)"
        )


if __name__ == "__main__":
    main()
