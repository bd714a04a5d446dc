"""The block-banded approximation of an inverse, for the quadratic form y^T Theta^-1 y.

Over an ordered list of blocks, where Theta^-1 vanishes further than L blocks off the diagonal,

    y^T Theta^-1 y = sum over windows W of L + 1 consecutive blocks of y_W^T Theta_WW^-1 y_W
                   - sum over overlaps V of L consecutive blocks   of y_V^T Theta_VV^-1 y_V,

an overlap being what two neighbouring windows share. It is exact for such matrices (the L-block
Markov property: Asif, Moura, Block matrices with L-block-banded inverse, IEEE Trans. Signal
Process. 2005) and for L = number of blocks - 1; L = 0 is the block-diagonal form. DAVINZ names
it for its NTK score and leaves it open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dvaudit.core.errors import NumericalError, SettingsError
from dvaudit.linalg.quadratic import JITTER, BlockQuadratic

Rows = NDArray[np.int64]
Between = Callable[[Rows, Rows], ArrayLike | Tensor]


def windows(blocks: Sequence[ArrayLike], bandwidth: int) -> list[tuple[int, Rows]]:
    """Return (sign, rows) of each window (+1) and each overlap (-1), in order.

    Args:
        blocks: the rows of each block; neighbours in the list are neighbours in the band.
        bandwidth: L, from 0 (block-diagonal) to len(blocks) - 1 (exact).
    """
    if not 0 <= bandwidth < len(blocks):
        raise SettingsError(
            f"The bandwidth of {len(blocks)} blocks is 0 to {len(blocks) - 1}, not {bandwidth}."
        )
    parts = [np.asarray(block, dtype=np.int64) for block in blocks]
    signed = []
    for start in range(len(parts) - bandwidth):
        if start and bandwidth:
            signed.append((-1, np.concatenate(parts[start : start + bandwidth])))
        signed.append((1, np.concatenate(parts[start : start + bandwidth + 1])))
    return signed


def banded(
    theta: ArrayLike | Tensor | Between,
    blocks: Sequence[ArrayLike],
    bandwidth: int,
    y: ArrayLike,
    codes: ArrayLike,
    *,
    groups: int | None = None,
    jitter: float = JITTER,
    device: str = "cpu",
) -> BlockQuadratic:
    """Return the form with all windows and overlaps held: coalitions, prefixes, leave-one-out.

    A coalition keeps its own rows of every window. Its memory is about 2 L + 1 times that of
    the block-diagonal form; for q of all rows alone see `banded_quadratic`.

    Args:
        theta: the (m, m) matrix, or a function that returns Theta[rows_a, rows_b].
        blocks, bandwidth: as in `windows`.
        y, codes, groups, jitter, device: as in `BlockQuadratic`.
    """
    between = _between(theta)
    signed = windows(blocks, bandwidth)
    return BlockQuadratic(
        [(between(rows, rows), rows) for _, rows in signed],
        y,
        codes,
        groups=groups,
        jitter=jitter,
        signs=[sign for sign, _ in signed],
        device=device,
    )


def banded_quadratic(
    theta: ArrayLike | Tensor | Between,
    blocks: Sequence[ArrayLike],
    bandwidth: int,
    y: ArrayLike,
    *,
    jitter: float = JITTER,
    device: str = "cpu",
) -> float:
    """Return the banded y^T (Theta + jitter I)^-1 y of all rows, one window in memory at a time.

    The approximation is not bounded below by 0: where Theta^-1 is far from banded, the overlaps
    may outweigh the windows.
    """
    between = _between(theta)
    residuals = torch.as_tensor(np.asarray(y, dtype=np.float64), device=device)
    value = 0.0
    for number, (sign, rows) in enumerate(windows(blocks, bandwidth)):
        matrix = torch.as_tensor(between(rows, rows)).to(device, torch.float64, copy=True)
        matrix.diagonal().add_(jitter)
        lower, failed_at = torch.linalg.cholesky_ex(matrix)
        if int(failed_at):
            raise NumericalError(
                f"Window {number} of {len(rows):,} rows is not positive definite with a jitter "
                f"of {jitter:g}; set a larger jitter."
            )
        rhs = residuals[torch.as_tensor(rows, device=device), None]
        value += sign * float(torch.linalg.solve_triangular(lower, rhs, upper=False).square().sum())
    return value


def _between(theta: ArrayLike | Tensor | Between) -> Between:
    if callable(theta):
        return theta
    matrix = torch.as_tensor(theta)

    def taken(rows: Rows, columns: Rows) -> Tensor:
        return matrix[torch.as_tensor(rows)][:, torch.as_tensor(columns)]

    return taken
