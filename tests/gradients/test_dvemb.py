"""Data Value Embedding: the stored cases, and its two forms against each other and the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call

from dvaudit.core.errors import ResourceError, SettingsError, UnsuitableDataError
from dvaudit.gradients import (
    Curvature,
    Layout,
    Reduction,
    Trajectory,
    Update,
    draw_updates,
    embeddings,
    gradient_and_curvature,
    influences,
    largest_eigenvalue,
    plan_taps,
    query_gradients,
    reference,
    train,
    train_with_checkpoints,
)
from dvaudit.gradients.losses import Batch, Loss, cross_entropy, squared_error

DOUBLE = torch.float64
CASES = ("ce_tanh", "ce_relu_ragged", "ce_hot", "mse_tanh", "ce_sum")
STORED = {
    Curvature.FISHER: "fisher",
    Curvature.GAUSS_NEWTON: "ggn",
    Curvature.HESSIAN: "hess",
}
Case = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def cases(golden: Path) -> Case:
    with np.load(golden / "dvemb.npz", allow_pickle=False) as stored:
        return dict(stored)


def _half_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return squared_error(outputs, targets) / 2


class Stored:
    """One stored case."""

    def __init__(self, cases: Case, name: str) -> None:
        (hidden, width), _, (outputs, _), _ = cases[f"{name}_shapes"].tolist()
        activation = nn.ReLU if "relu" in name else nn.Tanh
        self.model: nn.Module = nn.Sequential(
            nn.Linear(width, hidden), activation(), nn.Linear(hidden, outputs)
        ).double()
        Layout.of(self.model).assign(self.model, torch.tensor(cases[f"{name}_theta0"]))
        self.loss: Loss = _half_squared_error if name == "mse_tanh" else cross_entropy
        self.data = torch.tensor(cases[f"{name}_X"]), torch.tensor(cases[f"{name}_y"])
        self.validation = torch.tensor(cases[f"{name}_Xv"]), torch.tensor(cases[f"{name}_yv"])
        lengths = cases[f"{name}_batch_len"].tolist()
        rows = torch.tensor(cases[f"{name}_batch_index"]).split(lengths)
        rates = cases[f"{name}_eta"].tolist()
        self.updates = [Update(part, rate) for part, rate in zip(rows, rates, strict=True)]
        reduction = Reduction.SUM if name == "ce_sum" else Reduction.MEAN
        # The stored points: an unstable run trained again is another run after some steps.
        points = torch.tensor(cases[f"{name}_traj"])
        self.run = Trajectory(Layout.of(self.model), self.updates, reduction, points)


@pytest.mark.parametrize("name", CASES)
def test_stored_runs(cases: Case, name: str) -> None:
    stored = Stored(cases, name)
    run = train(
        stored.model, stored.loss, stored.data, stored.updates, reduction=stored.run.reduction
    )
    points = torch.stack([run.points[step] for step in range(len(stored.updates) + 1)])
    tolerance = 1e-8 if name == "ce_hot" else 1e-11
    np.testing.assert_allclose(points, cases[f"{name}_traj"], rtol=1e-9, atol=tolerance)
    effective = [update.effective(stored.run.reduction) for update in stored.updates]
    np.testing.assert_allclose(effective, cases[f"{name}_eff"], rtol=1e-14)


@pytest.mark.parametrize("curvature", Curvature)
@pytest.mark.parametrize("name", CASES)
def test_stored_influences(cases: Case, name: str, curvature: Curvature) -> None:
    stored = Stored(cases, name)
    each = torch.eye(len(stored.validation[0]), dtype=DOUBLE)
    queries = query_gradients(stored.model, stored.loss, stored.validation, stored.run, each)
    np.testing.assert_allclose(queries, cases[f"{name}_val_grads"], rtol=1e-9, atol=1e-11)
    steps = list(
        influences(stored.model, stored.loss, stored.data, stored.run, queries, curvature=curvature)
    )
    assert [step.step for step in steps] == list(reversed(range(len(stored.updates))))
    found = torch.cat([step.values for step in reversed(steps)]).numpy()
    expected = cases[f"{name}_inf_{STORED[curvature]}"]
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9 * abs(expected).max())
    if curvature is Curvature.FISHER:
        total = np.zeros_like(cases[f"{name}_inf_fisher_sum"])
        np.add.at(total, cases[f"{name}_batch_index"], found)
        scale = abs(total).max()
        np.testing.assert_allclose(total, cases[f"{name}_inf_fisher_sum"], atol=1e-9 * scale)
    if name == "ce_tanh" and curvature is Curvature.FISHER:
        np.testing.assert_allclose(total, cases["ce_tanh_dattri_scores"], atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_stored_embeddings(cases: Case, name: str) -> None:
    stored = Stored(cases, name)
    steps = list(embeddings(stored.model, stored.loss, stored.data, stored.run))
    found = torch.cat([step.values for step in reversed(steps)])
    for values, key in ((found, "emb_fisher"), (steps[-1].product, "M_final")):
        expected = cases[f"{name}_{key}"]
        np.testing.assert_allclose(
            values, expected, rtol=1e-8, atol=1e-9 * abs(expected).max(), err_msg=key
        )


def test_every_stored_case_is_tested(cases: Case) -> None:
    assert {key.removesuffix("_theta0") for key in cases if key.endswith("_theta0")} == set(CASES)


def test_an_unstable_run_shows_in_the_norms(cases: Case) -> None:
    growth = {}
    for name in ("ce_tanh", "ce_hot"):
        stored = Stored(cases, name)
        queries = query_gradients(stored.model, stored.loss, stored.validation, stored.run)
        steps = list(
            influences(
                stored.model,
                stored.loss,
                stored.data,
                stored.run,
                queries,
                curvature=Curvature.FISHER,
            )
        )
        growth[name] = float(steps[-1].norms[0] / queries.norm())
    assert growth["ce_tanh"] < 1.0 < 100 < growth["ce_hot"]


def _problem(seed: int, outputs: int = 3) -> tuple[nn.Module, Batch, Batch]:
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(
        nn.Conv1d(1, 2, 3), nn.GroupNorm(1, 2), nn.Tanh(), nn.Flatten(), nn.Linear(6, outputs)
    ).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=generator)
    inputs = torch.randn(18, 1, 5, generator=generator, dtype=DOUBLE)
    labels = torch.randint(3, (18,), generator=generator)
    return model, (inputs[:12], labels[:12]), (inputs[12:], labels[12:])


@given(seed=st.integers(0, 1000), reduction=st.sampled_from(Reduction))
@settings(max_examples=10, deadline=None)
def test_the_adjoint_equals_algorithm_1(seed: int, reduction: Reduction) -> None:
    model, data, validation = _problem(seed)
    updates = draw_updates(12, batch=5, epochs=2, rate=lambda t: 0.02 / (1 + t), seed=seed)
    run = train(model, cross_entropy, data, updates, reduction=reduction)
    weights = torch.randn(6, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))
    queries = query_gradients(model, cross_entropy, validation, run, weights)
    adjoint = influences(model, cross_entropy, data, run, queries, curvature=Curvature.FISHER)
    embedded = embeddings(model, cross_entropy, data, run)
    for a, b in zip(adjoint, embedded, strict=True):
        expected = b.values @ queries.T
        scale = float(expected.abs().max())
        torch.testing.assert_close(a.values, expected, rtol=0, atol=1e-10 * scale)
        assert torch.equal(a.rows, b.rows)


@pytest.mark.parametrize("kind", Curvature)
@pytest.mark.parametrize("loss", [cross_entropy, squared_error])
def test_curvatures_follow_their_definitions(kind: Curvature, loss: Loss) -> None:
    model, data, _ = _problem(1)
    if loss is squared_error:
        data = data[0], torch.randn(12, 3, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    taps = plan_taps(model, loss, data)
    layout = taps.layout
    theta = layout.current(model)

    def outputs(flat: Tensor) -> Tensor:
        return functional_call(model, layout.split(flat), (data[0],))

    def total(flat: Tensor) -> Tensor:
        return loss(outputs(flat), data[1]).sum()

    gradients = reference.gradients(model, loss, data)
    jacobian = torch.autograd.functional.jacobian(outputs, theta).flatten(0, 1)
    middle = torch.autograd.functional.hessian(
        lambda values: loss(values.view(12, 3), data[1]).sum(), outputs(theta).flatten().detach()
    )
    H = {
        Curvature.FISHER: gradients.T @ gradients,
        Curvature.GAUSS_NEWTON: jacobian.T @ middle @ jacobian,
        Curvature.HESSIAN: torch.autograd.functional.hessian(total, theta),
    }[kind]
    u = torch.randn(2, layout.size, dtype=DOUBLE, generator=torch.Generator().manual_seed(3))
    inner, product = gradient_and_curvature(model, loss, data, taps, theta, u, kind)
    torch.testing.assert_close(inner, gradients @ u.T, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(product, u @ H, rtol=1e-9, atol=1e-9)
    top = largest_eigenvalue(model, loss, data, taps, theta, kind, iterations=40)
    assert top == pytest.approx(float(torch.linalg.eigvalsh(H).abs().max()), rel=0.02)


def _without(run: Trajectory, model: nn.Module, data: Batch, step: int, row: int) -> Tensor:
    """theta_T of the run in which `row` is dropped from `step`, the others keeping 1 / |B|."""
    theta, layout = run.points[0], run.layout
    for number, update in enumerate(run.updates):
        kept = [i for i in update.rows.tolist() if number != step or i != row]
        layout.assign(model, theta)
        gradients = reference.gradients(model, cross_entropy, (data[0][kept], data[1][kept]))
        theta = theta - update.effective(run.reduction) * gradients.sum(0)
    return theta


def test_the_sign_and_size_are_those_of_retraining() -> None:
    """Small rates, so that first order and exact curvature are near the truth."""
    model, data, validation = _problem(2)
    model.eval()
    updates = draw_updates(12, batch=4, epochs=2, rate=0.01, seed=0)
    run = train(model, cross_entropy, data, updates)
    queries = query_gradients(model, cross_entropy, validation, run)
    layout = run.layout

    def validation_loss(theta: Tensor) -> float:
        outputs = functional_call(model, layout.split(theta), (validation[0],))
        return float(cross_entropy(outputs, validation[1]).mean())

    steps = influences(model, cross_entropy, data, run, queries, curvature=Curvature.HESSIAN)
    found, truth = [], []
    for step in steps:
        if step.step % 2:
            continue
        row = int(step.rows[0])
        found.append(float(step.values[0, 0]))
        without = _without(run, model, data, step.step, row)
        truth.append(validation_loss(without) - validation_loss(run.end))
    np.testing.assert_allclose(found, truth, rtol=0.1, atol=0.02 * np.abs(truth).max())


@pytest.mark.parametrize("every", [1, 3, 4, 100])
def test_checkpoints_give_the_same_points_and_influences(every: int) -> None:
    model, data, validation = _problem(3)
    updates = draw_updates(12, batch=5, epochs=3, rate=0.1, seed=0)
    held = train(model, cross_entropy, data, updates)
    again = train_with_checkpoints(model, cross_entropy, data, updates, every=every)
    for step in [*reversed(range(len(updates) + 1)), 2]:
        assert torch.equal(held.points[step], again.points[step])
    with pytest.raises(IndexError, match="10 of 9"):
        again.points[10]
    queries = query_gradients(model, cross_entropy, validation, held)
    pairs = zip(
        influences(model, cross_entropy, data, held, queries),
        influences(model, cross_entropy, data, again, queries),
        strict=True,
    )
    assert all(torch.equal(a.values, b.values) for a, b in pairs)


def test_points_on_disk_and_the_same_run_twice(tmp_path: Path) -> None:
    model, data, _ = _problem(4)
    before = Layout.of(model).current(model)
    updates = draw_updates(12, batch=5, epochs=2, rate=0.1, seed=0)
    shape = (len(updates) + 1, Layout.of(model).size)
    file = torch.from_file(
        str(tmp_path / "points"), shared=True, size=shape[0] * shape[1], dtype=DOUBLE
    ).view(shape)
    first = train(model, cross_entropy, data, updates, points=file)
    second = train(model, cross_entropy, data, updates)
    assert torch.equal(first.end, second.end)
    assert torch.equal(Layout.of(model).current(model), before)
    assert not torch.equal(first.end, before)


def test_updates_cover_each_sample_once_an_epoch() -> None:
    updates = draw_updates(11, batch=4, epochs=3, rate=lambda t: 1 / (1 + t), seed=5)
    assert [len(update.rows) for update in updates] == [4, 4, 3] * 3
    for epoch in range(3):
        rows = torch.cat([update.rows for update in updates[3 * epoch : 3 * epoch + 3]])
        assert sorted(rows.tolist()) == list(range(11))
    assert updates[2].rate == 1 / 3
    assert updates[2].effective(Reduction.MEAN) == 1 / 9
    assert updates[2].effective(Reduction.SUM) == 1 / 3
    again = draw_updates(11, batch=4, epochs=3, rate=0.1, seed=5)
    assert all(torch.equal(a.rows, b.rows) for a, b in zip(updates, again, strict=True))


def test_attention_has_every_curvature() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(5, 4)
            self.attend = nn.MultiheadAttention(4, 2, batch_first=True)
            self.head = nn.Linear(4, 2)

        def forward(self, tokens: Tensor) -> Tensor:
            hidden = self.embed(tokens)
            return self.head(self.attend(hidden, hidden, hidden, need_weights=False)[0].mean(1))

    torch.manual_seed(0)
    model = Attends().double()
    data = (torch.randint(5, (6, 3)), torch.randint(2, (6,)))
    run = train(model, cross_entropy, data, draw_updates(6, batch=3, epochs=1, rate=0.1, seed=0))
    queries = query_gradients(model, cross_entropy, data, run)
    first = [
        next(influences(model, cross_entropy, data, run, queries, curvature=kind)).values
        for kind in Curvature
    ]
    torch.testing.assert_close(first[0], first[1])
    torch.testing.assert_close(first[0], first[2])


def test_refusals() -> None:
    model, data, _ = _problem(0)
    updates = draw_updates(12, batch=4, epochs=1, rate=0.1, seed=0)
    run = train(model, cross_entropy, data, updates)
    with pytest.raises(ResourceError, match=r"33 parameters need a matrix of 8\.7 kB"):
        next(embeddings(model, cross_entropy, data, run, memory=100))
    with pytest.raises(SettingsError, match="Batch 0"):
        draw_updates(3, batch=0, epochs=1, rate=0.1, seed=0)
    with pytest.raises(UnsuitableDataError, match="no sample to train on"):
        draw_updates(0, batch=1, epochs=1, rate=0.1, seed=0)
    with pytest.raises(SettingsError, match="every 0 steps"):
        train_with_checkpoints(model, cross_entropy, data, updates, every=0)
