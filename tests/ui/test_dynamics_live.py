"""Dynamics while an audit trains: what is told of its classes and samples, and what is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from appview import add_table, in_address, open_page, texts
from audited import add_audited_table
from streamlit.testing.v1 import AppTest
from traced import add_audit_at_work, add_trace, tell_samples, told

from dvaudit.store import RunStatus, Workspace
from dvaudit.ui import dynamics_live_samples, dynamics_samples


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


def _training(ws: Workspace, folder: Path, *points: float, rows: int = 30) -> str:
    """An audit of trees at work, whose dvgs told of its classes and samples at these points."""
    dataset = add_table(ws, folder, rows=rows)
    live = add_audit_at_work(ws, dataset, RunStatus.RUNNING, "dvgs")
    ws.write_live(live, told("dvgs", len(points), ("elm", "oak")))
    tell_samples(ws, live, "dvgs", points)
    return live


def _alt(app: AppTest) -> str:
    (chart,) = _charts(app).values()
    return str(chart.proto.alt)


# Classes


def test_a_running_audit_draws_what_its_methods_told(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    live = add_audit_at_work(ws, dataset, RunStatus.RUNNING, "kernel-loo", "dvgs")
    ws.write_live(live, told("dvgs", 4, ("elm", "oak")))
    app = _open(run=live, dataset=dataset)
    assert r": dvgs\: training 1 of 3" in texts(app)
    (chart,) = _charts(app).values()
    assert "2 classes and of all samples: all at 0.3" in chart.proto.alt
    assert "dvgs, step 3 · loss 0.5" in texts(app)


def test_the_running_lines_are_of_the_last_training_of_the_method_at_work(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_table(ws, tmp_path)
    live = add_audit_at_work(ws, dataset, RunStatus.RUNNING, "aum", "dvgs")
    spoken = [told("aum", 9, ("elm",)), told("dvgs", 6, ()), told("dvgs", 2, (), training=1)]
    ws.write_live(live, pd.concat(spoken))
    app = _open(run=live, dataset=dataset)
    assert "dvgs, step 1 of training 2" in texts(app)
    app = app.segmented_control(key=f"dynamics_live_{live}").set_value("aum").run()
    assert "aum, epoch 8" in texts(app)


def test_before_the_first_word_it_says_what_will_come(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    live = add_audit_at_work(ws, dataset, RunStatus.RUNNING, "dvgs")
    app = _open(run=live, dataset=dataset)
    assert "Lines appear here with the first values of dvgs" in texts(app)
    assert not _charts(app)


def test_a_running_audit_without_a_training_says_so(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    live = add_audit_at_work(ws, dataset, RunStatus.RUNNING, "kernel-loo")
    assert "follows a training: there will be nothing" in texts(_open(run=live, dataset=dataset))


def test_when_the_run_ends_the_page_shows_the_result(ws: Workspace, run: str) -> None:
    dataset = ws.run(run).dataset_id
    live = add_audit_at_work(ws, dataset, RunStatus.RUNNING, "aum")
    ws.write_live(live, told("aum", 3, ()))
    app = _open(run=live, dataset=dataset)
    assert list(_charts(app)) == [f"dynamics_live_chart_{live}"]
    assert ws.queue.finish(live, ws.run(live).attempt, RunStatus.FAILED, "no memory")
    app.run()
    assert "no memory" in texts(app)
    assert "Start again" in [b.label for b in app.button] or "Try again" in [
        b.label for b in app.button
    ]


# Single samples, and how their ranking settles


def test_before_a_choice_the_lowest_and_highest_samples_are_drawn_while_it_trains(
    ws: Workspace, tmp_path: Path
) -> None:
    live = _training(ws, tmp_path, 0.0, 1.0, 2.0)
    app = _open("Samples", run=live, dataset=ws.run(live).dataset_id)
    ids = ws.samples(ws.run(live).dataset_id)["id"].astype(str)
    drawn = [0, 1, 2, 26, 27, 28]  # the last has no value
    assert _alt(app).endswith("; ".join(f"{ids[at]} at {2 * at}" for at in drawn))
    assert "the 3 lowest and the 3 highest of 29 by the present value" in texts(app)
    assert "value 56, rank 29 of 29" in texts(app)
    tell_samples(ws, live, "dvgs", [3.0])
    assert "at 84" in _alt(app.run())


def test_chosen_samples_stay_chosen_as_the_training_goes_on(ws: Workspace, tmp_path: Path) -> None:
    live = _training(ws, tmp_path, 0.0, 1.0)
    app = _open("Samples", run=live, dataset=ws.run(live).dataset_id)
    key = f"dynamics_live_samples_{live}"
    app = app.multiselect(key=key).set_value([7, 29]).run()
    for point in (2.0, 3.0):
        tell_samples(ws, live, "dvgs", [point])
        app = app.run()
        assert not app.exception
        assert app.multiselect(key=key).value == [7, 29]
        assert f"at {7 * point:.3g}; " in _alt(app)
    assert "The chosen samples. dvgs, step 3" in texts(app)
    assert "no value yet" in texts(app)
    app = app.multiselect(key=key).set_value([]).run()
    assert "Before a choice" in texts(app)


def test_what_is_chosen_while_it_trains_is_drawn_when_it_is_done(
    ws: Workspace, tmp_path: Path
) -> None:
    _, audit = add_audited_table(ws, tmp_path)
    add_trace(ws, audit)
    app = _open("Samples")
    app.session_state[dynamics_samples.picks_key(audit)] = [4, 9]
    assert texts(app.run()).count(", rank ") == 2


def test_of_many_samples_a_part_is_offered_and_the_rest_found_by_id(
    ws: Workspace, tmp_path: Path
) -> None:
    live = _training(ws, tmp_path, 0.0, 1.0, rows=250)
    app = _open("Samples", run=live, dataset=ws.run(live).dataset_id)
    key = f"dynamics_live_samples_{live}"
    assert len(app.multiselect(key=key).options) == 200
    assert "the first 200 of 250 ids" in texts(app)
    app = app.multiselect(key=key).set_value([3]).run()
    app = app.text_input(key=f"dynamics_live_find_{live}").set_value("24").run()
    ids = ws.samples(ws.run(live).dataset_id)["id"].astype(str)
    expected = [ids[3], *(name for name in ids if "24" in name)]
    assert app.multiselect(key=key).options == expected
    assert app.multiselect(key=key).value == [3]
    app = app.text_input(key=f"dynamics_live_find_{live}").set_value("no such").run()
    assert "No id of the 250 samples contains this" in texts(app)


def test_the_ranking_until_now_is_compared_while_it_trains(ws: Workspace, tmp_path: Path) -> None:
    live = _training(ws, tmp_path, 1.0)
    app = _open("Early detection", run=live, dataset=ws.run(live).dataset_id)
    assert "from the second point on" in texts(app)
    ws.live_values(live, "dvgs").add(0, 2.0, -np.arange(30, dtype=np.float32))
    ws.live_values(live, "dvgs").add(0, 3.0, -np.arange(30, dtype=np.float32))
    app.run()
    assert (
        "now, at step 3, 100% were among them at step 2** (rank correlation of all samples 1.00), "
        "and 0% at step 1."
    ) in texts(app)
    assert list(_charts(app)) == [f"dynamics_live_early_{live}"]


def test_whole_epochs_are_compared_where_there_are_two() -> None:
    points = np.array([0.3, 1.0, 1.7, 2.0, 2.4])
    assert dynamics_live_samples.compared(points, "epoch").tolist() == [1, 3]
    assert dynamics_live_samples.compared(points, "step").tolist() == [0, 1, 2, 3, 4]
    assert dynamics_live_samples.compared(points[:3], "epoch").tolist() == [0, 1, 2]
    many = dynamics_live_samples.compared(np.arange(1000.0), "step")
    assert (len(many), many[0], many[-1]) == (dynamics_live_samples.AGREED_AT, 0, 999)


@pytest.mark.parametrize("n", [0, 1, 5, 6, 7, 50])
def test_the_ends_are_those_of_a_whole_sort(n: int) -> None:
    rng = np.random.default_rng(n)
    values = rng.integers(0, 9, n + 2).astype(np.float32)  # many equal ones
    values[:2] = np.nan
    order = [int(at) for at in np.argsort(values, kind="stable")[:n]]
    expected = order if n <= 6 else [*order[:3], *order[-3:]]
    assert dynamics_live_samples.ends(values, 3) == expected


def test_a_training_whose_samples_were_not_kept_says_so(ws: Workspace, tmp_path: Path) -> None:
    live = _training(ws, tmp_path)
    ws.write_live(live, told("dvgs", 3, ()))
    for tab in ("Samples", "Early detection"):
        app = _open(tab, run=live, dataset=ws.run(live).dataset_id)
        assert "No values of single samples were kept of this training" in texts(app)


def test_an_audit_that_stopped_shows_its_samples_until_then(ws: Workspace, tmp_path: Path) -> None:
    live = _training(ws, tmp_path, 0.0, 1.0)
    assert ws.queue.finish(live, ws.run(live).attempt, RunStatus.CANCELLED, None)
    app = _open("Samples", run=live, dataset=ws.run(live).dataset_id)
    assert "at 28" in _alt(app)


@pytest.mark.parametrize("methods", [("dvemb",), ("dvemb", "dvgs")])
def test_a_method_that_goes_backwards_is_promised_for_the_end(
    ws: Workspace, tmp_path: Path, methods: tuple[str, ...]
) -> None:
    dataset = add_table(ws, tmp_path)
    live = add_audit_at_work(ws, dataset, RunStatus.RUNNING, *methods)
    said = texts(_open(run=live, dataset=dataset))
    assert "exist when the run has been carried back, and are drawn here when" in said
    assert "nothing to draw" not in said


def test_an_audit_at_work_is_offered_beside_a_finished_one(ws: Workspace, run: str) -> None:
    dataset = ws.run(run).dataset_id
    live = add_audit_at_work(ws, dataset, RunStatus.RUNNING, "dvgs")
    app = _open()
    assert "Audit 2 with dvgs is at work" in texts(app)
    app = _press(app, "Watch it")
    assert in_address(app, "run") == live
