"""What an export changes and holds: never more suggestions than labels are likely wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from audited import add_audited_table

from dvaudit import audits
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.exporting import unjudged
from dvaudit.findings import CutBy, CutOff
from dvaudit.store import Workspace

# Ranks are not in dataset order; "c" has no suggestion and "f" no label.
SAMPLES = pd.DataFrame(
    {
        "id": ["a", "b", "c", "d", "e", "f"],
        "suspicion_rank": pd.array([3, 1, 2, 4, 5, None], dtype="Int64"),
        "flagged": [True, True, True, True, False, False],
        "suggested_label": ["x", "y", None, "x", "y", "x"],
        "margin": [0.3, 0.5, 0.4, 0.2, -0.1, None],
    }
)


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home") as opened:
        yield opened


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(None, "bad"), (1.0, "bad"), (0.6, "ba"), (0.4, "b"), (0.2, "b"), (0.0, "")],
)
def test_no_more_suggestions_than_labels_are_estimated_to_be_wrong(
    rate: float | None, expected: str
) -> None:
    found = unjudged(SAMPLES, CutOff(), {}, rate, labelled=5)
    assert "".join(found.decisions) == expected
    assert all(item.verdict is Verdict.RELABEL for item in found.decisions.values())
    assert found.flagged == 4


def test_judged_samples_are_left_alone_but_use_up_the_estimate() -> None:
    judged = {"b": Decision("b", Verdict.KEEP)}
    found = unjudged(SAMPLES, CutOff(), judged, 0.6, labelled=5)
    assert found.decisions == {"a": Decision("a", Verdict.RELABEL, "x")}
    assert (found.wrong, found.considered) == (3, 3)


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (CutOff(CutBy.RANK, rank=1), "b"),
        (CutOff(CutBy.RANK, rank=5), "bade"),
        (CutOff(CutBy.RANK, rank=0), ""),
        (CutOff(CutBy.MARGIN, margin=0.25), "ba"),
    ],
)
def test_the_cut_off_decides_which_suggestions_there_are(cut: CutOff, expected: str) -> None:
    assert "".join(unjudged(SAMPLES, cut, {}, None, labelled=5).decisions) == expected


@pytest.mark.parametrize(
    ("rate", "too_many"), [(None, False), (0.8, False), (0.6, False), (0.4, True), (0.0, True)]
)
def test_far_more_flags_than_wrong_labels_are_noticed(rate: float | None, too_many: bool) -> None:
    assert unjudged(SAMPLES, CutOff(), {}, rate, labelled=5).too_many_flags is too_many


def test_planned_changes_hold_back_what_the_estimate_does_not_cover(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    summary = ws.run_summary(run)
    summary["error_rate"]["rate"] = 2 / 30
    ws.save_findings(run, ws.run_samples(run), {}, summary, {})
    assert set(audits.planned_changes(ws, dataset, run, with_suggestions=True)) == {"0", "1"}
    assert audits.planned_changes(ws, dataset, run) == {}


def test_every_file_follows_the_cut_off(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    audits.set_cut_off(ws, run, CutOff(CutBy.RANK, rank=2))
    flagged = pd.read_csv(audits.export(ws, dataset, run, "flagged"))
    assert flagged["id"].tolist() == [0, 1]
    corrections = pd.read_csv(audits.export(ws, dataset, run, "corrections"))
    assert corrections["id"].tolist() == [0, 1]
    cleaned = pd.read_csv(audits.export(ws, dataset, run, "dataset", with_suggestions=True))
    assert cleaned["kind"].iloc[:3].tolist() == ["oak", "elm", "oak"]
    assert len(ws.run_samples(run)[lambda frame: frame["flagged"]]) == 3, "results stay"


def test_the_report_names_the_cut_off_and_counts_by_it(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    untouched = audits.export(ws, dataset, run, "report").read_text(encoding="utf-8")
    assert "Flagged: what the methods flag themselves." in untouched
    assert "3 of 30 samples are flagged for review." in untouched
    audits.set_cut_off(ws, run, CutOff(CutBy.RANK, rank=5))
    moved = audits.export(ws, dataset, run, "report").read_text(encoding="utf-8")
    assert "5 of 30 samples are flagged for review (cut-off moved to: the 5 most" in moved
    assert "Flagged: the 5 most suspicious samples." in moved
    assert "40.0\u00a0% · 4 of 10" not in moved
    assert "20.0\u00a0% · 2 of 10" in moved


def test_corrections_hold_what_their_description_says(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    for name, verdict in (("8", Verdict.DROP), ("9", Verdict.KEEP), ("10", Verdict.UNSURE)):
        ws.decide(dataset, name, verdict)
    written = pd.read_csv(audits.export(ws, dataset, run, "corrections"))
    assert written["id"].tolist() == [0, 1, 2, 8]
    assert written.columns.tolist() == [
        *("id", "given_label", "suggested_label", "suspicion_rank", "verdict", "new_label")
    ]
