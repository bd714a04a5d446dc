"""Contributors that differ in one thing: their inputs' domain, their size, their noise."""

from __future__ import annotations

import numpy as np

from davinz import data
from davinz.data import Pool, joined
from davinz.scoring import (
    Spec,
    compare,
    left_out,
    make_problem,
    score,
    spearman,
    terms_of,
)
from davinz.training import Training, performance
from dvaudit.core.progress import silent
from dvaudit.valuators.contributing import ContributorProblem
from dvaudit.valuators.davinz_games import GameSpec, fix_kappa, lowest_single, play
from dvaudit.valuators.davinz_terms import DavinzTerms

TRUSTED = 500
CONTRIBUTORS = 10
QUANTITIES = np.rint(np.geomspace(10, 300, CONTRIBUTORS)).astype(np.int64)
NOISES = {
    "labels": "digits, 10 k % of the labels wrong",
    "pixels": "digits, noise of standard deviation k / 10 added to pixels in [0, 1]",
    "spins": "spins, noise of standard deviation k / 20 added, clipped to [-1, 1] (the paper's)",
}
SPIN_TRAINING = Training(steps=400, runs=1, hidden=256)


def preference(quick: bool) -> None:
    """Ten mixtures of digits and digits over pictures, under three validation sets."""
    size, seeds = (30, range(1)) if quick else (300, range(2))
    training = Training("cnn", steps=100 if quick else 800, runs=1)
    print(
        f"  contributor k = 1..10 holds {size} digits, k/10 of them over CIFAR-10 pictures; "
        f"score of each alone (3 blocks) against the accuracy of a net trained on it alone; "
        f"{training}"
    )
    names = ("digits", "half and half", "digits over pictures")
    found: dict[str, list[list[np.ndarray]]] = {name: [[], [], [], []] for name in names}
    for seed in seeds:
        rng = np.random.default_rng([seed, 30])
        pool, codes = _mixtures(size, rng)
        tests = _validations(rng)
        accuracy = np.array(
            [
                performance(training, pool.take(np.flatnonzero(codes == k)), tests, seed)
                for k in range(CONTRIBUTORS)
            ]
        )
        quadratics = None
        for column, (name, test) in enumerate(zip(names, tests, strict=True)):
            trusted = test.take(np.arange(TRUSTED))
            spec = Spec("cnn", blocks=3) if quadratics is None else Spec("mlp", 1, blocks=3)
            terms = terms_of(make_problem(pool, codes, trusted, seed), spec)
            # The validation set changes only the out-of-domain term.
            quadratics = quadratics or terms.quadratics
            terms = DavinzTerms(quadratics, terms.mmd, terms.counts)
            single = terms.single()
            kept = [score(single, fix_kappa(terms, "singles")), single[:-1].mean(0), single[-1]]
            for values, made in zip(found[name], [*kept, accuracy[:, column]], strict=True):
                values.append(made)
    for name, (whole, inside, outside, truth) in found.items():
        print(f"  validation on {name}: accuracies {np.mean(truth, 0).round(2).tolist()}")
        print(compare("default (cnn, ladder)", whole, truth))
        print(compare("in-domain term alone", inside, truth))
        print(compare("out-of-domain term alone", outside, truth))


def _mixtures(size: int, rng: np.random.Generator) -> tuple[Pool, np.ndarray]:
    drawn = data.digits().take(rng.choice(12_000, CONTRIBUTORS * size, replace=False))
    plain, drawn_over = data.in_colour(drawn), data.over_backgrounds(drawn, rng)
    place = np.tile(np.arange(size) / size, CONTRIBUTORS)
    codes = np.repeat(np.arange(CONTRIBUTORS), size)
    over = place < (codes + 1) / CONTRIBUTORS
    inputs = np.where(over[:, None, None, None], drawn_over.inputs, plain.inputs)
    return Pool(inputs, drawn.labels), codes


def _validations(rng: np.random.Generator) -> list[Pool]:
    held = data.held_out_digits()
    held = held.take(rng.permutation(len(held.labels)))
    plain, over = data.in_colour(held), data.over_backgrounds(held, rng)
    first = np.arange(0, len(held.labels), 2)
    both = joined([plain.take(first), over.take(first + 1)])
    return [plain, both.take(rng.permutation(len(both.labels))), over]


