"""What an export changes and holds: never more suggestions than labels are likely wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from appview import add_audit
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from curves import curve_table
from pruned import add_pruning

from dvaudit import audits, exporting, reporting
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import MissingSourceError
from dvaudit.exporting import unjudged
from dvaudit.findings import CutBy, CutOff
from dvaudit.reports import Section, render_html
from dvaudit.store import RunKind, RunStatus, Workspace

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


def _pruning(ws: Workspace, dataset: str, audit: str, status: RunStatus, score: float) -> str:
    """Store a pruning run of an audit whose curves have this score."""
    run = ws.add_run(dataset, RunKind.PRUNING, {"function": "none:none", "audit": audit})
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    curves = curve_table().assign(score=score)
    ws.save_findings(run, pd.DataFrame({"id": []}), {"curves": curves}, {}, {})
    assert ws.queue.finish(run, begun.attempt, status, None)
    return run


def test_the_report_has_the_curves_of_its_audits_newest_finished_pruning(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    assert reporting.stored_report(ws, ws.run(run)).curves is None
    other = add_audit(ws, dataset)
    _pruning(ws, dataset, run, RunStatus.DONE, 0.25)
    _pruning(ws, dataset, run, RunStatus.DONE, 0.5)
    _pruning(ws, dataset, run, RunStatus.FAILED, 0.75)
    _pruning(ws, dataset, other, RunStatus.DONE, 1.0)
    curves = reporting.stored_report(ws, ws.run(run)).curves
    assert curves is not None
    assert set(curves["score"]) == {0.5}
    page = audits.export(ws, dataset, run, "report").read_text(encoding="utf-8")
    assert "<h2>Pruning curves</h2>" in page


def test_the_report_shows_rows_of_a_table_and_says_what_is_applied(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.DROP, reviewer="ana")
    page = audits.export(ws, dataset, run, "report", with_suggestions=True).read_text("utf-8")
    assert "width: 0.75 · height: 97" in page
    assert "With 1 verdict applied, and 2 suggestions that nobody judged." in page
    told = json.loads(
        audits.export(ws, dataset, run, "report-json", with_suggestions=True).read_text("utf-8")
    )
    assert [(item["id"], item["by"]) for item in told["decisions"]] == [
        *(("1", "suggestion"), ("2", "suggestion"), ("0", "reviewer")),
    ]
    assert {row["class"]: (row["before"], row["after"]) for row in told["effects"]} == {
        "elm": (10, 11),
        "oak": (20, 18),
    }
    assert told["reviewers"][0]["name"] == "ana"


def test_every_row_of_the_report_has_its_picture(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("listed", "html"):
        monkeypatch.setattr(f"dvaudit.reports.{module}.LISTED_DECISIONS", 6)
    dataset, run = add_audited_pictures(ws, tmp_path, each=20)
    samples = ws.samples(dataset)
    names, given = samples["id"].tolist(), samples["label"].tolist()
    flags = ws.run_samples(run)["flagged"].to_numpy(bool)
    flagged = [name for name, flag in zip(names, flags, strict=True) if flag]
    for at in range(10, 20):  # changes nothing: listed after what does
        ws.decide(dataset, names[at], Verdict.RELABEL, given[at])
    for at in (30, 31, 32):
        ws.decide(dataset, names[at], Verdict.DROP)
    ws.decide(dataset, names[33], Verdict.KEEP)
    unseen = {names[38]: Decision(names[38], Verdict.RELABEL, "other")}
    report = reporting.stored_report(ws, ws.run(run), unseen)
    assert report.rows == {}
    page = render_html(report)
    assert "no picture" not in page
    table = page.split("Labels before and after")[1].split("</section>")[0]
    listed = [row.split("</td>") for row in table.split("<tr>")[2:]]
    assert [cells[1].split(">")[-1] for cells in listed] == [
        names[38], *names[30:33], *names[10:12],
    ]  # fmt: skip
    assert all("<img" in cells[0] for cells in listed)
    wanted = {*flagged, names[38], *names[30:33], *names[10:12]}
    twins = set(ws.run_table(run, "duplicates")["id"])
    assert wanted <= set(report.thumbnails) <= wanted | twins
    assert "Verdicts so far: 14, of which 3 change the data." in page


def test_orders_of_pruning_have_their_names_of_the_page(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    add_pruning(ws, run)
    page = render_html(reporting.stored_report(ws, ws.run(run)))
    drawn = page.split("<h2>Pruning curves</h2>")[1].split("</section>")[0]
    assert "Cleaning: lowest value first" in drawn
    assert "Highest value first" in drawn
    assert "lowest first<" not in drawn
    assert "window" not in drawn, "all windows remove the same share"


def test_an_export_without_its_source_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    Path(ws.dataset(dataset).source).unlink()
    with pytest.raises(MissingSourceError, match="Put the file or folder back there, or import"):
        audits.export(ws, dataset, run, "dataset")


def test_a_regression_is_exported_with_its_targets(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_numbers(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "200")
    page = audits.export(ws, dataset, run, "report").read_text(encoding="utf-8")
    assert "<h2>Effect on the target</h2>" in page
    patch = json.loads(audits.export(ws, dataset, run, "patch").read_text("utf-8"))
    assert patch["dataset"]["task"] == "regression"
    assert (patch["rows"][0]["old_label"], patch["rows"][0]["new_label"]) == ("100.0", "200")


def test_files_of_another_choice_or_state_lie_apart_and_old_ones_go(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    one = audits.export(ws, dataset, run, "dataset")
    before = one.read_bytes()
    other = audits.export(ws, dataset, run, "dataset", with_suggestions=True)
    assert one.name == other.name
    assert one.read_bytes() == before != other.read_bytes()
    assert audits.export(ws, dataset, run, "dataset") == one
    few = audits.Choice(frozenset({Section.CARD}))
    short = audits.export(ws, dataset, run, "report", choice=few)
    assert len(audits.export(ws, dataset, run, "report").read_bytes()) > len(short.read_bytes())
    told = audits.export(ws, dataset, run, "report-json")
    for rank in range(exporting.KEPT_EXPORTS + 2):
        audits.set_cut_off(ws, run, CutOff(CutBy.RANK, rank=rank))
        newest = audits.export(ws, dataset, run, "report")
    kept = sorted(path.parent for path in (ws.exports / dataset).rglob("report.html"))
    assert len(kept) == exporting.KEPT_EXPORTS
    assert newest.parent in kept
    assert one.is_file()
    assert told.is_file(), "a report.json is another product"
    assert not list(ws.exports.rglob(".draft-*"))
