"""find(): everything the audit says about a dataset, from its vectors and the methods' results."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import MISSING_CLASS, Dataset, Task
from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.core.progress import Progress, part, silent
from dvaudit.core.result import ValuationResult, class_ranks
from dvaudit.core.words import count
from dvaudit.findings import duplicates
from dvaudit.findings.classes import RARE, class_table, confusion_table
from dvaudit.findings.consensus import consensus, spared
from dvaudit.findings.error_rate import estimate_error_rate
from dvaudit.findings.forest import EXACT_ROWS, near
from dvaudit.findings.kinds import kinds, told
from dvaudit.findings.mislabels import reasons
from dvaudit.findings.outliers import find_outliers
from dvaudit.findings.shares import flag_lowest
from dvaudit.findings.types import (
    Consensus,
    DuplicateGroups,
    ErrorRate,
    Findings,
    Outliers,
)

NEIGHBOURS = 10


def find(
    data: Dataset,
    matrix: NDArray[np.floating],
    results: Mapping[str, ValuationResult],
    *,
    detectors: Collection[str] | None = None,
    rate: ErrorRate | None = None,
    progress: Progress = silent,
) -> Findings:
    """Return the findings of `data`.

    Args:
        matrix: (n, d) finite feature vectors in dataset order.
        results: what the methods said, by method name.
        rate: share of wrong labels as estimated otherwise, for where no method scores classes.
        detectors: the methods that form the consensus; None for all that flag samples.

    Raises:
        UnsuitableDataError: `matrix` or a result has another number of samples, or `matrix`
            holds NaN or infinity.
        SettingsError: a detector that has no result.
    """
    _check(data, matrix, results)
    codes = None
    if data.task is Task.CLASSIFICATION and data.labels is not None:
        codes = data.labels.astype(np.int64)
    neighbours = near(matrix, codes, NEIGHBOURS, part(progress, 0.0, 0.9))
    if rate is None or any(result.class_scores is not None for result in results.values()):
        rate = label_rate(data, results)
    if rate is not None:
        results = flag_lowest(results, rate.rate)
    found = spared(consensus(results, len(data), detectors=detectors), data.trusted)
    # On a line all samples of one sign have the same direction, so only content tells copies.
    on_a_line = matrix.shape[1] == 1
    groups = (
        duplicates.exact(data.hashes) if on_a_line else duplicates.grouped(data.hashes, neighbours)
    )
    conflict = duplicates.conflicts(groups.group, data.labels)
    given = data.label_text()
    copies = duplicates.table(groups, conflict, data.ids, given, found.ranks)
    outliers = find_outliers(matrix, part(progress, 0.9, 0.95))
    progress(0.95, "describing what was found")
    samples = _samples(data, found, groups, conflict, outliers, results)
    finding = kinds(samples, found.flagged)
    said = zip(reasons(data, found, neighbours), finding, strict=True)
    samples.insert(5, "finding", finding)
    samples.insert(8, "reason", [told(*one) for one in said])
    findings = Findings(
        samples=samples,
        classes=class_table(data, found),
        duplicates=copies,
        confusions=confusion_table(data, found),
        error_rate=rate or _regression_rate(data, found),
        notes=_notes(data, groups, conflict, outliers, found),
        neighbours=neighbours,
    )
    progress(1.0, "describing what was found")
    return findings


def _check(
    data: Dataset, matrix: NDArray[np.floating], results: Mapping[str, ValuationResult]
) -> None:
    sizes = {"the feature matrix": len(matrix)}
    sizes.update({name: len(result.values) for name, result in results.items()})
    wrong = [f"{name} has {size:,}" for name, size in sizes.items() if size != len(data)]
    if wrong:
        raise UnsuitableDataError(
            f"The dataset has {len(data):,} samples, but {some(wrong)}; value this dataset again."
        )


def _samples(
    data: Dataset,
    found: Consensus,
    groups: DuplicateGroups,
    conflict: NDArray[np.bool_],
    outliers: Outliers,
    results: Mapping[str, ValuationResult],
) -> pd.DataFrame:
    grouped = pd.Series(groups.group).astype("Int64")
    columns: dict[str, object] = {
        "id": np.asarray(data.ids, dtype=object),
        "given_label": data.label_text(),
        "suspicion_rank": pd.Series(found.ranks).astype("Int64"),
        "class_rank": pd.Series(_ranks_in_class(data, found)).astype("Int64"),
        "flagged": found.flagged,
        "suggested_label": found.suggested_labels,
        "margin": found.margins,
        "duplicate_group": grouped.mask(grouped == 0),
        "duplicate_conflict": conflict,
        "outlier": outliers.flagged,
        "outlier_score": outliers.score,
    }
    for name, result in results.items():
        columns[f"{name}.value"] = result.values
        if result.flagged is not None:
            columns[f"{name}.flagged"] = result.flagged
        if result.suggested_labels is not None:
            columns[f"{name}.suggested_label"] = result.suggested_labels
        if result.std_errors is not None:
            columns[f"{name}.std_error"] = result.std_errors
        for key, column in result.columns.items():
            columns[f"{name}.{key}"] = column
    return pd.DataFrame(columns)


def _ranks_in_class(data: Dataset, found: Consensus) -> NDArray[np.float64]:
    if data.task is not Task.CLASSIFICATION:
        return np.full(len(data), np.nan)
    return class_ranks(found.ranks, data.label_text())


def label_rate(data: Dataset, results: Mapping[str, ValuationResult]) -> ErrorRate | None:
    """Return the estimated share of wrong labels; None for numeric targets."""
    if data.task is Task.REGRESSION:
        return None
    scored = next((r for r in results.values() if r.class_scores is not None), None)
    if scored is None or data.labels is None:
        return estimate_error_rate(None, None)
    column_of = {name: column for column, name in enumerate(scored.scored_classes)}
    columns = np.array(
        [*(column_of.get(name, MISSING_CLASS) for name in data.class_names), MISSING_CLASS],
        dtype=np.int64,
    )
    return estimate_error_rate(scored.class_scores, columns[data.labels.astype(np.int64)])


def _regression_rate(data: Dataset, found: Consensus) -> ErrorRate:
    flagged = int(found.flagged.sum())
    return ErrorRate(
        None,
        None,
        None,
        "No estimate: for numeric targets there is no class to be wrong about. "
        f"{flagged:,} of {int(data.labelled.sum()):,} targets are flagged as far off.",
    )


def _notes(
    data: Dataset,
    groups: DuplicateGroups,
    conflict: NDArray[np.bool_],
    outliers: Outliers,
    found: Consensus,
) -> tuple[str, ...]:
    notes = []
    missing = np.flatnonzero(~data.labelled)
    if len(missing) and data.task is not Task.UNSUPERVISED:
        notes.append(
            f"{count(len(missing), 'sample has', 'samples have')} no label, scored by no method: "
            f"{some(data.ids[i] for i in missing)}."
        )
    unscored = data.labelled & ~np.isfinite(found.ranks)
    if unscored.any() and np.isfinite(found.ranks).any():
        notes.append(
            f"{count(int(unscored.sum()), 'labelled sample', 'labelled samples')} got no score: "
            f"{some(data.ids[i] for i in np.flatnonzero(unscored))}."
        )
    if data.task is Task.CLASSIFICATION and data.labels is not None:
        notes.extend(_rare_classes(data))
    if groups.count:
        in_conflict = len(np.unique(groups.group[conflict]))
        notes.append(
            f"{int((groups.group > 0).sum()):,} samples are in "
            f"{count(groups.count, 'group', 'groups')} of duplicates, {in_conflict:,} with "
            f"conflicting labels. {groups.how}"
        )
    if len(data) > EXACT_ROWS:
        notes.append(
            f"With more than {EXACT_ROWS:,} samples neighbours are searched within random parts "
            "of the data; some near duplicates may be missed, exact ones are not."
        )
    if np.isinf(outliers.bound):
        notes.append(
            f"{count(len(data), 'sample is', 'samples are')} too few to call any an outlier."
        )
    return tuple(notes)


def _rare_classes(data: Dataset) -> list[str]:
    assert data.labels is not None
    counts = np.bincount(
        data.labels[data.labelled].astype(np.int64), minlength=len(data.class_names)
    )
    rare = [name for name, count in zip(data.class_names, counts, strict=True) if 0 < count < RARE]
    if not rare:
        return []
    return [
        f"{count(len(rare), 'class has', 'classes have')} fewer than {RARE} samples, too few to "
        "judge their labels: "
        f"{some(rare)}."
    ]
