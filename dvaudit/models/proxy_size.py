"""The size of the proxy net and what training it costs; loads no torch."""

from __future__ import annotations

from itertools import pairwise

from dvaudit.core.machine import Machine

WIDTHS = (256, 128)  # hidden layers; the last is the penultimate layer of the net
BATCH = 128
SMALL_PRODUCTS = 0.2  # of a large matrix product's speed, reached by batches of this size


def proxy_seconds(
    samples: int, dimensions: int, classes: int, epochs: int, machine: Machine
) -> float:
    """Return the seconds of training for `epochs` and looking at all samples after each."""
    sizes = (dimensions, *WIDTHS, classes)
    weights = sum(a * b for a, b in pairwise(sizes))
    # Forward and backward pass in training, one more forward pass to look.
    return 8 * samples * weights * epochs / (SMALL_PRODUCTS * machine.flops)
