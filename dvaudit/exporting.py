"""What leaves the workspace: the cleaned data, the corrections, the flagged rows, the report."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from dvaudit import earning, readers, reporting, reports
from dvaudit.core.dataset import Dataset
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings import CutOff, at_cut_off, flags
from dvaudit.reports import Choice
from dvaudit.reports.files import CORRECTION_COLUMNS
from dvaudit.store import RunKind, RunRecord, Workspace


class Product(StrEnum):
    """The files a person can take away."""

    DATASET = "dataset"
    CORRECTIONS = "corrections"
    FLAGGED = "flagged"
    PATCH = "patch"
    REPORT = "report"
    REPORT_JSON = "report-json"


KEPT_EXPORTS = 6  # of each product of a run, for people who prepare files at the same time
MANY_FLAGS = 1.5  # times the labels estimated to be wrong: most flags may then be on right ones


@dataclass(frozen=True)
class Unjudged:
    """The suggestions that an export applies, when asked to, with no person having looked.

    Attributes:
        flagged: samples above the cut-off.
        wrong: labels estimated to be wrong; None where there is no estimate.
        decisions: what would be applied, by sample id: the suggestions of the `wrong` most
            suspicious flagged samples (of all flagged without an estimate) that have one and no
            verdict.
    """

    flagged: int
    wrong: int | None
    decisions: Mapping[str, Decision]

    @property
    def considered(self) -> int:
        """How many of the flagged samples may be relabelled unseen, most suspicious first."""
        return self.flagged if self.wrong is None else min(self.wrong, self.flagged)

    @property
    def too_many_flags(self) -> bool:
        """True where far more samples are flagged than labels are estimated to be wrong."""
        return self.wrong is not None and self.flagged > MANY_FLAGS * self.wrong


def unjudged(
    samples: pd.DataFrame,
    cut: CutOff,
    decisions: Mapping[str, Decision],
    rate: float | None,
    labelled: int,
) -> Unjudged:
    """Return the suggestions that nobody has judged, at most as many as labels are wrong.

    Args:
        samples: as in findings.Findings.
        decisions: standing verdicts by sample id.
        rate: the estimated share of wrong labels among the `labelled` samples; None for none.
    """
    wrong = None if rate is None else round(rate * labelled)
    ranked = samples[flags(samples, cut)].sort_values("suspicion_rank", kind="stable")
    worst = ranked if wrong is None else ranked.head(wrong)
    worst = worst[worst["suggested_label"].notna()]
    suggested = {
        name: Decision(name, Verdict.RELABEL, str(label))
        for name, label in zip(worst["id"], worst["suggested_label"], strict=True)
        if name not in decisions
    }
    return Unjudged(len(ranked), wrong, suggested)


def planned_changes(
    ws: Workspace, dataset_id: str, run_id: str | None = None, *, with_suggestions: bool = False
) -> dict[str, Decision]:
    """Return the decisions an export would apply.

    Args:
        with_suggestions: apply `unjudged_suggestions` of the audit, too.
    """
    verdicts = ws.decisions(dataset_id)
    if not (run_id and with_suggestions):
        return verdicts
    return {**verdicts, **unjudged_suggestions(ws, dataset_id, run_id).decisions}


def unjudged_suggestions(ws: Workspace, dataset_id: str, run_id: str) -> Unjudged:
    """Return the suggestions of an audit for samples that nobody has judged; see `unjudged`."""
    summary, samples = ws.run_summary(run_id), ws.run_samples(run_id)
    rate = earning.error_rate(ws, ws.run(run_id), frame=samples, summary=summary)
    return unjudged(
        samples,
        ws.cut_off(run_id),
        ws.decisions(dataset_id),
        rate.rate,
        summary["labelled"],
    )


def told(decisions: Mapping[str, Decision]) -> list[str]:
    """Return decisions as lines of text that do not depend on their order."""
    return sorted(f"{d.sample_id}\t{d.verdict}\t{d.label}" for d in decisions.values())


def state_of(
    ws: Workspace,
    dataset_id: str,
    run_id: str | None,
    decisions: Mapping[str, Decision],
    choice: Choice | None = None,
) -> tuple[object, ...]:
    """Return what a product depends on: decisions, cut-off, verdicts of all, prunings, choice."""
    newest = next(iter(ws.runs(dataset_id, RunKind.PRUNING)), None)
    wanted = choice or Choice()
    return (
        *told(decisions),
        None if run_id is None else ws.cut_off(run_id),
        sum(ws.versions(dataset_id).values()),
        None if newest is None else (newest.id, str(newest.status)),
        sorted(map(str, wanted.sections)),
        wanted.shown,
    )


def in_own_folder(
    place: Path, kind: str, asked: tuple[object, ...], write: Callable[[Path], Path]
) -> Path:
    """Return the file that `write` makes in a folder it is given, complete or absent.

    It lies in a folder of `place` named by its kind and a stamp of what was asked for, so that
    nobody takes away what somebody else prepared. The newest KEPT_EXPORTS of a kind are kept.
    """
    stamp = hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
    folder = place / f"{kind}-{stamp}"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".draft-", dir=folder) as draft:
        made = write(Path(draft))
        target = made.replace(folder / made.name)
    os.utime(folder)
    named = re.compile(re.escape(kind) + "-[0-9a-f]{12}")
    others = [path for path in place.iterdir() if named.fullmatch(path.name) and path != folder]
    others.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in others[KEPT_EXPORTS - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
    return target


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
    choice: Choice | None = None,
) -> Path:
    """Write one product of an audit, other than dataset and patch, into `folder`; return the file.

    What counts as flagged is decided by the cut-off chosen for the run.

    Args:
        choice: what a report shows; everything where None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if product in (Product.REPORT, Product.REPORT_JSON):
        wanted = choice or Choice()
        report = reporting.stored_report(ws, run, decisions, wanted.shown)
        if product is Product.REPORT:
            return reports.write_html(report, folder, wanted)
        return reports.write_report_json(report, folder)
    found = ws.run_samples(run.id)
    found = at_cut_off(found, ws.cut_off(run.id))
    samples = with_verdicts(found, decisions)
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
