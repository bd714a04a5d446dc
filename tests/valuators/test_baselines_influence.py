"""Influence functions and TRAK: each against dense matrices and gradients of single samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from slow_training import CLASSES, SAMPLES, SEED, TRUSTED, ends, logits_one_by_one, problem, value
from torch import Tensor, nn

from dvaudit.core.dataset import Task
from dvaudit.core.progress import silent
from dvaudit.gradients import plan_taps, reference
from dvaudit.gradients.losses import Batch, Loss, cross_entropy, squared_error
from dvaudit.valuators import fitting, trak
from dvaudit.valuators.influence import Influence, alignments, newton_step
from dvaudit.valuators.learner import Learner
from dvaudit.valuators.trak import Projection, Trak


@pytest.mark.parametrize("loss", [cross_entropy, squared_error])
def test_influence_solves_the_dense_system(loss: Loss) -> None:
    learner = tiny_learner(loss)
    taps = plan_taps(learner.net, loss, learner.source)
    asked = {"damping": 0.05, "tolerance": 1e-10, "iterations": 500, "progress": silent}
    solved = newton_step(learner, taps, **asked)  # type: ignore[arg-type]
    assert solved.converged
    rows = reference.gradients(learner.net, loss, learner.source)
    matrix = (
        gauss_newton(learner.net, loss, learner.source) + 0.05 * torch.eye(rows.shape[1]).double()
    )
    assert learner.trusted is not None
    target = reference.gradients(learner.net, loss, learner.trusted).mean(0)
    dense = torch.linalg.solve(matrix, target)
    np.testing.assert_allclose(solved.solution[:, 0], dense, rtol=1e-7, atol=1e-9)
    found = alignments(learner, taps, solved.solution[:, 0])
    np.testing.assert_allclose(found, rows @ dense, rtol=1e-7, atol=1e-9)


def tiny_learner(loss: Loss) -> Learner:
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, CLASSES)).double()
    inputs = torch.randn(SAMPLES + TRUSTED, 4, dtype=torch.float64)
    if loss is cross_entropy:
        targets = torch.arange(len(inputs)) % CLASSES
    else:
        targets = torch.randn(len(inputs), CLASSES, dtype=torch.float64)
    known = inputs[SAMPLES:], targets[SAMPLES:]
    return Learner(net, loss, (inputs[:SAMPLES], targets[:SAMPLES]), known)


def gauss_newton(net: nn.Module, loss: Loss, data: Batch) -> Tensor:
    """Return the mean over samples of J' (d^2 loss / d output^2) J, by autograd, one by one."""
    parameters = list(net.parameters())
    total = 0
    for inputs, target in zip(*data, strict=True):
        outputs = net(inputs[None])
        rows = [torch.autograd.grad(each, parameters, retain_graph=True) for each in outputs[0]]
        jacobian = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])

        def along(values: Tensor, target: Tensor = target) -> Tensor:
            return loss(values, target[None]).sum()

        curved = torch.autograd.functional.hessian(along, outputs.detach())[0, :, 0, :]
        total = total + jacobian.T @ curved @ jacobian
    return total / len(data[0])


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_influence_of_a_linear_net_is_the_newton_step(task: Task) -> None:
    given = problem(task)
    learner, model = ends(given, "linear", 0.9)
    assert learner.trusted is not None
    rows = reference.gradients(model, learner.loss, learner.source)
    target = reference.gradients(model, learner.loss, learner.trusted).mean(0)
    matrix = gauss_newton(model, learner.loss, learner.source) + 0.1 * torch.eye(rows.shape[1])
    rise = (rows @ torch.linalg.solve(matrix, target)).numpy() / SAMPLES
    scores = value(Influence, given, net="linear", damping=0.1, tolerance=1e-6)
    np.testing.assert_allclose(scores.values, rise, rtol=2e-3, atol=1e-5)


def test_influence_is_the_rise_of_the_trusted_loss_without_the_sample() -> None:
    """Ridge regression is solved exactly, with all samples and with all but one."""
    ridge, learner = 1.0, tiny_learner(squared_error)
    inputs, targets = learner.source
    learner = replace(learner, net=nn.Linear(4, CLASSES).double())
    taps = plan_taps(learner.net, learner.loss, learner.source)
    losses = []
    for left in range(-1, SAMPLES):  # -1 leaves none out
        kept = torch.arange(SAMPLES) != left
        # The sample's loss loses its part of the mean; the others keep theirs.
        solve_ridge(learner.net, (inputs[kept], targets[kept]), ridge * SAMPLES)
        assert learner.trusted is not None
        outputs = learner.net(learner.trusted[0]).detach()
        losses.append(float(squared_error(outputs, learner.trusted[1]).mean()))
    solve_ridge(learner.net, learner.source, ridge * SAMPLES)
    asked = {"damping": ridge, "tolerance": 1e-10, "iterations": 500, "progress": silent}
    step = newton_step(learner, taps, **asked).solution[:, 0]  # type: ignore[arg-type]
    found = alignments(learner, taps, step).numpy() / SAMPLES
    assert np.corrcoef(found, np.subtract(losses[1:], losses[0]))[0, 1] > 0.95
    assert 0.5 < found.std() / np.std(losses[1:]) < 1.1


