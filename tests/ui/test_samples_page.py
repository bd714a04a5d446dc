"""Samples: key figures, filters in the address, pages, tables, and one sample in full."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from appview import add_table, in_address, open_page, texts
from audited import (
    WRONG,
    add_audited_numbers,
    add_audited_pictures,
    add_audited_table,
    mark_atypical,
)
from streamlit.testing.v1 import AppTest

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings import CutBy, CutOff
from dvaudit.store import Workspace
from dvaudit.ui.sample_facts import cell_text, cells, number_text, verdict_text
from dvaudit.ui.words import plain


def _rows(app: AppTest) -> pd.DataFrame:
    return next(table.value for table in app.dataframe if "Rank" in table.value)


def _button(app: AppTest, label: str) -> object:
    return next(button for button in app.button if button.label == label)


def test_without_data_or_audit_the_page_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    assert "No dataset yet" in texts(open_page("samples"))
    add_table(ws, tmp_path)
    assert "No finished audit yet" in texts(open_page("samples"))


def test_the_audit_is_shown_in_five_figures(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples")
    assert not app.exception
    figures = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert figures == {
        "Samples": ("30", "30 labelled"),
        "Flagged": ("3", "to check, 10.0% of all"),
        "Wrong labels, estimated": ("10.0%", "5.0% to 15.0% (95%)"),
        "Duplicates with other labels": ("2", "samples, in 1 of 1 group"),
        "Outliers": ("1", "far from everything else"),
    }


def test_rows_come_most_suspicious_first_with_the_datasets_own_columns(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audited_table(ws, tmp_path)
    rows = _rows(open_page("samples"))
    assert rows["Rank"].tolist() == list(range(1, 31))
    assert rows["Suggested"].notna().tolist() == [at in WRONG for at in range(30)]
    assert {"width", "height"} <= set(rows.columns)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"show": "Flagged"}, ["0", "1", "2"]),
        ({"show": "conflicts"}, ["4", "5"]),
        ({"show": "Outliers"}, ["6"]),
        ({"class": "elm", "show": "Flagged"}, ["0"]),
        ({"class": ["elm", "oak"], "show": "flagged"}, ["0", "1", "2"]),
        ({"range": "kernel-loo.value~0.05~0.25"}, ["6", "7"]),
        ({"pair": ["oak", "elm"]}, ["1", "2"]),
        ({"verdict": "kept"}, []),
        ({"find": "elm", "order": "least", "show": "flagged"}, ["0"]),
        ({"find": "29"}, ["29"]),
        ({"show": "flagged", "order": "least"}, ["2", "1", "0"]),
        ({"show": "flagged", "sort": "margin"}, ["0", "1", "2"]),
    ],
)
def test_the_address_restores_the_filters(
    ws: Workspace, tmp_path: Path, query: dict[str, str], ids: list[str]
) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", query)
    assert not app.exception
    assert _rows(app)["Id"].tolist() == ids if ids else "No sample fits" in texts(app)
    assert "The address asks" not in texts(app)


def test_atypical_samples_are_counted_listed_and_named(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    mark_atypical(ws, run, (1, 5, 7))
    app = open_page("samples", {"show": "Atypical"})
    assert not app.exception
    assert _rows(app)["Id"].tolist() == ["5", "7"]  # 1 is flagged
    assert set(_rows(app)["Finding"]) == {"Atypical"}
    figures = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert figures["Atypical"] == ("2", "not flagged, worth keeping")
    kinds = _rows(open_page("samples"))["Finding"]
    assert kinds.value_counts().to_dict() == {"Looks mislabelled": 3, "Atypical": 2}
    shown = texts(open_page("samples", {"sample": "5"}))
    assert "Atypical, worth keeping" in shown
    assert "it is much harder to fit" in shown
    assert "Atypical" not in texts(open_page("samples", {"sample": "1"}))


def test_a_moved_cut_off_turns_atypical_samples_into_flagged_ones_and_back(
    ws: Workspace, tmp_path: Path
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    mark_atypical(ws, run, (1, 5, 7))
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=7))
    app = open_page("samples", {"show": "Atypical"})
    assert _rows(app)["Id"].tolist() == ["7"]
    shown = texts(open_page("samples", {"sample": "5"}))
    assert "Flagged: looks mislabelled" in shown
    assert "worth keeping" not in shown
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=1))
    assert _rows(open_page("samples", {"show": "Atypical"}))["Id"].tolist() == ["1", "5", "7"]


def test_an_audit_that_did_not_look_for_atypical_samples_says_so(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audited_table(ws, tmp_path)
    assert "did not look for atypical samples" in texts(open_page("samples", {"show": "Atypical"}))


def test_a_filter_that_fits_nothing_says_so(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    assert "No sample fits these filters" in texts(open_page("samples", {"find": "no such"}))


def test_the_cut_off_by_rank_moves_the_flags(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    app = open_page("samples", {"show": "Flagged"})
    app.button_group(key=f"cut_methods_{run}").set_value("rank").run()
    app.slider[0].set_value(5).run()
    assert _rows(app)["Id"].tolist() == ["0", "1", "2", "3", "4"]
    assert "5 samples above the cut-off" in texts(app)
    figures = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert figures["Flagged"] == ("5", "16.7% of all, cut-off moved")


def test_the_cut_off_holds_after_a_reload_and_on_every_page(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    app = open_page("samples")
    app.button_group(key=f"cut_methods_{run}").set_value("rank").run()
    assert app.slider[0].value == 3, "it starts where the methods' own flags end"
    app.slider[0].set_value(2).run()
    assert ws.cut_off(run) == CutOff(CutBy.RANK, rank=2)
    assert not app.exception
    again = open_page("samples", {"show": "Flagged"})
    assert again.slider[0].value == 2
    assert _rows(again)["Id"].tolist() == ["0", "1"]
    assert "2 samples are flagged: the 2 most suspicious samples" in texts(open_page("export"))
    assert "Also relabels 2 samples" in open_page("export").radio(key="apply").proto.captions[1]
    assert "**2 of 30 samples to check**" in texts(open_page("audit"))
    assert "The last audit flags 2 samples of 30" in texts(open_page("data"))
    again.button_group(key=f"cut_methods_{run}").set_value("methods").run()
    assert ws.cut_off(run) == CutOff()
    assert len(_rows(again)) == 3


def test_the_cut_off_by_margin_is_kept(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    app = open_page("samples", {"show": "Flagged"})
    app.button_group(key=f"cut_methods_{run}").set_value("margin").run()
    app.slider[0].set_value(0.25).run()
    assert ws.cut_off(run) == CutOff(CutBy.MARGIN, margin=0.25)
    assert _rows(open_page("samples", {"show": "Flagged"}))["Id"].tolist() == ["0", "1", "2"]


def test_a_moved_cut_off_counts_the_classes_again(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=7))
    app = open_page("samples", {"view": "Classes"})
    assert not app.exception
    table = next(table.value for table in app.dataframe if "share_flagged" in table.value)
    assert dict(zip(table["class"], table["flagged"], strict=True)) == {"elm": 3, "oak": 4}
    assert "Flagged: the 7 most suspicious samples." in texts(app)
    pairs = next(table.value for table in app.dataframe if "suggested_label" in table.value)
    assert pairs["samples"].sum() == 3


def test_a_sample_above_the_cut_off_is_marked_so(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    assert "Flagged" not in texts(open_page("samples", {"sample": "3"}))
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=4))
    assert "Flagged" in texts(open_page("samples", {"sample": "3"}))


def test_many_rows_come_in_pages_and_a_new_filter_starts_at_the_first(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audited_table(ws, tmp_path, rows=130)
    app = open_page("samples", {"page": "3"})
    assert _rows(app)["Id"].tolist() == [str(at) for at in range(120, 130)]
    app.selectbox(key="filter_show").select("flagged").run()
    assert _rows(app)["Id"].tolist() == ["0", "1", "2"]
    assert in_address(app, "page") is None
    app.selectbox(key="filter_show").select("all").run()
    app.selectbox(key="size").select("120").run()
    assert len(_rows(app)) == 120
    assert in_address(app, "size") == "120"


def test_an_address_with_a_sample_opens_it_in_full(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"sample": "2"})
    assert not app.exception
    assert "reason 2" in texts(app)
    assert {button.label for button in app.button} >= {"Keep", "Relabel to elm", "Drop", "Unsure"}
    values, quantities = (table.value for table in app.dataframe if "Method" in table.value)
    assert values.to_numpy().tolist() == [["kernel-loo", "-0.3", "-", "3 of 30"]]
    assert quantities.to_numpy().tolist()[0] == ["kernel-loo", "value", "-0.3"]


@pytest.mark.parametrize("named", ["30", "-1", "x", "1.5", "", "²", "99999999999999999999"])
def test_an_address_that_names_no_sample_is_set_right(
    ws: Workspace, tmp_path: Path, named: str
) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"sample": named})
    assert not app.exception
    assert "sample" not in app.query_params


def test_verdicts_are_stored_at_once_and_can_be_taken_back(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    app = open_page("samples", {"sample": "0"})
    _button(app, "Relabel to oak").click().run()  # type: ignore[attr-defined]
    assert ws.decisions(dataset) == {"0": Decision("0", Verdict.RELABEL, "oak")}
    app = open_page("samples", {"sample": "0"})
    assert "Verdict: **relabelled to oak**" in texts(app)
    _button(app, "Take back").click().run()  # type: ignore[attr-defined]
    assert ws.decisions(dataset) == {}


def test_another_class_can_be_chosen(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    app = open_page("samples", {"sample": "3"})
    app.selectbox(key="other_label_3").select("oak").run()
    assert ws.decisions(dataset)["3"].label == "oak"


def test_for_regression_the_new_label_is_a_number(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_numbers(ws, tmp_path)
    app = open_page("samples", {"sample": "0"})
    assert not app.exception
    app.number_input(key="other_label_0").set_value(12.5).run()
    assert ws.decisions(dataset)["0"].label == "12.5"


def test_tables_of_classes_and_duplicates(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"view": "Classes"})
    assert not app.exception
    tables = [table.value for table in app.dataframe]
    assert any(table.columns.tolist()[:2] == ["class", "samples"] for table in tables)
    assert any("suggested_label" in table for table in tables)
    app = open_page("samples", {"view": "Duplicates"})
    assert not app.exception
    assert "**1 group**, 1 of them with different labels." in texts(app)


def test_pictures_are_shown_without_a_table(ws: Workspace, tmp_path: Path) -> None:
    add_audited_pictures(ws, tmp_path)
    for query in ({}, {"sample": "0"}, {"view": "Duplicates"}):
        app = open_page("samples", query)
        assert not app.exception
        assert not any("Finding" in table.value for table in app.dataframe)
    assert "Finding" in open_page("samples", {"as": "rows"}).dataframe[0].value


def test_names_from_the_data_are_not_interpreted(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    frame = ws.run_samples(run)
    frame["reason"] = "![x](http://evil.example/a.png) :red[x]"
    frame["suggested_label"] = "**b**"
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    rows = [ws.run_neighbours(run, at) for at in range(len(frame))]
    near = {name: [row[name] for row in rows] for name in rows[0]}
    ws.save_findings(run, frame, tables, ws.run_summary(run), near)
    shown = texts(open_page("samples", {"sample": "0"}))
    assert "![x]" not in shown
    assert ":red[" not in shown


def test_numbers_and_cells_as_text() -> None:
    assert [number_text(item) for item in (1234, 0.123456, None, pd.NA, True, "x")] == [
        "1,234", "0.1235", "-", "-", "yes", "x"
    ]  # fmt: skip
    assert [cell_text(item) for item in (284582.0, 0.1234567, float("nan"), "a", 3)] == [
        "284582", "0.123457", "-", "a", "3"
    ]  # fmt: skip
    assert [cell_text(item) for item in (1234567.25, -99.123456, 1e20, float("inf"))] == [
        "1234567", "-99.1235", "1e+20", "inf"
    ]  # fmt: skip
    assert len(cells(pd.DataFrame({"text": ["long " * 1000]}), 0)[0]) == 600
    assert verdict_text(Decision("a", Verdict.RELABEL, "cat")) == "relabelled to cat"
    assert verdict_text(None) == ""


def test_one_sample_says_its_contributor_and_its_split(ws: Workspace, tmp_path: Path) -> None:
    columns = {"site": ["north", None] * 15, "split": ["train"] * 20 + ["test"] * 10}
    roles = {"site": "group", "split": "categorical", "kind": "label"}
    add_audited_table(ws, tmp_path, roles=roles, **columns)
    app = open_page("samples", {"sample": "0"})
    assert not app.exception
    assert "Contributor: **north** · Split: **train**" in texts(app)
    assert "Split: **test**" in texts(open_page("samples", {"sample": "21"}))


def test_targets_of_regression_are_shortened_and_neighbours_have_no_class(
    ws: Workspace, tmp_path: Path
) -> None:
    _, run = add_audited_numbers(ws, tmp_path)
    frame = ws.run_samples(run)
    frame["given_label"] = 1234.5678901234567
    frame["suggested_label"] = "0.3333333333333333"
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    near = [ws.run_neighbours(run, at) for at in range(len(frame))]
    stacked = {name: np.stack([row[name] for row in near]) for name in near[0]}
    ws.save_findings(run, frame, tables, ws.run_summary(run), stacked)
    app = open_page("samples", {"sample": "0"})
    assert not app.exception
    shown = texts(app)
    assert "**1234\\.57**" in shown
    assert "**0\\.333333**" in shown
    assert "Relabel to 0\\.333333" in [button.label for button in app.button]
    assert _rows(app)["Given"].tolist() == ["1234.57"] * 30
    assert "**Nearest**" in shown
    assert "the same label" not in shown


def test_shares_of_classes_are_in_percent(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"view": "classes"})
    table = next(table.value for table in app.dataframe if "share_flagged" in table.value)
    assert table["share"].tolist() == pytest.approx([100 / 3, 200 / 3])
    assert table["share_flagged"].tolist() == pytest.approx([10.0, 10.0])


def test_the_link_to_review_opens_this_selection(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"class": "elm"})
    link = next(link for link in app.get("page_link") if link.proto.label == "Review these")
    assert "queue=selection" in link.proto.query_string
    assert "class=elm" in link.proto.query_string


def test_a_long_text_of_a_sample_is_shown_in_full_lines_beside_its_short_cells(
    ws: Workspace, tmp_path: Path
) -> None:
    said = [f"My card number {at} was not accepted abroad, whatever I tried" for at in range(30)]
    add_audited_table(ws, tmp_path, said=said)
    app = open_page("samples", {"sample": "3"})
    assert plain(said[3]) in texts(app)
    (own,) = [table.value for table in app.dataframe if "This sample" in table.value]
    assert own["Column"].tolist() == ["width", "height"]
