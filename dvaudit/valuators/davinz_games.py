"""Games on the two DAVINZ terms at once, and what nu of the empty coalition does to them.

Values are linear in nu = kappa * in + out, so a game is played once for nu, to decide how many
orders or coalitions it takes, and again on the same ones for each term alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvaudit import games
from dvaudit.core.progress import Progress, silent
from dvaudit.games import Estimate
from dvaudit.valuators.davinz_plan import every_coalition
from dvaudit.valuators.davinz_terms import DavinzTerms

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GameSpec:
    """Which game, and how long it is sampled; see `games.shapley` and `games.banzhaf`."""

    name: str
    tolerance: float
    most: int
    seed: int


@dataclass(frozen=True, eq=False)
class TermValues:
    """Values of the K contributors by term; value = kappa * in_domain + out_of_domain.

    Attributes:
        in_domain, out_of_domain: (K,) averages over initialisations.
        in_errors: (K,) standard errors of in_domain, of sampling and of the initialisations.
        out_errors: (K,) of sampling.
        errors: (K,) of the value.
        baseline: (2,) in-domain and out-of-domain term of the empty coalition.
        baseline_weight: a rise of nu(empty) by delta lowers every value by this times delta.
    """

    in_domain: Floats
    out_of_domain: Floats
    in_errors: Floats
    out_errors: Floats
    errors: Floats
    baseline: Floats
    baseline_weight: float
    rounds: int
    settled: bool


def fix_kappa(terms: DavinzTerms, over: str) -> float:
    """Return kappa by equation (4): mean MMD over mean NTK term.

    Args:
        over: "singles", the sets of single contributors, or "evaluated", the leave-one-out sets
            and the full set, as in the authors' code.
    """
    sets = terms.single()
    if over == "evaluated":
        sets = np.column_stack([terms.without_each(), terms.all()])
    sets = sets[:, np.isfinite(sets).all(0)]  # contributors without samples have no score
    ntk = float(-sets[:-1].mean())
    return float(-sets[-1].mean()) / ntk if ntk > 0 else 0.0


def lowest_single(single: Floats, kappa: float) -> Floats:
    """Return (s + 1,): the terms of the contributor whose score alone is lowest, as nu(empty)."""
    scores = kappa * single[:-1].mean(0) + single[-1]
    return np.asarray(single[:, int(np.nanargmin(scores))])


def play(
    terms: DavinzTerms, spec: GameSpec, kappa: float, baseline: Floats, progress: Progress
) -> TermValues:
    """Return the values of one game, by term.

    Args:
        baseline: (s + 1,) terms of the empty coalition.
    """
    player = _Player(terms, spec, baseline)
    inits = terms.rows - 1
    nu = np.append(np.full(inits, kappa / inits), 1.0)
    whole = player.solve(nu, None, progress)
    each = [player.solve(row, whole.rounds, silent) for row in np.eye(terms.rows)]
    average = player.solve(np.append(np.full(inits, 1 / inits), 0.0), whole.rounds, silent)
    per_init = np.stack([estimate.values for estimate in each[:-1]])
    of_inits = np.zeros(len(average.values))
    if inits > 1:
        of_inits = per_init.std(0, ddof=1) / np.sqrt(inits)
    return TermValues(
        in_domain=average.values,
        out_of_domain=each[-1].values,
        in_errors=np.hypot(average.std_errors, of_inits),
        out_errors=each[-1].std_errors,
        errors=np.hypot(whole.std_errors, kappa * of_inits),
        baseline=np.array([baseline[:-1].mean(), baseline[-1]]),
        baseline_weight=player.baseline_weight,
        rounds=whole.rounds,
        settled=whole.settled,
    )


class _Player:
    """Plays one game on linear combinations of the terms; every coalition is evaluated once."""

    def __init__(self, terms: DavinzTerms, spec: GameSpec, baseline: Floats) -> None:
        self.terms, self.spec, self.baseline = terms, spec, baseline
        self.players = len(terms.counts)
        self._kept: dict[bytes, Floats] = {}
        self._games: dict[str, Callable[[Floats, int | None, Progress], Estimate]] = {
            "shapley": self._shapley,
            "banzhaf": self._banzhaf,
            "loo": self._leave_one_out,
            "marginal": self._marginal,
        }

    @property
    def baseline_weight(self) -> float:
        weights = {
            "shapley": 1 / self.players,
            "banzhaf": 0.5 ** (self.players - 1),
            "marginal": 1.0,
            "loo": 1.0 if self.players == 1 else 0.0,
        }
        return weights[self.spec.name]

    def solve(self, weights: Floats, rounds: int | None, progress: Progress) -> Estimate:
        """Return the values under weights @ terms; over exactly `rounds` where given."""
        return self._games[self.spec.name](weights, rounds, progress)

    def _exact(self, solve: Callable[..., Floats], weights: Floats) -> Estimate:
        """Return values over all coalitions, each evaluated once."""
        baseline = float(weights @ self.baseline)

        def utility(masks: NDArray[np.bool_]) -> Floats:
            return np.asarray(weights @ self._once(masks, lambda: self._held(masks)))

        values = solve(utility, self.players, baseline=baseline)
        return Estimate(values, np.zeros(self.players), 2**self.players, True, baseline)

    def _shapley(self, weights: Floats, rounds: int | None, progress: Progress) -> Estimate:
        if every_coalition("shapley", self.players, self.spec.most):
            return self._exact(games.exact_shapley, weights)

        def prefixes(order: NDArray[np.int64]) -> Floats:
            found = self._once(order, lambda: self.terms.prefixes(order))
            with_empty = np.column_stack([self.baseline, found])
            return np.asarray(weights @ self._filled(with_empty))

        return games.shapley(
            prefixes,
            self.players,
            tolerance=self.spec.tolerance if rounds is None else 0.0,
            most=self.spec.most if rounds is None else max(rounds, 2),
            least=min(20, self.spec.most) if rounds is None else max(rounds, 2),
            seed=self.spec.seed,
            progress=progress,
        )

    def _banzhaf(self, weights: Floats, rounds: int | None, progress: Progress) -> Estimate:
        def utility(masks: NDArray[np.bool_]) -> Floats:
            found = self._once(masks, lambda: self._held(masks))
            return np.asarray(weights @ found)

        return games.banzhaf(
            utility,
            self.players,
            self.spec.most if rounds is None else rounds,
            baseline=float(weights @ self.baseline),
            tolerance=self.spec.tolerance,
            seed=self.spec.seed,
            progress=progress,
        )

    def _leave_one_out(self, weights: Floats, rounds: int | None, progress: Progress) -> Estimate:
        if self.players == 1:  # without its only contributor, nothing is left
            return self._marginal(weights, rounds, progress)
        everybody = self._once(np.array([0]), lambda: self.terms.all()[:, None])[:, 0]
        without = self._once(np.array([1]), self.terms.without_each)
        return games.leave_one_out(float(weights @ everybody), weights @ without)

    def _marginal(self, weights: Floats, rounds: int | None, progress: Progress) -> Estimate:
        single = self._once(np.array([2]), self.terms.single)
        return games.marginal_to_empty(weights @ single, float(weights @ self.baseline))

    def _once(self, key: NDArray[np.generic], make: Callable[[], Floats]) -> Floats:
        name = key.tobytes()
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def _held(self, masks: NDArray[np.bool_]) -> Floats:
        held = (masks @ self.terms.counts) > 0
        out = np.repeat(self.baseline[:, None], len(masks), axis=1)
        out[:, held] = self.terms.of(masks[held])
        return out

    def _filled(self, prefixes: Floats) -> Floats:
        """Give prefixes without any sample the score of the empty coalition."""
        empty = ~np.isfinite(prefixes).all(0)
        prefixes[:, empty] = self.baseline[:, None]
        return prefixes
