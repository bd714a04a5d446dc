"""torchvision's nets: their gradients, frozen statistics, sizes, and a torchvision that fails."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dvaudit.core.errors import MissingDependencyError, SettingsError, UnsuitableDataError
from dvaudit.gradients import inner_products, plan_taps, reference, squared_norms
from dvaudit.gradients.losses import cross_entropy
from dvaudit.models import torchvision_nets, trainable_net


class Tiny(nn.Module):
    """As torchvision builds nets: batch norm, what it returns changed in place, dropout."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.mix, self.bn2 = nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4)
        self.relu, self.drop = nn.ReLU(inplace=True), nn.Dropout(0.5)
        self.fc = nn.Linear(4, outputs)

    def forward(self, images: Tensor) -> Tensor:
        first = self.relu(self.bn(self.conv(images)))
        hidden = self.bn2(self.mix(first))
        hidden += first
        return self.fc(self.drop(functional.relu(hidden, inplace=True)).mean((2, 3)))


def _offered(name: str) -> SimpleNamespace:
    assert name == "torchvision.models"
    least = SimpleNamespace(DEFAULT=SimpleNamespace(meta={"min_size": (11, 9)}))
    return SimpleNamespace(
        list_models=lambda module: ["tiny"],
        get_model_weights=lambda name: least,
        get_model_builder=lambda name: lambda weights, num_classes: Tiny(num_classes),
    )


@pytest.fixture
def tiny_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_nets.importlib, "import_module", _offered)


@pytest.mark.usefixtures("tiny_torchvision")
def test_a_torchvision_net_enlarges_pictures_and_has_rules_for_every_parameter() -> None:
    net = trainable_net("torchvision:tiny", (1, 8, 20), 3, seed=0).double()
    pictures = torch.rand(4, 1, 8, 20, dtype=torch.float64)
    enlarged = net[0](pictures)
    assert enlarged.shape == (4, 3, 11, 20)
    assert torch.equal(enlarged[:, 0], enlarged[:, 2])
    batch = (pictures, torch.arange(4) % 3)
    taps = plan_taps(net, cross_entropy, batch)
    assert taps.rest == ()
    truth = reference.gradients(net, cross_entropy, batch)
    directions = torch.eye(truth.shape[1], dtype=torch.float64)
    found = inner_products(net, cross_entropy, batch, directions, taps=taps)
    torch.testing.assert_close(found, truth, rtol=1e-9, atol=1e-9)
    norms = squared_norms(net, cross_entropy, batch, taps=taps)
    torch.testing.assert_close(norms, truth.square().sum(1), rtol=1e-9, atol=1e-9)


@pytest.mark.usefixtures("tiny_torchvision")
def test_statistics_of_batch_norms_come_from_the_seed_and_stay() -> None:
    nets = [trainable_net("torchvision:tiny", (3, 16, 16), 3, seed=seed) for seed in (4, 4, 5)]
    first, again, other = (net[1].bn.running_var.clone() for net in nets)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    net = nets[0].train(False)
    torch.manual_seed(1)
    pictures = torchvision_nets.random_pictures((3, 16, 16))
    normal = net[1].bn(net[1].conv(pictures))
    torch.testing.assert_close(normal.var((0, 2, 3)), torch.ones(4), rtol=0.3, atol=0)
    assert torch.equal(first, net[1].bn.running_var)


@pytest.mark.usefixtures("tiny_torchvision")
def test_examples_share_the_statistics_so_that_their_scale_fits() -> None:
    bright = 50 * torch.rand(128, 3, 16, 16)
    for examples, least, most in ((None, 20.0, 500.0), (bright, 0.5, 2.0)):
        net = trainable_net("torchvision:tiny", (3, 16, 16), 3, seed=0, examples=examples)
        normal = net[1].bn(net[1].conv(bright)).detach()
        assert least < normal.std() < most


@pytest.mark.usefixtures("tiny_torchvision")
def test_refusals_of_names_and_sizes() -> None:
    with pytest.raises(SettingsError, match="no classifier 'tinny'; it has tiny"):
        trainable_net("torchvision:tinny", (3, 16, 16), 3, seed=0)
    with pytest.raises(UnsuitableDataError, match=r"takes pictures.*\(2, 16, 16\)"):
        trainable_net("torchvision:tiny", (2, 16, 16), 3, seed=0)


def test_a_broken_torchvision_is_named_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nsecond line")

    monkeypatch.setattr(torchvision_nets.importlib, "import_module", broken)
    words = r"'torchvision:resnet18' needs torchvision.*nms does not exist\. .*'resnet'"
    with pytest.raises(MissingDependencyError, match=words):
        trainable_net("torchvision:resnet18", (3, 16, 16), 3, seed=0)


@pytest.mark.parametrize("name", ["resnet18", "inception_v3"])
def test_published_nets_have_rules_for_every_parameter(name: str) -> None:
    try:
        net = trainable_net(f"torchvision:{name}", (1, 20, 20), 3, seed=0)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    torch.manual_seed(1)
    pictures = torchvision_nets.random_pictures((1, 20, 20))[:2].double()
    batch = (pictures, torch.arange(2))
    outputs = net.double()(pictures)
    assert outputs.shape == (2, 3)
    assert bool(outputs.abs().max() < 20)
    assert plan_taps(net, cross_entropy, batch).rest == ()
