"""The Training tab of the Samples page: empty states, what is started, charts and their words."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from appview import APP, open_page, texts
from audited import add_audited_numbers, add_audited_table
from streamlit.testing.v1 import AppTest
from trained import EPOCHS, add_training, describe_features, made_up_groups, made_up_windows

from dvaudit import audits
from dvaudit.findings import CutBy, CutOff
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui import training_charts as charts

BACKGROUND = {False: "#ffffff", True: "#0b1220"}  # of .streamlit/config.toml


@pytest.fixture
def run(ws: Workspace, tmp_path: Path) -> str:
    """A finished audit that tells its features."""
    _, audit = add_audited_table(ws, tmp_path)
    describe_features(ws, audit)
    return audit


def _open() -> AppTest:
    app = open_page("samples", {"view": "Training"})
    assert not app.exception
    return app


def _charts(app: AppTest) -> list[Any]:
    """The charts of the tab; the histogram beside the samples is drawn too."""
    return [item for item in app.get("plotly_chart") if not item.key.startswith("values_")]


def _button(app: AppTest, label: str) -> Any:
    return next(button for button in app.button if button.label == label)


def test_before_a_training_the_tab_says_what_it_shows_and_costs(ws: Workspace, run: str) -> None:
    app = _open()
    said = texts(app)
    assert "Not trained yet" in said
    assert "how fast each tenth of the ranking is" in said
    assert "11 windows of 12 samples" in said
    assert app.selectbox(key="training_method").options == ["kernel-loo"]
    assert not _charts(app)


def test_numbers_are_no_classes(ws: Workspace, tmp_path: Path) -> None:
    add_audited_numbers(ws, tmp_path)
    app = _open()
    assert "Only for classes" in texts(app)
    assert "Train and watch" not in [button.label for button in app.button]


def test_the_button_starts_what_the_form_says(
    ws: Workspace, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def start(ws: Workspace, run_id: str, **given: Any) -> str:
        asked.append((run_id, given))
        return add_training(ws, run_id, RunStatus.QUEUED)

    monkeypatch.setattr(audits, "start_training", start)
    app = _open()
    app.number_input(key="training_epochs").set_value(20)
    app.number_input(key="training_seed").set_value(4)
    app.run()
    _button(app, "Train and watch").click().run()
    assert not app.exception
    assert asked == [(run, {"valuator": "kernel-loo", "epochs": 20, "seed": 4})]
    assert "Training: waiting for its turn" in texts(app)
    assert ws.runs(kind=RunKind.TRAINING)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RunStatus.RUNNING, "Training: training the proxy net"),
        (RunStatus.FAILED, "too few samples"),
        (RunStatus.CANCELLED, "Training was cancelled at 40%"),
    ],
)
def test_a_training_is_followed(ws: Workspace, run: str, status: RunStatus, said: str) -> None:
    add_training(ws, run, status, error="too few samples")
    assert said in texts(_open())


def test_a_finished_training_is_drawn_in_four_charts_with_words(ws: Workspace, run: str) -> None:
    add_training(ws, run)
    app = _open()
    drawn = _charts(app)
    assert len(drawn) == 4
    assert all(len(chart.proto.alt) > 40 for chart in drawn)
    titles = [title.value for title in app.header]
    assert sorted(titles) == ["Accuracy", "Kernel velocity", "Loss", "Which half to train on"]
    said = texts(app)
    assert "group 1 is the tenth it finds least useful" in said
    assert "Group 1 holds all 3 flagged samples" in said
    assert "highest after the first 30% (86.0%)" in said
    assert "Tested on a random fifth" in said


def test_the_words_on_flags_follow_the_cut_off(ws: Workspace, run: str) -> None:
    add_training(ws, run)
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=5))
    assert "Group 1 holds 3 of the 5 flagged samples" in texts(_open())


def test_an_older_training_can_be_chosen(ws: Workspace, run: str) -> None:
    first, second = add_training(ws, run), add_training(ws, run, seed=9)
    app = _open()
    chosen = app.selectbox(key=f"training_of_{run}")
    assert chosen.value == second
    assert "seed 9" in chosen.options[0]
    app = chosen.select(first).run()
    assert not app.exception
    assert f"Training {int(first[1:])} " in texts(app)


def test_trainings_of_another_audit_are_not_shown(ws: Workspace, run: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    dataset, other = add_audited_table(ws, tmp_path / "other")
    describe_features(ws, other)
    add_training(ws, run)
    app = open_page("samples", {"view": "Training", "dataset": dataset})
    assert "Not trained yet" in texts(app)


@pytest.mark.parametrize("trained", [False, True])
def test_the_correlation_over_epochs_is_shown_where_the_audit_holds_it(
    ws: Workspace, run: str, trained: bool
) -> None:
    describe_features(ws, run, epoch_spearman=[0.8, 0.93, 0.971])
    if trained:
        add_training(ws, run)
    app = _open()
    assert "Ranking over epochs" in texts(app)
    assert "it ends at 0.971" in texts(app)
    assert "from 0.800 to 0.971" in _charts(app)[-1].proto.alt


VISIT = """
import sys
from pathlib import Path
from appview import open_page
from audited import add_audited_table
from trained import add_training, describe_features
from dvaudit.audits import workspace
_, run = add_audited_table(workspace(), Path(sys.argv[1]))
describe_features(workspace(), run)
for _ in range(2):
    app = open_page("samples", {"view": "Training"})
    assert app.metric and not app.exception, app.exception
    add_training(workspace(), run)
