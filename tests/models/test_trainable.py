"""Nets to train: their gradients, that samples do not mix, their sizes, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dvaudit.core.dataset import Task
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.core.progress import silent
from dvaudit.core.trace import unwatched
from dvaudit.gradients import inner_products, plan_taps, reference, squared_norms
from dvaudit.gradients.losses import Loss, cross_entropy, squared_error
from dvaudit.models import TRAINABLE, own_net, trainable_net
from dvaudit.valuators.learner import build_learner
from dvaudit.valuators.trained import TrainingProblem

WORDS, LENGTH = 11, 7
SHAPES = {
    "linear": (5,),
    "mlp": (5,),
    "lenet5": (1, 16, 13),
    "resnet": (3, 9, 6),
    "attention": (LENGTH,),
    "autoencoder": (5,),
}


def _made(name: str, *, outputs: int = 3, seed: int = 0, **others: Any) -> nn.Module:
    words = WORDS if name == "attention" else None
    return trainable_net(
        name, SHAPES[name], outputs, seed=seed, widths=(6, 4), words=words, **others
    ).double()


def _samples(name: str, n: int, seed: int = 0) -> Tensor:
    """Random inputs; the texts have 0, 1, 2 ... words, and padding after them."""
    draws = torch.Generator().manual_seed(seed)
    if name != "attention":
        return torch.rand(n, *SHAPES[name], generator=draws, dtype=torch.float64)
    words = torch.randint(1, WORDS, (n, LENGTH), generator=draws)
    return words * (torch.arange(LENGTH) < torch.arange(n)[:, None])


def _targets(name: str, inputs: Tensor, outputs: int) -> tuple[Loss, Tensor]:
    if name == "autoencoder":
        return squared_error, inputs
    if outputs == 1:
        return squared_error, torch.linspace(-1, 1, len(inputs), dtype=torch.float64)
    return cross_entropy, torch.arange(len(inputs)) % outputs


def _assert_products(net: nn.Module, loss: Loss, batch: tuple[Tensor, Tensor]) -> None:
    """Rules cover every parameter, and give what autograd gives one sample at a time."""
    taps = plan_taps(net, loss, batch)
    assert taps.rest == ()
    truth = reference.gradients(net, loss, batch)
    assert bool(torch.isfinite(truth).all())
    draws = torch.Generator().manual_seed(1)
    directions = torch.randn(3, truth.shape[1], generator=draws, dtype=truth.dtype)
    found = inner_products(net, loss, batch, directions, taps=taps)
    torch.testing.assert_close(found, truth @ directions.T, rtol=1e-9, atol=1e-9)
    norms = squared_norms(net, loss, batch, taps=taps)
    torch.testing.assert_close(norms, truth.square().sum(1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", TRAINABLE)
def test_rules_give_the_gradients_of_every_parameter(name: str, outputs: int) -> None:
    inputs = _samples(name, 5)
    loss, targets = _targets(name, inputs, outputs)
    _assert_products(_made(name, outputs=outputs), loss, (inputs, targets))


@given(name=st.sampled_from(list(TRAINABLE)), n=st.integers(2, 6), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_sample_is_answered_alike_alone_and_while_training(name: str, n: int, seed: int) -> None:
    net, inputs = _made(name, seed=seed), _samples(name, n, seed)
    with torch.no_grad():
        together, training = net(inputs), net.train()(inputs)
        alone = torch.cat([net(inputs[i : i + 1]) for i in range(n)])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-12)
    assert torch.equal(together, training)


@pytest.mark.parametrize("name", TRAINABLE)
def test_a_seed_gives_the_weights_and_leaves_the_global_state_alone(name: str) -> None:
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    first, again, other = (_made(name, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(before, torch.random.get_rng_state())
    assert not first.training
    inputs = _samples(name, 4)
    assert torch.equal(first(inputs), again(inputs))
    assert not torch.equal(first(inputs), other(inputs))


def _count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_lenet5_has_the_published_size_on_mnist_padded_or_not() -> None:
    for side in (28, 32):
        assert _count(trainable_net("lenet5", (1, side, side), 10, seed=0)) == 61_706


@pytest.mark.parametrize("name", ["lenet5", "resnet"])
@pytest.mark.parametrize("sides", [(12, 12), (16, 64), (31, 32), (33, 40), (64, 64)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_sides(name: str, sides: tuple[int, int], channels: int) -> None:
    net = trainable_net(name, (channels, *sides), 4, seed=0)
    outputs = net(torch.rand(2, channels, *sides))
    assert outputs.shape == (2, 4)
    assert bool(torch.isfinite(outputs).all())


def test_the_residual_net_is_small() -> None:
    assert 100_000 < _count(trainable_net("resnet", (3, 32, 32), 10, seed=0)) < 300_000


def test_padding_changes_no_answer_and_order_does() -> None:
    net = _made("attention")
    texts = _samples("attention", 5)
    assert not texts[:, 4:].any()
    torch.testing.assert_close(net(texts), net(texts[:, :4]), rtol=1e-12, atol=1e-12)
    pair = torch.tensor([[1, 2, 0], [2, 1, 0]])
    assert not torch.allclose(*net(pair), rtol=1e-6, atol=1e-6)


def test_a_text_without_tokens_is_answered_by_the_last_bias() -> None:
    net = _made("attention")
    assert torch.equal(net(torch.zeros(1, LENGTH, dtype=torch.int64))[0], net.score.bias)


def test_attention_learns_which_word_comes_first() -> None:
    words = torch.tensor([[a, b] for a in range(1, 6) for b in range(1, 6) if a != b])
    earlier = (words[:, 0] < words[:, 1]).long()
    net = trainable_net("attention", (2,), 2, seed=0, words=6)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(100):
        optimiser.zero_grad()
        cross_entropy(net(words), earlier).mean().backward()
        optimiser.step()
    assert bool((net(words).argmax(1) == earlier).all())


def test_an_autoencoder_learns_its_inputs_through_the_given_widths() -> None:
    net = trainable_net("autoencoder", (6,), 99, seed=0, widths=(8, 2, 7))
    assert [part.out_features for part in net if isinstance(part, nn.Linear)] == [8, 2, 7, 6]
    line = torch.linspace(-1, 1, 40)[:, None] * torch.tensor([1.0, -2.0, 0.5, 1.5, -1.0, 2.0])
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(300):
        optimiser.zero_grad()
        squared_error(net(line), line).mean().backward()
        optimiser.step()
    assert bool(squared_error(net(line), line).mean() < 0.05 * line.square().mean())


@pytest.mark.parametrize(
    ("name", "shape", "outputs", "error", "words"),
    [
        ("cnn", (5,), 2, SettingsError, r"'cnn'.*linear, mlp, lenet5.*torchvision:"),
        ("mlp", (5,), 0, SettingsError, "0 were asked for"),
        ("mlp", (0,), 2, UnsuitableDataError, "at least one number"),
        ("lenet5", (5,), 2, UnsuitableDataError, r"'lenet5' takes pictures.*\(5,\).*'mlp'"),
        ("lenet5", (1, 8, 40), 2, UnsuitableDataError, "at least 12 x 12 pixels.*8 x 40"),
        ("attention", (3, 8, 8), 2, UnsuitableDataError, r"'attention' takes vectors or tokens"),
        ("attention", (5,), 2, SettingsError, "number of token codes, and got None"),
        ("torchvision:resnet18", (5,), 2, UnsuitableDataError, r"takes pictures.*\(5,\)"),
    ],
)
def test_refusals(
    name: str, shape: tuple[int, ...], outputs: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        trainable_net(name, shape, outputs, seed=0)


def test_an_own_module_is_copied_with_its_weights_and_frozen() -> None:
    module = nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 3), nn.Dropout(0.5))
    net = own_net(module, torch.zeros(1, 5), 3, seed=0)
    assert not any(part.training for part in net.modules())
    assert all(part.training for part in module.modules())
    assert torch.equal(net[1].weight, module[1].weight)
    assert net[1].weight is not module[1].weight


def test_a_function_builds_a_net_from_shape_outputs_and_seed() -> None:
    def build(shape: tuple[int, ...], outputs: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] * shape[1], outputs))

    example = torch.zeros(1, 2, 3)
    before = torch.random.get_rng_state()
    first, again, other = (own_net(build, example, 4, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(first[1].weight, again[1].weight)
    assert not torch.equal(first[1].weight, other[1].weight)


@pytest.mark.parametrize(
    ("module", "error", "words"),
    [
        ("resnet", SettingsError, "of type str"),
        (lambda shape, outputs: 3, SettingsError, "of type int"),
        (nn.Linear(4, 3), UnsuitableDataError, r"cannot take samples of shape \(5,\)"),
        (nn.Linear(5, 2), UnsuitableDataError, r"by \(1, 2\), and must by \(1, 3\)"),
    ],
)
def test_refusals_of_own_nets(module: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        own_net(module, torch.zeros(1, 5), 3, seed=0)


def _problem(inputs: np.ndarray, trusted: np.ndarray | None, **others: Any) -> TrainingProblem:
    m = len(inputs)
    return TrainingProblem(
        task=Task.CLASSIFICATION,
        inputs=inputs,
        labels=np.arange(m) % 2,
        class_names=("a", "b"),
        ids=tuple(map(str, range(m))),
        trusted_inputs=trusted,
        trusted_labels=None if trusted is None else np.zeros(len(trusted), dtype=np.int64),
        seed=0,
        device="cpu",
        progress=silent,
        watch=unwatched,
        **others,
    )


def test_a_learner_embeds_the_codes_of_valued_and_trusted_texts() -> None:
    learner = build_learner(
        _problem(np.array([[1, 2], [3, 0]]), np.array([[9, 0]])), "attention", seed=0
    )
    assert learner.net.words.num_embeddings == 10
    assert torch.equal(learner.source[0], torch.tensor([[1, 2], [3, 0]]))
    assert learner.trusted is not None
    assert learner.net(learner.trusted[0]).shape == (1, 2)


def test_a_learner_reconstructs_its_standardised_inputs() -> None:
    vectors = np.random.default_rng(0).normal(3, 2, (8, 4)).astype(np.float32)
    learner = build_learner(_problem(vectors, vectors[:3] + 1), "autoencoder", seed=0, widths=(2,))
    inputs, targets = learner.source
    assert torch.equal(inputs, targets)
    torch.testing.assert_close(inputs.std(0, correction=0), torch.ones(4))
    error = (learner.net(inputs) - inputs).square().mean(1)
    torch.testing.assert_close(learner.loss(learner.net(inputs), targets), error)
    assert learner.trusted is not None
    assert torch.equal(*learner.trusted)


def test_a_learner_takes_a_copy_of_the_own_module() -> None:
    module = nn.Linear(4, 2)
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    learner = build_learner(_problem(vectors, None, module=module), "auto", seed=0)
    assert learner.net is not module
    assert torch.equal(learner.net.weight, module.weight)
    assert torch.equal(learner.net(learner.source[0]), module(learner.source[0]))