def solve_ridge(net: nn.Module, data: Batch, ridge: float) -> None:
    """Minimise the summed squared error and ridge / 2 times all squared parameters."""
    rows = torch.cat([data[0], torch.ones_like(data[0][:, :1])], dim=1)
    moments = 2 / CLASSES * rows.T @ rows + ridge * torch.eye(5).double()
    solution = torch.linalg.solve(moments, 2 / CLASSES * rows.T @ data[1]).T
    with torch.no_grad():
        net.get_parameter("weight").copy_(solution[:, :4])
        net.get_parameter("bias").copy_(solution[:, 4])


def test_an_unfinished_solve_is_told() -> None:
    scores = value(Influence, problem(), damping=1e-6, tolerance=1e-8, iterations=1)
    assert not scores.stats["converged"]
    assert "raise `iterations` or `damping`" in scores.warnings[0]


def test_trak_is_the_paper_s_formula_on_formed_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trak, "GRADIENTS", 40)  # blocks of a single sample
    given, projected, ridge = problem(), 6, 0.5
    attributions, errors = [], []
    for run, seed in enumerate(fitting.run_seeds(SEED, 2)):
        learner, model = ends(given, "linear", 0.9, run)
        assert learner.trusted is not None
        source, trusted = (
            odds_gradients(model, data) for data in (learner.source, learner.trusted)
        )
        matrix = Projection(source.shape[1], projected, seed).apply(torch.eye(source.shape[1]))
        phi, against = (source @ matrix).double(), (trusted @ matrix).double()
        moments = phi.T @ phi
        strength = ridge * moments.trace() / projected
        inverse = torch.linalg.inv(moments + strength * torch.eye(projected))
        attributions.append((against @ inverse @ phi.T).numpy())  # (trusted, samples)
        shares = [row.softmax(0) for row in logits_one_by_one(model, learner.source[0])]
        errors.append([1 - float(p[code]) for p, code in zip(shares, given.labels, strict=True)])
    scores_each = np.mean(attributions, axis=0) @ np.diag(np.mean(errors, axis=0))
    scores = value(Trak, given, net="linear", projected=projected, damping=ridge, runs=2)
    np.testing.assert_allclose(scores.values, scores_each.mean(0), rtol=2e-3, atol=1e-5)
    assert scores.std_errors is not None


def odds_gradients(model: nn.Module, data: Batch) -> Tensor:
    """Return the gradients of log(p / (1 - p)), p by softmax, one sample at a time."""
    rows = []
    for inputs, code in zip(*data, strict=True):
        share = model(inputs[None])[0].softmax(0)[code]
        odds = torch.log(share / (1 - share))
        parts = torch.autograd.grad(odds, list(model.parameters()))
        rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(rows)


def test_a_projection_is_the_same_drawn_again_as_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trak, "CHUNK", 7)
    gradients = torch.randn((9, 50), generator=torch.Generator().manual_seed(0))
    kept = Projection(50, 4, seed=1)
    monkeypatch.setattr(trak, "KEPT", 0)
    drawn = Projection(50, 4, seed=1)
    matrix = drawn.apply(torch.eye(50))
    np.testing.assert_allclose(kept.apply(gradients), gradients @ matrix, rtol=1e-4, atol=1e-5)
    assert torch.equal(drawn.apply(gradients), kept.apply(gradients))
    assert torch.equal(kept.apply(gradients), kept.apply(gradients))
    assert len(torch.unique(matrix)) == matrix.numel()  # no chunk repeats another


def test_a_projection_keeps_inner_products_on_average() -> None:
    vectors = torch.randn((2, 300), generator=torch.Generator().manual_seed(1))
    products = []
    for seed in range(200):
        one, two = Projection(300, 64, seed).apply(vectors)
        products.append([float(one @ two), float(one @ one)])
    truth = [float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[0])]
    noise = 4 * float(vectors[0] @ vectors[0]) * (2 / (64 * 200)) ** 0.5
    np.testing.assert_allclose(np.mean(products, axis=0), truth, atol=noise)
