"""Valuators, one method a file. Importing them loads no torch; valuing does.

The package is callable, so that `dvaudit.valuators()` lists the methods with their settings.
"""

import sys
from types import ModuleType

from dvaudit.valuators.aum import Aum
from dvaudit.valuators.base import Level, Method, Problem, Scores, Valuator
from dvaudit.valuators.cg_prime import CgPrime
from dvaudit.valuators.cg_score import CgScore
from dvaudit.valuators.cg_subsampled import CgSubsampled
from dvaudit.valuators.confident_learning import ConfidentLearning
from dvaudit.valuators.data_banzhaf import DataBanzhaf
from dvaudit.valuators.davinz import Davinz
from dvaudit.valuators.dvemb import DvEmb
from dvaudit.valuators.dvgs import Dvgs
from dvaudit.valuators.el2n import El2n
from dvaudit.valuators.forgetting import Forgetting
from dvaudit.valuators.grand import Grand
from dvaudit.valuators.influence import Influence
from dvaudit.valuators.kernel_loo import KernelLoo
from dvaudit.valuators.knn_shapley import KnnShapley
from dvaudit.valuators.liveval import LiveVal
from dvaudit.valuators.loo_retraining import LooRetraining
from dvaudit.valuators.random_values import RandomValues
from dvaudit.valuators.registry import (
    ValuatorInfo,
    describe,
    get,
    lookup,
    measures_hardness,
    names,
    register,
)
from dvaudit.valuators.shared import Shared
from dvaudit.valuators.tmc_shapley import TmcShapley
from dvaudit.valuators.tracin import Tracin
from dvaudit.valuators.trained import TrainedValuator, wants_pictures
from dvaudit.valuators.trak import Trak

__all__ = [
    "Aum",
    "CgPrime",
    "CgScore",
    "CgSubsampled",
    "ConfidentLearning",
    "DataBanzhaf",
    "Davinz",
    "DvEmb",
    "Dvgs",
    "El2n",
    "Forgetting",
    "Grand",
    "Influence",
    "KernelLoo",
    "KnnShapley",
    "Level",
    "LiveVal",
    "LooRetraining",
    "Method",
    "Problem",
    "RandomValues",
    "Scores",
    "Shared",
    "TmcShapley",
    "Tracin",
    "TrainedValuator",
    "Trak",
    "Valuator",
    "ValuatorInfo",
    "describe",
    "get",
    "lookup",
    "measures_hardness",
    "names",
    "register",
    "wants_pictures",
]


class _Listing(ModuleType):
    def __call__(self) -> tuple[ValuatorInfo, ...]:
        """Return every valuator with its texts and settings."""
        return describe()


sys.modules[__name__].__class__ = _Listing
