"""Features of a network trained on other images, from torchvision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.errors import SettingsError
from dvaudit.core.progress import Progress, silent
from dvaudit.core.settings import setting
from dvaudit.features.base import Extractor
from dvaudit.features.cache import digest_of
from dvaudit.features.fitted import Fitted, Kept
from dvaudit.features.pictures import Pictures, Shape, pictures
from dvaudit.features.standardise import Scales

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
@dataclass(frozen=True, eq=False)
class FittedBackbone(Fitted):
    """The shape of pictures, which network, and the columns' scales.

    Attributes:
        content: SHA-256 of the file of weights; empty where they were downloaded.
    """

    name = "backbone"
    version = 1

    shape: Shape
    settings: BackboneSettings
    content: str
    scales: Scales

    def describe(
        self, data: Dataset, *, device: str = "cpu", progress: Progress = silent
    ) -> tuple[NDArray[np.floating], list[str]]:
        if content_of(self.settings) != self.content:
            raise SettingsError(
                f"The weights in {self.settings.weights_file} are not those that the features "
                "were made with; put the earlier file back, or run the audit again."
            )
        from dvaudit.features import _backbone  # loads torch; torchvision only within

        source = Pictures(data, self.shape)
        matrix = _backbone.answers_to(source, self.settings, device, progress)
        self.scales.apply_(matrix)
        return matrix, source.notes()

    def kept(self) -> Kept:
        facts = {
            "shape": asdict(self.shape),
            "settings": asdict(self.settings),
            "content": self.content,
        }
        return Kept(facts, asdict(self.scales))

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        return cls(
            Shape(**kept.facts["shape"]),
            BackboneSettings(**kept.facts["settings"]),
            str(kept.facts["content"]),
            Scales(kept.arrays["mean"], kept.arrays["scale"]),
        )


def content_of(settings: BackboneSettings) -> str:
    """Return the SHA-256 of the file of weights; empty where there is none."""
    path = Path(settings.weights_file) if settings.weights_file else None
    if path is None or not path.is_file():
        return ""
    return digest_of(path)


@final
class Backbone(Extractor):
    """What the layer before the classifier answers; (n, 512 to 2048), standardised."""

    name = "backbone"
    title = "Pretrained network"
    summary = (
        "The last layer of a network trained on ImageNet. Best for photographs of everyday "
        "things; needs its weights from a file or a download."
    )
    version = FittedBackbone.version
    kinds = frozenset({Kind.IMAGE})
    Settings = BackboneSettings
    Learns = FittedBackbone

    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str], Fitted]:
        if not settings.weights_file and not settings.download:
            raise SettingsError(
                "The feature extractor 'backbone' needs trained weights: set weights_file to a "
                f"state_dict of {settings.architecture}, or download to true."
            )
        from dvaudit.features import _backbone  # loads torch; torchvision only within

        source = pictures(data, settings.size, square=True, fitted_on=fitted_on)
        return _backbone.extract(source, settings, device, progress, fitted_on)
