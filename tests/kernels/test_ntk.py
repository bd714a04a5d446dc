"""The layer by layer neural tangent kernel against one sample at a time, and the stored cases."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dvaudit.core.errors import ResourceError, UnsuitableDataError
from dvaudit.core.progress import Cancelled
from dvaudit.kernels import _ntk_plan, ntk_blocks, ntk_reference, own_outputs, plan_ntk
from dvaudit.models import initial_net, neutralise

DOUBLE = torch.float64
PLENTY = 1 << 30
SHAPES = {"mlp": (5,), "cnn": (2, 8, 9), "vgg": (1, 8, 8), "resnet": (2, 9, 8)}


def _data(shape: tuple[int, ...], n: int = 6, outputs: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(n)
    inputs = torch.randn(n, *shape, dtype=DOUBLE, generator=generator)
    return inputs, torch.randint(outputs, (n,), generator=generator)


def _whole(model: nn.Module, inputs: Tensor, classes: Tensor | None, memory: int) -> Tensor:
    rows = torch.arange(len(inputs))
    return ntk_blocks(model, inputs, classes, [rows], memory=memory, dtype=DOUBLE)[0]


def _assert_equal(found: Tensor, truth: Tensor) -> None:
    torch.testing.assert_close(found, truth, rtol=1e-9, atol=1e-9 * float(truth.abs().max()))
    assert torch.equal(found, found.T)


def _tightest(model: nn.Module, shape: tuple[int, ...], rows: int) -> int:
    """The least memory, to within a third, that the plan accepts."""
    memory = 10_000
    while True:
        try:
            plan_ntk(model, shape, rows, memory, dtype=DOUBLE)
        except ResourceError:
            memory = int(1.3 * memory)
        else:
            return memory


@pytest.mark.parametrize("name", SHAPES)
def test_equals_one_sample_at_a_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = SHAPES[name]
    model = initial_net(name, shape, 3, seed=1).double()
    inputs, classes = _data(shape, n=4)
    truth = ntk_reference.ntk(model, inputs, classes)
    _assert_equal(_whole(model, inputs, classes, PLENTY), truth)
    # A price on pairs of positions that makes every layer take one form.
    for price, form in ((-1e12, "two-factor"), (1e12, "gradient")):
        monkeypatch.setattr(_ntk_plan, "ELEMENTWISE", price)
        plan = plan_ntk(model, shape, 4, PLENTY, dtype=DOUBLE)
        assert {layer.form for layer in plan.layers} == {form}
        _assert_equal(_whole(model, inputs, classes, PLENTY), truth)
    # Room for 5000 of each row's gradients at a time, while a sample's activations still fit.
    monkeypatch.setattr(_ntk_plan, "HELD", 5000 * 4 * DOUBLE.itemsize / PLENTY)
    assert len(plan_ntk(model, shape, 4, PLENTY, dtype=DOUBLE).passes) > 10
    _assert_equal(_whole(model, inputs, classes, PLENTY), truth)


@st.composite
def _convolutions(draw: st.DrawFn) -> nn.Conv2d:
    groups = draw(st.sampled_from([1, 1, 2, 4]))
    padding = draw(st.sampled_from([0, 1, (2, 0), "same", "valid"]))
    return nn.Conv2d(
        4,
        8,
        draw(st.sampled_from([1, 2, 3, (3, 1)])),
        stride=1 if padding == "same" else draw(st.sampled_from([1, 2, (1, 3)])),
        padding=padding,
        dilation=draw(st.sampled_from([1, 2])),
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=draw(st.sampled_from(["zeros", "reflect", "circular"])),
    )


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@given(conv=_convolutions(), share=st.sampled_from([1.0, 3.0, 1000.0]))
@settings(max_examples=20, deadline=None)
def test_any_convolution_under_any_memory(conv: nn.Conv2d, share: float) -> None:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(
        conv, nn.Tanh(), nn.Conv2d(8, 3, 2, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, generator=generator)
    inputs, classes = _data((4, 7, 6))
    memory = int(share * _tightest(model, (4, 7, 6), len(inputs)))
    _assert_equal(_whole(model, inputs, classes, memory), ntk_reference.ntk(model, inputs, classes))


def _small_net() -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 24), nn.ReLU()
    ).append(nn.Linear(24, 3))
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2, generator=generator)
    return model.double()


def test_a_plan_splits_columns_into_passes_and_covers_each_once() -> None:
    model, shape = _small_net(), (2, 8, 8)
    tight = plan_ntk(model, shape, 400, _tightest(model, shape, 400), dtype=DOUBLE)
    roomy = plan_ntk(model, shape, 400, PLENTY, dtype=DOUBLE)
    assert len(roomy.passes) == 1
    assert len(tight.passes) > 5
    assert tight.flops > roomy.flops
    assert [layer.form for layer in roomy.layers] == ["gradient", "two-factor", "two-factor"]
    for plan in (tight, roomy):
        pieces = [piece for held in plan.passes for piece in held]
        for index, layer in enumerate(plan.layers):
            spans = sorted((p.first, p.last) for p in pieces if p.layer == index)
            if layer.form == "two-factor":
                assert spans == [(0, 0)]
                continue
            assert spans[0][0] == 0
            assert all(a[1] == b[0] for a, b in itertools.pairwise(spans))
        held = plan.rows * 8 * sum(layer.numbers for layer in plan.layers)
        assert held <= len(plan.passes) * plan.bytes / 2
    assert [layer.parameters for layer in roomy.layers] == [108, 5184, 72]


def test_the_form_follows_the_positions() -> None:
    """One position: factors; many positions and few weights: gradients."""
    model = initial_net("vgg", (3, 32, 32), 10, seed=0)
    forms = [layer.form for layer in plan_ntk(model, (3, 32, 32), 1000, 8 * PLENTY).layers]
    assert forms[0] == "gradient"
    assert forms[-1] == "two-factor"


def test_many_rows_use_tiles_batches_and_several_passes() -> None:
    model = _small_net()
    inputs, classes = _data((2, 8, 8), n=40)
    truth = ntk_reference.ntk(model, inputs, classes)
    for memory in (_tightest(model, (2, 8, 8), 40), 3_000_000):
        _assert_equal(_whole(model, inputs, classes, memory), truth)


@given(
    blocks=st.lists(
        st.lists(st.integers(0, 11), min_size=1, max_size=8, unique=True), min_size=1, max_size=6
    ),
    memory=st.sampled_from([300_000, 600_000, PLENTY]),
)
@settings(max_examples=15, deadline=None)
def test_blocks_may_overlap_and_come_in_any_order(blocks: list[list[int]], memory: int) -> None:
    model = _small_net()
    inputs, classes = _data((2, 8, 8), n=12)
    truth = ntk_reference.ntk(model, inputs, classes)
    found = ntk_blocks(
        model, inputs, classes, [torch.tensor(b) for b in blocks], memory=memory, dtype=DOUBLE
    )
    for rows, theta in zip(blocks, found, strict=True):
        _assert_equal(theta, truth[rows][:, rows])


class _Recurrent(nn.Module):
    """One layer used twice on itself, two modules with one weight, and a layer never used."""

    def __init__(self) -> None:
        super().__init__()
        self.again = nn.Linear(5, 5, bias=False)
        self.left = nn.Linear(5, 2, bias=False)
        self.right = nn.Linear(5, 2, bias=False)
        self.right.weight = self.left.weight
        self.idle = nn.Linear(4, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = torch.tanh(self.again(torch.tanh(self.again(input=inputs))))
        return self.left(hidden) + self.right(hidden**2)


def test_weights_used_several_times() -> None:
    model = _Recurrent().double()
    inputs, classes = _data((5,), outputs=2)
    _assert_equal(_whole(model, inputs, classes, PLENTY), ntk_reference.ntk(model, inputs, classes))


def test_a_linear_layer_along_a_sequence() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Flatten(), nn.Linear(20, 2)).double()
    inputs, classes = _data((5, 3), outputs=2)
    _assert_equal(_whole(model, inputs, classes, PLENTY), ntk_reference.ntk(model, inputs, classes))


def test_a_neutralised_net_with_batch_norm_and_dropout() -> None:
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Dropout(), nn.Flatten()
    ).append(nn.Linear(3 * 36, 3))
    neutral = neutralise(model).double()
    inputs, classes = _data((2, 8, 8))
    _assert_equal(
        _whole(neutral, inputs, classes, PLENTY), ntk_reference.ntk(neutral, inputs, classes)
    )


def test_float32_gradients_give_a_positive_semidefinite_float64_matrix() -> None:
    model = initial_net("cnn", (1, 8, 8), 2, seed=0)
    inputs, classes = _data((1, 8, 8), n=12, outputs=2)
    inputs[1] = inputs[0]  # singular on purpose
    classes[1] = classes[0]
    rows = [torch.arange(12)]
    theta = ntk_blocks(model, inputs, classes, rows, memory=PLENTY)[0]
    assert theta.dtype == DOUBLE
    eigenvalues = torch.linalg.eigvalsh(theta)
    assert float(eigenvalues[0]) > -1e-12 * float(eigenvalues[-1])
    single = ntk_blocks(model, inputs, classes, rows, memory=PLENTY, gram_dtype=torch.float32)[0]
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), theta, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        theta, ntk_reference.ntk(model.double(), inputs, classes), rtol=1e-4, atol=1e-4
    )


def test_the_model_is_left_as_it_was() -> None:
    model = _small_net().train()
    inputs, classes = _data((2, 8, 8))
    _whole(model, inputs, classes, PLENTY)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_progress_rises_to_one_and_may_cancel() -> None:
    model = _small_net()
    inputs, classes = _data((2, 8, 8))
    blocks = [torch.arange(3), torch.arange(3, 6)]
    seen: list[float] = []
    ntk_blocks(model, inputs, classes, blocks, memory=PLENTY, progress=lambda f, _: seen.append(f))
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def cancel(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        ntk_blocks(model, inputs, classes, blocks, memory=PLENTY, progress=cancel)


class _Hidden(nn.Module):
    """Uses a weight behind its layer's back, or changes an output in place."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.one = nn.Linear(4, 4, bias=False)
        self.two = nn.Linear(4, 2, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = inputs if self.how == "sequence" else self.one(inputs)
        if self.how == "functional":
            hidden = hidden + nn.functional.linear(inputs**2, self.one.weight)
        elif self.how == "in place":
            hidden += inputs
        elif self.how == "mixing":
            hidden = hidden - hidden.mean(0)
        elif self.how == "sequence":
            hidden = self.one(inputs.transpose(0, 1)).mean(0)
        return self.two(hidden.detach() if self.how == "detached" else hidden)


@pytest.mark.parametrize("how", ["functional", "mixing", "sequence"])
def test_gradients_that_hooks_cannot_see_are_refused(how: str) -> None:
    inputs, classes = _data((3, 4) if how == "sequence" else (4,), outputs=2)
    with pytest.raises(UnsuitableDataError, match=r"gradients of \d layers.*: one"):
        _whole(_Hidden(how).double(), inputs, classes, PLENTY)


def test_outputs_changed_in_place_are_refused() -> None:
    inputs, classes = _data((4,), outputs=2)
    with pytest.raises(UnsuitableDataError, match=r"1 layers.*in place.*: one; .*inplace=False"):
        _whole(_Hidden("in place").double(), inputs, classes, PLENTY)


def test_a_detached_layer_counts_nothing() -> None:
    model = _Hidden("detached").double()
    inputs, classes = _data((4,), outputs=2)
    _assert_equal(_whole(model, inputs, classes, PLENTY), ntk_reference.ntk(model, inputs, classes))


def test_other_refusals() -> None:
    model = _small_net()
    inputs, classes = _data((2, 8, 8))
    with pytest.raises(UnsuitableDataError, match=r"1 of 2 blocks are empty: 1"):
        ntk_blocks(model, inputs, classes, [torch.arange(2), torch.arange(0)], memory=PLENTY)
    with pytest.raises(UnsuitableDataError, match=r"1 rows .* 6 samples: 6"):
        ntk_blocks(model, inputs, classes, [torch.tensor([0, 6])], memory=PLENTY)
    with pytest.raises(UnsuitableDataError, match=r"6 samples and 5 classes"):
        own_outputs(model, inputs, classes[:5])
    with pytest.raises(UnsuitableDataError, match=r"1 classes .* 3: 9"):
        own_outputs(model, inputs, torch.tensor([0, 1, 2, 0, 1, 9]))
    with pytest.raises(UnsuitableDataError, match=r"1 output, and it has 3"):
        own_outputs(model, inputs)
    with pytest.raises(UnsuitableDataError, match=r"no Linear or Conv2d"):
        ntk_blocks(nn.Flatten(), inputs, classes, [torch.arange(2)], memory=PLENTY)
    with pytest.raises(ResourceError, match=r"One forward and backward pass"):
        plan_ntk(model, (2, 8, 8), 1, 2000)
    with pytest.raises(ResourceError, match=r"10,000,000 rows.*more blocks"):
        plan_ntk(model, (2, 8, 8), 10_000_000, 1_000_000)


@pytest.fixture(scope="module")
def cases(golden: Path) -> dict[str, np.ndarray]:
    with np.load(golden / "davinz.npz", allow_pickle=False) as stored:
        return dict(stored)


def _stored_net(*weights: np.ndarray, biases: tuple[np.ndarray, ...] = ()) -> nn.Module:
    layers: list[nn.Module] = []
    for index, weight in enumerate(weights):
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bool(biases))
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
            if biases:
                layer.bias.copy_(torch.from_numpy(biases[index]))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).double()


