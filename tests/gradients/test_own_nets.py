"""Gradient products of nets as people write them: reused weights, recurrences, odd parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from products import DOUBLE, assert_same, classes, fill, vectors
from torch import Tensor, nn
from torch.nn import functional

import dvaudit
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.gradients import Curvature, inner_products, plan_taps, squared_norms
from dvaudit.gradients.curvature import gradient_and_curvature
from dvaudit.gradients.losses import cross_entropy, squared_error

RECURRENT = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}


class TiedAutoencoder(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.inside = nn.Linear(6, hidden)

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(torch.relu(self.inside(inputs)), self.inside.weight.T)


class Reused(nn.Module):
    """The first weight is used twice more, before another layer that is tapped."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 3), nn.Linear(3, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        back = functional.linear(torch.relu(self.first(inputs)), self.first.weight.T)
        return self.last(torch.relu(functional.linear(back, self.first.weight)))


class Scaled(nn.Module):
    """A scale of no dimension, as the temperature of contrastive nets."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.scale = nn.Linear(4, 3), nn.Parameter(torch.tensor(0.0))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs) * self.scale.exp()


class Recurrent(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.recurrent, self.head = RECURRENT[kind](3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.recurrent(inputs)[0][:, -1])


class Sorts(nn.Module):
    """Gives samples to a layer in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        order = inputs[:, 0].argsort()
        return self.last(torch.tanh(self.first(inputs[order]))[order.argsort()])


class Routes(nn.Module):
    """Gives samples to one of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        high = inputs[:, 0] > 0
        outputs = inputs.new_zeros(len(inputs), 3)
        outputs[high] = self.high(inputs[high])
        outputs[~high] = self.low(inputs[~high])
        return outputs


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), hidden=st.integers(1, 3))
def test_a_reused_weight_is_noticed_where_the_first_samples_units_are_off(
    seed: int, hidden: int
) -> None:
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.randn(5, 6, generator=draws, dtype=DOUBLE)
    model = TiedAutoencoder(hidden)
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=draws)
    model = model.to(DOUBLE)
    assert "inside.weight" in plan_taps(model, squared_error, (inputs, inputs)).rest
    assert_same(model, squared_error, (inputs, inputs))


def test_a_reused_weight_is_noticed_behind_another_layer() -> None:
    model, batch = fill(Reused()), (vectors(7, 6), classes(7, 2))
    model.get_parameter("first.bias").data.fill_(-50)  # every unit is off for every sample
    taps = plan_taps(model, cross_entropy, batch)
    assert taps.rest == ("first.weight",)
    model.get_parameter("first.bias").data.fill_(1.0)
    seen = squared_norms(model, cross_entropy, batch, taps=taps)
    torch.testing.assert_close(seen, squared_norms(model, cross_entropy, batch))
    assert_same(model, cross_entropy, batch)


def test_a_parameter_without_dimensions() -> None:
    model, batch = fill(Scaled()), (vectors(6, 4), classes(6, 3))
    assert plan_taps(model, cross_entropy, batch).rest == ("scale",)
    assert_same(model, cross_entropy, batch)


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("kind", RECURRENT)
def test_recurrent_nets_go_one_by_one(kind: str, dtype: torch.dtype) -> None:
    batch = (vectors(5, 4, 3, dtype=dtype), classes(5, 2))
    model = fill(Recurrent(kind), dtype)
    assert_same(model, cross_entropy, batch)
    taps = plan_taps(model, cross_entropy, batch)
    theta = taps.layout.current(model)
    direction = vectors(2, len(theta), dtype=dtype)
    for curvature in Curvature:
        args = (model, cross_entropy, batch, taps, theta, direction, curvature)
        inner, product = gradient_and_curvature(*args)
        torch.testing.assert_close(inner, inner_products(model, cross_entropy, batch, direction))
        along = product @ direction.T
        loose = 1e-4 if dtype is torch.float32 else 1e-9
        torch.testing.assert_close(along, along.T, rtol=loose, atol=loose)


@pytest.mark.parametrize("place", [0, 2, 5])
def test_a_perceptron_may_flatten_anywhere(place: int) -> None:
    layers: list[nn.Module] = [nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 4), nn.Tanh()]
    layers.append(nn.Linear(4, 3))
    layers.insert(place, nn.Flatten())
    assert_same(fill(nn.Sequential(*layers)), cross_entropy, (vectors(6, 4), classes(6, 3)))


def test_inputs_that_ask_for_a_gradient_get_none() -> None:
    model, inputs = fill(nn.Sequential(nn.Linear(4, 3), nn.ReLU())), vectors(6, 4)
    batch = (inputs, classes(6, 3))
    asking = (inputs.clone().requires_grad_(), batch[1])
    direction = vectors(2, 15)
    for found, expected in (
        (
            inner_products(model, cross_entropy, asking, direction),
            inner_products(model, cross_entropy, batch, direction),
        ),
        (
            squared_norms(model, cross_entropy, asking),
            squared_norms(model, cross_entropy, batch),
        ),
    ):
        assert not found.requires_grad
        torch.testing.assert_close(found, expected)
    assert asking[0].grad is None


def test_a_loss_whose_gradient_is_an_expanded_view() -> None:
    def summed(outputs: Tensor, _targets: Tensor) -> Tensor:
        return outputs.sum(1)

    batch = (vectors(6, 4), classes(6, 3))
    assert_same(fill(nn.Sequential(nn.Linear(4, 3), nn.ReLU())), summed, batch)


def test_directions_of_another_form_are_refused() -> None:
    model, batch = fill(nn.Sequential(nn.Linear(4, 3))), (vectors(6, 4), classes(6, 3))
    for directions in (vectors(1, 15)[0], vectors(2, 15).float()):
        with pytest.raises(SettingsError, match=r"give \(k, P\) in torch.float64"):
            inner_products(model, cross_entropy, batch, directions)


@pytest.mark.parametrize("build", [Sorts, Routes])
def test_nets_that_take_the_batch_apart_are_noticed(build: type[nn.Module]) -> None:
    inputs = vectors(9, 4)
    inputs[0, 0], inputs[-1, 0] = 1.0, 2.0  # first and last are in order, and go the same way
    assert_same(fill(build()), cross_entropy, (inputs, classes(9, 3)))


def test_a_part_that_was_not_tried_is_refused() -> None:
    model, tried = fill(Routes()), vectors(9, 4)
    tried[:, 0] = tried[:, 0].abs()  # the other layer sees none
    taps = plan_taps(model, cross_entropy, (tried, classes(9, 3)), ["high.weight"])
    with pytest.raises(UnsuitableDataError, match=r"A layer of the net saw \d of 9 samples"):
        squared_norms(model, cross_entropy, (vectors(9, 4), classes(9, 3)), taps=taps)


def test_data_value_embedding_takes_a_parameter_without_dimensions() -> None:
    draws = np.random.default_rng(0)
    parts = [draws.standard_normal((n, 4)) for n in (24, 9)]
    data, trusted = (dvaudit.load((part, np.arange(len(part)) % 3)) for part in parts)
    found = dvaudit.value(data, "dvemb", trusted=trusted, net=Scaled(), epochs=2, batch=8)
    assert np.ptp(found.values) > 0
