"""Confident learning through the cleanlab package, on out-of-sample class probabilities."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.errors import MissingDependencyError, some
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.settings import setting
from dvaudit.core.words import count
from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.magnitudes import require_bounded
from dvaudit.valuators.registry import register

Floats = NDArray[np.float64]

PASSES = 200  # of the solver over the data, at most; about what hard sets take
STREAM = 104_729
LEAST_PROBABILITY = 1e-12


@register
@final
class ConfidentLearning(Valuator):
    name = "confident-learning"
    title = "Confident learning (cleanlab)"
    summary = (
        "cleanlab's label quality and label issues, from logistic regression cross-validated on "
        "the vectors. Needs the package cleanlab."
    )
    use = (
        "To check results against a tool that many know. Good where classes are nearly linear in "
        "the features."
    )
    draws = "The folds of the cross-validation."
    reference = (
        "Northcutt, Jiang, Chuang: Confident Learning: Estimating Uncertainty in Dataset Labels, "
        "JAIR 2021"
    )
    tasks = frozenset({Task.CLASSIFICATION})
    detects_mislabels = True
    baseline = True
    order_free = False  # the folds are drawn
    requires = "cleanlab"

    @dataclass(frozen=True)
    class Settings:
        folds: int = setting(
            5, "Parts of the data; each is predicted by a model of the others.", low=2, high=100
        )
        penalty: float = setting(
            1.0,
            "Weight of the squared length of the logistic regression's weights.",
            low=1e-6,
            high=1e6,
        )
        quality: str = setting(
            "self_confidence",
            "cleanlab's label quality. self_confidence: the probability of the given label. "
            "normalized_margin: that less the highest of the others. "
            "confidence_weighted_entropy: with the entropy of all.",
            choices=("self_confidence", "normalized_margin", "confidence_weighted_entropy"),
        )
        flag_by: str = setting(
            "prune_by_noise_rate",
            "How cleanlab decides which labels are issues (its filter_by).",
            choices=(
                "prune_by_noise_rate",
                "prune_by_class",
                "both",
                "confident_learning",
                "predicted_neq_given",
                "low_self_confidence",
                "low_normalized_margin",
            ),
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        fit = 8.0 * samples * dimensions * max(classes, 2) * PASSES
        needed = 8 * (3 * samples * dimensions + 8 * samples * classes)
        plan = f"{self.settings.folds} logistic regressions"
        return Cost(self.settings.folds * fit / machine.flops, needed, plan)

    def _value(self, problem: Problem) -> Scores:
        ranking, filtering = _cleanlab("rank"), _cleanlab("filter")
        codes, classes = problem.labels.astype(np.int64), len(problem.class_names)
        if classes == 1:
            problem.progress(0.0, "nothing to compare")
            return Scores(
                values=np.ones(len(codes)),
                flagged=np.zeros(len(codes), dtype=bool),
                status="Every label has quality 1.",
            )
        probabilities, unfinished = self._out_of_sample(problem, codes)
        quality = ranking.get_label_quality_scores(
            codes, probabilities, method=self.settings.quality
        )
        flagged, remarks = _issues(filtering, codes, probabilities, self.settings.flag_by)
        warned = []
        if unfinished:
            fits = count(unfinished, "fit")
            warned.append(f"{fits} stopped after {PASSES} passes, before convergence.")
        if remarks:
            warned.append(f"Remarks of cleanlab: {some(remarks)}.")
        return Scores(
            values=np.asarray(quality, dtype=np.float64),
            flagged=flagged,
            class_scores=np.log(np.maximum(probabilities, LEAST_PROBABILITY)),
            status="cleanlab on cross-validated logistic regression.",
            warnings=tuple(warned),
            stats={"unfinished_fits": unfinished, "cleanlab_remarks": remarks},
            **_suggestions(codes, probabilities, flagged),
        )

    def _out_of_sample(self, problem: Problem, codes: NDArray[np.int64]) -> tuple[Floats, int]:
        """Return (m, k) probabilities, and how many fits stopped before they converged."""
        from sklearn.preprocessing import StandardScaler  # here: listing loads none of it

        require_bounded(problem.vectors)
        vectors = StandardScaler().fit_transform(problem.vectors.astype(np.float64))
        folds = min(self.settings.folds, len(codes))
        fold_of = _folds(codes, folds, problem.seed)
        probabilities = np.zeros((len(codes), len(problem.class_names)))
        unfinished = 0
        for fold in range(folds):
            problem.progress(fold / folds, f"fold {fold + 1} of {folds}")
            held = fold_of == fold
            present, predicted, converged = _predicted(
                vectors[~held], codes[~held], vectors[held], self.settings.penalty
            )
            probabilities[np.ix_(held, present)] = predicted
            unfinished += not converged
        return probabilities, unfinished


def _cleanlab(module: str) -> ModuleType:
    """Return a module of cleanlab.

    Raises:
        MissingDependencyError: the package is absent or cannot be loaded.
    """
    try:
        return importlib.import_module(f"cleanlab.{module}")
    except ImportError as error:
        raise MissingDependencyError(
            f"confident-learning needs the package cleanlab, which cannot be loaded ({error}). "
            "Install it (pip install 'dvaudit[cleanlab]'), or use kernel-loo, which needs nothing."
        ) from error


def _folds(codes: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Return the (m,) fold of each sample; every class is spread evenly, and so are the folds."""
    shuffled = np.random.default_rng([seed, STREAM]).permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    found = np.empty(len(codes), dtype=np.int64)
    found[order] = np.arange(len(codes)) % folds
    return found


def _predicted(
    vectors: Floats, codes: NDArray[np.int64], held: Floats, penalty: float
) -> tuple[NDArray[np.int64], Floats, bool]:
    """Return the classes that occur, (h, k) probabilities of `held`, and whether the fit ended."""
    from sklearn.exceptions import ConvergenceWarning  # here: listing loads none of it
    from sklearn.linear_model import LogisticRegression

    present = np.unique(codes)
    if len(present) == 1:
        return present, np.ones((len(held), 1)), True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is counted and reported
        model = LogisticRegression(C=1 / penalty, max_iter=PASSES).fit(vectors, codes)
    converged = int(np.max(model.n_iter_)) < PASSES
    return present, np.asarray(model.predict_proba(held)), converged


def _issues(
    filtering: Any, codes: NDArray[np.int64], probabilities: Floats, flag_by: str
) -> tuple[NDArray[np.bool_], list[str]]:
    """Return cleanlab's label issues, and what it warned of meanwhile."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = filtering.find_label_issues(codes, probabilities, filter_by=flag_by, n_jobs=1)
    return np.asarray(found, dtype=bool), [str(each.message) for each in caught]


def _suggestions(
    codes: NDArray[np.int64], probabilities: Floats, flagged: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return the suggested classes and margins: the best other class against the given one."""
    rows = np.arange(len(codes))
    given, others = probabilities[rows, codes], probabilities.copy()
    others[rows, codes] = -np.inf
    return {
        "suggested": np.where(flagged, others.argmax(axis=1), -1),
        "margins": others.max(axis=1) - given,
        "columns": {"self_confidence": given},
    }
