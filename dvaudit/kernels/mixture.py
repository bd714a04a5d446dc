"""Mixtures of Gaussian kernels and their choice.

k(x, x') = sum_b w_b exp(-|x - x'|^2 / (2 s_b^2)). Bandwidths are a ladder around the median
distance; weights maximise the ratio of the MMD^2 to its standard deviation (Gretton et al.,
Optimal kernel choice for large-scale two-sample tests, NIPS 2012, sections 2 and 3). They are
chosen once, on everybody's samples against the validation set, and kept for every coalition:
distances under different kernels cannot be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from torch import Tensor

from dvaudit.core.errors import NumericalError, SettingsError, UnsuitableDataError, some

Rows = NDArray[np.generic]

RUNGS = 5
MEDIAN_ROWS = 1000  # of each set, for the median distance
QUADRUPLES = 8192
RIDGE = 1e-4  # on the covariance of the rungs, as a share of its mean diagonal
CLEAR = 2.0  # a rung separates the sets where its MMD^2 is this many standard errors above 0
LOWEST_EXPONENT = -80.0  # exp below it is a denormal in float32: slow to add, and nothing


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussian kernels.

    Attributes:
        sigmas: bandwidths s_b > 0, in the units of the features.
        weights: w_b >= 0, summing to 1, so that k(x, x) = 1.
        note: how the weights came about, in words.
    """

    sigmas: tuple[float, ...]
    weights: tuple[float, ...]
    note: str = ""

    def __post_init__(self) -> None:
        fits = len(self.sigmas) == len(self.weights) > 0
        if not fits or min(self.sigmas) <= 0 or min(self.weights) < 0:
            raise SettingsError(
                f"A kernel mixture needs positive bandwidths and as many non-negative weights, "
                f"not {self.sigmas} and {self.weights}."
            )
        if not math.isclose(sum(self.weights), 1, rel_tol=1e-9):
            raise SettingsError(f"Kernel weights sum to 1, not {sum(self.weights):g}.")

    def of_squared_(self, squared: Tensor) -> Tensor:
        """Return k for squared distances, in place of them where there is one bandwidth."""
        rungs = [(w, s) for w, s in zip(self.weights, self.sigmas, strict=True) if w > 0]
        if len(rungs) == 1:
            ((_, sigma),) = rungs
            return squared.mul_(-0.5 / sigma**2).clamp_(min=LOWEST_EXPONENT).exp_()
        values = torch.zeros_like(squared)
        rung = torch.empty_like(squared)
        for weight, sigma in rungs:
            torch.mul(squared, -0.5 / sigma**2, out=rung)
            values.add_(rung.clamp_(min=LOWEST_EXPONENT).exp_(), alpha=weight)
        return values


CODE_COMPATIBLE = Mixture((5.0,), (1.0,), "The single bandwidth of the DAVINZ authors' code.")


def median_ladder(
    grand: ArrayLike, validation: ArrayLike, *, rungs: int = RUNGS, seed: int = 0
) -> tuple[float, ...]:
    """Return `rungs` bandwidths, each twice the one before, centred on the median distance.

    Args:
        grand: (m, ...) samples of all contributors; flattened.
        validation: (v, ...) validation samples.
        rungs: number of bandwidths.
        seed: of the rows taken: at most MEDIAN_ROWS of each set.

    Raises:
        UnsuitableDataError: all rows taken are the same.
    """
    if rungs < 1:
        raise SettingsError(f"A ladder needs at least one bandwidth, not {rungs}.")
    x, z = two_sets(grand, validation)
    rng = np.random.default_rng(seed)
    taken = [_wide(part[rng.permutation(len(part))[:MEDIAN_ROWS]]) for part in (x, z)]
    rows = torch.as_tensor(np.concatenate(taken), dtype=torch.float64)
    distances = torch.nn.functional.pdist(rows - rows.mean(0)).numpy()
    # More than half of the pairs may be duplicates; 0 is no bandwidth.
    distances = distances[distances > 0]
    if not len(distances):
        raise UnsuitableDataError(
            f"All {len(rows):,} rows are the same, so no distance can set the kernel's bandwidth."
        )
    middle = float(np.median(distances))
    return tuple(middle * 2.0 ** (rung - (rungs - 1) / 2) for rung in range(rungs))


