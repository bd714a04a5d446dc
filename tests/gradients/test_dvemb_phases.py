"""What is read from influences: removed groups, phases of training, sharpness and growth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from projections import DOUBLE, N, problem, run_of
from torch import Tensor
from torch.func import functional_call

from dvaudit.gradients import (
    Curvature,
    growth,
    influences,
    phase_influences,
    query_gradients,
    reference,
    sharpness,
    spread_steps,
)
from dvaudit.gradients.losses import cross_entropy


def test_removing_a_group_changes_the_loss_by_about_the_sum() -> None:
    """Every group is really left out of all steps, the others keeping 1 / |B|."""
    model, data, validation = problem(seed=3)
    run = run_of(model, data, rate=0.05)
    query = query_gradients(model, cross_entropy, validation, run)
    values = torch.zeros(N, dtype=DOUBLE)
    for step in influences(model, cross_entropy, data, run, query):
        values.index_add_(0, step.rows, step.values[:, 0])

    def validation_loss(theta: Tensor) -> float:
        outputs = functional_call(model, run.layout.split(theta), (validation[0],))
        return float(cross_entropy(outputs, validation[1]).mean())

    def without(group: list[int]) -> float:
        theta = run.points[0]
        for update in run.updates:
            kept = [row for row in update.rows.tolist() if row not in group]
            run.layout.assign(model, theta)
            batch = data[0][kept], data[1][kept]
            if kept:
                gradients = reference.gradients(model, cross_entropy, batch)
                theta = theta - update.effective(run.reduction) * gradients.sum(0)
        return validation_loss(theta) - validation_loss(run.end)

    draws = np.random.default_rng(0)
    groups = [draws.choice(N, 4, replace=False).tolist() for _ in range(12)]
    predicted = [float(values[group].sum()) for group in groups]
    truth = [without(group) for group in groups]
    assert np.corrcoef(predicted, truth)[0, 1] > 0.95
    slope = float(np.polyfit(predicted, truth, 1)[0])
    assert 0.7 < slope < 1.4


def test_phases_divide_by_the_rate_in_time_order() -> None:
    model, data, validation = problem()
    run = run_of(model, data)
    queries = query_gradients(model, cross_entropy, validation, run, torch.eye(6).double())
    steps = list(influences(model, cross_entropy, data, run, queries))
    phases = phase_influences(steps, run.updates)
    assert phases.magnitude.shape == phases.total.shape == phases.norms.shape == (9, 6)
    for step in steps:
        scaled = step.values / run.updates[step.step].rate
        torch.testing.assert_close(phases.total[step.step], scaled.sum(0))
        torch.testing.assert_close(phases.magnitude[step.step], scaled.abs().mean(0))
        torch.testing.assert_close(phases.norms[step.step], step.norms)


def test_sharpness_is_the_rate_times_the_largest_eigenvalue() -> None:
    model, data, _ = problem()
    run = run_of(model, data)
    found = sharpness(
        model, cross_entropy, data, run, [0, 7], curvature=Curvature.FISHER, iterations=60
    )
    for each in found:
        update = run.updates[each.step]
        run.layout.assign(model, run.points[each.step])
        batch = data[0][update.rows], data[1][update.rows]
        gradients = reference.gradients(model, cross_entropy, batch)
        top = float(torch.linalg.matrix_norm(gradients, 2).square()) / len(update.rows)
        assert each.eigenvalue == pytest.approx(top, rel=0.01)
        assert each.product == pytest.approx(update.rate * top, rel=0.01)


@given(norms=st.lists(st.floats(0.01, 100), min_size=1, max_size=20), window=st.integers(1, 8))
@settings(max_examples=50)
def test_growth_is_towards_the_least_norm_of_the_window(norms: list[float], window: int) -> None:
    found = growth(norms, window)
    assert found == pytest.approx(norms[-1] / min(norms[-window - 1 :]))
    assert found >= 1
    assert growth([0.0, 0.0], window) == 1
    assert growth([0.0, 1.0], window) == float("inf")


def test_probed_steps_span_the_run() -> None:
    assert spread_steps(9, 3) == [0, 4, 8]
    assert spread_steps(2, 5) == [0, 1]
    assert spread_steps(5, 1) == [0]
