"""LiveVal: the stored cases, and what its values promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dvaudit.core.errors import SettingsError
from dvaudit.gradients import (
    Layout,
    LiveStep,
    Update,
    Window,
    draw_updates,
    live_values,
    reference,
    static_values,
    totals,
    train,
)
from dvaudit.gradients._quick import losses_alone
from dvaudit.gradients.liveval import own_step_values, trained
from dvaudit.gradients.losses import Batch, cross_entropy

DOUBLE = torch.float64
CASES = ("small_const", "small_cosine", "step2", "window1")
ACTIVATIONS = {"small_cosine": nn.ReLU}
Case = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def cases(golden: Path) -> Case:
    with np.load(golden / "liveval.npz", allow_pickle=False) as stored:
        return dict(stored)


def _stored(cases: Case, name: str) -> tuple[nn.Module, Batch, list[Update], Window]:
    (hidden, width), _, (outputs, _), _ = cases[f"{name}_shapes"].tolist()
    model = nn.Sequential(
        nn.Linear(width, hidden), ACTIVATIONS.get(name, nn.Tanh)(), nn.Linear(hidden, outputs)
    ).double()
    Layout.of(model).assign(model, torch.tensor(cases[f"{name}_theta0"]))
    data = torch.tensor(cases[f"{name}_X"]), torch.tensor(cases[f"{name}_y"])
    rows = torch.tensor(cases[f"{name}_batch_index"]).split(cases[f"{name}_batch_len"].tolist())
    rates = cases[f"{name}_eta"].tolist()
    updates = [Update(part, rate) for part, rate in zip(rows, rates, strict=True)]
    start, least, most, step, slow, rapid = cases[f"{name}_params"].tolist()
    window = Window(int(start), int(least), int(most), int(step), slow, rapid)
    return model, data, updates, window


def _assert_values(cases: Case, name: str, kind: str, steps: list[LiveStep], n: int) -> None:
    ordered = sorted(steps, key=lambda step: step.step)
    values = torch.cat([step.values for step in ordered])
    np.testing.assert_allclose(values, cases[f"{name}_{kind}_v"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(totals(steps, n)[0], cases[f"{name}_{kind}_cum"], atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_stored_live_values(cases: Case, name: str) -> None:
    model, data, updates, window = _stored(cases, name)
    steps = list(live_values(model, cross_entropy, data, updates, window=window))
    _assert_values(cases, name, "B", steps, len(data[0]))
    ordered = sorted(steps, key=lambda step: step.step)
    assert [step.reference for step in ordered] == cases[f"{name}_B_ref"].tolist()
    rates, losses = zip(*((step.rate, step.loss) for step in ordered), strict=True)
    # Stored with their sign; the window follows their size.
    np.testing.assert_allclose(rates, abs(cases[f"{name}_B_rate"]), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(losses, cases[f"{name}_loss_pre"], rtol=1e-12)
    np.testing.assert_allclose(
        Layout.of(model).current(model), cases[f"{name}_traj"][-1], atol=1e-13
    )


@pytest.mark.parametrize("name", CASES)
def test_stored_static_values(cases: Case, name: str) -> None:
    model, data, updates, _ = _stored(cases, name)
    run = train(model, cross_entropy, data, updates)
    points = torch.stack([run.points[step] for step in range(len(updates) + 1)])
    np.testing.assert_allclose(points, cases[f"{name}_traj"], atol=1e-13)
    steps = list(static_values(model, cross_entropy, data, run))
    _assert_values(cases, name, "static", steps, len(data[0]))


def test_every_stored_case_is_tested(cases: Case) -> None:
    assert {key.removesuffix("_theta0") for key in cases if key.endswith("_theta0")} == set(CASES)


def _problem(seed: int, n: int = 12) -> tuple[nn.Module, Batch]:
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=generator)
    inputs = torch.randn(n, 3, generator=generator, dtype=DOUBLE)
    return model, (inputs, torch.randint(3, (n,), generator=generator))


def _direct(distance: Tensor, gradients: Tensor, rate: float) -> Tensor:
    """(9) as it is written."""
    before, after = distance.norm(), (distance + rate * gradients).norm(dim=1)
    return (before - after) / (before + after)


_numbers = st.floats(-4, 4).map(lambda value: round(value, 6))


@given(
    distance=st.lists(_numbers, min_size=3, max_size=3),
    gradients=st.lists(st.lists(_numbers, min_size=3, max_size=3), min_size=1, max_size=5),
    rate=st.floats(1e-6, 10),
)
@settings(max_examples=100, deadline=None)
def test_values_are_bounded_and_agree_with_the_direct_form(
    distance: list[float], gradients: list[list[float]], rate: float
) -> None:
    ahead = torch.tensor(distance, dtype=DOUBLE)
    rows = torch.tensor(gradients, dtype=DOUBLE)
    found = own_step_values(rows @ ahead, rows.square().sum(1), ahead.square().sum(), rate)
    assert bool((found.abs() <= 1).all())
    if float(ahead.norm()) < 1e-3:
        return
    torch.testing.assert_close(found, _direct(ahead, rows, rate), rtol=1e-7, atol=1e-10)
    # The volatility bound (19): |v| <= eta |g| / |D|.
    assert bool((found.abs() <= rate * rows.norm(dim=1) / ahead.norm() * (1 + 1e-9)).all())
    # Positive exactly where the own step ends nearer to the reference.
    nearer = (ahead + rate * rows).norm(dim=1) - ahead.norm()
    clear = nearer.abs() > 1e-9
    assert torch.equal(found[clear] > 0, nearer[clear] < 0)


def test_no_direction_no_value() -> None:
    zero, one = torch.zeros(2, dtype=DOUBLE), torch.ones(2, dtype=DOUBLE)
    assert own_step_values(zero, one, zero[0], 0.1).tolist() == [0, 0]
    model, data = _problem(0)
    updates = draw_updates(12, batch=4, epochs=1, rate=0.0, seed=0)
    steps = list(live_values(model, cross_entropy, data, updates))
    assert all(step.distance == 0 and not step.values.any() for step in steps)


@given(seed=st.integers(0, 1000), size=st.sampled_from([1, 2, 3]))
@settings(max_examples=15, deadline=None)
def test_every_batch_is_valued_once_against_its_reference(seed: int, size: int) -> None:
    model, data = _problem(seed)
    start = Layout.of(model).current(model)
    updates = draw_updates(12, batch=5, epochs=3, rate=lambda t: 0.5 / (1 + t), seed=seed)
    window = Window(2, 1, 6, size, 0.02, 0.1)
    steps = list(live_values(model, cross_entropy, data, updates, window=window))
    assert sorted(step.step for step in steps) == list(range(1, 10))
    layout = Layout.of(model)
    layout.assign(model, start)
    run = train(model, cross_entropy, data, updates)
    for step in steps:
        layout.assign(model, run.points[step.step - 1])
        batch = data[0][step.rows], data[1][step.rows]
        gradients = reference.gradients(model, cross_entropy, batch)
        ahead = run.points[step.reference] - run.points[step.step - 1]
        rate = updates[step.step - 1].rate
        torch.testing.assert_close(
            step.values, _direct(ahead, gradients, rate), rtol=1e-8, atol=1e-10
        )
        assert step.step <= step.reference <= len(updates)


def test_values_come_while_training_goes_on_and_leave_it_alone() -> None:
    """Momentum and weight decay: the same points as torch's own loop, values on the way."""
    model, data = _problem(5)
    plain = _problem(5)[0]
    updates = draw_updates(12, batch=4, epochs=2, rate=0.1, seed=1)

    def make(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, 0.1, momentum=0.9, nesterov=True, weight_decay=1e-3)

    optimiser = make(list(plain.parameters()))
    run = live_values(model, cross_entropy, data, updates, optimiser=make)
    for update in updates:
        optimiser.zero_grad()
        cross_entropy(plain(data[0][update.rows]), data[1][update.rows]).mean().backward()
        optimiser.step()
    values = [step.values for step in run]
    assert len(values) == len(updates)
    assert bool((torch.cat(values).abs() <= 1).all())
    torch.testing.assert_close(
        Layout.of(model).current(model), Layout.of(plain).current(plain), rtol=1e-10, atol=1e-12
    )


