"""DVGS: the stored cases, and what the similarities promise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.gradients import Similarity, SimilarityStep, reference, target_similarities
from dvaudit.gradients.dvgs import MakeOptimiser
from dvaudit.gradients.losses import Batch, Loss, cross_entropy, squared_error

DOUBLE = torch.float64
Case = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def cases(golden: Path) -> Case:
    with np.load(golden / "dvgs.npz", allow_pickle=False) as stored:
        return dict(stored)


def _net(cases: Case, prefix: str, *, mish: bool = False) -> nn.Sequential:
    """The stored net: Linear, activation and, with Mish, a norm over the features, twice."""
    weights = [
        (torch.tensor(cases[key]), torch.tensor(cases[key.replace("weight", "bias")]))
        for key in sorted(key for key in cases if key.startswith(prefix) and "weight" in key)
    ]
    layers: list[nn.Module] = []
    for weight, bias in weights:
        linear = nn.Linear(weight.shape[1], weight.shape[0], dtype=weight.dtype)
        linear.weight, linear.bias = nn.Parameter(weight), nn.Parameter(bias)
        # InstanceNorm1d of (n, features) normalises each row over its features.
        norm = [nn.LayerNorm(len(bias), elementwise_affine=False, dtype=weight.dtype)]
        layers += [linear, nn.Mish(), *norm] if mish else [linear, nn.ReLU()]
    return nn.Sequential(*layers[: -2 if mish else -1])


def _sgd(rate: float) -> MakeOptimiser:
    return lambda parameters: torch.optim.SGD(parameters, lr=rate)


def _adam(rate: float) -> MakeOptimiser:
    return lambda parameters: torch.optim.Adam(parameters, lr=rate)


def _run(
    cases: Case,
    name: str,
    make: MakeOptimiser,
    *,
    batch: int = 20,
    restart: int = 0,
    **more: object,
) -> Tensor:
    net = _net(cases, f"{name}_init{restart}_f.", mish=name == "instnorm_mish")
    dtype = net[0].weight.dtype
    labels = ("reg_y_source", "reg_y_target") if name == "reg_mse" else ("y_source", "y_target")
    source, target = (
        (torch.tensor(cases[inputs]).to(dtype), torch.tensor(cases[label]))
        for inputs, label in zip(("X_source", "X_target"), labels, strict=True)
    )
    orders = torch.tensor(cases[f"{name}_perms"])
    orders = orders[len(orders) // 2 * restart :][: len(orders) // 2] if batch < 20 else orders
    loss: Loss = squared_error if name == "reg_mse" else cross_entropy
    batches = [rows for order in orders for rows in order.split(batch)]
    steps = target_similarities(
        net,
        loss,
        source,
        target,
        batches,
        optimiser=make,
        rows=16,
        **more,  # type: ignore[arg-type]
    )
    return torch.stack([step.values for step in steps if step.values is not None])


CASES = {
    "sgd_full": (_sgd(0.1), Similarity.COSINE, 1e-7),
    "sgd_full_f32": (_sgd(0.1), Similarity.COSINE, 1e-6),
    "dot": (_sgd(0.1), Similarity.DOT, 1e-7),
    "neg_l2": (_sgd(0.1), Similarity.NEGATIVE_EUCLIDEAN, 5e-6),
    "scalar_projection": (_sgd(0.1), Similarity.SCALAR_PROJECTION, 1e-7),
    "instnorm_mish": (_adam(1e-3), Similarity.COSINE, 1e-7),
    "reg_mse": (_sgd(0.05), Similarity.COSINE, 1e-7),
}


@pytest.mark.parametrize("name", CASES)
def test_stored_cases(cases: Case, name: str) -> None:
    make, kind, tolerance = CASES[name]
    mean = max(tolerance, 3e-7)  # the reference averages in float32
    found = _run(cases, name, make, kind=kind).numpy()
    np.testing.assert_allclose(found, cases[f"{name}_iter_sims"], rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.mean(0), cases[f"{name}_mean"], rtol=0, atol=mean)
    if f"{name}_oracle" in cases:
        exact = 5e-6 if name == "neg_l2" else 1e-12
        np.testing.assert_allclose(found.mean(0), cases[f"{name}_oracle"], rtol=0, atol=exact)


def test_stored_balanced_target(cases: Case) -> None:
    weights = torch.tensor(cases["balanced_weights"])

    def balanced(outputs: Tensor, classes: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, classes, weight=weights)

    found = _run(cases, "balanced", _sgd(0.1), target_loss=balanced)
    np.testing.assert_allclose(found, cases["balanced_iter_sims"], rtol=0, atol=1e-7)


def test_stored_restarts_on_mini_batches(cases: Case) -> None:
    found = torch.cat(
        [_run(cases, "adam_mini", _adam(0.01), batch=8, restart=restart) for restart in (0, 1)]
    ).numpy()
    np.testing.assert_allclose(found, cases["adam_mini_iter_sims"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.mean(0), cases["adam_mini_oracle"], rtol=0, atol=1e-12)


def test_dropout_is_off_and_shrinks_the_reference_only(cases: Case) -> None:
    """Its masks cannot be drawn again; values have its shape and range, and rank alike."""
    found = _run(cases, "dropout_half", _adam(1e-3)).numpy()
    stored = cases["dropout_half_iter_sims"]
    assert found.shape == stored.shape
    assert np.abs(found).max() <= 1
    again = _run(cases, "dropout_half", _adam(1e-3)).numpy()
    np.testing.assert_array_equal(found, again)
    assert np.corrcoef(found.mean(0), cases["dropout_half_mean"])[0, 1] > 0.5
    assert np.abs(stored.mean(0)).mean() < np.abs(found.mean(0)).mean()


def test_every_reproducible_case_is_tested(cases: Case) -> None:
    stored = {key.removesuffix("_iter_sims") for key in cases if key.endswith("_iter_sims")}
    assert stored == {*CASES, "balanced", "adam_mini", "dropout_half"}


def _problem(seed: int, n: int = 7) -> tuple[nn.Module, Batch, Batch]:
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 3)).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=generator)
    inputs = torch.randn(2 * n, 3, generator=generator, dtype=DOUBLE)
    labels = torch.randint(3, (2 * n,), generator=generator)
    return model, (inputs[:n], labels[:n]), (inputs[n:], labels[n:])


def _all(batch: Batch, steps: int) -> Iterator[Tensor]:
    return (torch.arange(len(batch[0])) for _ in range(steps))


def _steps(seed: int, **more: object) -> list[SimilarityStep]:
    model, source, target = _problem(seed)
    batches = _all(target, 5)
    return list(target_similarities(model, cross_entropy, source, target, batches, **more))  # type: ignore[arg-type]


@given(
    seed=st.integers(0, 1000), kind=st.sampled_from(Similarity), rows=st.sampled_from([1, 3, 99])
)
@settings(max_examples=20, deadline=None)
def test_similarities_follow_their_definitions(seed: int, kind: Similarity, rows: int) -> None:
    first = _steps(seed, kind=kind, rows=rows)[0]
    model, source, target = _problem(seed)
    model.eval()
    gradients = reference.gradients(model, cross_entropy, source)
    mean = reference.gradients(model, cross_entropy, target).mean(0)
    expected = {
        Similarity.COSINE: functional.cosine_similarity(gradients, mean[None]),
        Similarity.DOT: gradients @ mean,
        Similarity.SCALAR_PROJECTION: gradients @ mean / mean.norm(),
        Similarity.NEGATIVE_EUCLIDEAN: -(gradients - mean).norm(dim=1),
    }[kind]
    torch.testing.assert_close(first.values, expected, rtol=1e-8, atol=1e-10)
    assert first.target_norm == pytest.approx(float(mean.norm()))
    if kind is Similarity.COSINE:
        assert first.values is not None
        assert bool((first.values.abs() <= 1).all())


def test_a_source_like_the_target_scores_one_and_its_opposite_minus_one() -> None:
    model = nn.Linear(1, 1, bias=False).double()
    model.weight.data.zero_()
    one = torch.ones(1, 1, dtype=DOUBLE)
    source = (one.repeat(3, 1), torch.tensor([2.0, -3.0, 0.0], dtype=DOUBLE))
    steps = target_similarities(model, squared_error, source, (one, one[:, 0]), [torch.tensor([0])])
    step = next(steps)
    assert step.values is not None
    assert step.values.tolist() == [1.0, -1.0, 0.0]
    assert step.degenerate == 1


def test_every_third_step_and_the_same_run() -> None:
    every, third = _steps(3), _steps(3, every=3)
    assert [step.values is None for step in third] == [False, True, True, False, True]
    for a, b in zip(every, third, strict=True):
        assert a.target_loss == b.target_loss
        assert b.values is None or torch.equal(a.values, b.values)  # type: ignore[arg-type]
    assert every[-1].target_loss < every[0].target_loss


def test_a_chosen_subset_of_the_parameters() -> None:
    last = _steps(4, parameters=["3.weight"])
    model, source, target = _problem(4)
    model.eval()
    gradients = reference.gradients(model, cross_entropy, source, ["3.weight"])
    mean = reference.gradients(model, cross_entropy, target, ["3.weight"]).mean(0)
    torch.testing.assert_close(last[0].values, functional.cosine_similarity(gradients, mean[None]))
    assert [step.target_loss for step in last] == [step.target_loss for step in _steps(4)]


def test_refusals() -> None:
    model, source, target = _problem(0)
    with pytest.raises(SettingsError, match="every is 0"):
        next(target_similarities(model, cross_entropy, source, target, [], every=0))
    empty = [torch.empty(0, dtype=torch.int64)]
    with pytest.raises(UnsuitableDataError, match="no sample"):
        next(target_similarities(model, cross_entropy, source, target, empty))
    model.requires_grad_(False)[3].weight.requires_grad_(True)
    with pytest.raises(UnsuitableDataError, match=r"1 of the parameters .* not trained: 0\.bias"):
        next(target_similarities(model, cross_entropy, source, target, [], parameters=["0.bias"]))
