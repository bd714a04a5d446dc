"""Export: what would change, and the files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from appview import add_table, fresh_workspace, open_page, texts
from audited import add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit import audits
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import UnreadableInputError
from dvaudit.findings import CutBy, CutOff
from dvaudit.store import Workspace
from dvaudit.ui.export_view import change_table, state_stamp


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with fresh_workspace(tmp_path, monkeypatch) as opened:
        yield opened


def _figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def _prepare(app: AppTest, product: str) -> AppTest:
    button = next(item for item in app.button if item.key == f"prepare_{product}")
    app = button.click().run()
    assert not app.exception
    return app


def _keys(app: AppTest) -> set[str]:
    return {str(button.key) for button in app.get("download_button")} | {
        str(button.key) for button in app.button
    }


def test_without_data_or_audit_the_page_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    assert "No dataset yet" in texts(open_page("export"))
    add_table(ws, tmp_path)
    assert "No finished audit yet" in texts(open_page("export"))


def test_without_verdicts_nothing_changes(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("export")
    assert not app.exception
    assert set(_figures(app).values()) == {"0"}
    assert "Nothing changes yet" in texts(app)


def test_verdicts_are_counted_and_the_changes_listed(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "oak")
    ws.decide(dataset, "1", Verdict.KEEP)
    ws.decide(dataset, "9", Verdict.DROP)
    app = open_page("export")
    assert _figures(app) == {"Relabelled": "1", "Dropped": "1", "Kept": "1", "Unsure": "0"}
    assert app.dataframe[0].value.to_numpy().tolist() == [
        ["0", "elm", "relabelled", "oak"],
        ["9", "elm", "dropped", ""],
    ]


def test_suggestions_nobody_judged_are_applied_only_when_asked_for(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.KEEP)
    app = open_page("export")
    assert _figures(app)["Relabelled"] == "0"
    app.radio(key="apply").set_value("suggestions").run()
    assert _figures(app)["Relabelled"] == "2"
    _prepare(app, "dataset")
    (written,) = (ws.root / "exports" / dataset).rglob("*.csv")
    assert pd.read_csv(written)["kind"].iloc[:3].tolist() == ["elm", "elm", "elm"]


def test_a_file_is_prepared_on_demand_and_anew_after_another_verdict(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "oak")
    app = open_page("export")
    assert "prepare_corrections" in _keys(app)
    app = _prepare(app, "corrections")
    assert "prepare_corrections" not in _keys(app.run())
    ws.decide(dataset, "1", Verdict.DROP)
    assert "prepare_corrections" in _keys(app.run())


@pytest.mark.parametrize("product", ["dataset", "corrections", "flagged"])
def test_every_file_is_written_where_its_button_says(
    ws: Workspace, tmp_path: Path, product: str
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "oak")
    _prepare(open_page("export"), product)
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
    app = _prepare(app, "dataset")
    assert "trees\\.csv has gone" in app.error[0].value
    assert "prepare_flagged" in _keys(app)


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
    assert _figures(app)["Relabelled"] == "1"


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
