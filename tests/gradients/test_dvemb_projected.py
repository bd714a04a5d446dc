"""Projected embeddings against dense twins and their definition."""

from __future__ import annotations

import itertools
import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from projections import DOUBLE, KINDS, N, problem, project, run_of
from torch import Tensor, nn

from dvaudit.core.errors import (
    ResourceError,
    SettingsError,
)
from dvaudit.gradients import (
    Curvature,
    Layout,
    Projections,
    Trajectory,
    capture,
    draw_updates,
    embedding_sums,
    embeddings,
    influences,
    plan_projections,
    plan_taps,
    project_queries,
    projected_embeddings,
    query_gradients,
    reference,
    train,
)
from dvaudit.gradients._projection_plan import ROOT, factor_sides
from dvaudit.gradients.factors import curvature_columns
from dvaudit.gradients.losses import Batch, Loss, cross_entropy, squared_error


def _same_layer(projections: Projections, layout: Layout) -> Tensor:
    """(P, P), 1 where two numbers belong to parameters of one layer."""
    owner = {
        name: index
        for index, layer in enumerate(projections.describe()["layers"])
        for name in layer["parameters"]
    }
    of = torch.cat(
        [torch.full((shape.numel(),), owner[name]) for name, shape in layout.shapes.items()]
    )
    return (of[:, None] == of[None]).double()


def _dense_twin(
    model: nn.Module, data: Batch, run: Trajectory, mask: Tensor
) -> list[tuple[int, Tensor]]:
    """Embeddings eta prod (I - eta_k H_k) g by their definition, H_k's blocks off the mask zero."""
    product, found = torch.eye(len(mask), dtype=DOUBLE), []
    for step in reversed(range(len(run.updates))):
        update = run.updates[step]
        run.layout.assign(model, run.points[step])
        batch = data[0][update.rows], data[1][update.rows]
        gradients = reference.gradients(model, cross_entropy, batch)
        rate = update.effective(run.reduction)
        found.append((step, rate * gradients @ product.T))
        product = product @ (torch.eye(len(mask)) - rate * mask * (gradients.T @ gradients))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_without_projection_it_is_the_block_diagonal_algorithm(kind: str) -> None:
    model, data, validation = problem(kind)
    run = run_of(model, data)
    projections = project(model, data)
    assert projections.size == run.layout.size
    queries = project_queries(model, cross_entropy, validation, run, projections)
    run.layout.assign(model, run.end)
    expected_queries = reference.gradients(model, cross_entropy, validation)
    torch.testing.assert_close(queries @ queries.T, expected_queries @ expected_queries.T)
    twin = _dense_twin(model, data, run, _same_layer(projections, run.layout))
    steps = projected_embeddings(model, cross_entropy, data, run, projections)
    for found, (step, expected) in zip(steps, twin, strict=True):
        assert found.step == step
        torch.testing.assert_close(
            found.values @ queries.T, expected @ expected_queries.T, rtol=1e-9, atol=1e-12
        )
        torch.testing.assert_close(found.values @ found.values.T, expected @ expected.T)


def test_one_layer_is_algorithm_1_itself() -> None:
    _, data, _ = problem()
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    run = run_of(model, data)
    pairs = zip(
        projected_embeddings(model, cross_entropy, data, run, project(model, data)),
        embeddings(model, cross_entropy, data, run),
        strict=True,
    )
    for projected, whole in pairs:
        by_bias_last = projected.values.view(-1, 3, 5)
        torch.testing.assert_close(by_bias_last[:, :, :4].flatten(1), whole.values[:, :12])
        torch.testing.assert_close(by_bias_last[:, :, 4], whole.values[:, 12:])
        assert torch.equal(projected.rows, whole.rows)


