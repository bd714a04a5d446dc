"""Feature extractors, one a file: a dataset -> one vector per sample.

Importing the package loads no torch, scikit-learn or torchvision; extracting loads what the
chosen extractor needs.
"""

from dvaudit.features.backbone import Backbone
from dvaudit.features.base import Extractor, Features
from dvaudit.features.effort import extraction_seconds
from dvaudit.features.extraction import automatic, automatic_for, extract
from dvaudit.features.patches import Patches
from dvaudit.features.pixels import Pixels
from dvaudit.features.registry import extractors, get, names, register
from dvaudit.features.tabular import Tabular
from dvaudit.features.vectors import Vectors

for _extractor in (Tabular(), Patches(), Pixels(), Backbone(), Vectors()):
    register(_extractor)

__all__ = [
    "Backbone",
    "Extractor",
    "Features",
    "Patches",
    "Pixels",
    "Tabular",
    "Vectors",
    "automatic",
    "automatic_for",
    "extract",
    "extraction_seconds",
    "extractors",
    "get",
    "names",
    "register",
]