def _score(blocks: list[Tensor], residuals: list[Tensor], ridge: float) -> float:
    total, rows = 0.0, 0
    for theta, residual in zip(blocks, residuals, strict=True):
        ridged = theta + ridge * torch.eye(len(theta), dtype=DOUBLE)
        total += float(residual @ torch.linalg.solve(ridged, residual))
        rows += len(theta)
    return (total / rows) ** 0.5


def _net_score(
    model: nn.Module, X: np.ndarray, targets: Tensor, classes: Tensor | None, parts: int, lam: float
) -> float:
    inputs, n = torch.from_numpy(X), len(X)
    spans = [torch.arange(p * n // parts, (p + 1) * n // parts) for p in range(parts)]
    residual = targets - own_outputs(model, inputs, classes)
    blocks = ntk_blocks(model, inputs, classes, spans, memory=PLENTY, dtype=DOUBLE)
    return _score(blocks, [residual[span] for span in spans], lam)


def test_golden_gradients_outputs_and_kernel(cases: dict[str, np.ndarray]) -> None:
    model = _stored_net(cases["W0"], cases["W1"], cases["W2"])
    inputs, classes = torch.from_numpy(cases["X"]), torch.from_numpy(cases["y"])
    near = {"rtol": 1e-9, "atol": 1e-12}
    outputs = own_outputs(model, inputs, classes, batch=7)
    np.testing.assert_allclose(outputs, cases["f_own"], **near)
    np.testing.assert_allclose(1 - outputs, cases["yhat"], **near)
    gradients = ntk_reference.jacobian(model, inputs, classes)
    np.testing.assert_allclose(gradients, cases["jac"], **near)
    np.testing.assert_allclose(_whole(model, inputs, classes, PLENTY), cases["ntk"], **near)


@pytest.mark.parametrize("parts", [1, 4, 7])
@pytest.mark.parametrize("ridge", ["0.0001", "0.01"])
def test_golden_scores(cases: dict[str, np.ndarray], parts: int, ridge: str) -> None:
    model = _stored_net(cases["W0"], cases["W1"], cases["W2"])
    classes = torch.from_numpy(cases["y"])
    ones = torch.ones(len(classes), dtype=DOUBLE)
    score = _net_score(model, cases["X"], ones, classes, parts, float(ridge))
    key = f"ntk_score_nb{parts}_lam{ridge}"
    np.testing.assert_allclose(score, cases[f"{key}_oracle"], rtol=1e-9)
    np.testing.assert_allclose(score, cases[f"{key}_ref_f64"], rtol=1e-8)


def test_golden_net_with_biases_counts_weights_only(cases: dict[str, np.ndarray]) -> None:
    weights = (cases["biasnet_P0"], cases["biasnet_P2"])
    model = _stored_net(*weights, biases=(cases["biasnet_P1"], cases["biasnet_P3"]))
    classes = torch.from_numpy(cases["y"])
    ones = torch.ones(len(classes), dtype=DOUBLE)
    score = _net_score(model, cases["X"], ones, classes, 1, 1e-4)
    np.testing.assert_allclose(score, cases["biasnet_score_weights_only"], rtol=1e-8)


def test_golden_regression(cases: dict[str, np.ndarray]) -> None:
    model = _stored_net(cases["regnet_W0"], cases["regnet_W1"])
    targets = torch.from_numpy(cases["reg_t"]).double()
    score = _net_score(model, cases["X"], targets, None, 1, 1e-4)
    np.testing.assert_allclose(score, cases["reg_ntk_score_oracle"], rtol=1e-9)
    np.testing.assert_allclose(score, cases["reg_ntk_score_ref_f64"], rtol=1e-8)
