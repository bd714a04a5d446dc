"""The nets DAVINZ looks at, and `neutralise` for a net of the user's own."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.models import NETS, initial_net, neutralise

IMAGE_NETS = [name for name in NETS if name != "mlp"]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 13)])
def test_every_net_takes_any_image_from_8_pixels(name: str, shape: tuple[int, ...]) -> None:
    net = initial_net(name, shape, 4, seed=0)
    outputs = net(torch.rand(2, *shape))
    assert outputs.shape == (2, 4)
    assert bool(torch.isfinite(outputs).all())


def test_a_large_image_starts_with_a_stride() -> None:
    net = initial_net("resnet18", (1, 64, 64), 2, seed=0)
    assert net(torch.rand(1, 1, 64, 64)).shape == (1, 2)
    assert next(net.parameters()).shape == (64, 1, 7, 7)


@pytest.mark.parametrize(("name", "weights"), [("vgg13", 9_407_168), ("resnet18", 11_164_352)])
def test_published_sizes(name: str, weights: int) -> None:
    net = initial_net(name, (3, 32, 32), 10, seed=0)
    assert sum(parameter.numel() for parameter in net.parameters()) == weights


@pytest.mark.parametrize("name", NETS)
def test_only_weights_and_nothing_random(name: str) -> None:
    net = initial_net(name, (2, 8, 8), 3, seed=0)
    assert not net.training
    assert all(key.endswith(".weight") for key, _ in net.named_parameters())
    kinds = {type(part) for part in net.modules() if any(True for _ in part.parameters(False))}
    assert kinds <= {nn.Linear, nn.Conv2d}
    assert not any(getattr(part, "inplace", False) for part in net.modules())


@pytest.mark.parametrize("name", ["mlp", "cnn", "vgg", "resnet"])
def test_a_seed_gives_the_weights_and_leaves_the_global_state_alone(name: str) -> None:
    before = torch.random.get_rng_state()
    first = initial_net(name, (1, 8, 8), 3, seed=5).state_dict()
    torch.manual_seed(99)
    again = initial_net(name, (1, 8, 8), 3, seed=5).state_dict()
    other = initial_net(name, (1, 8, 8), 3, seed=6).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not any(torch.equal(first[key], other[key]) for key in first)
    torch.random.set_rng_state(before)
    initial_net(name, (1, 8, 8), 3, seed=5)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", NETS)
def test_outputs_keep_their_size_through_any_depth(name: str) -> None:
    inputs = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    sizes = [
        float(initial_net(name, (3, 16, 16), 10, seed=seed)(inputs).detach().square().mean().sqrt())
        for seed in range(2)
    ]
    assert all(0.1 < size < 10 for size in sizes)


@pytest.mark.parametrize("name", IMAGE_NETS)
def test_vectors_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnsuitableDataError, match=rf"'{name}'.*vectors of 5.*'mlp'"):
        initial_net(name, (5,), 2, seed=0)


def test_other_refusals() -> None:
    with pytest.raises(UnsuitableDataError, match=r"8 x 8.*7 x 20.*resize"):
        initial_net("cnn", (1, 7, 20), 2, seed=0)
    with pytest.raises(UnsuitableDataError, match=r"\(3, 4\).*reshape"):
        initial_net("mlp", (3, 4), 2, seed=0)
    with pytest.raises(SettingsError, match=r"'lenet'.*mlp, cnn"):
        initial_net("lenet", (1, 8, 8), 2, seed=0)
    with pytest.raises(SettingsError, match="at least 1 output"):
        initial_net("mlp", (4,), 0, seed=0)


def _users_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.GroupNorm(2, 4),
        nn.Flatten(),
        nn.Linear(4 * 36, 3),
    )


def test_neutralise_resets_a_trained_net_and_leaves_the_original() -> None:
    net = _users_net()
    inputs = torch.rand(8, 2, 8, 8)
    net(inputs)  # moves the running statistics
    nn.init.normal_(net[1].weight)
    nn.init.normal_(net[4].bias)
    kept = {key: value.clone() for key, value in net.state_dict().items()}
    neutral = neutralise(net)
    assert not neutral.training
    assert net.training
    assert all(torch.equal(kept[key], value) for key, value in net.state_dict().items())
    assert neutral[0].bias is None
    assert neutral[6].bias is None
    norm = neutral[1]
    assert torch.equal(norm.weight, torch.ones(4))
    assert torch.equal(norm.running_mean, torch.zeros(4))
    assert not norm.weight.requires_grad
    assert torch.equal(neutral[4].bias, torch.zeros(4))
    assert neutral[3].p == 0
    assert not neutral[2].inplace
    convolved = neutral[0](inputs)
    torch.testing.assert_close(norm(convolved), convolved / math.sqrt(1 + 1e-5))


def test_neutralise_lists_what_the_ntk_would_ignore() -> None:
    net = nn.Sequential(nn.Conv1d(2, 3, 3, bias=False), nn.Flatten(), nn.Linear(18, 2), nn.PReLU())
    with pytest.raises(UnsuitableDataError, match=r"2 parameters.*0\.weight, 3\.weight"):
        neutralise(net)
    assert neutralise(net, allow_ignored=True)[2].bias is None


def test_neutralise_refuses_norms_that_mix_samples() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=False))
    with pytest.raises(UnsuitableDataError, match=r"1 batch norms.*: 1; .*track_running_stats"):
        neutralise(net)
