"""Gradient products of a batch against one sample at a time, for layers, shapes and precisions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from products import DOUBLE, assert_same, classes, fill, vectors
from torch import Tensor, nn
from torch.nn import functional

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.gradients import Layout, capture, inner_products, plan_taps, reference, squared_norms
from dvaudit.gradients.losses import cross_entropy, squared_error


class TiedSequences(nn.Module):
    """Tokens to a class: one weight embeds them and scores the pooled words."""

    def __init__(self, words: int = 7, width: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width, padding_idx=0)
        self.mix = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, words, bias=False)
        self.score.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.embed(tokens)
        hidden = self.norm(torch.tanh(self.mix(hidden)) + self.mix(hidden))
        return self.score(hidden).mean(1)


class Attention(nn.Module):
    """Weights that no layer's call shows: in attention, a position table and a free scale."""

    def __init__(self, words: int = 9, width: int = 4, length: int = 5) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.place = nn.Embedding(length, width)
        self.attend = nn.MultiheadAttention(width, 2, batch_first=True, dropout=0.3)
        self.scale = nn.Parameter(torch.ones(width))
        self.head = nn.Sequential(nn.Linear(width, 3), nn.Dropout(0.5))

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.embed(tokens) + self.place(torch.arange(tokens.shape[1]))
        hidden = hidden + self.attend(hidden, hidden, hidden, need_weights=False)[0]
        return self.head((self.scale * hidden).mean(1))


@st.composite
def _images(draw: st.DrawFn) -> nn.Module:
    groups = draw(st.sampled_from([1, 2, 4]))
    same = draw(st.booleans())
    norm = draw(st.sampled_from([nn.GroupNorm(2, 8), nn.BatchNorm2d(8), nn.Identity()]))
    return nn.Sequential(
        nn.Conv2d(
            4,
            8,
            draw(st.sampled_from([1, 2, 3, (3, 1)])),
            stride=1 if same else draw(st.sampled_from([1, 2, (1, 3)])),
            padding="same" if same else draw(st.sampled_from([0, 1, (2, 0)])),
            dilation=draw(st.sampled_from([1, 2])),
            groups=groups,
            bias=draw(st.booleans()),
            padding_mode=draw(st.sampled_from(["zeros", "reflect", "circular"])),
        ),
        norm,
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 3, 2, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@given(model=_images(), n=st.integers(1, 5), dtype=st.sampled_from([DOUBLE, torch.float32]))
@settings(max_examples=25, deadline=None)
def test_any_convolution(model: nn.Module, n: int, dtype: torch.dtype) -> None:
    batch = (vectors(n, 4, 7, 6, dtype=dtype), classes(n, 3))
    assert_same(fill(model, dtype), cross_entropy, batch)


@st.composite
def _signals(draw: st.DrawFn) -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(
            2,
            4,
            draw(st.sampled_from([1, 2, 3])),
            stride=draw(st.sampled_from([1, 2])),
            padding=draw(st.sampled_from([0, 2])),
            dilation=draw(st.sampled_from([1, 2])),
            groups=draw(st.sampled_from([1, 2])),
            padding_mode=draw(st.sampled_from(["zeros", "replicate"])),
        ),
        draw(st.sampled_from([nn.GroupNorm(4, 4), nn.BatchNorm1d(4), nn.InstanceNorm1d(4)])),
        nn.Tanh(),
        nn.Flatten(),
        nn.LazyLinear(2),
    )


