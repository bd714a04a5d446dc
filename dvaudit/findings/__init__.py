"""What the audit says: mislabels, duplicates, outliers, classes, consensus, error rate.

Pure functions on arrays and results; importing them loads neither torch nor scikit-learn.
"""

from dvaudit.core.cut_off import CutBy, CutOff
from dvaudit.findings.classes import class_table, classes_at, confusion_table, confusions_among
from dvaudit.findings.consensus import consensus
from dvaudit.findings.cutoff import (
    Cut,
    cut_at_margin,
    cut_at_rank,
    cut_at_share,
    flags,
)
from dvaudit.findings.early import early_detection, so_far
from dvaudit.findings.effort import neighbour_seconds
from dvaudit.findings.error_rate import estimate_error_rate
from dvaudit.findings.find import find
from dvaudit.findings.kinds import (
    Finding,
    at_cut_off,
    atypical,
    kind_of,
    kinds,
    looked_for_atypical,
    reason_of,
)
from dvaudit.findings.mislabels import reasons
from dvaudit.findings.neighbours import nearest
from dvaudit.findings.outliers import find_outliers
from dvaudit.findings.types import (
    Consensus,
    DuplicateGroups,
    ErrorRate,
    Findings,
    Neighbours,
    Outliers,
)

__all__ = [
    "Consensus",
    "Cut",
    "CutBy",
    "CutOff",
    "DuplicateGroups",
    "ErrorRate",
    "Finding",
    "Findings",
    "Neighbours",
    "Outliers",
    "at_cut_off",
    "atypical",
    "class_table",
    "classes_at",
    "confusion_table",
    "confusions_among",
    "consensus",
    "cut_at_margin",
    "cut_at_rank",
    "cut_at_share",
    "early_detection",
    "estimate_error_rate",
    "find",
    "find_outliers",
    "flags",
    "kind_of",
    "kinds",
    "looked_for_atypical",
    "nearest",
    "neighbour_seconds",
    "reason_of",
    "reasons",
    "so_far",
]
