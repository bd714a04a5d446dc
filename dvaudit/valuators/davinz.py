"""DAVINZ: what each contributor adds to a bound on the error, at initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import GIB, Cost, Machine, available_memory
from dvaudit.core.progress import part
from dvaudit.core.words import count
from dvaudit.valuators.clamped import Clamp
from dvaudit.valuators.contributing import (
    ContributorProblem,
    ContributorScores,
    ContributorValuator,
)
from dvaudit.valuators.davinz_plan import blocks_of, davinz_cost
from dvaudit.valuators.davinz_settings import DavinzSettings
from dvaudit.valuators.registry import register

if TYPE_CHECKING:
    from dvaudit.valuators.davinz_games import TermValues
    from dvaudit.valuators.davinz_terms import DavinzTerms

IMAGE_NET, VECTOR_NET = "cnn", "mlp"
NOT_A_DETECTOR = (
    "Leaving one sample out of this score does not find wrong labels: gradients of different "
    "classes are nearly orthogonal at initialisation. Use it to compare contributors."
)


@register
@final
class Davinz(ContributorValuator):
    name = "davinz"
    title = "DAVINZ"
    summary = (
        "What each contributor adds to the expected performance on a trusted set, without any "
        "training: how well the labels fit a network at its initialisation, and how near the "
        "inputs are to the trusted ones. Values contributors, not samples."
    )
    use = (
        "To say which contributor is worth how much before any model is trained. Needs a "
        "contributor column; with a trusted set it also shows who is off its domain."
    )
    draws = (
        "The first weights of the nets, the blocks, and the orders or subsets where there are too "
        "many."
    )
    reference = "Wu, Shu, Low: DAVINZ: Data Valuation using Deep Neural Networks at Initialization, ICML 2022"  # noqa: E501
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})

    Settings = DavinzSettings

    def estimate_among(
        self,
        contributors: int | None,
        samples: int,
        dimensions: int,
        classes: int,
        machine: Machine,
    ) -> Cost:
        return davinz_cost(self.settings, contributors, samples, dimensions, machine)

    def _value(self, problem: ContributorProblem) -> ContributorScores:
        # These load torch, which listing the methods does not.
        from dvaudit.linalg.threads import one_thread
        from dvaudit.valuators import davinz_games as play
        from dvaudit.valuators.contributor_probe import build_probe, curves
        from dvaudit.valuators.davinz_terms import NtkSpec, build_terms
        from dvaudit.valuators.robust_volume import log_robust_volume

        asked = self.settings
        net = asked.net
        if net == "auto":
            net = IMAGE_NET if problem.inputs.ndim == 4 else VECTOR_NET
        spec = NtkSpec(
            net,
            blocks_of(asked, len(problem.inputs)),
            asked.bandwidth,
            asked.initialisations,
            asked.jitter,
            min(available_memory() // 4, 4 * GIB),
            asked.permutations,
        )
        terms, record = build_terms(problem, spec, asked.kernel, part(problem.progress, 0.05, 0.5))
        kappa = asked.kappa
        if kappa is None:
            kappa = play.fix_kappa(terms, asked.kappa_over)
        single = terms.single()
        baseline = play.lowest_single(single, kappa)
        if asked.empty_score is not None:
            baseline = np.append(np.zeros(terms.rows - 1), asked.empty_score)
        game = play.GameSpec(asked.game, asked.tolerance, asked.most, problem.seed)
        with one_thread():  # sharing small solves among cores costs more than it gains
            found = play.play(terms, game, kappa, baseline, part(problem.progress, 0.5, 0.9))
            values = kappa * found.in_domain + found.out_of_domain
            problem.progress(0.9, "retraining a probe")
            probe = build_probe(problem)
            tables = {"curves": curves(probe, values, problem.seed)}
        if asked.per_sample:
            tables["sample_scores"] = _sample_scores(problem, terms, kappa)
        return ContributorScores(
            values=values,
            std_errors=found.errors,
            columns={
                **_term_columns(found, single),
                "retraining": probe.without_each(),
                "influence": probe.influence(),
                "robust_volume": log_robust_volume(problem),
            },
            status=self._status(problem, kappa, net, record),
            warnings=self._warnings(problem, found, record),
            stats={
                **record,
                "clamped": [asdict(clamp) for clamp in _clamps(asked, record)],
                "kappa": kappa,
                "baseline_weight": found.baseline_weight,
                "baseline_in_domain": float(found.baseline[0]),
                "baseline_out_of_domain": float(found.baseline[1]),
                "rounds": found.rounds,
                "settled": found.settled,
                "performance": probe.measure,
                "full_performance": probe.performance(np.ones(len(problem.names), dtype=bool)),
            },
            tables=tables,
        )

    def _status(
        self,
        problem: ContributorProblem,
        kappa: float,
        net: str,
        record: dict[str, Any],
    ) -> str:
        asked = self.settings
        said = [
            f"{count(len(problem.names), 'contributor')} of "
            f"{count(len(problem.inputs), 'sample')}, {asked.game} on {net} at "
            f"{count(asked.initialisations, 'initialisation')}, tangent kernel in "
            f"{count(record['blocks'], 'block')}, kappa {kappa:.3g}.",
        ]
        if asked.per_sample:
            said.append(NOT_A_DETECTOR)
        return " ".join(said)

    def _warnings(
        self, problem: ContributorProblem, found: TermValues, record: dict[str, Any]
    ) -> tuple[str, ...]:
        asked = self.settings
        said = [f"{clamp}." for clamp in _clamps(asked, record)]
        if not found.settled:
            said.append(
                f"After {found.rounds:,} rounds standard errors are still above "
                f"{asked.tolerance:g} of the spread of the values; raise davinz.most for narrower "
                "ones."
            )
        if len(problem.names) == 1:
            said.append("With one contributor there is nothing to compare.")
        return tuple(said)


def _clamps(asked: DavinzSettings, record: Mapping[str, Any]) -> list[Clamp]:
    """Return the settings that the samples, or their blocks, are too few for."""
    reasons = {
        "blocks": "one for each sample",
        "bandwidth": "all other blocks, which is exact",
        "permutations": "as one block has no other split",
    }
    return [
        Clamp(name, wanted, record[name], why)
        for name, why in reasons.items()
        if (wanted := getattr(asked, name) or 0) > record[name]
    ]


def _term_columns(found: TermValues, single: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "in_domain": found.in_domain,
        "out_of_domain": found.out_of_domain,
        "in_domain_std_error": found.in_errors,
        "out_of_domain_std_error": found.out_errors,
        "single_in_domain": single[:-1].mean(0),
        "single_out_of_domain": single[-1],
    }


def _sample_scores(problem: ContributorProblem, terms: DavinzTerms, kappa: float) -> pd.DataFrame:
    """Return id, contributor and the leave-one-out value of every sample."""
    weights = np.append(np.full(terms.rows - 1, kappa / (terms.rows - 1)), 1.0)
    values = float(weights @ terms.all()) - weights @ terms.without_each_sample()
    names = np.array(problem.names, dtype=object)[problem.codes]
    return pd.DataFrame({"id": list(problem.ids), "contributor": names, "value": values})
