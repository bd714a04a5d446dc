"""Export: what would change, and the files."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from appview import add_audit, add_table, figures, open_page, texts, write_table
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from exported import keys_of, prepared

from dvaudit import audits, readers
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import UnreadableInputError
from dvaudit.findings import CutBy, CutOff
from dvaudit.store import RunStatus, Workspace
from dvaudit.ui import export_view
from dvaudit.ui.export_view import change_table, state_stamp

Added = Callable[[Workspace, Path], tuple[str, str]]


def test_without_data_or_audit_the_page_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    assert "No dataset yet" in texts(open_page("export"))
    add_table(ws, tmp_path)
    assert "No finished audit yet" in texts(open_page("export"))


def test_a_file_that_is_gone_is_written_anew_when_it_is_downloaded(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_audited_table(ws, tmp_path)
    held: dict[str, Callable[[], bytes]] = {}

    def keep(
        place: object, label: str, *, data: Callable[[], bytes], key: str, **_: object
    ) -> None:
        held[key] = data

    monkeypatch.setattr("streamlit.delta_generator.DeltaGenerator.download_button", keep)
    prepared(open_page("export"), "corrections")
    written = held["download_corrections"]()
    (file,) = ws.exports.rglob("corrections.csv")
    assert written == file.read_bytes()
    shutil.rmtree(file.parent)  # as the exports of others do, of which the newest are kept
    assert held["download_corrections"]() == written


def test_without_verdicts_nothing_changes(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("export")
    assert not app.exception
    assert set(figures(app).values()) == {"0"}
    assert "Nothing changes yet" in texts(app)


def test_verdicts_are_counted_and_the_changes_listed(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "oak")
    ws.decide(dataset, "1", Verdict.KEEP)
    ws.decide(dataset, "9", Verdict.DROP)
    app = open_page("export")
    assert figures(app) == {"Relabelled": "1", "Dropped": "1", "Kept": "1", "Unsure": "0"}
    assert app.dataframe[0].value.to_numpy().tolist() == [
        ["0", "elm", "relabelled", "oak"],
        ["9", "elm", "dropped", ""],
    ]


def test_a_relabel_to_the_given_label_changes_nothing(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "elm")
    app = open_page("export")
    assert figures(app) == {"Relabelled": "0", "Dropped": "0", "Kept": "1", "Unsure": "0"}
    assert "Nothing changes yet" in texts(app)


def test_every_button_says_what_it_prepares(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    labels = [item.label for item in open_page("export").button if item.label.startswith("Prep")]
    assert labels == [
        *("Prepare cleaned data", "Prepare corrections", "Prepare flagged rows"),
        *("Prepare patch", "Prepare report.html", "Prepare report.json"),
    ]


def test_without_labels_there_are_no_corrections_to_take(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "bare.csv", rows=12)
    roles = {"kind": "categorical", "width": "numeric", "height": "numeric"}
    dataset = ws.add_dataset("bare", path, copy=True, roles=roles, task="unsupervised")
    source = ws.dataset(dataset).source
    ws.finish_dataset(dataset, readers.load(source, name="bare", roles=roles, task="unsupervised"))
    run = add_audit(ws, dataset)
    samples = ws.run_samples(run).assign(flagged=False, suggested_label=None)
    unknown = {"rate": None, "low": None, "high": None, "how": "no labels"}
    ws.save_findings(run, samples, {}, {"error_rate": unknown, "labelled": 0}, {})
    app = open_page("export")
    assert not app.exception
    labels = [item.label for item in app.button if item.label.startswith("Prep")]
    assert labels[:2] == ["Prepare cleaned data", "Prepare patch"]
    assert "there are no corrections and no flagged rows to take away" in texts(app)
    assert "corrections.csv" not in texts(app)
    sections = {str(box.key) for box in app.checkbox if str(box.key).startswith("report_")}
    assert sections == {
        f"report_{name}"
        for name in ("decisions", "reviewers", "duplicates", "outliers", "notes", "card")
    }
    assert not app.slider, "no sample is shown for its label"


def test_two_tabs_take_away_what_each_asked_for(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    one, other = open_page("export"), open_page("export")
    one = prepared(one, "dataset")
    mine = Path(one.session_state["prepared_exports"]["dataset"][1])
    before = mine.read_bytes()
    other.radio(key="apply").set_value("suggestions").run()
    other = prepared(other, "dataset")
    theirs = Path(other.session_state["prepared_exports"]["dataset"][1])
    assert mine.read_bytes() == before != theirs.read_bytes()


def test_suggestions_nobody_judged_are_applied_only_when_asked_for(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.KEEP)
    app = open_page("export")
    assert figures(app)["Relabelled"] == "0"
    app.radio(key="apply").set_value("suggestions").run()
    assert figures(app)["Relabelled"] == "2"
    prepared(app, "dataset")
    (written,) = (ws.root / "exports" / dataset).rglob("*.csv")
    assert pd.read_csv(written)["kind"].iloc[:3].tolist() == ["elm", "elm", "elm"]


def test_a_file_is_prepared_on_demand_and_anew_after_another_verdict(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "oak")
    app = open_page("export")
    assert "prepare_corrections" in keys_of(app)
    app = prepared(app, "corrections")
    assert "prepare_corrections" not in keys_of(app.run())
    ws.decide(dataset, "1", Verdict.DROP)
    assert "prepare_corrections" in keys_of(app.run())


@pytest.mark.parametrize("product", ["dataset", "corrections", "flagged"])
def test_every_file_is_written_where_its_button_says(
    ws: Workspace, tmp_path: Path, product: str
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "oak")
    prepared(open_page("export"), product)
    (written,) = (path for path in (ws.root / "exports").rglob("*") if path.is_file())
    assert written.stat().st_size > 0
    assert not zipfile.is_zipfile(written)


def test_a_refusal_is_shown_where_it_happened(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_audited_table(ws, tmp_path)

    def refuse(*_: object, **__: object) -> Path:
        raise UnreadableInputError("trees.csv has gone")

    app = open_page("export")
    monkeypatch.setattr(audits, "export", refuse)
    app = prepared(app, "dataset")
    assert "trees\\.csv has gone" in app.error[0].value
    assert "prepare_flagged" in keys_of(app)


def test_the_change_table_is_in_order_of_suspicion() -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "given_label": ["x", None, "z"],
            "suspicion_rank": pd.array([3, None, 1], dtype="Int64"),
        }
    )
    decisions = {
        "a": Decision("a", Verdict.DROP),
        "b": Decision("b", Verdict.RELABEL, "y"),
        "c": Decision("c", Verdict.RELABEL, "y"),
    }
    assert change_table(frame, decisions)["Id"].tolist() == ["c", "a", "b"]
    assert change_table(frame, {"a": Decision("a", Verdict.KEEP)}).empty


def test_an_export_is_stale_once_a_verdict_or_the_cut_off_differs() -> None:
    keep, drop = {"a": Decision("a", Verdict.KEEP)}, {"a": Decision("a", Verdict.DROP)}
    held, moved = CutOff(), CutOff(CutBy.RANK, rank=3)
    assert state_stamp("r0001", keep, held) == state_stamp("r0001", keep, held)
    assert state_stamp("r0001", keep, held) != state_stamp("r0001", drop, held)
    assert state_stamp("r0001", keep, held) != state_stamp("r0002", keep, held)
    assert state_stamp("r0001", keep, held) != state_stamp("r0001", keep, moved)


def _estimate(ws: Workspace, run: str, rate: float | None) -> None:
    """Give a stored audit another estimate of the share of wrong labels."""
    summary = ws.run_summary(run)
    summary["error_rate"]["rate"] = rate
    ws.save_findings(run, ws.run_samples(run), {}, summary, {})


def test_suggestions_nobody_judged_are_as_many_as_labels_seem_wrong(
    ws: Workspace, tmp_path: Path
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    _estimate(ws, run, 1 / 30)
    app = open_page("export")
    caption = app.radio(key="apply").proto.captions[1]
    assert caption == (
        "Also relabels 1 sample that nobody has looked at: the 1 most suspicious of 3 flagged, as "
        "many as are estimated to be wrong."
    )
    assert "3 samples are flagged, and about 1 are estimated to be wrong" in app.warning[0].value
    app.radio(key="apply").set_value("suggestions").run()
    assert figures(app)["Relabelled"] == "1"


def test_there_is_no_warning_where_flags_and_estimate_agree(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    app = open_page("export")
    assert not app.warning
    assert "all 3 flagged, no more than" in app.radio(key="apply").proto.captions[1]
    _estimate(ws, run, None)
    app = open_page("export")
    assert not app.warning
    assert "could not be estimated" in app.radio(key="apply").proto.captions[1]


def test_without_open_suggestions_there_is_no_control_to_grey_out(
    ws: Workspace, tmp_path: Path
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    _estimate(ws, run, 0.0)
    app = open_page("export")
    assert not app.exception
    assert not app.radio
    assert "**Apply:** verdicts only" in texts(app)


def test_many_suggestions_are_summed_up_and_the_first_listed(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_view, "MOST_CHANGES", 2)
    add_audited_table(ws, tmp_path)
    app = open_page("export")
    app.radio(key="apply").set_value("suggestions").run()
    assert "The first 2 of 3; corrections.csv lists them all." in texts(app)
    app = prepared(app, "patch")
    (written,) = (ws.root / "exports").rglob("patch.json")
    rows = json.loads(written.read_text(encoding="utf-8"))["rows"]
    assert [row["reviewer"] for row in rows] == [None] * 3


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RunStatus.RUNNING, "The audit is still running"),
        (RunStatus.FAILED, "The chosen audit has no results"),
    ],
)
def test_an_audit_that_is_not_finished_has_nothing_to_export(
    ws: Workspace, tmp_path: Path, status: RunStatus, said: str
) -> None:
    add_audit(ws, add_table(ws, tmp_path), status)
    app = open_page("export")
    assert not app.exception
    assert said in texts(app)
    assert not any(key.startswith("prepare_") for key in keys_of(app))


@pytest.mark.parametrize("add", [add_audited_numbers, add_audited_pictures])
def test_targets_and_pictures_are_exported_too(ws: Workspace, tmp_path: Path, add: Added) -> None:
    dataset, _ = add(ws, tmp_path)
    ws.decide(dataset, str(ws.samples(dataset)["id"][0]), Verdict.DROP)
    app = open_page("export")
    assert figures(app)["Dropped"] == "1"
    what = "pictures" if add is add_audited_pictures else "rows"
    assert app.slider(key="report_shown").label == f"Samples shown, with their {what}"
    for product in ("report", "report-json", "patch"):
        app = prepared(app, product)
    written = {path.name for path in (ws.root / "exports").rglob("*") if path.is_file()}
    assert written == {"report.html", "report.json", "patch.json"}
