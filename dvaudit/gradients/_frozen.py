"""The mode in which a net has per-sample gradients: nothing random, no sample sees another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm

from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.taps.hooks import full_precision


def refuse_mixing(model: nn.Module) -> None:
    """Refuse batch norms that would make one sample's gradient depend on the rest of its batch.

    Raises:
        UnsuitableDataError: a batch norm in training mode, or one without running statistics.
    """
    norms = {name: part for name, part in model.named_modules() if isinstance(part, _BatchNorm)}
    stateless = [name for name, part in norms.items() if part.running_mean is None]
    if stateless:
        raise UnsuitableDataError(
            f"{len(stateless)} batch norms keep no running statistics, so samples of a batch "
            f"mix: {some(stateless)}; build them with track_running_stats=True, or use GroupNorm."
        )
    training = [name for name, part in norms.items() if part.training]
    if training:
        raise UnsuitableDataError(
            f"{len(training)} batch norms are in training mode, so samples of a batch mix: "
            f"{some(training)}; call model.eval() to freeze their statistics, or use GroupNorm."
        )


@contextmanager
def transformable(model: nn.Module) -> Iterator[None]:
    """As `frozen`, for torch.func: fused attention has no batching rule and no forward mode."""
    with frozen(model), sdpa_kernel(SDPBackend.MATH), _plain_recurrence(model):
        yield


@contextmanager
def _plain_recurrence(model: nn.Module) -> Iterator[None]:
    """oneDNN's LSTM has no forward mode; torch's own has."""
    if not any(isinstance(part, nn.LSTM) for part in model.modules()):
        yield
        return
    settings: Any = torch.backends.mkldnn
    there = settings.enabled
    try:
        settings.enabled = False
        yield
    finally:
        settings.enabled = there


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Run the net in evaluation mode: dropout off, batch norm with its running statistics.

    Activations do not work in place and attention takes no fused path, since hooks must see what
    layers return. The net is put back as it was.
    """
    parts = list(model.modules())
    training = [part for part in parts if part.training]
    in_place = [part for part in parts if vars(part).get("inplace")]
    fused = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        if torch.cuda.is_available():
            stack.enter_context(full_precision())
        try:
            torch.backends.mha.set_fastpath_enabled(False)
            for part in training:
                part.training = False
            for part in in_place:
                vars(part)["inplace"] = False
            yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
            for part in training:
                part.training = True
            for part in in_place:
                vars(part)["inplace"] = True
