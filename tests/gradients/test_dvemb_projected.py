"""Projected embeddings: against dense twins, in segments, from checkpoints and from disk."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call

from dvaudit.core.embeddings import HEADER, MATRIX, StoredEmbeddings
from dvaudit.core.errors import (
    ResourceError,
    SettingsError,
    UnreadableInputError,
    UnsuitableDataError,
)
from dvaudit.gradients import (
    Curvature,
    Layout,
    ProjectedStep,
    Projections,
    Reduction,
    Trajectory,
    Update,
    capture,
    checkpoint_embeddings,
    checkpoint_influences,
    draw_updates,
    embed_segment,
    embedding_sums,
    embeddings,
    growth,
    influences,
    phase_influences,
    plan_projections,
    plan_taps,
    project_queries,
    projected_embeddings,
    query_gradients,
    reference,
    segment_embeddings,
    segment_tasks,
    sharpness,
    spread_steps,
    train,
    write_embeddings,
)
from dvaudit.gradients._projection_plan import ROOT, factor_sides
from dvaudit.gradients.factors import curvature_columns
from dvaudit.gradients.losses import Batch, Loss, cross_entropy, squared_error

DOUBLE = torch.float64
N = 14


class Text(nn.Module):
    """Token and class weights are shared; a scale outside of any module has no layer rule."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.scale = nn.Parameter(torch.ones(3))
        self.norm = nn.LayerNorm(4)
        self.mix = nn.Linear(4, 4)
        self.head = nn.Linear(4, 5)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.embed(tokens) * self.scale[None, :, None]
        return self.head(torch.tanh(self.mix(self.norm(hidden)).mean(1)))


def _net(kind: str) -> nn.Module:
    if kind == "text":
        return Text()
    if kind == "convolution":
        return nn.Sequential(
            nn.Conv1d(2, 4, 3),
            nn.Tanh(),
            nn.Conv1d(4, 4, 3, groups=2),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(8, 3),
        )
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6, bias=False), nn.Linear(6, 3))


KINDS = ("dense", "convolution", "text")


def _problem(kind: str = "dense", seed: int = 0) -> tuple[nn.Module, Batch, Batch]:
    draws = torch.Generator().manual_seed(seed)
    model = _net(kind).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=draws)
    shape = {"dense": (4,), "convolution": (2, 6), "text": (3,)}[kind]
    inputs = torch.randn(N + 6, *shape, generator=draws, dtype=DOUBLE)
    if kind == "text":
        inputs = torch.randint(5, (N + 6, 3), generator=draws)
    labels = torch.randint(3, (N + 6,), generator=draws)
    return model, (inputs[:N], labels[:N]), (inputs[N:], labels[N:])


def _run(model: nn.Module, data: Batch, seed: int = 0, rate: float = 0.2) -> Trajectory:
    updates = draw_updates(N, batch=5, epochs=3, rate=lambda t: rate / (1 + t / 5), seed=seed)
    return train(model, cross_entropy, data, updates)


