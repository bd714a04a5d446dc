"""What this machine can do: cores, memory, speed; and what a piece of work would cost on it."""

from __future__ import annotations

import functools
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

GIB = 1 << 30
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Machine:
    """cores, bytes of memory free now, and float64 multiply-adds x 2 per second."""

    cores: int
    memory: int
    flops: float


@dataclass(frozen=True)
class Cost:
    """seconds and peak bytes of a piece of work, and in words how it will be done."""

    seconds: float
    bytes: int
    plan: str


def size_text(bytes_: float) -> str:
    """Return "812 B", "1.2 GB", "16 GB": powers of 1000, two significant digits below ten."""
    step = 0
    while bytes_ >= 999.5 and step < len(_UNITS) - 1:
        bytes_, step = bytes_ / 1000, step + 1
    digits = 1 if step and bytes_ < 9.95 else 0
    return f"{bytes_:.{digits}f} {_UNITS[step]}"


def this_machine() -> Machine:
    """Measure this machine; the speed is measured once per process (about 0.1 s)."""
    return Machine(os.cpu_count() or 1, available_memory(), _matmul_flops())


def available_memory() -> int:
    """Bytes that can be taken without swapping; a container's own limit counts too."""
    free = 8 * GIB
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and limit.read_text().strip() != "max":
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free


@functools.cache
def _matmul_flops() -> float:
    size = 768
    matrix = np.random.default_rng(0).standard_normal((size, size))
    matrix @ matrix  # the first product also starts the BLAS threads
    best = float("inf")
    for _ in range(5):  # the best of several: another program may hold the cores for a moment
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best
