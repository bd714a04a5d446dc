"""Runs a torchvision network without its classifier."""

from __future__ import annotations

import importlib
import pickle
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from dvaudit.core.errors import MissingDependencyError, SettingsError
from dvaudit.core.progress import Progress
from dvaudit.features.backbone import FittedBackbone, content_of
from dvaudit.features.pictures import Pictures
from dvaudit.features.standardise import standardise_

# Where each network keeps its classifier; what comes before it is the feature vector.
HEADS = {
    "resnet18": "fc",
    "resnet34": "fc",
    "resnet50": "fc",
    "convnext_tiny": "classifier.2",
    "vit_b_16": "heads.head",
}
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as trained


def extract(
    source: Pictures, settings: Any, device: str, progress: Progress, fitted_on: int
) -> tuple[NDArray[np.floating], list[str], FittedBackbone]:
    """Return the (n, d) standardised answers of the network, notes, and what describes."""
    matrix = answers_to(source, settings, device, progress)
    scales = standardise_(matrix, fitted_on=fitted_on)
    learned = FittedBackbone(source.shape, settings, content_of(settings), scales)
    return matrix, source.notes(), learned


def answers_to(
    source: Pictures, settings: Any, device: str, progress: Progress
) -> NDArray[np.float32]:
    """Return the (n, d) answers of the network to all images."""
    progress(0.0, "Loading the network")
    network = load_network(settings).to(device)
    place = torch.device(device)
    mean, deviation = (torch.tensor(v, device=place).view(3, 1, 1) for v in (MEAN, DEVIATION))
    total, rows = len(source.data), []
    with torch.inference_mode():
        for start, block in source.batches():
            for offset in range(0, len(block), settings.batch):
                part = torch.from_numpy(block[offset : offset + settings.batch]).to(place)
                images = part.permute(0, 3, 1, 2).float().div_(255)
                answers = network(((images - mean) / deviation).expand(-1, 3, -1, -1))
                rows.append(answers.float().flatten(1).cpu().numpy())
            progress(0.05 + 0.9 * (start + len(block)) / total, "Describing images")
    return np.concatenate(rows)


def load_network(settings: Any) -> nn.Module:
    """Return the network in evaluation mode, its classifier replaced by the identity.

    Raises:
        MissingDependencyError: torchvision is absent or does not work with this torch, or its
            download failed.
        SettingsError: the weights file cannot be read or is for another network.
    """
    models = import_torchvision()
    build = getattr(models, settings.architecture)
    if settings.weights_file:
        network: nn.Module = build(weights=None)
        _load_file(network, Path(settings.weights_file), settings.architecture)
    else:
        network = _downloaded(build, settings.architecture)
    owner, _, head = HEADS[settings.architecture].rpartition(".")
    setattr(network.get_submodule(owner), head, nn.Identity())
    return network.eval()


def import_torchvision() -> ModuleType:
    """Return torchvision.models.

    Raises:
        MissingDependencyError: torchvision is absent, or its compiled operators do not match
            this torch ("operator torchvision::nms does not exist").
    """
    try:
        return importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError, OSError) as error:
        raise MissingDependencyError(
            "The feature extractor 'backbone' needs torchvision, which cannot be loaded: "
            f"{_first_line(error)}. Installed: torchvision {_version('torchvision')}, torch "
            f"{torch.__version__}. Install both from the same package index (pip install "
            "--force-reinstall torch torchvision), or use the extractor 'patches'."
        ) from error


def _load_file(network: nn.Module, path: Path, architecture: str) -> None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise SettingsError(
            f"backbone.weights_file {path} cannot be read as a state_dict: {_first_line(error)}."
        ) from error
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"backbone.weights_file {path} does not hold the weights of {architecture}: "
            f"{_first_line(error)}."
        ) from error


def _downloaded(build: Any, architecture: str) -> nn.Module:
    try:
        network: nn.Module = build(weights="DEFAULT")
    # urllib's errors are OSErrors; a cut-off file fails torchvision's checksum (RuntimeError).
    except (OSError, RuntimeError) as error:
        raise MissingDependencyError(
            f"The weights of {architecture} could not be downloaded: {_first_line(error)}. "
            "Download them elsewhere and set backbone.weights_file, or use the extractor "
            "'patches'."
        ) from error
    return network


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".:") or type(error).__name__