def _project(
    model: nn.Module, data: Batch, size: int = 10_000, seed: int = 0, like: Tensor | None = None
) -> Projections:
    taps = plan_taps(model, cross_entropy, data)
    like = torch.zeros((), dtype=DOUBLE) if like is None else like
    return plan_projections(taps, size=size, seed=seed, like=like)


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
    model, data, validation = _problem(kind)
    run = _run(model, data)
    projections = _project(model, data)
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
    _, data, _ = _problem()
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    run = _run(model, data)
    pairs = zip(
        projected_embeddings(model, cross_entropy, data, run, _project(model, data)),
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
    _, data, validation = _problem()
    torch.manual_seed(0)
    model = nn.Linear(4, 3).double()
    run = _run(model, data, rate=0.5)
    query = query_gradients(model, cross_entropy, validation, run)
    expected = torch.zeros(N, dtype=DOUBLE)
    for step in influences(model, cross_entropy, data, run, query):
        expected.index_add_(0, step.rows, step.values[:, 0])
    found, fisher = [], torch.zeros(N, 15, dtype=DOUBLE)
    for seed in range(40):
        projections = _project(model, data, seed=seed)
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
    model, data, _ = _problem()
    run = _run(model, data)
    step = next(projected_embeddings(model, cross_entropy, data, run, _project(model, data, 4)))
    run.layout.assign(model, run.points[step.step])
    batch = data[0][step.rows], data[1][step.rows]
    torch.testing.assert_close(
        step.squared_norms, reference.squared_norms(model, cross_entropy, batch)
    )
    torch.testing.assert_close(step.losses, cross_entropy(model(batch[0]), batch[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_projected_inner_products_are_unbiased(kind: str) -> None:
    """Over many draws; a net with square layers, whose two factors must not be the same."""
    model, data, _ = _problem(kind)
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
        parts = torch.cat(_project(model, data, 6, seed).project(seen), dim=1)
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
    first, again, other = (_project(model, data, 9, seed) for seed in (0, 0, 1))
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
    model, data, _ = _problem("text")
    described = _project(model, data, 8).describe()
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


@pytest.mark.parametrize("curvature", [Curvature.FISHER, Curvature.GAUSS_NEWTON])
@pytest.mark.parametrize(("size", "checkpoints"), [(5, (1,)), (5, (3, 4, 8)), (10_000, ())])
def test_segments_equal_one_sweep(
    size: int, checkpoints: tuple[int, ...], curvature: Curvature
) -> None:
    model, data, _ = _problem("convolution", seed=1)
    run = _run(model, data)
    projections = _project(model, data, size)
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
    _, data, validation = _problem()
    torch.manual_seed(1)
    model = nn.Linear(4, 3).double()
    run = _run(model, data)
    projections = _project(model, data)
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
    model, data, _ = _problem()
    before = Layout.of(model).current(model)
    run, projections = _run(model, data), _project(model, data, 4)
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
    model, data, validation = _problem()
    run = _run(model, data)
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


def _written(folder: Path) -> tuple[Tensor, Tensor]:
    """Write embeddings; return the sums they should be and a query."""
    model, data, validation = _problem()
    run, projections = _run(model, data), _project(model, data, 8)
    write_embeddings(folder, model, cross_entropy, data, run, projections)
    steps: list[ProjectedStep] = list(
        projected_embeddings(model, cross_entropy, data, run, projections)
    )
    sums = embedding_sums(steps, N, projections.size)
    return sums, project_queries(model, cross_entropy, validation, run, projections).mean(0)


def test_stored_embeddings_answer_queries_without_torch(tmp_path: Path) -> None:
    sums, query = _written(tmp_path)
    stored = StoredEmbeddings.open(tmp_path)
    np.testing.assert_allclose(stored.values, sums, rtol=1e-6)
    assert stored.header["rows"] == N
    assert [layer["size"] for layer in stored.header["layers"]] == [4, 4, 4]
    expected = (sums.double() @ query).numpy()
    np.testing.assert_allclose(stored.influence(query.numpy()), expected, rtol=1e-4, atol=1e-7)
    np.save(tmp_path / "query.npy", query.numpy())
    code = (
        "import sys, numpy as np; from pathlib import Path;"
        "from dvaudit.core.embeddings import StoredEmbeddings;"
        f"folder = Path({str(tmp_path)!r});"
        "found = StoredEmbeddings.open(folder).influence(np.load(folder / 'query.npy'));"
        "print(found.shape, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"({N},) False"


def test_damaged_embeddings_are_refused_by_name(tmp_path: Path) -> None:
    _, query = _written(tmp_path)
    stored = StoredEmbeddings.open(tmp_path)
    with pytest.raises(UnsuitableDataError, match=r"shape \(3,\) and the embeddings 12 numbers"):
        stored.influence(np.zeros(3))
    with pytest.raises(UnsuitableDataError, match="1 of 12 numbers"):
        stored.influence(np.where(np.arange(12) == 2, np.nan, query.numpy()))
    header = json.loads((tmp_path / HEADER).read_text())
    for change, match in (
        ({"schema_version": 99}, "schema version 99"),
        ({"rows": 3}, r"\(3, 12\)"),
    ):
        (tmp_path / HEADER).write_text(json.dumps({**header, **change}))
        with pytest.raises(UnreadableInputError, match=match):
            StoredEmbeddings.open(tmp_path)
    (tmp_path / HEADER).write_text(json.dumps(header))
    (tmp_path / MATRIX).write_bytes(b"short")
    with pytest.raises(UnreadableInputError, match="cannot be read"):
        StoredEmbeddings.open(tmp_path)
    (tmp_path / HEADER).unlink()
    with pytest.raises(UnreadableInputError, match="no complete embeddings"):
        StoredEmbeddings.open(tmp_path)


def test_a_failed_sweep_leaves_no_header(tmp_path: Path) -> None:
    _written(tmp_path)
    model, data, _ = _problem()
    run = _run(model, data)
    projections = _project(model, data, 8)

    def fails(outputs: Tensor, targets: Tensor) -> Tensor:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_embeddings(tmp_path, model, fails, data, run, projections)
    with pytest.raises(UnreadableInputError, match="no complete embeddings"):
        StoredEmbeddings.open(tmp_path)


def test_removing_a_group_changes_the_loss_by_about_the_sum() -> None:
    """Every group is really left out of all steps, the others keeping 1 / |B|."""
    model, data, validation = _problem(seed=3)
    run = _run(model, data, rate=0.05)
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
    model, data, validation = _problem()
    run = _run(model, data)
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
    model, data, _ = _problem()
    run = _run(model, data)
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


def test_refusals() -> None:
    model, data, _ = _problem()
    taps = plan_taps(model, cross_entropy, data)
    run, projections = _run(model, data), _project(model, data)
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
