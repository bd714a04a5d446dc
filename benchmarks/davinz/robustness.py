"""How much the values of ten contributors of one class each depend on the settings."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import torch

from davinz.correlation import CLASS_SIZES, class_case
from davinz.scoring import Spec, left_out, pearson, score, terms_of
from dvaudit.kernels.ntk import ntk_blocks
from dvaudit.models.initial import initial_net
from dvaudit.valuators.contributing import ContributorProblem
from dvaudit.valuators.davinz_games import fix_kappa
from dvaudit.valuators.davinz_terms import DavinzTerms

NETS = ("mlp", "cnn", "vgg", "resnet")
JITTERS = (1e-6, 1e-4, 1e-2, 1.0)
BLOCKS = (2, 10)


def robustness(quick: bool) -> None:
    """Nets, initialisations, jitter and blocks; leave-one-out values of one case."""
    sizes = CLASS_SIZES // (4 if quick else 2)
    problem, truth, training = class_case(0, tuple(sizes), quick)
    count = 2 if quick else 6
    print(f"  contributors of one class each, {sizes.tolist()} samples; {training}")
    by_net: dict[str, np.ndarray] = {}
    for net in NETS:
        terms = terms_of(problem, Spec(net, count))
        by_net[net] = left_out(terms, fix_kappa(terms, "singles"))
        ratio = fix_kappa(terms, "singles") / fix_kappa(terms, "evaluated")
        other = left_out(terms, fix_kappa(terms, "evaluated"))
        each = _by_initialisation(terms)
        print(
            f"  {net}: Pearson with the truth {pearson(by_net[net], truth):.3f}, with kappa over "
            f"the evaluated sets, {ratio:.1f} times smaller, {pearson(other, truth):.3f}; one "
            f"initialisation against another {_agreement(each):.3f} (nu), "
            f"{_agreement(_in_domain(terms)):.3f} (in-domain term), mean of half of them against "
            f"the others {_halves(each):.3f} (nu); spread of nu(all) over "
            f"initialisations {_spread(terms):.1%}; kernel's mean diagonal "
            f"{_diagonal(problem, net):.3g}"
        )
    pairs = [pearson(by_net[a], by_net[b]) for a, b in itertools.combinations(NETS, 2)]
    print(
        f"  one net against another, nu averaged over {count} initialisations: mean Pearson "
        f"{np.mean(pairs):.3f}, lowest {min(pairs):.3f}"
    )
    _settings(problem, truth)


def _settings(problem: ContributorProblem, truth: np.ndarray) -> None:
    base = Spec("cnn", 1)
    exact = _values(problem, base)
    for jitter in JITTERS:
        found = _values(problem, replace(base, jitter=jitter))
        print(
            f"  cnn, jitter {jitter:g}: Pearson {pearson(found, exact):.4f} with the default's "
            f"values, {pearson(found, truth):.3f} with the truth"
        )
    for blocks in BLOCKS:
        found = _values(problem, replace(base, blocks=blocks))
        print(
            f"  cnn, {blocks} blocks: Pearson {pearson(found, exact):.4f} with the exact kernel's, "
            f"{pearson(found, truth):.3f} with the truth"
        )


def _values(problem: ContributorProblem, spec: Spec) -> np.ndarray:
    terms = terms_of(problem, spec)
    return left_out(terms, fix_kappa(terms, "singles"))


def _by_initialisation(terms: DavinzTerms) -> list[np.ndarray]:
    kappa = fix_kappa(terms, "singles")
    return [left_out(_one(terms, number), kappa) for number in range(terms.rows - 1)]


def _in_domain(terms: DavinzTerms) -> list[np.ndarray]:
    return [left_out(_one(terms, number), 1e9) for number in range(terms.rows - 1)]


def _one(terms: DavinzTerms, number: int) -> DavinzTerms:
    return DavinzTerms([terms.quadratics[number]], terms.mmd, terms.counts)


def _agreement(each: list[np.ndarray]) -> float:
    return float(np.mean([pearson(a, b) for a, b in itertools.combinations(each, 2)]))


def _halves(each: list[np.ndarray]) -> float:
    middle = len(each) // 2
    return pearson(np.mean(each[:middle], 0), np.mean(each[middle:], 0))


def _spread(terms: DavinzTerms) -> float:
    """Return the standard deviation of nu(all) over initialisations as a share of |nu(all)|."""
    kappa = fix_kappa(terms, "singles")
    found = [
        float(score(_one(terms, number).all()[:, None], kappa)[0])
        for number in range(terms.rows - 1)
    ]
    return float(np.std(found, ddof=1) / abs(np.mean(found)))


def _diagonal(problem: ContributorProblem, net: str) -> float:
    shape = problem.inputs.shape[1:]
    model = initial_net(net, shape, problem.outputs, seed=problem.seed)
    rows = torch.arange(0, len(problem.inputs), max(1, len(problem.inputs) // 50))
    x, y = torch.from_numpy(problem.inputs), torch.from_numpy(problem.labels)
    (kernel,) = ntk_blocks(model, x, y, [rows], memory=1 << 30)
    return float(kernel.diagonal().mean())