@pytest.mark.parametrize("hidden", [(), (5,)])
def test_gauss_newton_is_exact_for_one_output(hidden: tuple[int, ...]) -> None:
    """One layer: the adjoint sweep itself. More: the dense twin with blocks."""
    draws = torch.Generator().manual_seed(2)
    layers: list[nn.Module] = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)]
    model = nn.Sequential(*(layers if hidden else [nn.Linear(4, 1)])).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=draws)
    data = (
        torch.randn(N, 4, generator=draws, dtype=DOUBLE),
        torch.randn(N, generator=draws, dtype=DOUBLE),
    )
    updates = draw_updates(N, batch=5, epochs=2, rate=0.1, seed=0)
    run = train(model, squared_error, data, updates)
    projections = plan_projections(plan_taps(model, squared_error, data), like=data[0])
    mask = _same_layer(projections, run.layout)
    query = query_gradients(model, squared_error, data, run)
    projected = project_queries(model, squared_error, data, run, projections).mean(0)
    steps = projected_embeddings(
        model, squared_error, data, run, projections, curvature=Curvature.GAUSS_NEWTON
    )
    u = query[0]
    for found in steps:
        update = updates[found.step]
        run.layout.assign(model, run.points[found.step])
        batch = data[0][update.rows], data[1][update.rows]
        gradients = reference.gradients(model, squared_error, batch)
        slopes = reference.gradients(model, lambda outputs, _: outputs[:, 0], batch)
        rate = update.rate / len(update.rows)
        torch.testing.assert_close(found.values @ projected, rate * gradients @ u)
        u = u - rate * (mask * (2 * slopes.T @ slopes)) @ u


@pytest.mark.parametrize("loss", [cross_entropy, squared_error])
def test_columns_square_to_the_losss_curvature(loss: Loss) -> None:
    """The mean over all signs is the second derivative by the outputs, with no error of drawing."""
    draws = torch.Generator().manual_seed(0)
    outputs = torch.randn(4, 3, generator=draws, dtype=DOUBLE)
    targets: Tensor = torch.arange(4) % 3
    if loss is squared_error:
        targets = torch.randn(4, 3, generator=draws, dtype=DOUBLE)
    total = torch.zeros(4, 3, 3, dtype=DOUBLE)
    for signs in itertools.product([-1.0, 1.0], repeat=3):
        column = curvature_columns(loss, outputs, targets, torch.tensor([signs] * 4).double())
        total += column[:, :, None] * column[:, None, :] / 8
    for row in range(4):
        expected = torch.autograd.functional.hessian(
            lambda output, row=row: loss(output[None], targets[row : row + 1]).sum(), outputs[row]
        )
        torch.testing.assert_close(total[row], expected, rtol=1e-9, atol=1e-12)


def test_gauss_newton_is_met_in_the_mean() -> None:
    """Over draws of the signs, algorithm 1 nears the adjoint sweep, whose curvature is no draw."""
    _, data, validation = problem()
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    run = run_of(model, data, rate=0.5)
    query = query_gradients(model, cross_entropy, validation, run)
    expected = torch.zeros(N, dtype=DOUBLE)
    for step in influences(model, cross_entropy, data, run, query):
        expected.index_add_(0, step.rows, step.values[:, 0])
    found, fisher = [], torch.zeros(N, 15, dtype=DOUBLE)
    for seed in range(40):
        projections = project(model, data, seed=seed)
        mean = project_queries(model, cross_entropy, validation, run, projections).mean(0)
        steps = projected_embeddings(
            model, cross_entropy, data, run, projections, curvature=Curvature.GAUSS_NEWTON
        )
        found.append(embedding_sums(steps, N, 15, torch.zeros(N, 15, dtype=DOUBLE)) @ mean)
    embedding_sums(projected_embeddings(model, cross_entropy, data, run, projections), 0, 0, fisher)
    gap = (torch.stack(found).mean(0) - expected).norm()
    assert gap < 0.2 * (fisher @ mean - expected).norm()
    assert gap < 0.03 * expected.norm()


