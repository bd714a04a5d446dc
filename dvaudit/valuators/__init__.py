"""Valuators, one method a file. Importing them loads no torch; valuing does.

The package is callable, so that `dvaudit.valuators()` lists the methods with their settings.
"""

import sys
from types import ModuleType

from dvaudit.valuators.base import Level, Method, Problem, Scores, Valuator
from dvaudit.valuators.cg_prime import CgPrime
from dvaudit.valuators.cg_score import CgScore
from dvaudit.valuators.cg_subsampled import CgSubsampled
from dvaudit.valuators.davinz import Davinz
from dvaudit.valuators.kernel_loo import KernelLoo
from dvaudit.valuators.registry import ValuatorInfo, describe, get, lookup, names, register
from dvaudit.valuators.shared import Shared

__all__ = [
    "CgPrime",
    "CgScore",
    "CgSubsampled",
    "Davinz",
    "KernelLoo",
    "Level",
    "Method",
    "Problem",
    "Scores",
    "Shared",
    "Valuator",
    "ValuatorInfo",
    "describe",
    "get",
    "lookup",
    "names",
    "register",
]


class _Listing(ModuleType):
    def __call__(self) -> tuple[ValuatorInfo, ...]:
        """Return every valuator with its texts and settings."""
        return describe()


sys.modules[__name__].__class__ = _Listing
