"""Projected embeddings in segments, and influences from checkpoints alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from projections import DOUBLE, N, problem, project, run_of
from torch import nn

from dvaudit.core.errors import (
    SettingsError,
)
from dvaudit.gradients import (
    Curvature,
    Layout,
    Reduction,
    Trajectory,
    Update,
    checkpoint_embeddings,
    checkpoint_influences,
    embed_segment,
    embedding_sums,
    influences,
    project_queries,
    projected_embeddings,
    query_gradients,
    segment_embeddings,
    segment_tasks,
)
from dvaudit.gradients.losses import cross_entropy


@pytest.mark.parametrize("curvature", [Curvature.FISHER, Curvature.GAUSS_NEWTON])
@pytest.mark.parametrize(("size", "checkpoints"), [(5, (1,)), (5, (3, 4, 8)), (10_000, ())])
def test_segments_equal_one_sweep(
    size: int, checkpoints: tuple[int, ...], curvature: Curvature
) -> None:
    model, data, _ = problem("convolution", seed=1)
    run = run_of(model, data)
    projections = project(model, data, size)
    with ThreadPoolExecutor(2) as pool:
        segments = segment_embeddings(
            model,
            cross_entropy,
            data,
            run,
            projections,
            checkpoints,
            curvature=curvature,
            map=pool.map,
        )
    combined = list(checkpoint_embeddings(segments))
    assert [step for step, _ in combined] == [*checkpoints, len(run.updates)]
    for end, found in combined:
        part = Trajectory(run.layout, run.updates[:end], run.reduction, run.points[: end + 1])
        expected = torch.zeros(N, projections.size, dtype=DOUBLE)
        steps = projected_embeddings(
            model, cross_entropy, data, part, projections, curvature=curvature
        )
        embedding_sums(steps, N, projections.size, expected)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10 * expected.abs().max())


def test_a_segment_is_its_own_checkpoints_influence() -> None:
    """Against the adjoint sweep of a query at the checkpoint; one layer, so no block is lost."""
    _, data, validation = problem()
    torch.manual_seed(1)
    model = nn.Linear(4, 3).double()
    run = run_of(model, data)
    projections = project(model, data)
    segments = segment_embeddings(model, cross_entropy, data, run, projections, [4])
    for end, found in checkpoint_embeddings(segments):
        part = Trajectory(run.layout, run.updates[:end], run.reduction, run.points[: end + 1])
        mean = project_queries(model, cross_entropy, validation, part, projections).mean(0)
        query = query_gradients(model, cross_entropy, validation, part)
        expected = torch.zeros(N, dtype=DOUBLE)
        for step in influences(model, cross_entropy, data, part, query, curvature=Curvature.FISHER):
            expected.index_add_(0, step.rows, step.values[:, 0])
        torch.testing.assert_close(found @ mean, expected, rtol=1e-9, atol=1e-12)


def test_a_task_leaves_the_net_alone_and_wrong_checkpoints_are_refused() -> None:
    model, data, _ = problem()
    before = Layout.of(model).current(model)
    run, projections = run_of(model, data), project(model, data, 4)
    tasks = segment_tasks(model, cross_entropy, data, run, projections, [5])
    first = embed_segment(tasks[0])
    assert (first.start, first.end) == (0, 5)
    assert torch.equal(embed_segment(tasks[0]).sums, first.sums)
    assert torch.equal(Layout.of(model).current(model), before)
    for wrong in ([0], [9], [4, 4], [20]):
        with pytest.raises(SettingsError, match="between 0 and the run's 9 steps"):
            segment_tasks(model, cross_entropy, data, run, projections, wrong)


@pytest.mark.parametrize("reduction", Reduction)
@pytest.mark.parametrize("curvature", Curvature)
def test_checkpoints_alone_are_one_step_each_over_all_samples(
    curvature: Curvature, reduction: Reduction
) -> None:
    model, data, validation = problem()
    run = run_of(model, data)
    saved, rates = [run.points[step] for step in (2, 5, 8)], [0.3, 0.2, 0.1]
    query = query_gradients(model, cross_entropy, validation, run)
    everyone = [Update(torch.arange(N), rate) for rate in rates]
    told = Trajectory(run.layout, everyone, reduction, torch.stack([*saved, run.end]))
    pairs = zip(
        checkpoint_influences(
            model,
            cross_entropy,
            data,
            saved,
            rates,
            query,
            curvature=curvature,
            reduction=reduction,
            chunk=4,
        ),
        influences(model, cross_entropy, data, told, query, curvature=curvature),
        strict=True,
    )
    for found, expected in pairs:
        assert found.step == expected.step
        torch.testing.assert_close(found.values, expected.values, rtol=1e-9, atol=1e-13)
        torch.testing.assert_close(found.norms, expected.norms)
    with pytest.raises(SettingsError, match="3 checkpoints and 2 rates"):
        next(checkpoint_influences(model, cross_entropy, data, saved, rates[:2], query))
