"""The two inner products of the gradient family, for every sample of a batch at once.

g_i is the gradient of sample i's own loss with respect to the chosen parameters, P numbers. One
forward and one backward pass serve a batch; no (n, P) matrix is formed.
"""

from __future__ import annotations

from torch import Tensor, nn

from dvaudit.core.errors import SettingsError
from dvaudit.gradients._capture import Taps, capture
from dvaudit.gradients._plan import plan_taps
from dvaudit.gradients.losses import Batch, Loss

ROWS = 2  # dimensions of directions


def inner_products(
    model: nn.Module, loss: Loss, batch: Batch, directions: Tensor, *, taps: Taps | None = None
) -> Tensor:
    """Return <g_i, w_k>, shape (n, k).

    The net runs in evaluation mode: dropout is off and batch norm uses its running statistics.

    Args:
        model: from (n, ...) to outputs; put back as it was.
        loss: from outputs and targets to (n,).
        batch: inputs (n, ...) and targets (n, ...), on the net's device.
        directions: (k, P), in the order of `Layout.of(model)`.
        taps: of `plan_taps` for this net, where many batches are asked about.

    Raises:
        UnsuitableDataError: batch norm in training mode or without running statistics, samples
            that mix, a loss that is not one number a sample, or directions of another length.
        SettingsError: directions that are no (k, P) of the net's precision.
    """
    precision = next(model.parameters()).dtype
    if directions.dim() != ROWS or directions.dtype is not precision:
        raise SettingsError(
            f"Directions of shape {tuple(directions.shape)} in {directions.dtype} were given; give "
            f"(k, P) in {precision}, the net's precision."
        )
    return capture(model, loss, batch, taps or plan_taps(model, loss, batch)).inner_products(
        directions
    )


def squared_norms(
    model: nn.Module, loss: Loss, batch: Batch, *, taps: Taps | None = None
) -> Tensor:
    """Return |g_i|^2, shape (n,); arguments and errors as in `inner_products`."""
    return capture(model, loss, batch, taps or plan_taps(model, loss, batch)).squared_norms()
