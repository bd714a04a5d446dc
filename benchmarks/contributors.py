"""Time of Shapley values for contributors on a block-diagonal kernel that is already built.

Prints the seconds of each part and of all permutations for 100 contributors of 5 to 500 samples,
1000 permutations and 100 blocks, beside the bar of 60 s on 2 CPU cores (the DAVINZ paper: a few
hours on a V100), and how far prefixes lie from coalitions factored anew.

    python benchmarks/contributors.py [--permutations 1000] [--contributors 100] [--blocks 100]
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import torch

from dvaudit.games import leave_one_out, shapley
from dvaudit.kernels import MmdSums, choose_mixture
from dvaudit.linalg.quadratic import BlockQuadratic

BAR = 60.0
FEATURES, DIMENSIONS, VALIDATION = 400, 16, 1000


def _blocks(m: int, count: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random positive definite blocks over a random partition, with a decaying spectrum."""
    scales = 1 / np.sqrt(1 + np.arange(FEATURES))
    blocks = []
    for rows in np.array_split(rng.permutation(m), count):
        features = rng.standard_normal((len(rows), FEATURES)) * scales
        blocks.append((features @ features.T, rows))
    return blocks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--contributors", type=int, default=100)
    parser.add_argument("--blocks", type=int, default=100)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    sizes = rng.integers(5, 501, asked.contributors)
    codes = rng.permutation(np.repeat(np.arange(asked.contributors), sizes))
    m = len(codes)
    y = 1 + 0.3 * rng.standard_normal(m)
    samples = rng.standard_normal((m, DIMENSIONS)) + 0.02 * codes[:, None]
    validation = rng.standard_normal((VALIDATION, DIMENSIONS))
    blocks = _blocks(m, asked.blocks, rng)

    start = time.perf_counter()
    form = BlockQuadratic(blocks, y, codes, groups=asked.contributors)
    factored = time.perf_counter()
    mixture = choose_mixture(samples, validation, seed=0)
    sums = MmdSums.build(samples, codes, validation, mixture, groups=asked.contributors)
    summed = time.perf_counter()
    everybody = np.ones((1, asked.contributors), dtype=bool)
    kappa = sums.distance(everybody)[0] / np.sqrt(form.total() / m)

    def score(q: np.ndarray, masks: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return -kappa * np.sqrt(q / counts) - sums.distance(masks)

    def prefixes(order: np.ndarray) -> np.ndarray:
        masks = np.zeros((asked.contributors, asked.contributors), dtype=bool)
        masks[:, order] = np.tri(asked.contributors, dtype=bool)
        scores = score(form.prefixes(order)[1:], masks, np.cumsum(sizes[order]))
        return np.append([-1.0], scores)

    left = form.without_each_group()
    without = score(left, ~np.eye(asked.contributors, dtype=bool), m - sizes)
    leave_one_out(float(score(np.array([form.total()]), everybody, np.array([m]))[0]), without)
    removed = time.perf_counter()
    estimate = shapley(
        prefixes, asked.contributors, least=asked.permutations, most=asked.permutations, tolerance=0
    )
    done = time.perf_counter()
    order = rng.permutation(asked.contributors)
    found = form.prefixes(order)[asked.contributors // 2]
    half = np.isin(np.arange(asked.contributors), order[: asked.contributors // 2])
    direct = form.of(half)

    print(f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{m:,} samples of {asked.contributors} contributors, {asked.blocks} blocks")
    print(f"factorisation {factored - start:.1f} s, MMD sums {summed - factored:.1f} s, ", end="")
    print(f"leave-one-out {removed - summed:.1f} s")
    seconds = done - removed
    print(
        f"Shapley, {estimate.rounds:,} permutations: {seconds:.1f} s, "
        f"{1000 * seconds / estimate.rounds:.1f} ms each (bar: {BAR:.0f} s for 1,000)"
    )
    print(f"all of it {done - start:.1f} s")
    print(
        f"largest standard error {estimate.std_errors.max():.2e}, "
        f"spread of the values {estimate.values.std():.2e}"
    )
    print(f"prefix against direct: relative {abs(found / direct - 1):.1e}")


if __name__ == "__main__":
    main()
