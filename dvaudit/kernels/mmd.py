"""The maximum mean discrepancy from any coalition of contributors to a validation set.

MMD^2(S) = mean k(S, S) + mean k(V, V) - 2 mean k(S, V)      (biased; Gretton et al., JMLR 2012)

Sums of kernel values between contributors are taken once; then any coalition costs O(K^2), and
leaving out one sample is a closed form. The biased form has an offset of about k(x, x) / |S|:
small coalitions look further away than they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.kernels.mixture import Mixture, Rows, two_sets
from dvaudit.linalg.threads import serial_workers

STRIP_BYTES = 16 << 20  # of kernel values; each core holds up to three such strips
MOST_ROWS = 1024

Floats = NDArray[np.float64]
_Result = TypeVar("_Result")


@dataclass(frozen=True, eq=False)
class MmdSums:
    """Sums of kernel values, from which every MMD follows; all float64.

    Attributes:
        counts: (K,) samples of each contributor.
        within: (K, K) sums of k between the samples of two contributors, each with itself too.
        across: (K,) sums of k between a contributor's samples and the validation set.
        validation: sum of k over all pairs of validation samples, each with itself too.
        validation_count: v.
        rows: (m,) sums of k between a sample and all m samples.
        columns: (m,) sums of k between a sample and the validation set.
        codes: (m,) contributor of each sample.
        mixture: the kernel.
    """

    counts: NDArray[np.int64]
    within: Floats
    across: Floats
    validation: float
    validation_count: int
    rows: Floats
    columns: Floats
    codes: NDArray[np.int64]
    mixture: Mixture

    @classmethod
    def build(
        cls,
        samples: ArrayLike,
        codes: ArrayLike,
        validation: ArrayLike,
        mixture: Mixture,
        *,
        groups: int | None = None,
        precision: str = "float32",
        device: str = "cpu",
        report: Callable[[float], None] = lambda _: None,
    ) -> MmdSums:
        """Take the sums in strips of rows, so that memory is bounded beside the samples.

        Args:
            samples: (m, ...) samples of all contributors, flattened.
            codes: (m,) contributor of each sample, 0..groups-1.
            validation: (v, ...) validation samples.
            mixture: the kernel.
            groups: K; contributors may have no sample. Default: codes.max() + 1.
            precision: float32 or float64, of distances and kernel values. Distances are matrix
                products of centred rows; in float32 k is off by about 1e-6 in a high dimension,
                and so is the MMD^2. The sums are float64 in both.
            device: where to take them.
            report: called with the fraction done.

        Raises:
            UnsuitableDataError: no samples, shapes or codes that do not fit.
            NumericalError: samples that are not finite.
        """
        x, z = two_sets(samples, validation)
        codes = np.asarray(codes, dtype=np.int64)
        groups = int(codes.max(initial=-1)) + 1 if groups is None else groups
        if codes.shape != (len(x),):
            raise UnsuitableDataError(f"{len(x):,} samples came with {codes.shape} codes.")
        if codes.min() < 0 or codes.max() >= groups:
            raise UnsuitableDataError(
                f"Contributor codes go from {codes.min()} to {codes.max()}, outside "
                f"0..{groups - 1}."
            )
        order = np.argsort(codes, kind="stable")
        dtype = torch.float64 if precision == "float64" else torch.float32
        centre = z.mean(0, dtype=np.float64)
        a, b = (_centred(part, centre, dtype, device) for part in (x[order], z))
        within, sorted_rows = _within(a, codes[order], groups, mixture, lambda f: report(0.9 * f))
        sorted_columns = _across(a, b, mixture)
        validation_rows = _within(b, np.zeros(len(b), dtype=np.int64), 1, mixture, lambda _: None)
        report(1.0)
        rows, columns = np.empty(len(x)), np.empty(len(x))
        rows[order], columns[order] = sorted_rows, sorted_columns
        return cls(
            counts=np.bincount(codes, minlength=groups),
            within=within,
            across=np.bincount(codes, columns, groups).astype(np.float64),
            validation=float(validation_rows[0][0, 0]),
            validation_count=len(z),
            rows=rows,
            columns=columns,
            codes=codes,
            mixture=mixture,
        )

    def squared(self, masks: ArrayLike) -> Floats:
        """Return (c,): the biased MMD^2 of each coalition, clamped at 0.

        Args:
            masks: (c, K) coalitions. One without samples has no distance: its entry is nan, and
                the score of the empty coalition is for the caller to set.
        """
        pairs, cross, sizes = self._sums(masks)
        with np.errstate(invalid="ignore"):
            own = pairs / sizes**2
            both = cross / (sizes * self.validation_count)
        return np.maximum(own + self.validation / self.validation_count**2 - 2 * both, 0)

    def squared_unbiased(self, masks: ArrayLike) -> Floats:
        """Return (c,): the unbiased MMD^2, without each sample's pair with itself; may be < 0.

        nan where a coalition has fewer than two samples, or the validation set has.
        """
        pairs, cross, sizes = self._sums(masks)
        v = self.validation_count
        with np.errstate(invalid="ignore", divide="ignore"):
            # k(x, x) = 1, the sum of the weights.
            own = np.where(sizes > 1, (pairs - sizes) / (sizes * (sizes - 1)), np.nan)
            theirs = np.divide(self.validation - v, v * (v - 1)) if v > 1 else np.nan
            return np.asarray(own + theirs - 2 * cross / (sizes * v))

    def distance(self, masks: ArrayLike) -> Floats:
        """Return (c,): the biased MMD of each coalition; as `squared`."""
        return np.sqrt(self.squared(masks))

    def squared_without_each(self) -> Floats:
        """Return (m,): the biased MMD^2 of all samples but one, clamped at 0.

        With r_i and c_i the sums of k between sample i and the samples, and the validation set:
        (S_XX - 2 r_i + k_ii) / (m - 1)^2 + mean k(V, V) - 2 (S_XV - c_i) / ((m - 1) v).
        """
        m, v = len(self.rows), self.validation_count
        if m < 2:
            raise UnsuitableDataError("Leaving out one sample needs at least two.")
        own = (self.within.sum() - 2 * self.rows + 1) / (m - 1) ** 2
        both = (self.across.sum() - self.columns) / ((m - 1) * v)
        return np.asarray(np.maximum(own + self.validation / v**2 - 2 * both, 0))

    def _sums(self, masks: ArrayLike) -> tuple[Floats, Floats, Floats]:
        chosen = np.asarray(masks, dtype=bool).astype(np.float64)
        if chosen.ndim != 2 or chosen.shape[1] != len(self.counts):
            raise UnsuitableDataError(
                f"Coalitions of {len(self.counts)} contributors are (c, {len(self.counts)}) "
                f"masks, not {chosen.shape}."
            )
        return ((chosen @ self.within) * chosen).sum(1), chosen @ self.across, chosen @ self.counts


def _within(
    x: Tensor,
    codes: NDArray[np.int64],
    groups: int,
    mixture: Mixture,
    report: Callable[[float], None],
) -> tuple[Floats, Floats]:
    """Return (K, K) sums between groups and (m,) sums of rows; `codes` ascend.

    Only the lower triangle is evaluated: what lies left of a strip's diagonal square counts for
    both of its sides.
    """
    m = len(x)
    squares = x.square().sum(1)
    within, rows = np.zeros((groups, groups)), np.zeros(m)
    step = _strip(x, m)

    def strip_sums(start: int) -> tuple[int, Floats, Floats, Floats, Floats]:
        end = min(start + step, m)
        strip = _squared_distances(x[start:end], squares[start:end], x[:end], squares[:end])
        strip[:, start:].fill_diagonal_(0)  # a sample lies at itself, whatever the rounding
        strip = mixture.of_squared_(strip)
        left, square = strip[:, :start], strip[:, start:]
        outside = _by_group(left, codes[:start], codes[start:end], groups)
        inside = _by_group(square, codes[start:end], codes[start:end], groups)
        return start, outside, inside, _sum(strip, 1), _sum(left, 0)

    with contextlib.closing(_each(strip_sums, range(0, m, step), x.device)) as strips:
        for start, outside, inside, right, down in strips:
            end = start + len(right)
            own = slice(codes[start], codes[end - 1] + 1)
            within[own] += outside + inside
            within[:, own] += outside.T
            rows[start:end] += right
            rows[:start] += down
            report((end / m) ** 2)
    return within, rows


def _across(x: Tensor, z: Tensor, mixture: Mixture) -> Floats:
    """Return (m,): the sum of k between each row of x and all of z."""
    squares, others = x.square().sum(1), z.square().sum(1)
    step = _strip(x, len(z))

    def strip_sums(start: int) -> Floats:
        here = slice(start, start + step)
        strip = _squared_distances(x[here], squares[here], z, others)
        return _sum(mixture.of_squared_(strip), 1)

    return np.concatenate(list(_each(strip_sums, range(0, len(x), step), x.device)))


def _each(
    work: Callable[[int], _Result], starts: Sequence[int], device: torch.device
) -> Generator[_Result, None, None]:
    """Yield the work of each strip in order; strips run side by side, each on one core."""
    cores = torch.get_num_threads() if device.type == "cpu" else 1
    if not 1 < 2 * cores <= len(starts):
        yield from map(work, starts)
        return
    with serial_workers(cores) as pool:
        yield from pool.map(work, starts)


def _by_group(
    values: Tensor, columns: NDArray[np.int64], rows: NDArray[np.int64], groups: int
) -> Floats:
    """Return (g, K): sums of `values` by the groups of its rows, which ascend, and columns.

    g counts the groups from that of the first row to that of the last.
    """
    own = int(rows[-1] - rows[0]) + 1
    sums = np.zeros((own, groups))
    starts = np.flatnonzero(np.diff(columns, prepend=-1))
    for start, end in zip(starts, np.append(starts, len(columns))[1:], strict=True):
        each = _sum(values[:, start:end], 1)
        sums[:, columns[start]] = np.bincount(rows - rows[0], each, own)
    return sums


def _sum(values: Tensor, dimension: int) -> Floats:
    return np.asarray(values.sum(dimension, dtype=torch.float64).cpu().numpy())


def _squared_distances(a: Tensor, a_squares: Tensor, b: Tensor, b_squares: Tensor) -> Tensor:
    squared = torch.addmm(b_squares, a, b.T, alpha=-2)
    return squared.add_(a_squares[:, None]).clamp_(min=0)


def _centred(rows: Rows, centre: Floats, dtype: torch.dtype, device: str) -> Tensor:
    """Return rows - centre: far from the origin |x|^2 + |z|^2 - 2 x.z would cancel."""
    exact = torch.float64 if rows.dtype == np.float64 else torch.float32
    moved = torch.tensor(rows, dtype=exact).sub_(torch.as_tensor(centre, dtype=exact))
    return moved.to(device, dtype)


def _strip(x: Tensor, width: int) -> int:
    return int(np.clip(STRIP_BYTES // (x.element_size() * max(width, 1)), 1, MOST_ROWS))
