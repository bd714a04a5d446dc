"""Export: what would change, and the files."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from appview import add_audit, add_table, fresh_workspace, open_page, texts, write_table
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit import audits, patches, readers
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import UnreadableInputError
from dvaudit.findings import CutBy, CutOff
from dvaudit.reports import Section
from dvaudit.store import RunStatus, Workspace
from dvaudit.ui import export_view
from dvaudit.ui.export_view import change_table, state_stamp

Added = Callable[[Workspace, Path], tuple[str, str]]


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
    _prepare(open_page("export"), "corrections")
    written = held["download_corrections"]()
    (file,) = ws.exports.rglob("corrections.csv")
    assert written == file.read_bytes()
    shutil.rmtree(file.parent)  # as the exports of others do, of which the newest are kept
    assert held["download_corrections"]() == written


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


def test_a_relabel_to_the_given_label_changes_nothing(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "elm")
    app = open_page("export")
    assert _figures(app) == {"Relabelled": "0", "Dropped": "0", "Kept": "1", "Unsure": "0"}
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


def test_two_tabs_take_away_what_each_asked_for(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    one, other = open_page("export"), open_page("export")
    one = _prepare(one, "dataset")
    mine = Path(one.session_state["prepared_exports"]["dataset"][1])
    before = mine.read_bytes()
    other.radio(key="apply").set_value("suggestions").run()
    other = _prepare(other, "dataset")
    theirs = Path(other.session_state["prepared_exports"]["dataset"][1])
    assert mine.read_bytes() == before != theirs.read_bytes()


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


def _patch_upload(app: AppTest, content: bytes, name: str = "patch.json") -> AppTest:
    return app.file_uploader(key="patch_file").upload(name, content, "application/json").run()


def _patch_of(ws: Workspace, dataset: str, folder: Path) -> bytes:
    path = patches.write_stored_patch(ws, dataset, ws.decisions(dataset), folder)
    return path.read_bytes()


def test_a_patch_is_shown_before_it_is_applied(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "3", Verdict.RELABEL, "oak", reviewer="ana")
    ws.decide(dataset, "4", Verdict.DROP, reviewer="ana")
    ws.decide(dataset, "5", Verdict.KEEP, reviewer="ben")
    content = _patch_of(ws, dataset, tmp_path)
    for name in ("3", "4", "5"):
        ws.clear(dataset, name)
    ws.decide(dataset, "5", Verdict.DROP)
    app = _patch_upload(open_page("export"), content)
    assert not app.exception
    assert "3 verdicts of this very data, reviewed by ana, ben." in texts(app)
    assert "- **2** found by id and content\n- **1** left out: the label or a verdict" in texts(app)
    table = app.dataframe[-1].value
    assert table["Id in the patch"].tolist() == ["5", "3", "4"]
    assert table["Detail"].tolist()[0] == "the verdict here is drop"
    assert set(ws.decisions(dataset)) == {"5"}, "nothing is stored yet"
    app.session_state["reviewer"] = "eva"
    app = app.button(key="apply_patch").click().run()
    assert not app.exception
    assert "2 verdicts stored" in app.success[0].value
    assert _figures(app) == {"Relabelled": "1", "Dropped": "2", "Kept": "0", "Unsure": "0"}
    assert ws.history(dataset)["reviewer"].tolist()[-2:] == ["eva", "eva"]
    assert "There is nothing in it to apply." in texts(app)


def test_a_patch_is_applied_to_data_that_is_not_audited_yet(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    name = str(ws.samples(dataset)["id"].iloc[0])
    ws.decide(dataset, name, Verdict.DROP)
    content = _patch_of(ws, dataset, tmp_path)
    ws.clear(dataset, name)
    app = _patch_upload(open_page("export"), content)
    assert not app.exception
    assert "No finished audit yet" in texts(app)
    app = app.button(key="apply_patch").click().run()
    assert "1 verdict stored" in app.success[0].value
    assert "after an audit" in app.success[0].value
    assert set(ws.decisions(dataset)) == {name}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "odd\\_name\\.json is no patch of dvaudit"),
        (b'{"schema": "dvaudit.patch", "schema_version": 9}', "has the schema version 9"),
        (b"PK", "is no JSON"),
    ],
)
def test_what_is_no_patch_is_refused_where_it_was_given(
    ws: Workspace, tmp_path: Path, content: bytes, said: str
) -> None:
    add_audited_table(ws, tmp_path)
    app = _patch_upload(open_page("export"), content, "odd_name.json")
    assert not app.exception
    assert said in app.error[0].value
    assert "apply_patch" not in _keys(app)


def test_a_patch_of_other_data_fits_nothing(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "3", Verdict.DROP)
    content = _patch_of(ws, dataset, tmp_path).replace(b'"width"', b'"breadth"')
    hashed = str(ws.samples(dataset)["hash"].iloc[3]).encode()
    content = content.replace(hashed, b"0" * 64).replace(b'"id": "3"', b'"id": "[x](http://y)"')
    app = _patch_upload(open_page("export"), content)
    assert "- **1** left out: neither the id nor the content is there" in texts(app)
    assert "1 column is a feature of the patch" in app.warning[-2].value
    assert "There is nothing in it to apply." in texts(app)


def test_the_report_holds_the_sections_that_are_chosen(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("export")
    for section in Section:
        if section not in (Section.CARD, Section.OUTLIERS):
            app.checkbox(key=f"report_{section.value}").uncheck()
    app = _prepare(app.run(), "report")
    (written,) = (ws.root / "exports").rglob("report.html")
    page = written.read_text(encoding="utf-8")
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == ["Outliers", "Valuation card"]
    assert "prepare_report" not in _keys(app)
    app.checkbox(key="report_samples").check()
    app = _prepare(app.run(), "report")
    app.slider(key="report_shown").set_value(100)
    assert "prepare_report" in _keys(app.run()), "another choice is another report"


def test_a_report_without_sections_is_not_offered(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("export")
    for section in Section:
        app.checkbox(key=f"report_{section.value}").uncheck()
    app.run()
    assert "prepare_report" not in _keys(app)
    assert "Choose at least one section for the report." in texts(app)
    assert "prepare_report-json" in _keys(app)


def test_a_second_opinion_makes_the_report_stale(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "3", Verdict.DROP, reviewer="ana")
    app = _prepare(open_page("export"), "report-json")
    (written,) = (ws.root / "exports").rglob("report.json")
    told = json.loads(written.read_text(encoding="utf-8"))
    assert [person["name"] for person in told["reviewers"]] == ["ana"]
    assert "prepare_report-json" not in _keys(app.run())
    ws.decide(dataset, "3", Verdict.DROP, reviewer="ben")
    assert "prepare_report-json" in _keys(app.run())


def test_many_suggestions_are_summed_up_and_the_first_listed(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_view, "MOST_CHANGES", 2)
    add_audited_table(ws, tmp_path)
    app = open_page("export")
    app.radio(key="apply").set_value("suggestions").run()
    assert "The first 2 of 3; corrections.csv lists them all." in texts(app)
    app = _prepare(app, "patch")
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
    assert not any(key.startswith("prepare_") for key in _keys(app))


@pytest.mark.parametrize("add", [add_audited_numbers, add_audited_pictures])
def test_targets_and_pictures_are_exported_too(ws: Workspace, tmp_path: Path, add: Added) -> None:
    dataset, _ = add(ws, tmp_path)
    ws.decide(dataset, str(ws.samples(dataset)["id"][0]), Verdict.DROP)
    app = open_page("export")
    assert _figures(app)["Dropped"] == "1"
    what = "pictures" if add is add_audited_pictures else "rows"
    assert app.slider(key="report_shown").label == f"Samples shown, with their {what}"
    for product in ("report", "report-json", "patch"):
        app = _prepare(app, product)
    written = {path.name for path in (ws.root / "exports").rglob("*") if path.is_file()}
    assert written == {"report.html", "report.json", "patch.json"}
