"""What leaves the workspace: the cleaned data, the corrections, the flagged rows, the report."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

import pandas as pd

from dvaudit import readers, reporting, reports
from dvaudit.core.dataset import Dataset
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.reports.files import CORRECTION_COLUMNS
from dvaudit.store import RunRecord, Workspace


class Product(StrEnum):
    """The files a person can take away."""

    DATASET = "dataset"
    CORRECTIONS = "corrections"
    FLAGGED = "flagged"
    REPORT = "report"


def chosen_decisions(
    decisions: Mapping[str, Decision], samples: pd.DataFrame | None, with_suggestions: bool
) -> dict[str, Decision]:
    """Return the decisions to apply: the verdicts and, if asked, unreviewed suggestions.

    A suggestion is applied to a flagged sample that has one and that nobody has judged.
    """
    chosen = dict(decisions)
    if not with_suggestions or samples is None:
        return chosen
    open_ones = samples[samples["flagged"] & samples["suggested_label"].notna()]
    for sample_id, label in zip(open_ones["id"], open_ones["suggested_label"], strict=True):
        chosen.setdefault(sample_id, Decision(sample_id, Verdict.RELABEL, str(label)))
    return chosen


def write_dataset(data: Dataset, decisions: Mapping[str, Decision], folder: Path) -> Path:
    """Write the cleaned data in its original format into `folder`; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    return readers.write_corrected(data, decisions, folder)


def write_product(
    ws: Workspace,
    run: RunRecord,
    product: Product,
    decisions: Mapping[str, Decision],
    folder: Path,
) -> Path:
    """Write one product of an audit, other than the dataset, into `folder`; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    if product is Product.REPORT:
        return reports.write_html(reporting.stored_report(ws, run), folder)
    samples = with_verdicts(ws.run_samples(run.id), decisions)
    if product is Product.FLAGGED:
        return reports.write_csv(reports.flagged(samples), folder / "flagged.csv")
    return reports.write_csv(corrections(samples), folder / "corrections.csv")


def with_verdicts(samples: pd.DataFrame, decisions: Mapping[str, Decision]) -> pd.DataFrame:
    """Return the samples with two further columns: verdict, and new_label for relabelled ones."""
    made = [decisions.get(sample_id) for sample_id in samples["id"]]
    verdicts = [None if item is None else item.verdict.value for item in made]
    labels = [None if item is None else item.label for item in made]
    return samples.assign(
        verdict=pd.Series(verdicts, index=samples.index, dtype="string"),
        new_label=pd.Series(labels, index=samples.index, dtype="string"),
    )


def corrections(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the samples that are flagged with a suggestion, or relabelled or dropped by a person.

    Columns: id, given_label, suggested_label, suspicion_rank, verdict, new_label; most
    suspicious first.
    """
    suggested = samples["flagged"] & samples["suggested_label"].notna()
    judged = samples["verdict"].isin([Verdict.RELABEL.value, Verdict.DROP.value])
    chosen = samples[suggested | judged]
    ranked = chosen.sort_values("suspicion_rank", kind="stable", na_position="last")
    return ranked[[*CORRECTION_COLUMNS, "verdict", "new_label"]]
