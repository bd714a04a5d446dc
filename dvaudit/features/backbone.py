"""Features of a network trained on other images, from torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.errors import SettingsError
from dvaudit.core.progress import Progress
from dvaudit.core.settings import setting
from dvaudit.features.base import Extractor
from dvaudit.features.pictures import pictures

ARCHITECTURES = ("resnet18", "resnet34", "resnet50", "convnext_tiny", "vit_b_16")


@dataclass(frozen=True)
class BackboneSettings:
    architecture: str = setting("resnet18", "Which network.", choices=ARCHITECTURES)
    weights_file: str | None = setting(
        None, "File with the network's state_dict, as torch.save writes it."
    )
    download: bool = setting(
        False,
        "Let torchvision download its ImageNet weights where no file is given.",
        label="Allow a download",
    )
    size: int = setting(
        224,
        "Images are resized to this many pixels squared.",
        low=32,
        high=1024,
        label="Side in pixels",
    )
    batch: int = setting(
        32,
        "Images computed at a time.",
        low=1,
        high=4096,
        label="Images at a time",
    )


@final
class Backbone(Extractor):
    """What the layer before the classifier answers; (n, 512 to 2048), standardised."""

    name = "backbone"
    title = "Pretrained network"
    summary = (
        "The last layer of a network trained on ImageNet. Best for photographs of everyday "
        "things; needs its weights from a file or a download."
    )
    version = 1
    kinds = frozenset({Kind.IMAGE})
    Settings = BackboneSettings

    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str]]:
        if not settings.weights_file and not settings.download:
            raise SettingsError(
                "The feature extractor 'backbone' needs trained weights: set weights_file to a "
                f"state_dict of {settings.architecture}, or download to true."
            )
        from dvaudit.features import _backbone  # loads torch; torchvision only within

        source = pictures(data, settings.size, square=True, fitted_on=fitted_on)
        return _backbone.extract(source, settings, device, progress, fitted_on)