def test_a_step_carries_the_losses_and_the_unprojected_norms() -> None:
    model, data, _ = problem()
    run = run_of(model, data)
    step = next(projected_embeddings(model, cross_entropy, data, run, project(model, data, 4)))
    run.layout.assign(model, run.points[step.step])
    batch = data[0][step.rows], data[1][step.rows]
    torch.testing.assert_close(
        step.squared_norms, reference.squared_norms(model, cross_entropy, batch)
    )
    torch.testing.assert_close(step.losses, cross_entropy(model(batch[0]), batch[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_projected_inner_products_are_unbiased(kind: str) -> None:
    """Over many draws; a net with square layers, whose two factors must not be the same."""
    model, data, _ = problem(kind)
    if kind == "dense":  # activations that agree with the errors: equal factors would be biased
        model = nn.Linear(6, 6, bias=False).double()
        nn.init.eye_(model.weight)
        data = 3 * torch.eye(6, dtype=DOUBLE), torch.arange(6)
    taps = plan_taps(model, cross_entropy, data)
    seen = capture(model, cross_entropy, data, taps)
    gradients = seen.gradients()
    truth = gradients @ gradients.T
    found = []
    for seed in range(250):
        parts = torch.cat(project(model, data, 6, seed).project(seen), dim=1)
        found.append(parts @ parts.T)
    drawn = torch.stack(found)
    error = drawn.std(0) / len(drawn) ** 0.5
    gaps = (drawn.mean(0) - truth) / error.clamp(min=1e-9)
    assert gaps.abs().max() < 4.5
    assert gaps.square().mean().sqrt() < 1.6
    ratio = drawn.mean(0).trace() / truth.trace()
    assert ratio == pytest.approx(1, abs=0.12)


def test_factors_differ_between_sides_and_layers_and_follow_the_seed() -> None:
    model = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False)).double()
    data = torch.randn(4, 6, dtype=DOUBLE), torch.arange(4)
    first, again, other = (project(model, data, 9, seed) for seed in (0, 0, 1))
    drawn = [
        [factor for layer in each.layers for factor in (layer.left, layer.right)]
        for each in (first, again, other)
    ]
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1], strict=True))
    everything = [*drawn[0], *drawn[2]]
    assert [len(factor) for factor in everything] == [3] * 8
    for index, one in enumerate(everything):
        assert not any(torch.equal(one, two) for two in everything[:index])


@given(o=st.integers(1, 5000), f=st.integers(1, 5000), size=st.integers(1, 4096))
def test_factor_sides_fill_the_size(o: int, f: int, size: int) -> None:
    left, right = factor_sides((o, f), size)
    assert 1 <= left <= o
    assert 1 <= right <= f
    assert left * right <= size
    if o * f <= size:
        assert (left, right) == (o, f)
    side = math.isqrt(size)
    assert left == o or left >= side
    assert right == f or right >= side


def test_layers_are_named_after_their_modules() -> None:
    model, data, _ = problem("text")
    described = project(model, data, 8).describe()
    assert described["seed"] == 0
    kinds = {layer["name"]: (layer["kind"], layer["size"]) for layer in described["layers"]}
    assert kinds == {
        ROOT: ("formed", 3),
        "embed": ("factors", 4),
        "norm": ("formed", 8),
        "mix": ("factors", 4),
        "head": ("formed", 5),
    }
    assert json.loads(json.dumps(described)) == described


def test_refusals() -> None:
    model, data, _ = problem()
    taps = plan_taps(model, cross_entropy, data)
    run, projections = run_of(model, data), project(model, data)
    with pytest.raises(SettingsError, match="no exact Hessian"):
        next(
            projected_embeddings(
                model, cross_entropy, data, run, projections, curvature=Curvature.HESSIAN
            )
        )
    with pytest.raises(SettingsError, match="projected to 0 numbers"):
        plan_projections(taps, size=0)
    with pytest.raises(ResourceError, match=r"3 layers to 4 numbers each need .* layer 2 "):
        plan_projections(taps, size=4, memory=10)
