"""Written-out passes of perceptrons: which nets have them, and that autograd finds the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.gradients import Layout, Similarity, plan_taps, target_similarities
from dvaudit.gradients._capture import capture
from dvaudit.gradients._perceptron import ACTIVATIONS, Perceptron, mish
from dvaudit.gradients.losses import Batch, Loss, cross_entropy, squared_error, with_gradient

DOUBLE = torch.float64
KINDS = sorted(ACTIVATIONS, key=lambda kind: kind.__name__)
LINE = torch.cat([torch.linspace(-60, 60, 481), torch.tensor([-1e4, -1e-9, 1e-9, 1e4])])


def _net(seed: int, kind: type[nn.Module], *, bias: bool = True) -> nn.Sequential:
    layers = [nn.Flatten(), nn.Linear(6, 5, bias=bias), kind(), nn.Linear(5, 4), kind()]
    net = nn.Sequential(*layers, nn.Linear(4, 3, bias=bias)).double()
    draws = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        nn.init.normal_(parameter, generator=draws)
    return net.eval()


def _batch(seed: int, n: int) -> Batch:
    draws = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 2, 3, generator=draws, dtype=DOUBLE)
    return inputs, torch.randint(3, (n,), generator=draws)


def _seen(net: nn.Module) -> nn.Module:
    """Let a hook see the outputs, so that autograd is asked."""
    net.register_forward_hook(lambda *_: None)
    return net


@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE])
@pytest.mark.parametrize("kind", KINDS)
def test_an_activation_and_its_slope_are_those_of_torch(
    kind: type[nn.Module], dtype: torch.dtype
) -> None:
    layer, inputs = kind().eval(), LINE.to(dtype, copy=True).requires_grad_()
    expected = layer(inputs)
    delta = torch.linspace(-2, 2, len(LINE), dtype=dtype)
    (slope,) = torch.autograd.grad(expected, inputs, delta)
    with torch.no_grad():
        found = ACTIVATIONS[kind].forward(layer, inputs)
        back = ACTIVATIONS[kind].backward(layer, delta, inputs, found)
    loose = {torch.float32: 2e-6, DOUBLE: 1e-14}[dtype]
    torch.testing.assert_close(found, expected.detach(), rtol=loose, atol=loose)
    torch.testing.assert_close(back, slope, rtol=loose, atol=loose)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if ACTIVATIONS[kind].over])
def test_an_activation_may_be_written_over_its_input(kind: type[nn.Module]) -> None:
    layer, inputs = kind().eval(), LINE.double()
    expected, known = layer(inputs), ACTIVATIONS[kind]
    over = known.over
    assert over is not None
    found, delta = over(inputs), torch.ones_like(inputs)
    assert found.data_ptr() == inputs.data_ptr()
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-14)
    slope = known.backward(layer, delta.clone(), found, found)
    before = known.backward(layer, delta.clone(), LINE.double(), expected)
    assert torch.equal(slope, before)


@pytest.mark.parametrize("kind", KINDS)
def test_a_forward_pass_leaves_its_inputs_as_they_are(kind: type[nn.Module]) -> None:
    net = nn.Sequential(kind(), nn.Linear(6, 4), kind(), kind()).double().eval()
    plain, inputs = Perceptron.of(net, torch.zeros(1, 6)), torch.randn(5, 6, dtype=DOUBLE)
    assert plain is not None
    before = inputs.clone()
    passed = plain.forward(inputs)
    assert torch.equal(inputs, before)
    torch.testing.assert_close(passed[-1], net(inputs).detach(), rtol=1e-12, atol=1e-12)


def test_mish_keeps_infinities_apart() -> None:
    ends = mish(torch.tensor([float("inf"), -100.0, 0.0, float("nan")]))
    assert ends.tolist()[:3] == [float("inf"), pytest.approx(0, abs=1e-40), 0.0]
    assert bool(ends[3].isnan())


def _shared() -> nn.Module:
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def _tied() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    return net


def _replaced() -> nn.Module:
    net = nn.Sequential(nn.Linear(4, 4))
    vars(net[0])["forward"] = torch.zeros_like
    return net


class Doubled(nn.Sequential):
    """Looks like a perceptron and is none."""

    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "a layer used twice": _shared,
    "a weight used twice": _tied,
    "a replaced forward": _replaced,
    "a class of its own": lambda: Doubled(nn.Linear(4, 4)),
    "a norm": lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)),
    "a part with parts": lambda: nn.Sequential(nn.Sequential(nn.Linear(4, 4))),
    "a hook": lambda: _seen(nn.Sequential(nn.Linear(4, 4))),
    "a hook within": lambda: nn.Sequential(_seen(nn.Linear(4, 4))),
    "half precision": lambda: nn.Sequential(nn.Linear(4, 4)).bfloat16(),
    "another flattening": lambda: nn.Sequential(nn.Flatten(0), nn.Linear(4, 4)),
    "no layer": nn.Sequential,
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_nets_are_left_to_autograd(name: str) -> None:
    assert Perceptron.of(OTHERS[name](), torch.zeros(2, 4)) is None


def test_sequences_are_left_to_autograd() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    assert Perceptron.of(net, torch.zeros(2, 4)) is not None
    assert Perceptron.of(net, torch.zeros(2, 3, 4)) is None


@given(
    seed=st.integers(0, 1000),
    kind=st.sampled_from(KINDS),
    bias=st.booleans(),
    elsewhere=st.booleans(),
    chosen=st.sampled_from([None, ["1.weight", "5.weight"], ["3.bias"]]),
)
@settings(max_examples=40, deadline=None)
def test_autograd_captures_the_same(
    seed: int, kind: type[nn.Module], bias: bool, elsewhere: bool, chosen: list[str] | None
) -> None:
    net, batch = _net(seed, kind, bias=bias), _batch(seed, 5)
    point = None
    if elsewhere:
        other = dict(_net(seed + 1, kind, bias=bias).named_parameters())
        point = {name: other[name] for name in Layout.of(net, chosen).shapes}
    assert Perceptron.of(net, batch[0]) is not None
    fast = capture(
        net, cross_entropy, batch, plan_taps(net, cross_entropy, batch, chosen), point=point
    )
    net = _seen(net)
    slow = capture(
        net, cross_entropy, batch, plan_taps(net, cross_entropy, batch, chosen), point=point
    )
    torch.testing.assert_close(fast.losses, slow.losses)
    torch.testing.assert_close(fast.gradients(), slow.gradients())


def _balanced(outputs: Tensor, classes: Tensor) -> Tensor:
    weights = torch.tensor([1.0, 3.0, 0.5], dtype=DOUBLE)
    return functional.cross_entropy(outputs, classes, weight=weights)


@given(
    seed=st.integers(0, 1000),
    kind=st.sampled_from(KINDS),
    bias=st.booleans(),
    similarity=st.sampled_from(Similarity),
    rows=st.sampled_from([2, 5, 99]),
    every=st.sampled_from([1, 2]),
    weighted=st.booleans(),
    chosen=st.sampled_from([None, ["5.weight"], ["1.weight", "3.bias"]]),
)
@settings(max_examples=40, deadline=None)
def test_autograd_steps_the_same(
    seed: int,
    kind: type[nn.Module],
    bias: bool,
    similarity: Similarity,
    rows: int,
    every: int,
    weighted: bool,
    chosen: list[str] | None,
) -> None:
    source, target = _batch(seed, 5), _batch(seed + 1, 6)
    batches = [torch.arange(6), torch.tensor([4, 1]), torch.arange(6)]

    def steps(net: nn.Module) -> list[object]:
        found = target_similarities(
            net,
            cross_entropy,
            source,
            target,
            batches,
            target_loss=_balanced if weighted else None,
            kind=similarity,
            rows=rows,
            every=every,
            parameters=chosen,
        )
        kept = [
            (s.values, torch.tensor([s.target_loss, s.target_norm, s.degenerate])) for s in found
        ]
        return [kept, dict(net.named_parameters())]

    fast = steps(_net(seed, kind, bias=bias))
    slow = steps(_seen(_net(seed, kind, bias=bias)))
    torch.testing.assert_close(fast, slow, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("loss", [cross_entropy, squared_error])
def test_losses_with_their_gradient_are_those_of_autograd(loss: Loss, classes: int) -> None:
    draws = torch.Generator().manual_seed(classes)
    outputs = 10 * torch.randn(7, classes, generator=draws, dtype=DOUBLE)
    targets = torch.randint(classes, (7,), generator=draws)
    if loss is squared_error:
        targets = torch.randn(7, classes, generator=draws, dtype=DOUBLE)
    kept = outputs.clone()
    fast = with_gradient(loss, outputs, targets)
    slow = with_gradient(lambda *batch: loss(*batch), outputs, targets)
    torch.testing.assert_close(fast, slow)
    assert torch.equal(outputs, kept)


def test_a_loss_of_another_number_a_sample_is_refused() -> None:
    with pytest.raises(UnsuitableDataError, match="one number a sample"):
        with_gradient(lambda outputs, _: outputs, torch.zeros(3, 2), torch.zeros(3))