def test_towards_the_end_of_an_equal_run_are_static_values() -> None:
    """The second training repeats the first one to the last bit, momentum or not."""
    model, data = _problem(7)
    layout = Layout.of(model)
    start = layout.current(model)
    updates = draw_updates(12, batch=5, epochs=2, rate=0.2, seed=2)
    kept = train(model, cross_entropy, data, updates)
    expected = list(static_values(model, cross_entropy, data, kept))
    losses = list(trained(model, cross_entropy, data, updates))
    end = layout.current(model)
    layout.assign(model, start)
    found = list(live_values(model, cross_entropy, data, updates, towards=end))
    assert torch.equal(layout.current(model), end)
    assert [step.loss for step in found] == losses
    for one, other in zip(found, expected, strict=True):
        assert (one.step, one.reference) == (other.step, other.reference)
        torch.testing.assert_close(one.values, other.values, rtol=1e-9, atol=1e-12)
        assert one.rate == pytest.approx(other.rate, rel=1e-9)


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d((1, 3)),
        nn.MaxPool2d(3, stride=2),
        nn.MaxPool2d(2, padding=1),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, dilation=2),
        nn.MaxPool2d(5),
    ],
    ids=str,
)
@pytest.mark.parametrize("at_point", [False, True])
def test_losses_alone_are_those_of_the_net(pool: nn.Module, at_point: bool) -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 3), pool, nn.Flatten(), nn.LazyLinear(4)).double()
    inputs, targets = torch.randn(6, 2, 12, 13, dtype=DOUBLE), torch.randint(4, (6,))
    model(inputs)
    point = None
    if at_point:
        point = {name: 2 * value.detach() for name, value in model.named_parameters()}
    found = losses_alone(model, cross_entropy, (inputs, targets), point=point)
    if point is not None:
        model.load_state_dict(point)
    expected = cross_entropy(model(inputs), targets)
    assert torch.equal(found, expected)
    assert not found.requires_grad
    assert "forward" not in vars(pool)


def test_totals_count_what_was_seen() -> None:
    model, data = _problem(3)
    updates = draw_updates(12, batch=5, epochs=2, rate=0.1, seed=1)
    steps = list(live_values(model, cross_entropy, data, updates[:4]))
    value, seen = totals(steps, 12)
    assert seen.tolist() == [2 if int(row) in updates[3].rows else 1 for row in range(12)]
    assert value.shape == (12,)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"start": 5}, "between 1 and 3"),
        ({"least": 0}, "least <= start"),
        ({"slow": 1.0}, "slow rate 1 is above"),
    ],
)
def test_windows_that_cannot_be(wrong: dict[str, float], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Window(**wrong)  # type: ignore[arg-type]
