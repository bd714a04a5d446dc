"""CSV, Parquet and JSON files of a report."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.reports import (
    audit_json,
    corrections,
    flagged,
    guarded,
    unguarded,
    write_all,
    write_csv,
    write_samples,
)


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_samples_come_back_as_they_were(make_report, tmp_path):
    report = make_report()
    paths = write_samples(report.samples, tmp_path)
    assert [path.name for path in paths] == ["samples.csv", "samples.parquet"]
    pd.testing.assert_frame_equal(pd.read_parquet(paths[1]), report.samples)
    back = pd.read_csv(paths[0], dtype={"suspicion_rank": "Int64", "duplicate_group": "Int64"})
    assert back.columns.tolist() == report.samples.columns.tolist()
    for column in ("id", "given_label", "suspicion_rank", "flagged", "margin", "reason"):
        pd.testing.assert_series_equal(back[column], report.samples[column], check_dtype=False)


def test_corrections_are_the_flagged_samples_with_a_suggestion(make_report):
    report = make_report()
    frame = corrections(report.samples)
    assert frame.columns.tolist() == ["id", "given_label", "suggested_label", "suspicion_rank"]
    assert sorted(frame["id"]) == ["s003", "s050"]
    assert frame["suspicion_rank"].tolist() == [1, 2]
    unsure = report.samples.assign(suggested_label=None)
    assert corrections(unsure).empty
    assert flagged(unsure)["id"].tolist() == frame["id"].tolist()


@pytest.mark.parametrize("cell", ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\t=1", "\r=1", "'=1"])
def test_formulas_are_guarded(cell, tmp_path):
    frame = pd.DataFrame({"id": [cell], "x": [-1.5]})
    path = write_csv(frame, tmp_path / "out.csv")
    assert read(path) == [["id", "x"], ["'" + cell, "-1.5"]]


@pytest.mark.parametrize("cell", ["-1", "+2.5e3", "plain", "it's", "'quoted'", "", "a=b", "3-1"])
def test_harmless_cells_stay(cell):
    assert guarded(cell) == cell


@given(st.text(alphabet="'=+-@\t\r1.e x", max_size=8) | st.text())
def test_unguarding_restores_every_cell(cell):
    assert unguarded(guarded(cell)) == cell


def test_column_names_and_odd_text_survive(tmp_path):
    frame = pd.DataFrame({"=name": ['a,"b"', "line\nbreak", None], 7: ["ä", "日本", "-"]})
    rows = read(write_csv(frame, tmp_path / "out.csv"))
    assert rows == [
        ["'=name", "7"],
        ['a,"b"', "ä"],
        ["line\nbreak", "日本"],
        ["", "'-"],
    ]


def test_the_folder_holds_every_file(make_report, tmp_path):
    paths = write_all(make_report(), tmp_path / "new" / "out")
    assert sorted(path.name for path in paths) == [
        *("audit.json", "corrections.csv", "report.html", "samples.csv", "samples.parquet"),
    ]
    assert all(path.stat().st_size > 0 for path in paths)


def test_audit_json_is_enough_to_run_it_again(make_report, tmp_path):
    report = make_report()
    write_all(report, tmp_path)
    stored = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))
    assert stored == audit_json(report)
    assert stored["schema_version"] == 1
    assert stored["dataset"]["fingerprint"] == report.fingerprint
    assert stored["dataset"]["samples"] == 120
    assert stored["valuators"]["kernel-loo"]["settings"] == {"ridge": None}
    assert stored["valuators"]["kernel-loo"]["ridge"] == 0.03
    assert (stored["seed"], stored["versions"]["python"]) == (17, "3.12.1")
    assert stored["results"]["flagged"] == 2
    assert stored["results"]["verdicts"] == {"keep": 0, "relabel": 1, "drop": 1, "unsure": 0}
    assert stored["results"]["duplicate_groups"] == 1
    assert stored["unreadable"] == [{"name": "broken.png", "reason": "not a picture"}]


def test_audit_json_writes_no_nan_and_refuses_what_it_cannot_hold(make_report):
    report = make_report(record={"stats": {"a": float("nan"), "b": np.float32(2), "c": (1,)}})
    assert audit_json(report)["stats"] == {"a": None, "b": 2.0, "c": [1]}
    with pytest.raises(TypeError, match="cannot hold a set"):
        audit_json(make_report(record={"stats": {1, 2}}))
