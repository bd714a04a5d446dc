"""What the audit says: mislabels, duplicates, outliers, classes, consensus, error rate.

Pure functions on arrays and results; importing them loads neither torch nor scikit-learn.
"""

from dvaudit.core.cut_off import CutBy, CutOff
from dvaudit.findings.agreement import (
    RankIntervals,
    disagreement,
    firm_first,
    most_disputed,
    overlaps,
    rank_correlations,
    rank_intervals,
    rank_shares,
    reliability,
)
from dvaudit.findings.classes import class_table, classes_at, confusion_table, confusions_among
from dvaudit.findings.consensus import consensus
from dvaudit.findings.cutoff import (
    Cut,
    cut_at_margin,
    cut_at_rank,
    cut_at_share,
    flags,
)
from dvaudit.findings.detection import (
    Recommendation,
    auroc,
    mean_scores,
    recall_at,
    recall_curve,
    recommend,
    review_grid,
)
from dvaudit.findings.early import agreement_with_end, early_detection, so_far
from dvaudit.findings.effort import neighbour_seconds
from dvaudit.findings.embedding import on_grid, principal_components
from dvaudit.findings.error_rate import estimate_error_rate
from dvaudit.findings.find import find, label_rate
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
from dvaudit.findings.planting import (
    Plant,
    Planted,
    as_vectors,
    check_share,
    confusion_pairs,
    plant_flips,
    plant_noise,
    takes_noise,
)
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
    "Plant",
    "Planted",
    "RankIntervals",
    "Recommendation",
    "agreement_with_end",
    "as_vectors",
    "at_cut_off",
    "atypical",
    "auroc",
    "check_share",
    "class_table",
    "classes_at",
    "confusion_pairs",
    "confusion_table",
    "confusions_among",
    "consensus",
    "cut_at_margin",
    "cut_at_rank",
    "cut_at_share",
    "disagreement",
    "early_detection",
    "estimate_error_rate",
    "find",
    "find_outliers",
    "firm_first",
    "flags",
    "kind_of",
    "kinds",
    "label_rate",
    "looked_for_atypical",
    "mean_scores",
    "most_disputed",
    "nearest",
    "neighbour_seconds",
    "on_grid",
    "overlaps",
    "plant_flips",
    "plant_noise",
    "principal_components",
    "rank_correlations",
    "rank_intervals",
    "rank_shares",
    "reason_of",
    "reasons",
    "recall_at",
    "recall_curve",
    "recommend",
    "reliability",
    "review_grid",
    "so_far",
    "takes_noise",
]
