"""What answers samples that a run of DVEmb did not know: its end, kept, and read again.

A new sample's influences are its projected gradient at theta_T times the embeddings that are
kept anyway. So what is kept beside them is theta_T with the net's buffers, what turned features
into the net's inputs, and a few facts; the net, its projections and the features are made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dvaudit.core.dataset import Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.machine import available_memory, size_text
from dvaudit.features.tokens import UNKNOWN
from dvaudit.gradients import (
    Layout,
    Reduction,
    Trajectory,
    plan_projections,
    plan_taps,
    project_queries,
)
from dvaudit.gradients.losses import Batch
from dvaudit.models.trainable import trainable_net
from dvaudit.valuators import dvemb_plan
from dvaudit.valuators.components import Reduction as Components
from dvaudit.valuators.learner import (
    Learner,
    input_scales,
    loss_of,
    network_inputs,
    target_scales,
    token_codes,
)
from dvaudit.valuators.trained import TrainingProblem

BEFORE = 3  # rows of the axes ahead of the directions: centre, scale, middle


@dataclass(frozen=True, eq=False)
class End:
    """The end of a run, as it is stored; a leading axis of 1 stands for the run.

    Attributes:
        net: (1, P + B) float32: theta_T, then the floating-point buffers of the net.
        axes: (1, 0, d), or (1, 2, d) centre and scale of the columns, or (1, 3 + k, d) these, the
            middle and the directions of `components.Reduction`.
        facts: JSON-able: what the net, its projections and its targets are made of.
    """

    net: NDArray[np.float32]
    axes: NDArray[np.float32]
    facts: dict[str, Any]


def keep_end(
    learner: Learner,
    run: Trajectory,
    problem: TrainingProblem,
    components: Components | None,
    *,
    net: str,
    projection: int,
    seed: int,
) -> tuple[End | None, str]:
    """Return the end of a run, or why it is not kept.

    Args:
        problem: as the net was given it, after the reduction to components.
        seed: of the run.
    """
    if problem.module is not None:
        return None, "New samples cannot be asked about: a net of your own is not kept."
    axes = _axes(problem, components)
    buffers = _buffers(learner.net)
    size = run.layout.size + sum(part.numel() for part in buffers) + axes.size
    if not dvemb_plan.end_fits(size, available_memory()):
        return None, (
            f"New samples cannot be asked about: the end of the run takes "
            f"{size_text(size * dvemb_plan.NUMBER)} and passes its bound; choose a smaller net."
        )
    kept = torch.cat([run.end.flatten(), *(part.flatten() for part in buffers)])
    inputs, _ = network_inputs(problem)
    target = target_scales(problem)
    facts = {
        "net": "mlp" if net == "auto" else net,
        "shape": list(inputs.shape[1:]),
        "outputs": problem.outputs,
        "words": token_codes(problem),
        "parameters": run.layout.size,
        "seed": seed,
        "projection": projection,
        "columns": int(axes.shape[1]),
        "axes": int(axes.shape[0]),
        "unit": 1.0 if components is None else components.unit,
        "task": str(problem.task),
        "classes": list(problem.class_names),
        "target": None if target is None else [_finite(part[0]) for part in target],
    }
    return End(kept.cpu().numpy()[None].astype(np.float32), axes[None], facts), ""


def question_gradients(
    facts: Mapping[str, Any],
    net: NDArray[np.float32],
    axes: NDArray[np.float32],
    inputs: NDArray[Any],
    labels: NDArray[Any],
    device: str,
) -> NDArray[np.float32]:
    """Return the projected gradients (q, K) of samples at the end of a run.

    Args:
        facts: of End; `net` (>= P + B,) and `axes` (>= r, >= d) without the leading axis, zeros
            behind them left over from a longer run beside it.
        inputs: (q, ...) as `trained.net_inputs` gives them.
        labels: (q,) int64 codes of the facts' classes, or targets.

    Raises:
        UnsuitableDataError: inputs of another shape than the run's.
    """
    batch = _batch(facts, axes, inputs, labels, device)
    made = trainable_net(
        str(facts["net"]),
        tuple(facts["shape"]),
        int(facts["outputs"]),
        seed=int(facts["seed"]),
        words=facts["words"],
    ).to(device)
    layout, stored = Layout.of(made), torch.from_numpy(np.array(net)).to(device)
    if layout.size != facts["parameters"]:
        raise UnsuitableDataError(
            f"The net of the audit had {facts['parameters']:,} parameters, and made again it has "
            f"{layout.size:,}: it was made by another version. Run the audit again."
        )
    theta, start = stored[: layout.size], layout.size
    layout.assign(made, theta)
    with torch.no_grad():
        for part in _buffers(made):
            part.copy_(stored[start : start + part.numel()].view_as(part))
            start += part.numel()
    loss = loss_of(Task(facts["task"]))
    taps = plan_taps(made, loss, batch)
    projections = plan_projections(
        taps, size=int(facts["projection"]), seed=int(facts["seed"]), like=theta
    )
    end = Trajectory(layout, [], Reduction.MEAN, theta[None])
    found = project_queries(made, loss, batch, end, projections)
    return np.asarray(found.cpu().numpy(), dtype=np.float32)


def _batch(
    facts: Mapping[str, Any],
    axes: NDArray[np.float32],
    inputs: NDArray[Any],
    labels: NDArray[Any],
    device: str,
) -> Batch:
    """Return the samples as the run's net takes them."""
    used = axes[: facts["axes"], : facts["columns"]]
    if len(used) and inputs.shape[1:] != used.shape[1:]:
        raise UnsuitableDataError(
            f"The audit described samples by {used.shape[1]:,} numbers, and these come out as "
            f"{inputs.shape[1]:,}: features are made differently now. Run the audit again."
        )
    if len(used) >= BEFORE:
        centre, scale, middle = used[:BEFORE]
        components = Components(centre, scale, middle, used[BEFORE:], float(facts["unit"]))
        inputs = components.of(inputs)
    elif len(used):
        inputs = (inputs - used[0]) / used[1]
    if list(inputs.shape[1:]) != list(facts["shape"]):
        raise UnsuitableDataError(
            f"The net of the audit takes samples of shape {tuple(facts['shape'])}, and these have "
            f"{tuple(inputs.shape[1:])}: features are made differently now. Run the audit again."
        )
    if facts["words"] is not None:
        inputs = np.where(inputs < facts["words"], inputs, UNKNOWN)
    if facts["target"] is not None:
        centre_of, deviation = (
            np.float32(np.inf if part is None else part) for part in facts["target"]
        )
        labels = ((labels - centre_of) / deviation).astype(np.float32)
    return (
        torch.from_numpy(np.ascontiguousarray(inputs)).to(device),
        torch.from_numpy(np.ascontiguousarray(labels)).to(device),
    )


def _axes(problem: TrainingProblem, components: Components | None) -> NDArray[np.float32]:
    """Return (r, d) of what turned features into the net's inputs."""
    if components is not None:
        before = components.centre, components.scale, components.middle
        return np.vstack([*before, components.directions]).astype(np.float32)
    scales = input_scales(problem)
    return np.zeros((0, 0), dtype=np.float32) if scales is None else np.stack(scales)


def _finite(number: np.float32) -> float | None:
    """Return a number as JSON holds it: None for infinity, the deviation of equal targets."""
    return float(number) if np.isfinite(number) else None


def _buffers(net: nn.Module) -> list[torch.Tensor]:
    """Return the buffers that weights depend on, in order: statistics, not counts."""
    return [part for part in net.buffers() if part.is_floating_point()]
