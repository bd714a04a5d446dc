"""DAVINZ scores of an experiment's contributors, by the product's own parts, and their figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import pearsonr, spearmanr

from davinz.data import Pool
from dvaudit.core.dataset import Task
from dvaudit.core.progress import silent
from dvaudit.kernels.mixture import CODE_COMPATIBLE
from dvaudit.kernels.mmd import MmdSums
from dvaudit.valuators.contributing import ContributorProblem
from dvaudit.valuators.davinz_games import fix_kappa
from dvaudit.valuators.davinz_terms import DavinzTerms, NtkSpec, build_terms

MEMORY = 1 << 30


@dataclass(frozen=True)
class Spec:
    """Settings of one scoring; the defaults are the product's, except that blocks are exact."""

    net: str = "cnn"
    initialisations: int = 3
    jitter: float = 1e-4
    blocks: int = 1


def make_problem(
    pool: Pool, codes: np.ndarray, trusted: Pool, seed: int, groups: int | None = None
) -> ContributorProblem:
    classify = np.issubdtype(pool.labels.dtype, np.integer)
    count = int(codes.max()) + 1 if groups is None else groups
    return ContributorProblem(
        task=Task.CLASSIFICATION if classify else Task.REGRESSION,
        inputs=pool.inputs,
        labels=pool.labels,
        outputs=10 if classify else 1,
        codes=codes.astype(np.int64),
        names=tuple(map(str, range(count))),
        ids=tuple(map(str, range(len(codes)))),
        trusted_inputs=trusted.inputs,
        trusted_labels=trusted.labels,
        seed=seed,
        device="cpu",
        progress=silent,
    )


def terms_of(problem: ContributorProblem, spec: Spec) -> DavinzTerms:
    ntk = NtkSpec(
        net=spec.net,
        blocks=spec.blocks,
        bandwidth=0,
        initialisations=spec.initialisations,
        permutations=1,
        jitter=spec.jitter,
        memory=MEMORY,
    )
    return build_terms(problem, ntk, "ladder", silent)[0]


def with_code_kernel(problem: ContributorProblem, terms: DavinzTerms) -> DavinzTerms:
    """Return the same in-domain terms with the single bandwidth 5 of the authors' code."""
    mmd = MmdSums.build(
        problem.inputs,
        problem.codes,
        problem.trusted_inputs,
        CODE_COMPATIBLE,
        groups=len(problem.names),
        precision="float64",
    )
    return DavinzTerms(terms.quadratics, mmd, terms.counts)


def score(sets: np.ndarray, kappa: float) -> np.ndarray:
    """Return nu, (c,), of (s + 1, c) terms."""
    return kappa * sets[:-1].mean(0) + sets[-1]


def left_out(terms: DavinzTerms, kappa: float) -> np.ndarray:
    """Return (K,): nu of everybody less nu of everybody but one."""
    return float(score(terms.all()[:, None], kappa)[0]) - score(terms.without_each(), kappa)


def left_out_variants(
    problem: ContributorProblem, net: str = "cnn", blocks: tuple[int, ...] = ()
) -> dict[str, np.ndarray]:
    """Return leave-one-out values: the default first, then one setting changed at a time."""
    terms = terms_of(problem, Spec(net))
    code = with_code_kernel(problem, terms)
    single = fix_kappa(terms, "singles")
    found = {
        f"default ({net}, ladder, kappa over singles)": left_out(terms, single),
        "kappa over the evaluated sets": left_out(terms, fix_kappa(terms, "evaluated")),
        "bandwidth 5, kappa over singles": left_out(code, fix_kappa(code, "singles")),
        "bandwidth 5, kappa over evaluated (as the code)": left_out(
            code, fix_kappa(code, "evaluated")
        ),
        "in-domain term alone": left_out(terms, 1e9),
        "out-of-domain term alone": left_out(terms, 0.0),
    }
    changed = {f"{count} blocks": Spec(net, blocks=count) for count in blocks}
    if net != "mlp":
        changed["net mlp"] = Spec("mlp")
    for label, spec in changed.items():
        other = terms_of(problem, spec)
        found[label] = left_out(other, fix_kappa(other, "singles"))
    return found


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    return float(pearsonr(a, b).statistic)


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(spearmanr(a, b).statistic)


def compare(label: str, values: list[np.ndarray], truths: list[np.ndarray]) -> str:
    """Return a line with the mean Pearson and Spearman over repetitions, and each Pearson."""
    each = [pearson(a, b) for a, b in zip(values, truths, strict=True)]
    ranks = [spearman(a, b) for a, b in zip(values, truths, strict=True)]
    listed = "" if len(each) == 1 else " (" + ", ".join(f"{value:.3f}" for value in each) + ")"
    return f"  {label:<48} Pearson {np.mean(each):.3f}{listed}  Spearman {np.mean(ranks):.3f}"


def compare_all(values: list[dict[str, np.ndarray]], truths: list[np.ndarray]) -> None:
    for label in values[0]:
        print(compare(label, [found[label] for found in values], truths))
