"""Which device the work runs on."""

from __future__ import annotations

import functools
import re
import time

from dvaudit.core.errors import ResourceError
from dvaudit.core.machine import Machine, this_machine


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


def machine_of(device: str) -> Machine:
    """Return what `device` can do now: a GPU's own memory and speed, or this machine's."""
    if not device.startswith("cuda"):
        return this_machine()
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return Machine(this_machine().cores, int(free), _gpu_flops(device))


@functools.cache
def _gpu_flops(device: str) -> float:
    import torch

    size = 4096
    matrix = torch.randn(size, size, dtype=torch.float64, device=device)
    best = float("inf")
    for _ in range(4):  # the first product also loads the library
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        matrix @ matrix
        torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - start)
    return float(2 * size**3 / best)
