"""A user's own net made fit for an NTK at initialisation."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase
from torch.nn.modules.dropout import _DropoutNd

from dvaudit.core.errors import UnsuitableDataError, some

COUNTED = (nn.Linear, nn.Conv2d)
NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm)  # _NormBase: batch and instance norm


def neutralise(module: nn.Module, *, allow_ignored: bool = False) -> nn.Module:
    """Return a copy in evaluation mode without biases, normalisation or dropout.

    Biases of Linear and Conv2d layers are removed; batch, instance, layer and group norms get
    gain 1, bias 0, running statistics 0 and 1, and no gradient; dropout gets probability 0;
    activations no longer work in place (DAVINZ, appendix on models; the authors' code resets
    BatchNorm2d only). What `forward` itself does with torch.nn.functional stays.

    Args:
        module: any net; it is not changed.
        allow_ignored: accept parameters that the NTK does not count, which are otherwise refused.

    Raises:
        UnsuitableDataError: parameters outside Linear and Conv2d weights and norms, or a batch
            norm that has no running statistics and so mixes the samples of a batch.
    """
    _refuse_mixing(module)
    ignored = ignored_parameters(module)
    if ignored and not allow_ignored:
        raise UnsuitableDataError(
            f"{len(ignored)} parameters of the net are outside Linear and Conv2d layers and would "
            f"be left out of the NTK: {some(ignored)}; replace these layers by Linear or Conv2d, "
            "or pass allow_ignored=True to leave them out."
        )
    net = copy.deepcopy(module)
    for part in net.modules():
        if isinstance(part, COUNTED):
            part.bias = None
        elif isinstance(part, NORMS):
            _reset(part)
        elif isinstance(part, _DropoutNd):
            part.p = 0.0
        if vars(part).get("inplace"):
            vars(part)["inplace"] = False
    return net.eval()


def ignored_parameters(module: nn.Module) -> list[str]:
    """Return the names of parameters that are neither counted by the NTK nor neutralised."""
    kept = {
        id(parameter)
        for part in module.modules()
        if isinstance(part, (*COUNTED, *NORMS))
        for parameter in part.parameters(recurse=False)
    }
    return [name for name, parameter in module.named_parameters() if id(parameter) not in kept]


def _refuse_mixing(module: nn.Module) -> None:
    mixing = [
        name
        for name, part in module.named_modules()
        if isinstance(part, _BatchNorm) and not part.track_running_stats
    ]
    if mixing:
        raise UnsuitableDataError(
            f"{len(mixing)} batch norms have no running statistics and so mix the samples of a "
            f"batch: {some(mixing)}; build them with track_running_stats=True."
        )


def _reset(norm: nn.Module) -> None:
    if isinstance(norm, _NormBase) and norm.track_running_stats:
        norm.reset_running_stats()
    for name, value in (("weight", 1.0), ("bias", 0.0)):
        parameter = getattr(norm, name, None)
        if parameter is not None:
            nn.init.constant_(parameter, value)
            parameter.requires_grad_(False)
