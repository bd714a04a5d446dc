"""Where the points of a run are kept for the sweep back over it, and how much room all takes."""

from __future__ import annotations

import math
import shutil
import tempfile
from dataclasses import dataclass

from dvaudit.core.errors import ResourceError
from dvaudit.core.machine import GIB, size_text

NUMBER = 4  # bytes of a float32
POINTS = ("auto", "memory", "disk", "checkpoints")
MEMORY_SHARE = 4  # points may take one part in so many of the free memory
DISK_SHARE = 2
LAYERS = 3  # of the MLP, for estimates
EMBEDDING_BYTES = GIB  # embeddings beyond this are not kept


@dataclass(frozen=True)
class PointsPlan:
    """How theta_0 to theta_T are had.

    Attributes:
        kind: "memory", "disk" or "checkpoints".
        every: steps from one kept point to the next; 1 keeps all.
        bytes: what is kept, in memory or on disk.
    """

    kind: str
    every: int
    bytes: int

    @property
    def words(self) -> str:
        """In words, to go inside a sentence."""
        if self.kind == "checkpoints":
            return (
                f"points computed again from checkpoints every {self.every:,} steps "
                f"({size_text(self.bytes)} in memory)"
            )
        where = "in memory" if self.kind == "memory" else "on disk"
        return f"points {where} ({size_text(self.bytes)})"


def plan_points(asked: str, steps: int, parameters: int, memory: int, disk: int) -> PointsPlan:
    """Return where the points of a run are kept.

    "auto": in memory, up to a quarter of what is free; on disk, up to half of what is free;
    otherwise every sqrt(T)-th point, and the others computed again.

    Args:
        memory, disk: bytes free.

    Raises:
        ResourceError: memory or disk is asked for, and the points do not fit.
    """
    point = parameters * NUMBER
    whole = (steps + 1) * point
    if asked == "memory" or (asked == "auto" and whole <= memory // MEMORY_SHARE):
        _refuse_too_large("memory", whole, memory, steps)
        return PointsPlan("memory", 1, whole)
    if asked == "disk" or (asked == "auto" and whole <= disk // DISK_SHARE):
        _refuse_too_large("disk", whole, disk, steps)
        return PointsPlan("disk", 1, whole)
    every = max(1, math.isqrt(steps))
    return PointsPlan("checkpoints", every, (steps // every + 2 + every) * point)


def free_disk() -> int:
    """Return the bytes free where temporary files go."""
    return shutil.disk_usage(tempfile.gettempdir()).free


def embeddings_fit(samples: int, queries: int, size: int, memory: int) -> bool:
    """Return whether embeddings are kept: within 1 GB and a quarter of the free memory."""
    return embedding_bytes(samples, queries, size) <= min(EMBEDDING_BYTES, memory // MEMORY_SHARE)


def end_fits(numbers: int, memory: int) -> bool:
    """Return whether the end of a run is kept: within the bound of the embeddings."""
    return numbers * NUMBER <= min(EMBEDDING_BYTES, memory // MEMORY_SHARE)


def embedding_bytes(samples: int, queries: int, size: int) -> int:
    """Return the bytes of the embeddings of samples and queries."""
    return (samples + queries) * size * NUMBER


def _refuse_too_large(where: str, needed: int, free: int, steps: int) -> None:
    if needed > free:
        raise ResourceError(
            f"The points of {steps:,} steps take {size_text(needed)} of {where} and "
            f"{size_text(free)} are free; set points to checkpoints, train fewer epochs or a "
            "smaller net."
        )
