"""The panel of what verdicts earned: what it says, and what its buttons do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from appview import fresh_workspace, texts
from audited import add_audited_numbers, add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit.findings import CutBy, CutOff, ErrorRate
from dvaudit.findings.audit_sample import audit_sample
from dvaudit.findings.earned import earned, review_order
from dvaudit.findings.earned_types import Earned
from dvaudit.store import Workspace
from dvaudit.ui.earned_charts import chart_alt, precision_chart, shown_places
from dvaudit.ui.earned_words import figures, first_words, rows

METHODS = ErrorRate(0.1, 0.05, 0.15, "made up")


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with fresh_workspace(tmp_path, monkeypatch) as opened:
        yield opened


def _panel() -> None:
    from dvaudit.ui.earned_view import earned_panel
    from dvaudit.ui.session import require_audit, workspace

    ws = workspace()
    dataset, run = require_audit(ws)
    earned_panel(ws, dataset, run)


def _open(opened: str = "") -> AppTest:
    app = AppTest.from_function(_panel, default_timeout=20)
    if opened:
        app.session_state[f"earned_detail_{opened}"] = True
    app.run()
    assert not app.exception
    return app


def _judge(ws: Workspace, dataset: str, run: str, first: int, wrong: int) -> None:
    found = ws.run_samples(run).sort_values("suspicion_rank")
    for at, name in enumerate(found["id"].astype(str).head(first)):
        ws.decide(dataset, name, "drop" if at < wrong else "keep")


def test_before_the_first_verdicts_it_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    assert "Judge 10 flagged samples for a first estimate." in texts(_open())
    _judge(ws, dataset, run, 2, wrong=1)
    app = _open()
    assert "first estimate: 2 so far." in texts(app)
    assert not app.metric


def test_each_verdict_changes_the_figures(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    _judge(ws, dataset, run, 30, wrong=12)
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=24))
    app = _open()
    assert [item.label for item in app.metric] == [
        "Precision of the flags",
        "Wrong labels left",
        "To find 95% of all",
        "Wrong labels in all",
    ]
    assert (app.metric[0].value, app.metric[0].delta) == ("50%", "12 of 24, 31% to 69%")
    assert "From 30 verdicts; ranges are 95% intervals." in texts(app)
    ws.decide(dataset, str(ws.run_samples(run)["id"].iat[0]), "keep")
    assert app.run().metric[0].delta == "11 of 24, 27% to 65%"


def test_one_click_moves_the_cut_off_to_where_flags_are_still_right(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    _judge(ws, dataset, run, 40, wrong=12)
    app = _open(run)
    assert "Suggested: the **12 most suspicious samples**" in texts(app)
    app.button(key=f"earned_move_{run}").click().run()
    assert ws.cut_off(run) == CutOff(CutBy.RANK, rank=12)
    assert (app.metric[0].value, app.button(key=f"earned_move_{run}").disabled) == ("100%", True)


def test_a_random_audit_sample_is_drawn_and_its_progress_told(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    app = _open(run)
    assert "none drawn yet" in texts(app)
    app.button(key=f"earned_draw_{run}").click().run()
    drawn = ws.audit_sample(run)
    assert drawn is not None
    assert len(drawn.positions) == 100
    names = ws.run_samples(run)["id"].astype(str)
    for at in drawn.positions[:15]:
        ws.decide(dataset, names.iat[at], "keep")
    assert "15 of 100 judged" in texts(app.run())


def test_it_works_for_numbers(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_numbers(ws, tmp_path)
    _judge(ws, dataset, run, 12, wrong=3)
    assert _open(run).metric[0].value == "100%"


def test_without_ranks_there_is_no_panel(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    samples = ws.run_samples(run)
    samples["suspicion_rank"] = samples["suspicion_rank"].where(samples["suspicion_rank"] < 0)
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    ws.save_findings(run, samples, tables, ws.run_summary(run), {})
    assert texts(_open()) == ""


def _earned(top: int, audit: int) -> Earned:
    ranks = np.arange(1.0, 1001)
    wrong = np.arange(1000) < 80
    drawn = audit_sample(1000, audit, seed=1)
    judged = np.union1d(np.arange(top), drawn)
    order = review_order(ranks, ranks <= 100)
    return earned(order, judged, wrong[judged], np.zeros(0, np.int64), drawn, rate=0.1)


def test_the_chart_shows_bins_curve_cut_off_and_suggestion() -> None:
    found = _earned(90, 0)
    figure = precision_chart(found, 80, dark=False)
    points = next(trace for trace in figure.data if trace.mode == "markers")
    assert len(points.x) == len(found.bins)
    assert points.customdata[0][2:] == [15, 15]
    assert points.y[-1] < 1
    assert [line.x0 for line in figure.layout.shapes] == [100.5, 80.5]
    assert [item.text for item in figure.layout.annotations] == ["cut-off 100", "suggested 80"]
    assert figure.layout.xaxis.range[1] == shown_places(found) + 0.5 >= 150
    said = chart_alt(found, 80)
    assert "places 1 to 15: 15 of 15 wrong" in said
    assert said.endswith("cut-off 100; suggested cut-off 80")
    assert "nothing judged" in chart_alt(_earned(0, 0), 0)


def test_each_estimate_says_how_it_was_made() -> None:
    both = rows(_earned(90, 100), METHODS)
    assert both[0] == ("Methods alone", "10.0%", "5.0% to 15.0%")
    assert all(value.endswith("%") for _, value, _ in both)
    queue = {name: value for name, value, _ in rows(_earned(90, 0), METHODS)}
    assert queue["Random audit sample alone (0 judged)"] == "none yet"
    assert queue["First 90 in order, read on"].endswith("%")


def test_what_cannot_be_estimated_is_said_to_be_unknown() -> None:
    ranks = np.arange(1.0, 101)
    order = review_order(ranks, ranks <= 40)
    picked = np.arange(0, 40, 2) + 1
    found = earned(order, picked, picked < 20, np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert first_words(found) == ""
    precision, left, more, rate = figures(found, ErrorRate(None, None, None, "no classes"))
    assert (precision.value, left.value, more.value) == ("50%", "unknown", "unknown")
    assert (rate.value, rate.help) == ("unknown", "no classes")
    assert "picked by hand" in left.help
