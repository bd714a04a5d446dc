"""Which device the work runs on."""

from __future__ import annotations

import re

from dvaudit.core.errors import ResourceError


def resolve_device(asked: str) -> str:
    """Return "cpu" or "cuda[:N]" for "auto", "cpu" or "cuda[:N]".

    Raises:
        ResourceError: a GPU is asked for and torch sees none.
    """
    import torch  # here, since the web server reads this package and must not load torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if re.fullmatch(r"cuda(:\d+)?", asked):
        number = int(asked.partition(":")[2] or 0)
        if number >= torch.cuda.device_count():
            raise ResourceError(
                f"Device {asked} is asked for and torch {torch.__version__} sees "
                f"{torch.cuda.device_count()} GPUs; use --device cpu, or a torch built for CUDA."
            )
        return asked
    if asked != "cpu":
        raise ResourceError(f"There is no device {asked!r}; use auto, cpu, cuda or cuda:N.")
    return asked
