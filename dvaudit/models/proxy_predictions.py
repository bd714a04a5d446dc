"""What the proxy net says of samples that it was not trained on."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dvaudit.models.proxy import LEARNING_RATE, _forward, _initial
from dvaudit.models.proxy_size import BATCH, WIDTHS


def predict_held_out(
    vectors: NDArray[np.floating],
    targets: NDArray[np.int64] | NDArray[np.float64],
    held_out: NDArray[np.floating],
    *,
    outputs: int,
    epochs: int,
    seed: int,
    device: str = "cpu",
) -> NDArray[np.float64]:
    """Train the proxy net by Adam and return its outputs (t, k) for `held_out`.

    Args:
        vectors: (m, d), m > 0; columns are standardised by these samples.
        targets: (m,) class codes below `outputs`, or numbers where `outputs` is 1.
        held_out: (t, d).
        seed: of initial weights and the order of batches.
    """
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.as_tensor(np.asarray(vectors, dtype=np.float32))
    centre = inputs.mean(0)
    spread = (inputs - centre).square().mean(0).sqrt()
    scale = torch.where(spread > 1e-6 * spread.max(), spread, torch.inf)
    numeric = outputs == 1
    known = torch.as_tensor(np.asarray(targets, dtype=np.float32 if numeric else np.int64))
    inputs, known = ((inputs - centre) / scale).to(device), known.to(device)
    parameters = _initial((inputs.shape[1], *WIDTHS, outputs), draws, device)
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(known), generator=draws), BATCH):
            at = rows.to(device)
            optimiser.zero_grad()
            _loss(_forward(parameters, inputs[at])[1], known[at], numeric).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    others = torch.as_tensor(np.asarray(held_out, dtype=np.float32))
    with torch.no_grad():
        found = _forward(parameters, ((others - centre) / scale).to(device))[1]
    return np.asarray(found.cpu().double().numpy())


def _loss(found: Tensor, known: Tensor, numeric: bool) -> Tensor:
    if numeric:
        return functional.mse_loss(found[:, 0], known)
    return functional.cross_entropy(found, known)
