"""What the audit says: mislabels, duplicates, outliers, classes, consensus, error rate.

Pure functions on arrays and results; importing them loads neither torch nor scikit-learn.
"""

from dvaudit.findings.classes import class_table, confusion_table
from dvaudit.findings.consensus import consensus
from dvaudit.findings.cutoff import Cut, cut_at_margin, cut_at_rank, cut_at_share
from dvaudit.findings.error_rate import estimate_error_rate
from dvaudit.findings.find import find
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
    "DuplicateGroups",
    "ErrorRate",
    "Findings",
    "Neighbours",
    "Outliers",
    "class_table",
    "confusion_table",
    "consensus",
    "cut_at_margin",
    "cut_at_rank",
    "cut_at_share",
    "estimate_error_rate",
    "find",
    "find_outliers",
    "nearest",
    "reasons",
]