def quantity(quick: bool) -> None:
    """Contributors of the same distribution and unequal size."""
    seeds = range(1 if quick else 2)
    training = Training(runs=1 if quick else 2)
    sizes = QUANTITIES // 3 if quick else QUANTITIES
    print(f"  contributors of {sizes.tolist()} digits; {training}")
    found: dict[str, list[np.ndarray]] = {}
    truths = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 40])
        rows = rng.choice(12_000, int(sizes.sum()), replace=False)
        pool, codes = data.digits().take(rows), np.repeat(np.arange(CONTRIBUTORS), sizes)
        problem = make_problem(pool, codes, _trusted(rng), seed)
        truths.append(_alone(training, pool, codes, seed, data.held_out_digits()))
        for name, values in _games(problem, 20 if quick else 50).items():
            found.setdefault(name, []).append(values)
    print("  against the accuracy of a net trained on each alone:")
    for name, values in found.items():
        rises = np.mean([spearman(made, sizes) for made in values])
        print(f"{compare(name, values, truths)}  (Spearman with the size {rises:.3f})")


def _games(problem: ContributorProblem, orders: int) -> dict[str, np.ndarray]:
    terms = terms_of(problem, Spec("cnn"))
    kappa = fix_kappa(terms, "singles")
    single = terms.single()
    spec = GameSpec("shapley", 0.0, orders, problem.seed)
    shapley = play(terms, spec, kappa, lowest_single(single, kappa), silent)
    return {
        "score of each alone (cnn, ladder)": score(single, kappa),
        "in-domain term alone": single[:-1].mean(0),
        "out-of-domain term alone": single[-1],
        f"Shapley value, {orders} orders": kappa * shapley.in_domain + shapley.out_of_domain,
        "leave-one-out": left_out(terms, kappa),
    }


def noise(quick: bool) -> None:
    """Contributors of equal size with wrong labels, or with noise in their inputs."""
    size, seeds = (30, range(1)) if quick else (100, range(2))
    for kind in NOISES:
        training = SPIN_TRAINING if kind == "spins" else Training(runs=1)
        net = "mlp" if kind == "spins" else "cnn"
        found: dict[str, list[np.ndarray]] = {}
        truths = []
        for seed in seeds:
            rng = np.random.default_rng([seed, 50])
            pool, codes, trusted, held = _noisy(kind, size, rng)
            truths.append(_alone(training, pool, codes, seed, held))
            terms = terms_of(make_problem(pool, codes, trusted, seed), Spec(net))
            single, kappa = terms.single(), fix_kappa(terms, "singles")
            made = {
                f"score of each alone ({net}, ladder)": score(single, kappa),
                "in-domain term alone": single[:-1].mean(0),
                "out-of-domain term alone": single[-1],
                "leave-one-out": left_out(terms, kappa),
            }
            for name, values in made.items():
                found.setdefault(name, []).append(values)
        print(f"  {NOISES[kind]}; contributors of {size}; against a net trained on each alone;")
        print(f"  {training}; performances {np.mean(truths, 0).round(3).tolist()}")
        for name, values in found.items():
            falls = np.mean([spearman(made, np.arange(CONTRIBUTORS)) for made in values])
            print(f"{compare(name, values, truths)}  (Spearman with the noise {falls:.3f})")


def _noisy(kind: str, size: int, rng: np.random.Generator) -> tuple[Pool, np.ndarray, Pool, Pool]:
    """Return the samples, their contributors, the validation set and the test set."""
    codes = np.repeat(np.arange(CONTRIBUTORS), size)
    if kind == "spins":
        low, high = data.TEMPERATURES
        made = data.spins(low + (high - low) * rng.random(len(codes) + TRUSTED + 1000), rng)
        pool, trusted, held = (
            made.take(rows)
            for rows in np.split(np.arange(len(made.labels)), [len(codes), len(codes) + TRUSTED])
        )
        spread = (0.05 * codes)[:, None]
        noisy = np.clip(pool.inputs + spread * rng.standard_normal(pool.inputs.shape), -1, 1)
        return Pool(noisy.astype(np.float32), pool.labels), codes, trusted, held
    pool = data.digits().take(rng.choice(12_000, CONTRIBUTORS * size, replace=False))
    held = data.held_out_digits()
    if kind == "labels":
        wrong = rng.random(len(codes)) < codes / 10
        other = (pool.labels + rng.integers(1, 10, len(codes))) % 10
        return Pool(pool.inputs, np.where(wrong, other, pool.labels)), codes, _trusted(rng), held
    spread = (codes / 10)[:, None, None, None]
    noisy = np.clip(pool.inputs + spread * rng.standard_normal(pool.inputs.shape), 0, 1)
    return Pool(noisy.astype(np.float32), pool.labels), codes, _trusted(rng), held


def _trusted(rng: np.random.Generator) -> Pool:
    held = data.held_out_digits()
    return held.take(rng.choice(len(held.labels), TRUSTED, replace=False))


def _alone(training: Training, pool: Pool, codes: np.ndarray, seed: int, held: Pool) -> np.ndarray:
    parts = [pool.take(np.flatnonzero(codes == k)) for k in range(CONTRIBUTORS)]
    return np.array([performance(training, part, [held], seed)[0] for part in parts])
