"""Valuators, one method a file. Importing them loads no torch; valuing does."""

from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.cg_score import CgScore
from dvaudit.valuators.kernel_loo import KernelLoo
from dvaudit.valuators.registry import get, lookup, names, register
from dvaudit.valuators.shared import Shared

__all__ = [
    "CgScore",
    "KernelLoo",
    "Problem",
    "Scores",
    "Shared",
    "Valuator",
    "get",
    "lookup",
    "names",
    "register",
]
