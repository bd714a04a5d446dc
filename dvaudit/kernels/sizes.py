"""Sizes and memory of kernel systems; free of torch, so that a plan costs nothing to make."""

from __future__ import annotations

WORKING_COPIES = 1.15  # the matrix itself, a strip of kernel rows and a panel of inverse columns
STRIP_ROWS = 256
SHARE, LEAST, MOST = 16, 256, 4096  # landmarks, and samples a block: n / SHARE within bounds


def width(precision: str) -> int:
    """Return the bytes of one number."""
    return 8 if precision == "float64" else 4


def system_bytes(n: int, precision: str, dimensions: int = 0) -> int:
    """Peak bytes of an exact n x n system, factored in place, and of two copies of its vectors."""
    return int((WORKING_COPIES * n * n + 2 * n * dimensions) * width(precision))


def landmarks(n: int) -> int:
    """Return how many landmarks, and samples a block, an iterative n-sample system takes."""
    return min(max(n // SHARE, LEAST), MOST, n)


def iterative_bytes(n: int, dimensions: int, precision: str) -> int:
    """Peak bytes: unit rows, blocks and low-rank factor, and a strip of kernel rows."""
    size = landmarks(n)
    numbers = n * dimensions + 2 * n * size + 3 * STRIP_ROWS * n + 4 * size * size
    return width(precision) * numbers
