"""The panel of what verdicts earned: what it says, and what its buttons do."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from appview import texts
from audited import add_audited_numbers, add_audited_table
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dvaudit.findings import CutBy, CutOff, ErrorRate
from dvaudit.findings.audit_sample import audit_sample
from dvaudit.findings.earned import earned, review_order
from dvaudit.findings.earned_types import Earned
from dvaudit.store import Workspace
from dvaudit.ui.earned_charts import (
    _LETTER,
    _labels,
    bins_apart,
    chart_alt,
    precision_chart,
    shown_places,
)
from dvaudit.ui.earned_words import figures, first_words, rows, verdict_words

METHODS = ErrorRate(0.1, 0.05, 0.15, "made up")


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


def _judge(
    ws: Workspace, dataset: str, run: str, first: int, wrong: int, *, drop: bool = False
) -> None:
    found = ws.run_samples(run).sort_values("suspicion_rank").head(first)
    given = found["given_label"].astype(str)
    for at, (name, label) in enumerate(zip(found["id"].astype(str), given, strict=True)):
        if at >= wrong:
            ws.decide(dataset, name, "keep")
        elif drop:
            ws.decide(dataset, name, "drop")
        else:
            ws.decide(dataset, name, "relabel", "oak" if label != "oak" else "elm")


def test_before_the_first_verdicts_it_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    assert "Judge all 3 flagged samples for a first estimate." in texts(_open())
    _judge(ws, dataset, run, 2, wrong=1)
    app = _open()
    assert "first estimate: 2 so far." in texts(app)
    assert not app.metric
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=20))
    assert "Judge 10 flagged samples for a first estimate: 2 so far." in texts(_open())
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=0))
    said = texts(_open())
    assert "No sample is flagged. Judge the first 10 in order of suspicion" in said
    assert "wrong: 2 so far." in said


@pytest.mark.parametrize(
    ("judged", "unsure", "said"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [], "of the first 10 flags in order."),
        (
            [*range(18)],
            [18, 19],
            "of 18 of the first 20 flags in order; unsure ones are left out.",
        ),
        (
            [*range(10), *range(11, 20)],
            [],
            "of 19 of the first 20 flags in order; those without a verdict are left out.",
        ),
        ([*range(20, 30), 3], [4], "so without an interval; unsure ones are left out."),
    ],
)
def test_which_flags_the_precision_is_of(judged: list[int], unsure: list[int], said: str) -> None:
    ranks = np.arange(1.0, 61.0)
    made = np.array(judged)
    found = earned(
        *(review_order(ranks, ranks <= 20), made, made % 2 == 0),
        *(np.array(unsure, np.int64), np.zeros(0, np.int64)),
    )
    assert said in verdict_words(found, METHODS, METHODS)


def test_where_two_samples_exist_two_are_asked_for() -> None:
    ranks = np.array([1.0, 2.0])
    order, none = review_order(ranks, ranks < 1), np.zeros(0, np.int64)

    def after(judged: int) -> Earned:
        return earned(order, np.arange(judged), np.arange(judged) < 1, none, none)

    assert first_words(after(0)) == (
        "No sample is flagged. Judge all 2 samples to know how many labels are wrong."
    )
    assert first_words(after(1)).endswith("wrong: 1 so far.")
    done = after(2)
    assert first_words(done) == ""
    rate = ErrorRate(0.5, None, None, "Counted.", "counted: all 2 judged")
    shown = [(item.value, item.note) for item in figures(done, rate, METHODS)]
    assert shown == [
        ("none flagged", "move the cut-off to flag some"),
        ("0", "all samples are judged"),
        ("done", "all samples are judged"),
        ("50.0%", "counted: all 2 judged"),
    ]
    assert rows(done, METHODS)[1] == ("All 2 judged", "50.0%", "counted")
    alone = review_order(np.array([1.0]), np.array([True]))
    assert first_words(earned(alone, none, none > 0, none, none)) == (
        "Judge 1 flagged sample for a first estimate."
    )


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
    assert (app.metric[0].value, app.metric[0].delta) == ("50%", "12 of 24, all judged")
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=50))
    app = _open()
    assert app.metric[0].delta == "12 of 30, 24% to 58%"
    assert "Precision: of the first 30 flags in order." in texts(app)
    assert "From 30 verdicts; ranges are 95% intervals." in texts(app)
    ws.decide(dataset, str(ws.run_samples(run)["id"].iat[0]), "keep")
    assert app.run().metric[0].delta == "11 of 30, 21% to 54%"


def test_dropped_samples_are_worth_flagging_and_no_wrong_labels(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    _judge(ws, dataset, run, 100, wrong=100, drop=True)
    app = _open(run)
    assert (app.metric[0].value, app.metric[0].delta) == ("100%", "3 of 3, all judged")
    assert (app.metric[3].value, app.metric[3].delta) == (
        "0.0%",
        "counted, drops not wrong",
    )
    assert "100 dropped samples: worth flagging, but not counted as wrong labels." in texts(app)
    assert "0.0% to 0.0%" not in texts(app)


def test_flags_picked_by_hand_have_no_interval(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=60))
    names = ws.run_samples(run).sort_values("suspicion_rank")["id"].astype(str)
    for name in names.iloc[1:60:2]:
        ws.decide(dataset, name, "drop")
    app = _open()
    assert (app.metric[0].value, app.metric[0].delta) == (
        "100%",
        "30 of 30, no interval",
    )
    assert "Precision: of 30 flags judged by hand or in bulk, not a sample" in texts(app)
    assert "no interval" in app.metric[0].help


def test_where_verdicts_tell_less_than_the_methods_both_are_named(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    _judge(ws, dataset, run, 20, wrong=8)
    app = _open(run)
    assert (app.metric[3].value, app.metric[3].delta) == (
        "10.0%",
        "5.0% to 15.0% (95%)",
    )
    assert "Wrong labels in all: the methods' own estimate" in texts(app)
    assert "The verdicts so far say" in app.metric[3].help
    assert " to " in app.metric[1].value
    assert app.metric[1].delta == "95% range: few verdicts yet"


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
    assert "Moving it flags" not in texts(app)


def test_it_says_that_moving_the_cut_off_changes_the_order(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path, 100)
    samples = ws.run_samples(run)
    samples["flagged"] = samples["suspicion_rank"].isin([1, 2, 9])
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    ws.save_findings(run, samples, tables, ws.run_summary(run), {})
    _judge(ws, dataset, run, 40, wrong=12)
    said = texts(_open(run))
    assert "Suggested: the **first 12 in order of review**" in said
    assert "Moving it flags the 12 most suspicious ranks instead of the methods' 3 flags" in said


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
    _judge(ws, dataset, run, 12, wrong=3, drop=True)
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
    assert [item.text for item in figure.layout.annotations] == ["suggested 80", "cut-off 100"]
    assert figure.layout.xaxis.range[1] == shown_places(found) + 0.5 >= 150
    said = chart_alt(found, 80)
    assert "places 1 to 15: 15 of 15 worth it" in said
    assert said.endswith("cut-off 100; suggested cut-off 80")
    assert "nothing judged" in chart_alt(_earned(0, 0), 0)


@given(st.integers(20, 5000), st.data())
def test_the_names_of_lines_stay_in_the_chart_and_apart(last: int, data: st.DataObject) -> None:
    places = st.integers(0, last)
    drawn = data.draw(st.lists(places, min_size=1, max_size=2, unique=True))
    named = [(at, f"suggested {at:,}", "red") for at in sorted(drawn)]
    spans = []
    for (at, text, _), label in zip(named, _labels(named, last), strict=True):
        wide = _LETTER * len(text)
        low = at / last - (wide if label["xanchor"] == "right" else 0)
        spans.append((low, low + wide, label["yshift"]))
        assert low >= -1e-9
        assert low + wide <= 1 + 1e-9
    if len(spans) == 2 and spans[0][2] == spans[1][2]:
        assert spans[0][1] <= spans[1][0] + 1e-9


def test_a_suggestion_far_left_is_named_at_its_right_in_whole() -> None:
    figure = precision_chart(_earned(90, 0), 3, dark=False)
    suggested, cut_off = figure.layout.annotations
    assert (suggested.text, suggested.xanchor) == ("suggested 3", "left")
    assert cut_off.xanchor == "left"
    assert figure.layout.margin.t >= 22


def test_bars_of_the_chart_do_not_overlap_and_lose_no_verdict() -> None:
    rng = np.random.default_rng(0)
    for top, audit, ranked in ((30, 0, 12_000), (30, 200, 12_000), (400, 40, 2000), (60, 0, 100)):
        ranks = np.arange(1.0, ranked + 1)
        order, drawn = review_order(ranks, ranks <= 500), audit_sample(ranked, audit, seed=1)
        judged = np.union1d(np.arange(top), drawn)
        wrong = rng.random(len(judged)) < 0.5
        found = earned(order, judged, wrong, np.zeros(0, np.int64), drawn, rate=0.1)
        last = shown_places(found)
        made = bins_apart(found.bins, last)
        middles = np.array([(item.first + item.last) / 2 for item in made])
        alike = np.array([one.drawn == two.drawn for one, two in itertools.pairwise(made)], bool)
        assert (np.diff(middles)[alike] >= 0.03 * last).all()
        assert sum(item.worth.of for item in made) == sum(item.worth.of for item in found.bins)
        assert sum(item.worth.hits for item in made) == sum(i.worth.hits for i in found.bins)
    assert len(bins_apart(_earned(30, 0).bins, 12_000)) == 1


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
    precision, left, more, rate = figures(found, ErrorRate(None, None, None, "no classes"), METHODS)
    assert (precision.value, left.value, more.value) == ("50%", "unknown", "unknown")
    assert (rate.value, rate.help) == ("unknown", "no classes")
    assert "picked by hand" in left.help
