"""Pruning: empty, running, failed and filled; the cut, what it loses, and its files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from appview import (
    add_audit,
    add_table,
    in_address,
    open_page,
    texts,
    write_table,
)
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from pruned import MOST, SEEDS, STEPS, WIDTH, add_pruning, know_features, made_up
from streamlit.testing.v1 import AppTest

from dvaudit import audits, readers
from dvaudit.core.decisions import Verdict
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.machine import Cost
from dvaudit.findings.pruning import Series
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui import pruning_charts as charts
from dvaudit.ui.pruning_cut import Cut, dropped_csv
from dvaudit.ui.pruning_maths import best_cut, loss_at, mean_line

ROWS = 30


@pytest.fixture
def pruned(ws: Workspace, tmp_path: Path) -> tuple[str, str, str]:
    """An audited table with a finished pruning; the ids of dataset, audit and pruning."""
    dataset, audit = add_audited_table(ws, tmp_path)
    return dataset, audit, add_pruning(ws, audit)


def _open(**query: str) -> AppTest:
    app = open_page("pruning", query)
    assert not app.exception
    return app


def _figures(app: AppTest) -> dict[str, tuple[str, str]]:
    return {metric.label: (metric.value, metric.delta) for metric in app.metric}


def _chart(app: AppTest) -> dict[str, Any]:
    """What the curve was given."""
    found = [item.proto for item in app.get("bidi_component")]
    (proto,) = (item for item in found if item.component_name.endswith("dvaudit_curve"))
    return dict(json.loads(proto.json))


def _labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


# States


def test_without_data_or_audit_the_page_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    assert "No dataset yet" in texts(_open())
    dataset = add_table(ws, tmp_path)
    assert "No finished audit yet" in texts(_open())
    add_audit(ws, dataset, RunStatus.RUNNING)
    assert "The audit is still running" in texts(_open())


def test_data_without_labels_leads_back_to_data(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv", 4)
    roles = {"kind": "categorical"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="unsupervised"))
    add_audit(ws, dataset)
    assert "This dataset has no labels" in texts(_open())


def test_the_form_names_both_ends_and_starts_what_it_describes(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, audit = add_audited_table(ws, tmp_path)
    given: dict[str, object] = {}

    def started(ws: Workspace, run: str, **asked: object) -> str:
        given.update(asked)
        return add_pruning(ws, run, RunStatus.QUEUED)

    monkeypatch.setattr("dvaudit.audits.start_pruning", started)
    monkeypatch.setattr(
        "dvaudit.audits.estimate_pruning",
        lambda *_, **asked: Cost(60.0 * len(asked["series"]), 1000, "a plan"),
    )
    app = _open()
    said = texts(app)
    assert "Nothing pruned yet" in said
    assert "Cleaning: lowest value first" in [box.label for box in app.checkbox]
    assert "keeps the plain" in said
    assert "There is no trusted set" in said
    assert next(metric.value for metric in app.metric) == "2 min"
    app.checkbox(key="pruning_order_window").check().run()
    app.toggle(key="pruning_balanced").set_value(True).run()
    app.number_input(key="pruning_rounds").set_value(2).run()
    app.radio(key="pruning_proxy").set_value("logistic regression").run()
    next(button for button in app.button if button.label == "Start pruning").click().run()
    assert not app.exception
    assert given["series"] == (Series.LOWEST, Series.HIGHEST, Series.WINDOW)
    assert (given["proxy"], given["balanced"]) == ("logistic regression", True)
    assert (given["seeds"], given["steps"], given["most"]) == ((0, 1), 18, 0.9)
    assert in_address(app, "pruning") == audits.prunings_of(ws, audit)[0].id
    assert "Pruning: waiting for its turn" in texts(app)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RunStatus.RUNNING, "seed 1 of 2: order 2 of 3"),
        (RunStatus.FAILED, "no memory left"),
        (RunStatus.CANCELLED, "Pruning was cancelled at 40%"),
    ],
)
def test_a_pruning_that_is_not_done_is_followed(
    ws: Workspace, tmp_path: Path, status: RunStatus, said: str
) -> None:
    _, audit = add_audited_table(ws, tmp_path)
    add_pruning(ws, audit, status, error="no memory left")
    app = _open()
    assert said in texts(app).replace("\\", "")
    assert "Export exactly this cut" not in _labels(app)


# Filled


def test_the_page_opens_where_the_first_order_scores_best(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    app = _open()
    line = mean_line(ws.run_table(pruned[2], "curves"), Series.LOWEST)
    best = best_cut(line)
    assert _chart(app)["cut"] == best
    figures = _figures(app)
    gone = int(line["removed"].iloc[best])
    assert figures["Removed"] == (str(gone), f"{gone / ROWS:.1%} of {ROWS}")
    assert figures["In the file"] == (str(ROWS - gone), f"of {ROWS} samples")
    assert figures["Accuracy at the cut"] == (f"{line['score'].iloc[best]:.1%}", "80.5% with all")
    share = gone / ROWS
    lead = made_up(Series.LOWEST, share, 0) - made_up(Series.RANDOM, share, 0)
    assert figures["Against random"][0] == f"{100 * lead:+.1f} points"


def test_an_address_opens_the_same_order_and_cut(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    app = _open(pruning=pruned[2], series="highest-first", cut="4")
    shown = _chart(app)
    assert shown["cut"] == 4
    gone = round(MOST * 4 / STEPS * ROWS)
    assert _figures(app)["Removed"][0] == str(gone)
    assert shown["cuts"][4]["figures"][0] == f"{gone} samples, {gone / ROWS:.1%}"
    assert "does not have" not in texts(app)
    app = app.segmented_control(key="pruning_series").set_value("lowest-first").run()
    assert not app.exception
    assert in_address(app, "series") == "lowest-first"


@pytest.mark.parametrize("cut", ["99", "²"])
def test_a_cut_that_is_not_there_falls_back_to_the_best(
    ws: Workspace, pruned: tuple[str, str, str], cut: str
) -> None:
    app = _open(pruning="r9999", series="sideways", cut=cut)
    line = mean_line(ws.run_table(pruned[2], "curves"), Series.LOWEST)
    assert _chart(app)["cut"] == best_cut(line)
    said = " ".join(item.value for item in app.warning).replace("\\", "")
    assert "what this audit does not have: pruning 'r9999'" in said
    assert "what this pruning does not have: order 'sideways'" in said
    assert f"cut '{cut}', which goes from 0 to {STEPS}" in said


def test_a_pruning_of_another_audit_is_named_but_not_one_left_behind(
    ws: Workspace, tmp_path: Path, pruned: tuple[str, str, str]
) -> None:
    (tmp_path / "more").mkdir()
    other, audit = add_audited_table(ws, tmp_path / "more")
    know_features(ws, audit)
    app = _open(dataset=other, run=audit, pruning=pruned[2])
    assert "Nothing pruned yet" in texts(app)
    assert f"does not have: pruning '{pruned[2]}'" in texts(app)
    app = _open(dataset=pruned[0], run=pruned[1], pruning=pruned[2], cut="4")
    app = app.selectbox(key="choose_dataset").set_value(other).run()
    assert "Nothing pruned yet" in texts(app)
    assert not {"pruning", "cut"} & set(app.query_params)
    for _ in range(2):
        assert "does not have" not in texts(app)
        app = app.run()


def test_a_window_tells_which_stretch_is_removed(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    app = _open(pruning=pruned[2], series="window", cut="3")
    offset = int(mean_line(ws.run_table(pruned[2], "curves"), Series.WINDOW)["offset"].iloc[3])
    assert _figures(app)["Removed"][0] == str(round(WIDTH * ROWS))
    rows = app.dataframe[1].value
    assert rows["Place"].tolist() == list(range(offset + 1, offset + 7))
    expected = audits.pruned_ids(ws, pruned[2], "window", 6, offset=offset)
    assert rows["Id"].tolist() == expected


def test_the_edge_shows_the_last_removed_and_the_first_kept_rows(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    app = _open(series="lowest-first", cut="5")
    gone = round(MOST * 5 / STEPS * ROWS)
    order = audits.pruned_ids(ws, pruned[2], "lowest first", ROWS)
    removed, kept = app.dataframe[1].value, app.dataframe[2].value
    assert removed["Id"].tolist() == order[gone - 12 : gone]
    assert kept["Id"].tolist() == order[gone : gone + 12]
    nothing = _open(series="lowest-first", cut="0")
    assert "The cut removes nothing." in texts(nothing)


def test_exactly_the_cut_is_exported_with_the_verdicts_on_the_rest(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    dataset, _, run = pruned
    app = _open(series="lowest-first", cut="2")
    ids = audits.pruned_ids(ws, run, "lowest first", 6)
    kept = next(str(at) for at in range(ROWS) if str(at) not in ids)
    ws.decide(dataset, kept, Verdict.RELABEL, "elm")
    app = next(item for item in app.button if item.key == "prepare_cut").click().run()
    assert not app.exception
    keys = [str(button.key) for button in app.get("download_button")]
    assert "download_cut" in keys
    name = app.session_state["prepared_cut"][1]
    found = pd.read_csv(name)
    original = pd.read_csv(ws.dataset(dataset).source)
    expected = original.drop(index=[int(name) for name in ids])
    expected.loc[int(kept), "kind"] = "elm"
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True))
    ws.decide(dataset, kept, Verdict.KEEP)
    again = app.run()  # what was prepared no longer is what would be exported
    assert "prepare_cut" in [str(button.key) for button in again.button]


def test_the_list_of_removed_samples_names_them_in_order(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    _, audit, run = pruned
    curves = ws.run_table(run, "curves")
    cut = Cut(ws.run(run), Series.HIGHEST, "", 3)
    loss = loss_at(curves, Series.HIGHEST, 3)
    table = pd.read_csv(io.BytesIO(dropped_csv(ws, ws.run(audit), cut, loss)), dtype={"id": str})
    assert table["id"].tolist() == audits.pruned_ids(ws, run, "highest first", loss.removed)
    assert table["place"].tolist() == list(range(1, loss.removed + 1))
    assert table["value"].is_monotonic_decreasing


def test_contributors_are_listed_where_there_are_some(ws: Workspace, tmp_path: Path) -> None:
    _, audit = add_audited_table(ws, tmp_path)
    add_pruning(ws, audit, contributors=True)
    app = _open()
    assert [tab.label for tab in app.tabs] == [
        "By class", "By contributor", "At the edge of the cut",
    ]  # fmt: skip
    assert app.dataframe[1].value["name"].tolist() == ["Ann & Co"]


def test_pictures_and_numbers_have_their_own_edge_and_scale(ws: Workspace, tmp_path: Path) -> None:
    dataset, audit = add_audited_numbers(ws, tmp_path)
    add_pruning(ws, audit)
    app = _open(dataset=dataset, run=audit)
    assert _figures(app)["R² at the cut"][0].startswith("0.8")
    assert [tab.label for tab in app.tabs] == ["At the edge of the cut"]
    dataset, audit = add_audited_pictures(ws, tmp_path)
    add_pruning(ws, audit)
    app = _open(dataset=dataset, run=audit)
    assert "Last removed" in texts(app)
    assert len(app.dataframe) == 1  # the classes; the edge is a gallery


def test_of_several_prunings_the_newest_is_shown_until_another_is_chosen(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    newer = add_pruning(ws, pruned[1])
    app = _open()
    box = next(item for item in app.selectbox if item.key == "choose_pruning")
    assert box.value == newer
    app = box.set_value(pruned[2]).run()
    assert in_address(app, "pruning") == pruned[2]
    assert len(ws.runs(pruned[0], RunKind.PRUNING)) == 2


# Figures


def test_the_chart_has_every_line_with_its_band_and_every_cut_with_its_figures(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    curves = ws.run_table(pruned[2], "curves")
    lines = {series: mean_line(curves, series) for series in Series if series != "window"}
    names = {series: f"<b>{series}</b>" for series in Series}
    shown = charts.curves(lines, names, Series.LOWEST, ROWS, classes=True, dark=False)
    assert {line.name for line in shown.curves} == {names[series] for series in lines}
    assert [line.name for line in shown.curves if line.strong] == [names[Series.LOWEST]]
    assert len({(line.colour, line.dash) for line in shown.curves}) == 3
    for line, (series, table) in zip(shown.curves, lines.items(), strict=True):
        assert line.y == pytest.approx(table["score"].tolist())
        assert line.name == names[series]
        assert [high - low for low, high in zip(line.low, line.high, strict=True)] == (
            pytest.approx([0.01] * (STEPS + 1))
        )
    assert len(SEEDS) == 2
    assert shown.cuts[3].x == pytest.approx(0.3)
    random = made_up(Series.RANDOM, 0.3, 0) + 0.005
    assert shown.cuts[3].figures == (
        "9 samples, 30.0%", "82.9% (82.4% to 83.4%)", f"{random:.1%} (+9.0 points with this cut)",
    )  # fmt: skip
    assert shown.cuts[3].said.startswith("9 samples, 30.0% removed: accuracy 82.9%")
    assert shown.y_range[0] < lines[Series.RANDOM]["low"].min()


def test_a_window_is_compared_with_all_samples_and_with_random(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    curves = ws.run_table(pruned[2], "curves")
    line, chance = (mean_line(curves, series) for series in (Series.WINDOW, Series.RANDOM))
    line.loc[1, ["score", "low", "high"]] = float("nan")
    names = ("one", "all", "drawn")
    shown = charts.windows(line, chance, names, ROWS, classes=False, dark=True)
    assert [item.name for item in shown.curves] == list(names)
    assert shown.curves[1].y == pytest.approx([chance["score"].iloc[0]] * len(line))
    assert shown.curves[2].y == pytest.approx([chance["score"].iloc[2]] * len(line))
    assert (shown.curves[0].y[1], shown.cuts[1].y) == (None, None)
    assert shown.cuts[1].figures[1] == "unknown"
    assert shown.cuts[2].head.startswith("6 samples, 20.0%, from place ")


def test_a_cut_says_which_classes_it_leaves_nothing_of(ws: Workspace, tmp_path: Path) -> None:
    _, audit = add_audited_table(ws, tmp_path)
    run = add_pruning(ws, audit)
    table = ws.run_table(run, "classes").copy()
    cut = (table["series"] == "lowest first") & (table["removed"] == 9)
    table.loc[cut & (table["name"] == "elm"), "lost"] = 1.0
    orders = {f"order-{s.slug}": ws.run_array(run, f"order-{s.slug}") for s in Series}
    tables = {"curves": ws.run_table(run, "curves"), "classes": table, "contributors": table[:0]}
    ws.save_findings(run, ws.run_samples(run), tables, ws.run_summary(run), {}, orders)
    said = _open(series="lowest-first", cut="3").warning[0].value
    assert "removes every sample of 1 class: elm." in said
    assert "removes every sample" not in texts(_open(series="lowest-first", cut="2"))


def test_what_the_file_will_hold_is_said_with_the_verdicts(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    dataset, _, run = pruned
    order = audits.pruned_ids(ws, run, "lowest first", ROWS)
    for name in order[4:10]:
        ws.decide(dataset, name, Verdict.DROP)
    app = _open(series="lowest-first", cut="2")
    said = "20 samples of 30: 6 left out by the cut and 4 more by verdicts (2 by both)"
    assert said in texts(app)
    assert _figures(app)["In the file"] == ("20", "of 30 samples")


def test_a_pruning_that_failed_does_not_hide_an_older_one(
    ws: Workspace, pruned: tuple[str, str, str]
) -> None:
    failed = add_pruning(ws, pruned[1], RunStatus.FAILED, error="no memory left")
    app = _open()
    assert "no memory left" in texts(app)
    assert "Export exactly this cut" in _labels(app)
    asked = _open(pruning=failed)
    assert "Export exactly this cut" not in _labels(asked)


def test_too_few_samples_are_refused_in_the_form(ws: Workspace, tmp_path: Path) -> None:
    _, audit = add_audited_table(ws, tmp_path)
    know_features(ws, audit)
    samples = ws.run_samples(audit)
    values = samples["kernel-loo.value"].where(samples.index < 19)
    samples = samples.assign(**{"kernel-loo.value": values})
    ws.save_findings(audit, samples, {}, ws.run_summary(audit), {})
    app = _open()
    assert "19 samples have a label and a value" in app.error[0].value
    assert "Start pruning" not in _labels(app)
    with pytest.raises(UnsuitableDataError, match="at least 20"):
        audits.start_pruning(ws, audit, valuator="kernel-loo")