@given(model=_signals(), n=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_any_signal(model: nn.Module, n: int) -> None:
    model(torch.zeros(2, 2, 9))
    assert_same(fill(model), squared_error, (vectors(n, 2, 9), vectors(n, 2)))


@given(
    widths=st.lists(st.integers(3, 6), min_size=1, max_size=3),
    length=st.sampled_from([(), (1,), (4,), (2, 3)]),
    bias=st.booleans(),
    norm=st.booleans(),
    dtype=st.sampled_from([DOUBLE, torch.float32]),
    n=st.integers(1, 5),
)
@settings(max_examples=25, deadline=None)
def test_any_perceptron_on_vectors_and_sequences(
    widths: list[int], length: tuple[int, ...], bias: bool, norm: bool, dtype: torch.dtype, n: int
) -> None:
    layers: list[nn.Module] = []
    for before, after in zip([3, *widths], [*widths, 3], strict=True):
        layers += [nn.Linear(before, after, bias=bias), nn.Tanh()]
        if norm:
            layers.append(nn.LayerNorm([*length[-1:], after], bias=bias))
    model = fill(nn.Sequential(*layers), dtype)
    batch = (vectors(n, *length, 3, dtype=dtype), vectors(n + 9, *length, 3, dtype=dtype)[:n])
    assert_same(model, squared_error, batch)


@pytest.mark.parametrize("n", [1, 6])
def test_one_weight_in_several_uses(n: int) -> None:
    tokens = torch.randint(7, (n, 5), generator=torch.Generator().manual_seed(1))
    model = fill(TiedSequences())
    taps = plan_taps(model, cross_entropy, (tokens, classes(n, 7)))
    assert not taps.rest
    assert_same(model, cross_entropy, (tokens, classes(n, 7)))


def test_parameters_without_a_rule_go_to_torch_func(caplog: pytest.LogCaptureFixture) -> None:
    model = fill(Attention())
    batch = (torch.randint(9, (6, 5), generator=torch.Generator().manual_seed(2)), classes(6, 3))
    with caplog.at_level("INFO"):
        taps = plan_taps(model, cross_entropy, batch)
    inside = {f"attend.{name}" for name, _ in model.attend.named_parameters()}  # type: ignore[union-attr]
    assert set(taps.rest) == {"scale", "place.weight", *inside}
    assert "place.weight" in caplog.text
    assert_same(model, cross_entropy, batch)


def test_a_weight_used_outside_its_layer_goes_to_torch_func() -> None:
    class Twice(nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            return functional.linear(torch.tanh(super().forward(inputs)), self.weight)

    batch = (vectors(4, 3), vectors(4, 3))
    model = fill(nn.Sequential(nn.Linear(3, 3), Twice(3, 3)))
    assert set(plan_taps(model, squared_error, batch).rest) == {"1.weight", "1.bias"}
    assert_same(model, squared_error, batch)


def test_outputs_changed_in_place_go_to_torch_func() -> None:
    class Adds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            hidden = self.first(inputs)
            hidden += inputs
            return self.second(hidden)

    batch = (vectors(4, 3), vectors(4, 3))
    model = fill(Adds())
    assert set(plan_taps(model, squared_error, batch).rest) == {"first.weight", "first.bias"}
    assert_same(model, squared_error, batch)


def test_chosen_parameters_and_another_point() -> None:
    model = fill(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    model[0].requires_grad_(False)
    batch = (vectors(5, 3), classes(5, 2))
    layout = Layout.of(model)
    assert list(layout.shapes) == ["2.weight", "2.bias"]
    truth = reference.gradients(model, cross_entropy, batch)
    named = plan_taps(model, cross_entropy, batch, ["2.bias", "2.weight"])
    seen = capture(model, cross_entropy, batch, named)
    torch.testing.assert_close(seen.gradients(), truth)
    frozen = plan_taps(model, cross_entropy, batch, ["0.weight"])
    seen = capture(model, cross_entropy, batch, frozen)
    torch.testing.assert_close(seen.gradient(), seen.gradients().sum(0))
    assert [value.requires_grad for value in model.parameters()] == [False, False, True, True]
    there = layout.current(model) + 1
    moved = capture(model, cross_entropy, batch, named, point=layout.split(there)).gradients()
    with torch.no_grad():
        for name, value in layout.split(there).items():
            model.get_parameter(name).copy_(value)
    torch.testing.assert_close(moved, reference.gradients(model, cross_entropy, batch))


def test_the_net_is_put_back() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4, 2))
    batch = (vectors(5, 3, dtype=torch.float32), classes(5, 2))
    model.train()
    first = squared_norms(model, cross_entropy, batch)
    assert torch.equal(first, squared_norms(model, cross_entropy, batch))
    assert all(part.training for part in model.modules())
    assert model[1].inplace
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not any(part._forward_hooks for part in model.modules())


def _batch_norm(**settings: bool) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, **settings), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (_batch_norm().train(), r"1 batch norms are in training mode.*: 1; call model\.eval"),
        (_batch_norm(track_running_stats=False).eval(), "keep no running statistics.*GroupNorm"),
        (nn.Sequential(nn.Linear(3, 2), nn.Softmax(0)), "influence one another"),
        (nn.Sequential(nn.Linear(3, 2)).requires_grad_(False), "No parameter"),
    ],
)
def test_refusals_of_nets(model: nn.Module, words: str) -> None:
    batch = (vectors(4, 3, dtype=torch.float32), classes(4, 2))
    with pytest.raises(UnsuitableDataError, match=words):
        squared_norms(model, cross_entropy, batch)


def test_refusals_of_losses_directions_and_names() -> None:
    model, batch = fill(nn.Linear(3, 2)), (vectors(4, 3), classes(4, 2))
    with pytest.raises(UnsuitableDataError, match="reduction='none'"):
        squared_norms(model, functional.cross_entropy, batch)
    with pytest.raises(UnsuitableDataError, match=r"have 7 numbers .* 8"):
        inner_products(model, cross_entropy, batch, torch.zeros(1, 7, dtype=DOUBLE))
    with pytest.raises(UnsuitableDataError, match=r"1 of 1 names .*: head"):
        plan_taps(model, cross_entropy, batch, ["head"])
    with pytest.raises(UnsuitableDataError, match="no sample"):
        squared_norms(model, cross_entropy, (batch[0][:0], batch[1][:0]))


def test_many_rows_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("dvaudit.gradients._terms", "dvaudit.gradients._rest"):
        monkeypatch.setattr(f"{module}.TEMPORARY", {"cpu": 2000})
    batch = (torch.randint(9, (7, 5), generator=torch.Generator().manual_seed(2)), classes(7, 3))
    assert_same(fill(Attention()), cross_entropy, batch)
    tokens = (torch.randint(7, (6, 5), generator=torch.Generator().manual_seed(1)), classes(6, 7))
    assert_same(fill(TiedSequences()), cross_entropy, tokens)
