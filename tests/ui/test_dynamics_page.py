"""Dynamics: states of the page, what a running and a finished audit show, and what is picked."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from appview import APP, add_table, open_page, texts, write_table
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from streamlit.testing.v1 import AppTest
from traced import add_trace

from dvaudit import audits, readers, valuators
from dvaudit.core.dataset import Task
from dvaudit.dynamics import ALL
from dvaudit.findings import CutBy, CutOff
from dvaudit.store import Workspace
from dvaudit.store.frames import write_frame
from dvaudit.ui import dynamics_maths as maths
from dvaudit.ui import dynamics_samples, dynamics_view


@pytest.fixture
def run(ws: Workspace, tmp_path: Path) -> str:
    """A finished audit of trees, two classes of 30, that followed a training by aum."""
    _, audit = add_audited_table(ws, tmp_path)
    add_trace(ws, audit)
    return audit


def _open(over: str = "Values", **query: str) -> AppTest:
    app = open_page("dynamics", {"over": over, **query})
    assert not app.exception
    return app


def _charts(app: AppTest) -> dict[str, Any]:
    return {chart.key: chart for chart in app.get("plotly_chart")}


def _press(app: AppTest, label: str) -> AppTest:
    app = next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


# States


def test_without_data_the_page_leads_to_data(ws: Workspace) -> None:
    assert "No dataset yet" in texts(_open())


def test_without_an_audit_it_says_which_methods_to_run(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    app = _open()
    assert "No audit yet" in texts(app)
    assert "Run an audit with a method that trains a net: aum, el2n, forgetting" in texts(app)
    assert [button.label for button in app.button] == ["Go to Audit"]


def test_data_without_labels_names_the_methods_that_train_on_it(
    ws: Workspace, tmp_path: Path
) -> None:
    path = write_table(tmp_path / "trees.csv", 4)
    roles = {"kind": "categorical"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="unsupervised"))
    app = _open()
    assert "a method that trains a net: dvgs measures against trusted samples." in texts(app)
    assert [button.label for button in app.button] == ["Go to Audit"]


def test_an_audit_that_trained_nothing_says_so(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = _open()
    assert "This audit followed no training" in texts(app)
    assert r"Audit 1 ran kernel\-loo" in texts(app)
    assert not _charts(app)


def test_the_methods_it_recommends_exist_for_the_task(ws: Workspace) -> None:
    assert set(maths.UNITS) <= set(valuators.names())
    said = dynamics_view.what_to_run(Task.REGRESSION)
    assert "grand" in said
    assert "aum" not in said


# Finished: classes


def test_classes_and_flagged_samples_are_drawn_with_words(ws: Workspace, run: str) -> None:
    app = _open()
    drawn = _charts(app)
    assert list(drawn) == ["dynamics_classes", "dynamics_spread"]
    assert "a line for each of 2 classes" in drawn["dynamics_classes"].proto.alt
    assert "3 flagged samples" in drawn["dynamics_spread"].proto.alt
    said = texts(app)
    assert "6 points over 6 epochs" in said
    assert "mean up to each point" in said
    assert "29 of 30 samples valued" in said  # the last has no value


def test_lowest_and_highest_are_of_all_classes_not_of_those_drawn(
    ws: Workspace, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maths, "largest", lambda sizes: list(sizes)[:1])
    ends = maths.class_ends(audits.trace_of(ws, run, "aum").classes)
    app = _open()
    assert (
        "Drawn are the 1 largest of 2 classes and all samples together; the table has every class. "
        f"Of all 2 classes lowest at the end: **{ends[0][0]}**, highest: **{ends[1][0]}**."
    ) in texts(app)


def test_with_one_class_none_is_lowest(ws: Workspace, run: str) -> None:
    table = ws.run_dir(run) / "results" / "tables" / "classes-aum.parquet"
    classes = pd.read_parquet(table)
    only = classes["label"].unique()[1]
    write_frame(table, classes[classes["label"].isin([ALL, only])].reset_index(drop=True))
    app = _open()
    assert "Mean value so far of the samples of each class." in texts(app)
    assert "owest at the end" not in texts(app)
    alt = _charts(app)["dynamics_classes"].proto.alt
    assert alt.endswith("a line for the only class and one for all")


def test_the_flagged_line_follows_the_cut_off(ws: Workspace, run: str) -> None:
    assert "the 3 samples the audit flags" in texts(_open())
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=5))
    assert "the 5 samples the audit flags" in texts(_open())


def test_additive_traces_are_summed(ws: Workspace, tmp_path: Path) -> None:
    _, audit = add_audited_table(ws, tmp_path)
    add_trace(ws, audit, "tracin", additive=True)
    assert "sum up to each point" in texts(_open())


def test_numbers_have_one_line_of_all(ws: Workspace, tmp_path: Path) -> None:
    _, audit = add_audited_numbers(ws, tmp_path)
    add_trace(ws, audit, "grand", classes=False)
    assert list(_charts(_open())) == ["dynamics_spread"]
    assert "all samples lie" in texts(_open("Samples"))


def test_numbers_stored_as_classes_are_no_classes(ws: Workspace, tmp_path: Path) -> None:
    _, audit = add_audited_numbers(ws, tmp_path)
    add_trace(ws, audit, "grand", classes=True)
    assert list(_charts(_open())) == ["dynamics_spread"]


def test_a_method_is_chosen_among_those_traced(ws: Workspace, run: str) -> None:
    add_trace(ws, run, "dvgs", unit="step")
    app = _open()
    chosen = app.segmented_control(key=f"dynamics_method_{run}")
    assert chosen.options == ["aum", "dvgs"]
    app = chosen.set_value("dvgs").run()
    assert not app.exception
    assert "dvgs · 6 points over 6 steps" in texts(app)


def test_the_class_lines_can_be_downloaded(
    ws: Workspace, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []
    written = dynamics_view.write_csv

    def keep(table: pd.DataFrame, path: Path) -> Path:
        made.append(written(table, path).read_bytes())
        return path

    monkeypatch.setattr(dynamics_view, "write_csv", keep)
    trace = audits.trace_of(ws, run, "aum")
    losses = pd.DataFrame({"point": trace.points, "loss": trace.early["loss"]})
    dynamics_view._csv(trace.classes, "aum", trace, losses)
    table = pd.read_csv(io.BytesIO(made[0]))
    columns = ["method", "epoch", "class", "value_so_far", "samples", "loss"]
    assert list(table.columns) == columns
    assert len(table) == 3 * len(trace.points)
    assert [item.label for item in _open().get("download_button")] == ["Download CSV"]


# Finished: single samples


def test_the_lowest_sample_is_drawn_at_first(ws: Workspace, run: str) -> None:
    trace = audits.trace_of(ws, run, "aum")
    lowest = int(np.nanargmin(maths.sample_lines(trace, range(30))[:, -1]))
    app = _open("Samples")
    name = ws.run_samples(run)["id"].iat[lowest]
    assert f"{name} from" in _charts(app)["dynamics_samples_chart"].proto.alt
    assert "rank 1 of 29" in texts(app)
    assert "The 24 lowest of 29 samples by aum" in texts(app)


def test_choosing_adds_a_line_and_takes_it_away_five_at_most() -> None:
    picked = [4]
    for position in (7, 1, 9, 2):
        picked = dynamics_samples.toggled(picked, position) or []
    assert picked == [4, 7, 1, 9, 2]
    assert dynamics_samples.toggled(picked, 3) is None
    assert dynamics_samples.toggled(picked, 1) == [4, 7, 9, 2]


def test_choosing_rows_keeps_what_is_picked_outside_the_list() -> None:
    listed = [5, 3, 8, 1, 7]
    assert dynamics_samples.chosen_rows([9, 3], listed, [1, 4]) == [9, 3, 7]
    assert dynamics_samples.chosen_rows([9, 3], listed, []) == [9]
    assert dynamics_samples.chosen_rows([9, 3], listed, [0, 1, 2, 3, 4]) is None
    assert dynamics_samples.chosen_rows([3], listed, [0, 1, 2, 3, 4]) == [3, 5, 8, 1, 7]


def test_a_sixth_line_is_refused_with_a_word(ws: Workspace, run: str) -> None:
    app = _open("Samples")
    app.session_state["dynamics_refused"] = True
    assert "5 lines at most" in app.run().toast[0].value
    assert not app.run().toast


def test_picked_samples_are_listed_and_removed(ws: Workspace, run: str) -> None:
    app = _open("Samples")
    app.session_state[f"dynamics_picks_{run}"] = [0, 5, 1, 29]  # the last has no value
    app = app.run()
    assert texts(app).count(", rank ") == 3
    marks = app.dataframe[0].value.set_index("Id")["Line"]
    ids = ws.run_samples(run)["id"].astype(str)
    assert marks[ids[[0, 1]]].tolist() == ["①", "③"]  # sample 5 is too high to be listed
    assert marks.tolist().count("") == len(marks) - 2
    for _ in range(3):
        app = _press(app, "Remove")
    assert "No sample picked" in texts(app)


def test_samples_are_found_by_id(ws: Workspace, run: str) -> None:
    app = _open("Samples")
    find = app.text_input(key=f"dynamics_find_{run}")
    app = find.set_value("1").run()
    ids = ws.run_samples(run)["id"].astype(str)[:-1]
    fits = int(ids.str.contains("1").sum())
    assert f"The {fits} lowest of {fits} whose id fits" in texts(app)
    app = app.text_input(key=f"dynamics_find_{run}").set_value("no such").run()
    assert "No id of the 29 valued samples contains this" in texts(app)


def test_a_sample_leads_to_its_page(ws: Workspace, run: str) -> None:
    app = _open("Samples")
    (link,) = app.get("page_link")
    assert link.proto.page == "samples"
    assert "sample=" in link.proto.query_string


def test_pictures_are_listed_as_thumbnails(ws: Workspace, tmp_path: Path) -> None:
    _, audit = add_audited_pictures(ws, tmp_path)
    add_trace(ws, audit)
    app = _open("Samples")
    assert "The 7 lowest of 7 samples by aum" in texts(app)
    assert len(app.get("bidi_component")) == 1


# Finished: early detection and phases


def test_early_detection_is_said_and_drawn(ws: Workspace, run: str) -> None:
    app = _open("Early detection")
    assert "After 1 of 6 epochs" in texts(app) or "Not early here" in texts(app)
    assert "drawing at random would give 10%" in texts(app)
    assert "backwards" not in texts(app)
    assert list(_charts(app)) == ["dynamics_early"]


def test_a_method_that_goes_backwards_promises_no_early_stop(ws: Workspace, run: str) -> None:
    _, audit = run, run
    add_trace(ws, audit, "dvemb")
    app = _open("Early detection")
    app = app.segmented_control(key=f"dynamics_method_{audit}").set_value("dvemb").run()
    assert "dvemb is computed backwards" in texts(app)


def test_phases_need_dvemb(ws: Workspace, run: str) -> None:
    app = _open("Phases")
    assert "by the method dvemb" in texts(app)
    add_trace(ws, run, "dvemb")


def test_phases_are_read(ws: Workspace, tmp_path: Path) -> None:
    _, audit = add_audited_table(ws, tmp_path)
    add_trace(ws, audit, "dvemb")
    app = _open("Phases")
    assert "The end of the training counts most" in texts(app)
    assert "8 times that in the first" in texts(app)
    assert list(_charts(app)) == ["dynamics_phases"]


VISIT = """
import sys
from pathlib import Path
from appview import open_page
from audited import add_audited_table
from traced import add_trace
from dvaudit.audits import workspace
_, run = add_audited_table(workspace(), Path(sys.argv[1]))
add_trace(workspace(), run, "dvemb")
for tab in ("Values", "Samples", "Early detection", "Phases"):
    app = open_page("dynamics", {"over": tab})
    assert app.get("plotly_chart") and not app.exception, app.exception
print([name for name in ("torch", "sklearn", "torchvision") if name in sys.modules])
"""


def test_the_page_loads_no_torch(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DVAUDIT_HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.pathsep.join([str(APP.parent), str(APP.parent / "tests" / "support")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", VISIT, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=APP.parent,
        env=environment,
        check=False,
    )
    assert done.stdout.strip().endswith("[]"), done.stderr[-2000:]
