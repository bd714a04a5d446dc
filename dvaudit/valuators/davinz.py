"""DAVINZ: what each contributor adds to a bound on the error, at initialisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import GIB, Cost, Machine, available_memory
from dvaudit.core.progress import part
from dvaudit.core.settings import setting
from dvaudit.valuators.contributing import (
    ContributorProblem,
    ContributorScores,
    ContributorValuator,
)
from dvaudit.valuators.registry import register

if TYPE_CHECKING:
    from dvaudit.valuators.davinz_games import TermValues
    from dvaudit.valuators.davinz_terms import DavinzTerms

BLOCK_ROWS = 1000  # samples a block of the tangent kernel where blocks are chosen automatically
START_SECONDS = 5.0  # reading, features, and retraining the probe for the curves
IMAGE_NET, VECTOR_NET = "cnn", "mlp"
NETS = ("auto", "mlp", "cnn", "vgg", "resnet", "vgg13", "resnet18")
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
    reference = "Wu, Shu, Low: DAVINZ: Data Valuation using Deep Neural Networks at Initialization, ICML 2022"  # noqa: E501
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})

    @dataclass(frozen=True)
    class Settings:
        game: str = setting(
            "shapley",
            "shapley: mean gain over all orders of joining. banzhaf: mean gain over all "
            "coalitions. loo: loss when only this contributor leaves. marginal: gain over having "
            "no data.",
            choices=("shapley", "banzhaf", "loo", "marginal"),
        )
        net: str = setting(
            "auto",
            "Network whose initialisation is looked at; auto: a small CNN for images, an MLP "
            "otherwise.",
            choices=NETS,
        )
        initialisations: int = setting(
            3, "Random initialisations that are averaged over.", low=1, high=100
        )
        blocks: int | None = setting(
            None,
            "Random parts that the tangent kernel is split into. 1 is exact. Empty: parts of at "
            "most 1,000 samples.",
            low=1,
            high=100_000,
        )
        permutations: int = setting(
            1, "Random ways to split into parts that are averaged over.", low=1, high=100
        )
        bandwidth: int = setting(
            0,
            "Neighbouring parts that the inverse kernel links; 0 treats them apart.",
            low=0,
            high=1000,
        )
        kernel: str = setting(
            "ladder",
            "Distance of inputs. ladder: several bandwidths around the median distance. code: "
            "the single bandwidth 5 of the authors' code.",
            choices=("ladder", "code"),
        )
        kappa: float | None = setting(
            None,
            "Weight of the in-domain term. Empty: equation (4) of the paper.",
            low=0.0,
            high=1e12,
        )
        kappa_over: str = setting(
            "singles",
            "Sets that equation (4) averages over: single contributors, or the evaluated ones "
            "(leave-one-out and full), as in the authors' code, which agrees better with "
            "retraining where contributors differ much and leave one at a time.",
            choices=("singles", "evaluated"),
        )
        empty_score: float | None = setting(
            None,
            "Score of having no data. Empty: the lowest score of a single contributor. Moves all "
            "values alike.",
            low=-1e12,
            high=1e12,
        )
        jitter: float = setting(
            1e-4, "Added to the tangent kernel's diagonal.", low=1e-12, high=1e6
        )
        tolerance: float = setting(
            0.05,
            "Sampling stops when every standard error is below this share of the spread of the "
            "values.",
            low=0.0,
            high=10.0,
        )
        most: int = setting(
            1000, "Orders (shapley) or coalitions (banzhaf) at most.", low=32, high=1_000_000
        )
        holdout: float = setting(
            0.2,
            "Share of the data held out at random as a trusted set where none is given.",
            low=0.01,
            high=0.9,
        )
        per_sample: bool = setting(
            False,
            "Also leave out every single sample, in closed form. No detector of wrong labels.",
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        block = min(samples, -(-samples // self._blocks(samples)))
        weights = 100_000 if self.settings.net in ("auto", "mlp", "cnn") else 1_000_000
        systems = self.settings.initialisations * self.settings.permutations
        ntk = 2.0 * samples * block * weights * systems
        orders = self.settings.most if self.settings.game in ("shapley", "banzhaf") else 2
        game = orders * systems * samples * block**2 / 3
        distances = samples**2 * (dimensions + 40)
        needed = 8 * samples * block * (1 + systems) + 8 * samples * 4096
        plan = (
            f"tangent kernel in blocks of {block:,}, {self.settings.initialisations} "
            f"initialisations, {self.settings.game} by at most {orders:,} orders"
        )
        seconds = (ntk + game + distances) / (0.1 * machine.flops) + START_SECONDS
        return Cost(seconds, int(needed), plan)

    def _blocks(self, samples: int) -> int:
        return self.settings.blocks or max(1, -(-samples // BLOCK_ROWS))

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
            self._blocks(len(problem.inputs)),
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
            status=self._status(problem, found, kappa, net, record),
            stats={
                **record,
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
        found: TermValues,
        kappa: float,
        net: str,
        record: dict[str, Any],
    ) -> str:
        asked = self.settings
        said = [
            f"{len(problem.names):,} contributors of {len(problem.inputs):,} samples, "
            f"{asked.game} on {net} at {asked.initialisations} initialisations, tangent kernel in "
            f"{record['blocks']:,} {'block' if record['blocks'] == 1 else 'blocks'}, kappa "
            f"{kappa:.3g}."
        ]
        if not found.settled:
            said.append(
                f"After {found.rounds:,} rounds standard errors are still above "
                f"{asked.tolerance:g} of the spread of the values; raise `most` for narrower ones."
            )
        if len(problem.names) == 1:
            said.append("With one contributor there is nothing to compare.")
        if asked.per_sample:
            said.append(NOT_A_DETECTOR)
        return " ".join(said)


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