print([name for name in ("torch", "sklearn", "torchvision") if name in sys.modules])
"""


def test_the_tab_loads_no_torch(tmp_path: Path) -> None:
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


# Charts


def _luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("dark", [False, True])
def test_colours_tell_the_order_without_hue_and_stand_out(dark: bool) -> None:
    found = charts.colours(dark=dark)
    assert len(found) == charts.GROUPS
    light = [_luminance(colour) for colour in found]
    assert all(one > following for one, following in pairwise(light))
    behind = _luminance(BACKGROUND[dark])
    contrast = [(max(one, behind) + 0.05) / (min(one, behind) + 0.05) for one in light]
    assert min(contrast) >= 3


@pytest.mark.parametrize("column", ["loss", "accuracy", "velocity"])
@pytest.mark.parametrize("dark", [False, True])
def test_there_is_a_line_per_group_in_its_colour(column: str, dark: bool) -> None:
    figure = charts.group_lines(made_up_groups(), column, dark=dark)
    assert [line.legendrank for line in figure.data] == list(range(10, 0, -1))
    assert [line.line.color for line in figure.data] == list(charts.colours(dark=dark)[::-1])
    assert (figure.data[-1].name, figure.data[0].name) == ("1 least", "10 most")
    first = 1 if column == "velocity" else 0
    assert all(list(line.x) == list(range(first, EPOCHS + 1)) for line in figure.data)
    assert figure.layout.yaxis.type == ("linear" if column == "accuracy" else "log")


def test_a_short_logarithmic_axis_has_more_ticks() -> None:
    wide = charts.group_lines(made_up_groups(), "loss", dark=False)
    narrow = charts.group_lines(made_up_groups().query("group < 3"), "loss", dark=False)
    assert (wide.layout.yaxis.dtick, narrow.layout.yaxis.dtick) == (1, "D2")


def test_a_loss_of_zero_is_drawn_on_a_linear_axis() -> None:
    table = made_up_groups()
    table.loc[5, "loss"] = 0.0
    assert charts.group_lines(table, "loss", dark=False).layout.yaxis.type == "linear"


def test_groups_without_values_are_told() -> None:
    table = made_up_groups().assign(velocity=np.nan)
    assert charts.lines_alt(table, "velocity").endswith("no values")
    assert all(len(line.x) == 0 for line in charts.group_lines(table, "velocity", dark=True).data)
    few = made_up_groups().query("group < 4")
    assert len(charts.group_lines(few, "loss", dark=False).data) == 3


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        ([0.8, 0.801, 0.799], "no more than chance"),
        ([0.7, 0.75, 0.8], "rises to the right, from 70.0% to 80.0%"),
        ([0.8, 0.78, 0.5], "the most useful half is as good as any (80.0%)"),
        ([0.7, 0.8, 0.6], "highest after the first 25% (80.0%)"),
    ],
)
def test_the_window_curve_is_read_beyond_its_intervals(accuracy: list[float], said: str) -> None:
    assert said in charts.window_reading(made_up_windows(accuracy))
    assert "no more than chance" in charts.window_reading(made_up_windows(accuracy, held_out=5))


def test_windows_carry_the_interval_of_their_held_out_part() -> None:
    table = made_up_windows([0.5, 0.9], held_out=100)
    drawn = charts.windows(table).data[0]
    np.testing.assert_allclose(drawn.error_y.array, [0.098, 0.0588], rtol=1e-3)
    assert charts.best_window(table) == (0.5, 0.9, 0.5, 0.9)
    assert "highest (90.0%) after the first 50%" in charts.windows_alt(table)


def test_of_equal_windows_the_first_is_the_best() -> None:
    shuffled = made_up_windows([0.8, 0.9, 0.9]).iloc[[2, 0, 1]]
    assert charts.best_window(shuffled)[0] == 0.25


def test_correlations_are_drawn_at_the_later_epoch() -> None:
    drawn = charts.epoch_correlation([0.8, 0.9]).data[0]
    assert pd.Series(drawn.x).tolist() == [2, 3]
