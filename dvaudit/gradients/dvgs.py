"""DVGS: how like a sample's gradient is to that of a trusted set, while a net learns the latter.

At every step: gT, the gradient of the target batch's loss at theta; g_k, the gradient of each
source sample's own loss; v_k = C(g_k, gT); then the optimiser steps with gT alone (Evans et al.,
"Data Valuation with Gradient Similarity", algorithm 1). Higher means more useful; zero means
nothing in itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dvaudit.core.errors import SettingsError, UnsuitableDataError, some
from dvaudit.gradients._look import Look, Seen
from dvaudit.gradients._plan import plan_taps
from dvaudit.gradients.losses import Batch, Loss, take

SMALLEST_NORM = 1e-8  # below, the direction of a gradient is rounding; torch's cosine has it too

MakeOptimiser = Callable[[list[nn.Parameter]], Optimizer]


class Similarity(StrEnum):
    """C(g_k, gT)."""

    COSINE = "cosine"
    DOT = "dot"
    SCALAR_PROJECTION = "scalar_projection"
    NEGATIVE_EUCLIDEAN = "neg_l2"


@dataclass(frozen=True, eq=False)
class SimilarityStep:
    """One step of the target's training.

    Attributes:
        step: updates made before it.
        values: (n,) similarity of each source sample, or None where the step was not asked for.
        degenerate: source samples whose gradient has no direction, or all where gT has none.
        target_loss: of the target batch.
        target_norm: |gT| over the chosen parameters; where it has fallen far below its first
            values the target is overfitted and the values are noise.
    """

    step: int
    values: Tensor | None
    degenerate: int
    target_loss: float
    target_norm: float


def adam(parameters: list[nn.Parameter], *, rate: float = 1e-3, decay: float = 0.0) -> Optimizer:
    """Return Adam with rate 1e-3, as in the paper's experiments, in torch's one-call version.

    Args:
        decay: times the parameters, is added to their gradients.
    """
    return torch.optim.Adam(parameters, lr=rate, weight_decay=decay, fused=True)


def target_similarities(
    model: nn.Module,
    loss: Loss,
    source: Batch,
    target: Batch,
    batches: Iterable[Tensor],
    *,
    target_loss: Loss | None = None,
    optimiser: MakeOptimiser = adam,
    kind: Similarity = Similarity.COSINE,
    every: int = 1,
    parameters: Collection[str] | None = None,
    rows: int = 1024,
) -> Iterator[SimilarityStep]:
    """Train on the target, batch after batch, and yield the source's similarities before each.

    The net is trained in place, in evaluation mode (dropout off, batch norm frozen), so that both
    gradients are of one function; an iteration that is broken off leaves it as it is then.

    Args:
        loss: of a source sample, from outputs and targets to (n,).
        source: n samples to value.
        target: trusted samples.
        batches: target rows of each step, int64.
        target_loss: from outputs and targets of a batch to one number; the mean of `loss` by
            default.
        optimiser: makes the optimiser of all parameters that require a gradient.
        every: similarities are computed at each such step, from the first.
        parameters: names of those whose gradients are compared; all trained ones by default.
        rows: source samples of one pass.

    Raises:
        SettingsError: `every` or `rows` below 1.
        UnsuitableDataError: as in `inner_products`, or no target sample in a batch.
    """
    if every < 1 or rows < 1:
        raise SettingsError(f"every is {every} and rows {rows}; both must be at least 1.")
    taps = plan_taps(model, loss, source, parameters)
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    fixed = [name for name in taps.layout.shapes if name not in trained]
    if fixed:
        raise UnsuitableDataError(
            f"{len(fixed)} of the parameters to compare are not trained: {some(fixed)}; call "
            "requires_grad_(True) on them, or name others."
        )
    steps = optimiser(list(trained.values()))
    look = Look.of(model, loss, target_loss, source, taps)
    pieces = [
        (source[0][start : start + rows], source[1][start : start + rows])
        for start in range(0, len(source[0]), rows)
    ]
    everything = torch.arange(len(target[0]), device=target[0].device)
    for step, batch in enumerate(batches):
        if not len(batch):
            raise UnsuitableDataError("A target batch has no sample; give at least one to each.")
        chosen = target if torch.equal(batch, everything) else take(target, batch)
        seen = look.at(chosen, pieces if step % every == 0 else [])
        for name, parameter in trained.items():
            parameter.grad = seen.gradients[name]
        yield _measured(step, seen, kind)
        steps.step()


def _measured(step: int, seen: Seen, kind: Similarity) -> SimilarityStep:
    length = seen.gradient.norm()
    norm, values, degenerate = float(length), None, 0
    if len(seen.inner):
        values = similarity(kind, seen.inner, seen.squared_norms, length.square())
        degenerate = int((seen.squared_norms <= SMALLEST_NORM**2).sum())
        degenerate = len(values) if norm <= SMALLEST_NORM else degenerate
    return SimilarityStep(step, values, degenerate, float(seen.value), norm)


def similarity(
    kind: Similarity, inner: Tensor, squared_norms: Tensor, target_squared_norm: Tensor
) -> Tensor:
    """Return C(g_k, gT), shape (n,), from <g_k, gT>, |g_k|^2 and |gT|^2."""
    target = target_squared_norm.sqrt().clamp(min=SMALLEST_NORM)
    if kind is Similarity.DOT:
        return inner
    if kind is Similarity.SCALAR_PROJECTION:
        return inner / target
    if kind is Similarity.NEGATIVE_EUCLIDEAN:
        return -(squared_norms - 2 * inner + target_squared_norm).clamp(min=0).sqrt()
    norms = squared_norms.sqrt().clamp(min=SMALLEST_NORM)
    return (inner / (norms * target)).clamp(-1, 1)