def kernel_weights(
    grand: ArrayLike, validation: ArrayLike, sigmas: tuple[float, ...], *, seed: int = 0
) -> Mixture:
    """Return the mixture whose MMD^2 is largest against its standard deviation.

    With quadruples (x, x', z, z') and h = k(x, x') + k(z, z') - k(x, z') - k(x', z) for each
    bandwidth, eta = mean h and Q = cov h, beta >= 0 maximises eta^T beta / sqrt(beta^T Q beta).
    Up to its scale that is the non-negative least squares problem min |R beta - R^-T eta| with
    Q = R^T R (equations 6 and 9 of the paper). Quadruples are drawn anew, QUADRUPLES of them,
    where the paper's linear-time estimate uses each sample once: small validation sets have few.

    Where no bandwidth's eta is clearly above 0 the weights are uniform, and `note` says so.
    """
    x, z = two_sets(grand, validation)
    if min(len(x), len(z)) < 2:
        raise UnsuitableDataError(
            f"Kernel weights need two samples of each set, not {len(x)} and {len(z)}."
        )
    terms = _h_terms(x, z, sigmas, seed)
    means, covariance = terms.mean(0), np.atleast_2d(np.cov(terms, rowvar=False))
    independent = min(len(terms), len(x) // 2, len(z) // 2)
    errors = np.sqrt(covariance.diagonal() / independent)
    uniform = tuple([1 / len(sigmas)] * len(sigmas))
    if not (means > CLEAR * errors).any():
        return Mixture(
            tuple(sigmas),
            uniform,
            "No bandwidth separates the contributors' samples from the validation set, so all "
            "weigh the same.",
        )
    mean_variance = max(float(covariance.diagonal().mean()), np.finfo(np.float64).tiny)
    ridged = covariance / mean_variance + RIDGE * np.eye(len(sigmas))
    root = np.linalg.cholesky(ridged).T
    scaled = means / np.abs(means).max()
    beta, _ = nnls(root, np.linalg.solve(root.T, scaled))
    beta = beta / beta.sum()
    return Mixture(
        tuple(sigmas),
        tuple(float(weight) for weight in beta),
        "Weights maximise the ratio of the squared MMD to its standard deviation.",
    )


def choose_mixture(
    grand: ArrayLike, validation: ArrayLike, *, rungs: int = RUNGS, seed: int = 0
) -> Mixture:
    """Return the weighted ladder: `median_ladder`, then `kernel_weights`."""
    return kernel_weights(
        grand, validation, median_ladder(grand, validation, rungs=rungs, seed=seed), seed=seed
    )


def _h_terms(x: Rows, z: Rows, sigmas: tuple[float, ...], seed: int) -> NDArray[np.float64]:
    """Return h, (QUADRUPLES, rungs), for random pairs of different x and of different z."""
    rng = np.random.default_rng(seed)
    first, second = _two_different(len(x), rng)
    third, fourth = _two_different(len(z), rng)
    pairs = [
        (1.0, x, first, x, second),
        (1.0, z, third, z, fourth),
        (-1.0, x, first, z, fourth),
        (-1.0, x, second, z, third),
    ]
    terms = np.zeros((QUADRUPLES, len(sigmas)))
    rates = -0.5 / np.square(sigmas)
    step = max(1, (8 << 20) // (8 * x.shape[1]))
    for start in range(0, QUADRUPLES, step):
        here = slice(start, start + step)
        for sign, left, i, right, j in pairs:
            squared = np.square(_wide(left[i[here]]) - _wide(right[j[here]])).sum(1)
            terms[here] += sign * np.exp(np.maximum(squared[:, None] * rates, LOWEST_EXPONENT))
    return terms


def _two_different(n: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], ...]:
    first = rng.integers(0, n, QUADRUPLES)
    return first, (first + rng.integers(1, n, QUADRUPLES)) % n


def flat_rows(given: ArrayLike, name: str) -> Rows:
    """Return `given` as (n, d) finite rows, or raise and call them by `name`.

    Raises:
        UnsuitableDataError: there is no row.
        NumericalError: an entry that is not finite.
    """
    values = np.asarray(given)
    if not values.size:
        raise UnsuitableDataError(f"There is no {name} row to measure a distance from.")
    values = values.reshape(len(values), -1)
    if not np.isfinite(values).all():
        bad = np.flatnonzero(~np.isfinite(values).all(1))
        raise NumericalError(
            f"{len(bad)} of {len(values)} {name} rows are not finite (row {some(bad)})."
        )
    return values


def two_sets(samples: ArrayLike, validation: ArrayLike) -> tuple[Rows, Rows]:
    """Return both sets as `flat_rows` of the same width."""
    x, z = flat_rows(samples, "sample"), flat_rows(validation, "validation")
    if x.shape[1] != z.shape[1]:
        raise UnsuitableDataError(
            f"The samples have {x.shape[1]:,} features and the validation set {z.shape[1]:,}; "
            "a distance needs the same ones."
        )
    return x, z


def _wide(rows: Rows) -> NDArray[np.float64]:
    return rows.astype(np.float64)
