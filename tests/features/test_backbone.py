"""The pretrained network: its one fragile import, its weights, and its vectors."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from dvaudit import features
from dvaudit.core.errors import MissingDependencyError, SettingsError
from dvaudit.features import _backbone


class Tiny(nn.Module):
    """Channel means, then a classifier named as in a ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv2d(3, 5, 1)
        self.fc = nn.Linear(5, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.mix(images).mean((2, 3)))


def offered(weights: object = None) -> nn.Module:
    if weights is not None:
        raise OSError("no route to host")
    return Tiny()


@pytest.fixture
def tiny_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    models = SimpleNamespace(resnet18=offered)
    monkeypatch.setattr(_backbone, "import_torchvision", lambda: models)


def broken(error: Exception):
    def load(name: str) -> object:
        assert name == "torchvision.models"
        raise error

    return load


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("operator torchvision::nms does not exist\nsecond line"),
        ModuleNotFoundError("No module named 'torchvision'"),
        OSError("libcudart.so.12: cannot open shared object file"),
    ],
)
def test_broken_torchvision_is_named_with_versions_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, image_dataset, texture, error: Exception
) -> None:
    monkeypatch.setattr(_backbone.importlib, "import_module", broken(error))
    data = image_dataset(texture(2, 8, 8, 3))
    with pytest.raises(MissingDependencyError) as caught:
        features.extract(data, "backbone", settings={"download": True})
    message = str(caught.value)
    assert "'backbone'" in message
    assert str(error).splitlines()[0] in message
    assert f"torch {torch.__version__}" in message
    assert "torchvision " in message
    assert "pip install" in message
    assert "'patches'" in message
    assert "\n" not in message


def test_the_torchvision_installed_here_loads_or_is_refused_by_name() -> None:
    try:
        importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError, OSError):
        with pytest.raises(MissingDependencyError, match="'backbone' needs torchvision"):
            _backbone.import_torchvision()
    else:
        models = _backbone.import_torchvision()
        for name in _backbone.HEADS:
            assert hasattr(models, name)


def test_weights_are_asked_for(image_dataset, texture) -> None:
    with pytest.raises(SettingsError, match=r"weights_file.*or download to true"):
        features.extract(image_dataset(texture(2, 8, 8, 3)), "backbone")


def test_download_that_fails_says_what_to_do(tiny_torchvision, image_dataset, texture) -> None:
    data = image_dataset(texture(2, 8, 8, 3))
    with pytest.raises(MissingDependencyError, match=r"no route to host.*weights_file"):
        features.extract(data, "backbone", settings={"download": True})


def test_weights_file_that_is_absent_damaged_or_of_another_network(
    tiny_torchvision, image_dataset, texture, tmp_path: Path
) -> None:
    data = image_dataset(texture(2, 8, 8, 3))
    other, damaged, harmful = (tmp_path / name for name in ("other.pt", "damaged.pt", "harm.pt"))
    torch.save({"some.weight": torch.zeros(1)}, other)
    damaged.write_bytes(b"not a file of torch")
    torch.save({"code": Tiny()}, harmful)
    for path, reason in [
        (tmp_path / "absent.pt", "cannot be read as a state_dict"),
        (damaged, "cannot be read as a state_dict"),
        (harmful, "cannot be read as a state_dict"),
        (other, "does not hold the weights of resnet18"),
    ]:
        with pytest.raises(SettingsError, match=reason):
            features.extract(data, "backbone", settings={"weights_file": str(path)})


def test_vectors_are_what_comes_before_the_classifier(
    tiny_torchvision, image_dataset, texture, tmp_path: Path
) -> None:
    network = Tiny()
    path = tmp_path / "weights.pt"
    torch.save(network.state_dict(), path)
    pixels = texture(5, 32, 32, 3)
    given = {"weights_file": str(path), "size": 32, "batch": 2}
    found = features.extract(image_dataset(pixels), "backbone", settings=given)
    with torch.inference_mode():
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255
        mean, deviation = (
            torch.tensor(v).view(3, 1, 1) for v in (_backbone.MEAN, _backbone.DEVIATION)
        )
        answers = network.mix((images - mean) / deviation).mean((2, 3)).numpy()
    expected = (answers - answers.mean(0)) / answers.std(0)
    np.testing.assert_allclose(found.matrix, expected, atol=1e-3)


def test_grey_images_and_any_size_are_accepted(
    tiny_torchvision, image_dataset, texture, tmp_path: Path
) -> None:
    path = tmp_path / "weights.pt"
    torch.save(Tiny().state_dict(), path)
    data = image_dataset(texture(3, 20, 40, 1))
    found = features.extract(data, "backbone", settings={"weights_file": path, "size": 32})
    assert found.matrix.shape == (3, 5)
    assert found.notes == ("3 of 3 images were resized to 32 x 32 pixels.",)


def test_another_weights_file_is_another_cache_entry(
    tiny_torchvision, image_dataset, texture, tmp_path: Path
) -> None:
    data = image_dataset(texture(3, 32, 32, 3))
    path = tmp_path / "weights.pt"
    keys = []
    for _ in range(2):
        torch.save(Tiny().state_dict(), path)
        given = {"weights_file": str(path), "size": 32}
        keys.append(features.extract(data, "backbone", settings=given, cache=tmp_path).key)
    assert keys[0] != keys[1]
