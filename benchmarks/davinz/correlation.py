"""The score against what training really gives: bootstraps, contributors of one class, spins."""

from __future__ import annotations

import functools

import numpy as np

from davinz import data
from davinz.data import Pool
from davinz.scoring import (
    Spec,
    compare,
    compare_all,
    left_out_variants,
    make_problem,
    score,
    spearman,
    terms_of,
    with_code_kernel,
)
from davinz.training import Training, performance
from dvaudit.valuators.contributing import ContributorProblem

TRUSTED = 500
CLASS_SIZES = np.array([100] * 5 + [105, 110, 115, 120, 125])  # Table 6 / 10
UNEQUAL_SIZES = np.rint(np.geomspace(5, 300, 10)).astype(np.int64)
SPIN_SIZES = np.array([2, 5, 10, 20, 40, 80, 160, 320, 640, 1280])  # Table 7 / 5
SPIN_BLOCKS = (10, 100)  # Table 4 / 5


def bootstraps(quick: bool) -> None:
    """Sets of random size from one pool; every sample is a contributor, so a set is a mask."""
    count, pool_size = (20, 300) if quick else (200, 1200)
    training = Training(runs=1)
    rng = np.random.default_rng(0)
    pool = data.digits().take(rng.choice(12_000, pool_size, replace=False))
    held = data.held_out_digits()
    problem = make_problem(pool, np.arange(pool_size), held, 0)
    terms = {net: terms_of(problem, Spec(net)) for net in ("cnn", "mlp")}
    for mixture in ("Dirichlet(1) class mixture", "the pool's own class mixture"):
        uneven = mixture.startswith("Dirichlet")
        masks = np.stack([_bootstrap(pool, uneven, rng) for _ in range(count)])
        sizes = masks.sum(1)
        print(
            f"  {count} bootstraps (the distinct samples of draws with replacement) of a pool of "
            f"{pool_size}: {sizes.min()} to {sizes.max()} samples, {mixture}; {training}; kappa "
            "over the bootstraps"
        )
        truth = np.array(
            [
                performance(training, pool.take(np.flatnonzero(mask)), [held], number)[0]
                for number, mask in enumerate(masks)
            ]
        )
        for net, made in terms.items():
            sets = made.of(masks)
            print(compare(f"{net}, ladder", [score(sets, _kappa(sets))], [truth]))
            print(compare(f"in-domain term alone, {net}", [sets[:-1].mean(0)], [truth]))
        code = with_code_kernel(problem, terms["cnn"]).of(masks)
        print(compare("cnn, bandwidth 5", [score(code, _kappa(code))], [truth]))
        print(compare("out-of-domain term alone", [sets[-1]], [truth]))
        print(compare("baseline: log of the size", [np.log(sizes)], [truth]))


def _bootstrap(pool: Pool, uneven: bool, rng: np.random.Generator) -> np.ndarray:
    """Return the mask of a set of random size, drawn with replacement."""
    n = len(pool.labels)
    size = int(np.exp(rng.uniform(np.log(n / 40), np.log(n))))
    weights = rng.dirichlet(np.ones(10))[pool.labels] if uneven else np.ones(n)
    mask = np.zeros(n, dtype=bool)
    mask[rng.choice(n, size, p=weights / weights.sum())] = True
    return mask


def _kappa(sets: np.ndarray) -> float:
    return float(sets[-1].mean() / sets[:-1].mean())


def contributors(quick: bool) -> None:
    """Ten contributors of one class each, against true leave-one-out retraining."""
    for words, sizes in (
        ("Table 6 / 10, class k owns the k-th", CLASS_SIZES),
        ("far from equal, dealt to classes at random", UNEQUAL_SIZES),
    ):
        cases = [class_case(seed, tuple(sizes), quick) for seed in range(1 if quick else 3)]
        print(f"  sizes {sizes.tolist()} ({words}); {cases[0][2]}")
        truths = [truth for _, truth, _ in cases]
        print(f"  true values {np.mean(truths, 0).round(3).tolist()}, mean over seeds")
        compare_all([left_out_variants(problem) for problem, _, _ in cases], truths)
        counts = [problem.counts for problem, _, _ in cases]
        print(compare("baseline: the size", counts, truths))
        shares = np.bincount(data.held_out_digits().labels) / len(data.held_out_digits().labels)
        print(compare("baseline: the class's share of validation", [shares] * len(cases), truths))


@functools.cache
def class_case(
    seed: int, sizes: tuple[int, ...], quick: bool
) -> tuple[ContributorProblem, np.ndarray, Training]:
    """Return the problem, its true leave-one-out values and the training."""
    rng = np.random.default_rng([seed, 10])
    digits, held = data.digits(), data.held_out_digits()
    owned = np.array(sizes)
    if owned[0] < owned[-1] / 2:
        owned = rng.permutation(owned)
    rows = [
        rng.choice(np.flatnonzero(digits.labels == label), size, replace=False)
        for label, size in enumerate(owned)
    ]
    pool = digits.take(np.concatenate(rows))
    codes = np.repeat(np.arange(10), owned)
    training = Training(runs=1 if quick else 2)
    return (
        make_problem(pool, codes, held, seed),
        true_left_out(training, pool, codes, held, seed),
        training,
    )


def true_left_out(
    training: Training, pool: Pool, codes: np.ndarray, held: Pool, seed: int
) -> np.ndarray:
    """Return (K,): performance of all less that of all but one, each net trained anew."""
    whole = performance(training, pool, [held], seed)[0]
    return np.array(
        [
            whole - performance(training, pool.take(np.flatnonzero(codes != k)), [held], seed)[0]
            for k in range(int(codes.max()) + 1)
        ]
    )


def ising(quick: bool) -> None:
    """Energies of 2-D Ising configurations: regression, contributors of unequal size."""
    seeds = range(1 if quick else 3)
    training = Training(steps=300 if quick else 1000, runs=1 if quick else 2, hidden=256)
    for words, split in (
        ("the same temperatures for all", False),
        ("a tenth of the temperatures each", True),
    ):
        print(
            f"  {data.SIDE} x {data.SIDE} spins, {words}; sizes {SPIN_SIZES.tolist()} "
            f"(Table 7 / 5) dealt at random; {training}"
        )
        values, truths, counts = [], [], []
        for seed in seeds:
            pool, codes, trusted, held = _spin_case(seed, split)
            problem = make_problem(pool, codes, trusted, seed)
            values.append(left_out_variants(problem, "mlp", () if split else SPIN_BLOCKS))
            truths.append(true_left_out(training, pool, codes, held, seed))
            counts.append(problem.counts)
        compare_all(values, truths)
        print(compare("baseline: the size", counts, truths))
        rises = [
            spearman(found[next(iter(found))], sizes)
            for found, sizes in zip(values, counts, strict=True)
        ]
        print(f"  Spearman of the default's values with the size {np.mean(rises):.3f}")


def _spin_case(seed: int, split: bool) -> tuple[Pool, np.ndarray, Pool, Pool]:
    rng = np.random.default_rng([seed, 20])
    low, high = data.TEMPERATURES
    sizes = rng.permutation(SPIN_SIZES)
    codes = np.repeat(np.arange(10), sizes)
    share = (codes + rng.random(len(codes))) / 10 if split else rng.random(len(codes))
    others = rng.random(TRUSTED + 1000)
    made = data.spins(low + (high - low) * np.concatenate([share, others]), rng)
    ends = np.cumsum([len(codes), TRUSTED, 1000])
    rows = np.split(np.arange(ends[-1]), ends[:-1])
    pool, trusted, held = (made.take(part) for part in rows)
    return pool, codes, trusted, held
