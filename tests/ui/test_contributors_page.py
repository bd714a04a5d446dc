"""Contributors: empty states, what is started, and what a stored valuation shows."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from appview import APP, add_table, in_address, open_page, texts, write_table
from streamlit.testing.v1 import AppTest
from valued import KAPPA, add_contributed, add_valuation

from dvaudit import audits, readers
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui import contributors_maths as maths
from dvaudit.ui import contributors_tables
from dvaudit.ui.words import shortened


def _labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def _press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def _tiles(app: AppTest) -> dict[str, str]:
    return {metric.label: str(metric.value) for metric in app.metric}


def _open(part: str = "Values", **query: str) -> AppTest:
    app = open_page("contributors", {"part": part, **query})
    assert not app.exception
    return app


# Empty states


def test_without_data_the_page_leads_to_data(ws: Workspace) -> None:
    assert "No dataset yet" in texts(_open())


def test_data_without_a_group_column_says_how_to_set_one(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    app = _open()
    assert "No contributors are named" in texts(app)
    assert "role **group**" in texts(app)
    assert _labels(app) == ["Go to Data"]


def test_one_contributor_has_nobody_to_compare_with(ws: Workspace, tmp_path: Path) -> None:
    add_contributed(ws, tmp_path, people=1)
    assert "Only one contributor" in texts(_open())


def test_data_without_labels_leads_back_to_data(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv", 4, site=["a", "a", "b", "b"])
    roles = {"kind": "categorical", "site": "group"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="unsupervised"))
    assert "This dataset has no labels" in texts(_open())


# Set-up


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_form_says_loudly_that_there_is_no_trusted_set(
    ws: Workspace, tmp_path: Path, task: str
) -> None:
    add_contributed(ws, tmp_path, task=task)
    app = _open()
    assert "There is no trusted set." in app.warning[0].value
    assert "**4 contributors** with 18 samples" in texts(app)
    assert {"Time, about", "Memory, at most"} <= set(_tiles(app))
    assert "shapley over all 16 coalitions" in texts(app)


def test_a_trusted_column_is_used_instead(ws: Workspace, tmp_path: Path) -> None:
    checked = [at % 3 == 0 for at in range(12)]
    path = write_table(tmp_path / "trees.csv", 12, site=list("ab") * 6, checked=checked)
    roles = {"site": "group", "checked": "trusted"}
    dataset = ws.add_dataset("trees", path, copy=True, roles=roles, task=None)
    ws.finish_dataset(dataset, readers.load(path, roles=roles))
    app = _open()
    assert not app.warning
    assert app.selectbox(key=f"trusted_of_{dataset}").options == ["The samples marked as trusted"]


def test_a_valuation_starts_with_the_form_as_it_is(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = add_contributed(ws, tmp_path)
    other = add_table(ws, tmp_path, "checked")
    add_contributed(ws, tmp_path, name="numbers", task="regression")
    asked: list[tuple[str, dict[str, Any]]] = []

    def start(ws: Workspace, dataset_id: str, **given: Any) -> str:
        asked.append((dataset_id, given))
        return add_valuation(ws, dataset_id, RunStatus.QUEUED)

    monkeypatch.setattr(audits, "start_contributors", start)
    app = _open(dataset=dataset)
    trusted = app.selectbox(key=f"trusted_of_{dataset}")
    assert len(trusted.options) == 2  # the regression data does not fit
    trusted.select(other)
    app.radio(key="set.davinz.game").set_value("banzhaf")
    app.number_input(key="set.davinz.initialisations").set_value(5)
    app.number_input(key="contributors_seed").set_value(7)
    app.run()
    assert not app.warning
    app = _press(app, "Value the contributors")
    assert not app.exception
    settings = {"game": "banzhaf", "initialisations": 5}
    assert asked == [(dataset, {"trusted": other, "settings": settings, "seed": 7})]
    assert in_address(app, "valuation") == ws.runs(dataset, RunKind.CONTRIBUTORS)[0].id
    assert "waiting for its turn" in texts(app)


def test_every_game_has_a_sentence(ws: Workspace, tmp_path: Path) -> None:
    add_contributed(ws, tmp_path)
    radio = _open().radio(key="set.davinz.game")
    assert len(radio.options) == 4
    assert all(radio.proto.captions)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RunStatus.RUNNING, "order 12 of 1,000"),
        (RunStatus.FAILED, "not enough memory"),
        (RunStatus.CANCELLED, "cancelled at 40%"),
    ],
)
def test_a_valuation_is_followed(
    ws: Workspace, tmp_path: Path, status: RunStatus, said: str
) -> None:
    add_valuation(ws, add_contributed(ws, tmp_path), status, error="not enough memory")
    assert said in texts(_open())


# Results


def test_a_finished_valuation_names_the_most_and_the_least_useful(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_contributed(ws, tmp_path, people=5)
    run = add_valuation(ws, dataset, seed=4)
    found = ws.run_samples(run).sort_values("value", ascending=False)
    app = _open()
    tiles = _tiles(app)
    assert tiles["Most useful"] == found["contributor"].iloc[0]
    assert tiles["Least useful"] == found["contributor"].iloc[-1]
    assert (tiles["Contributors"], tiles["κ"]) == ("5", f"{KAPPA:g}")
    said = texts(app)
    assert "no detector of wrong labels" in said.replace("\n", " ")
    assert "another choice moves all values alike" in said
    assert "towards the trusted set checked" in said


def test_long_names_differ_in_the_key_figures(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvaudit.ui.contributors_view.LONGEST_FIGURE", 5)
    run = add_valuation(ws, add_contributed(ws, tmp_path, people=5))
    found = ws.run_samples(run).sort_values("value", ascending=False)["contributor"]
    tiles = {tile.label: tile for tile in _open().metric}
    for label, name in (("Most useful", found.iloc[0]), ("Least useful", found.iloc[-1])):
        assert tiles[label].value == shortened(name, 5)
        assert tiles[label].help == name
    assert tiles["Most useful"].value != tiles["Least useful"].value


def test_leave_one_out_does_not_speak_of_the_empty_set(ws: Workspace, tmp_path: Path) -> None:
    loo = {"game": "loo", "baseline_weight": 0.0}
    add_valuation(ws, add_contributed(ws, tmp_path), summary=loo)
    assert "means replaceable" in texts(_open())


def test_the_slider_recomputes_and_the_button_goes_back(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_contributed(ws, tmp_path, people=6)
    run = add_valuation(ws, dataset, seed=2)
    frame = ws.run_samples(run)
    app = _open()
    slider = app.select_slider(key=f"kappa_{run}")
    assert "as the paper fixes it" in slider.options[maths.FACTORS.index(1.0)]
    app = slider.set_value(0.0).run()
    assert not app.exception
    best = frame["contributor"].iloc[int(frame["out_of_domain"].argmax())]
    assert (_tiles(app)["κ"], _tiles(app)["Most useful"]) == ("0", best)
    app = _press(app, "As the paper fixes it")
    assert _tiles(app)["κ"] == f"{KAPPA:g}"


def test_without_in_domain_weight_there_is_no_slider(ws: Workspace, tmp_path: Path) -> None:
    add_valuation(ws, add_contributed(ws, tmp_path), summary={"kappa": None})
    app = _open()
    assert not app.select_slider
    assert "κ is 0" in texts(app)


def test_charts_have_accessible_names(ws: Workspace, tmp_path: Path) -> None:
    add_valuation(ws, add_contributed(ws, tmp_path))
    for part in ("Values", "Removing and adding"):
        drawn = _open(part).get("plotly_chart")
        assert drawn
        assert all(len(chart.proto.alt) > 20 for chart in drawn)


def test_of_many_contributors_both_ends_are_drawn_and_it_is_said(
    ws: Workspace, tmp_path: Path
) -> None:
    add_valuation(ws, add_contributed(ws, tmp_path, people=60))
    assert "20 highest and the 20 lowest of 60" in texts(_open())


def test_curves_say_the_mean_along_the_way(ws: Workspace, tmp_path: Path) -> None:
    add_valuation(ws, add_contributed(ws, tmp_path))
    said = texts(_open("Removing and adding"))
    assert "Mean along the way: lowest first" in said
    assert "With everybody: 0.91" in said


def test_the_table_has_every_column_and_the_baselines_agreement(
    ws: Workspace, tmp_path: Path
) -> None:
    run = add_valuation(ws, add_contributed(ws, tmp_path, people=8), without=("influence",))
    app = _open("Table")
    shown = app.dataframe[0].value
    assert set(shown.columns) == {*ws.run_samples(run).columns, "rank"}
    assert shown["rank"].tolist() == list(range(1, 9))
    assert {"Retraining", "Robust volume"} < set(_tiles(app))
    assert "Influence" not in _tiles(app)
    assert "Download CSV" in [button.label for button in app.download_button]


def test_the_csv_cannot_run_as_a_formula() -> None:
    table = pd.DataFrame({"contributor": ["=1+1", "b"], "value": [0.25, -1.0]})
    read = pd.read_csv(io.BytesIO(contributors_tables._csv(table)))
    assert read["contributor"].tolist() == ["'=1+1", "b"]
    assert read["value"].tolist() == [0.25, -1.0]


def test_preference_compares_the_newest_valuation_of_each_trusted_set(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_contributed(ws, tmp_path, people=5)
    add_valuation(ws, dataset, seed=1, trusted="the trusted set north (9 samples)")
    assert "One valuation so far" in texts(_open("Preference"))
    north = add_valuation(ws, dataset, seed=2, trusted="the trusted set north (9 samples)")
    south = add_valuation(ws, dataset, seed=3, trusted="the trusted set south (9 samples)")
    app = _open("Preference")
    table = app.dataframe[0].value
    assert list(table.columns) == [
        "Contributor",
        f"Valuation {int(south[1:])}, shapley, south (9 samples)",
        f"Valuation {int(north[1:])}, shapley, north (9 samples)",
        "Ranks apart",
    ]
    assert sorted(table[f"Valuation {int(south[1:])}, shapley, south (9 samples)"]) == [
        1,
        2,
        3,
        4,
        5,
    ]
    app = app.multiselect[0].set_value([app.multiselect[0].value[0]]).run()
    assert "Choose two or more." in texts(app)


def test_the_history_lists_valuations_and_the_address_chooses(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_contributed(ws, tmp_path)
    first = add_valuation(ws, dataset, trusted="the trusted set first")
    add_valuation(ws, dataset, trusted="the trusted set second")
    add_valuation(ws, dataset, RunStatus.FAILED, error="no luck")
    checked = add_table(ws, tmp_path, "checked")
    add_valuation(ws, dataset, RunStatus.CANCELLED, asked=checked)
    add_valuation(ws, dataset, RunStatus.CANCELLED, asked="d9999")
    app = _open(dataset=dataset)
    assert "the trusted set second" in texts(app)  # the newest that is done
    listed = app.dataframe[0].value
    assert listed["Status"].tolist() == ["cancelled", "cancelled", "failed", "done", "done"]
    assert listed["Towards"].tolist() == [
        "d9999, which was removed", "checked", "a random part of this dataset", "second", "first",
    ]  # fmt: skip
    app = _open(dataset=dataset, valuation=first)
    assert "the trusted set first" in texts(app)
    assert not [item for item in app.warning if "address" in item.value]
    app = _open(dataset=dataset, valuation="r9999")
    assert "the trusted set second" in texts(app)
    (warning,) = (item.value for item in app.warning if "address" in item.value)
    assert "what this dataset does not have: valuation 'r9999'" in warning


def test_names_are_shown_as_written(ws: Workspace, tmp_path: Path) -> None:
    nasty = "![x](http://evil.example/x.png) <b>:red[a]"
    path = write_table(tmp_path / "trees.csv", 8, site=[nasty, "b"] * 4)
    dataset = ws.add_dataset("trees", path, copy=True, roles={"site": "group"}, task=None)
    ws.finish_dataset(dataset, readers.load(path, roles={"site": "group"}))
    add_valuation(ws, dataset, trusted=nasty)
    app = _open()
    shown = texts(app) + "".join(_tiles(app).values())
    assert "![x](" not in shown
    assert ":red[" not in shown


VISIT = """
import sys
from pathlib import Path
from appview import open_page
from valued import add_contributed, add_valuation
from dvaudit.audits import workspace
dataset = add_contributed(workspace(), Path(sys.argv[1]))
add_valuation(workspace(), dataset)
for part in ("Values", "Removing and adding", "Preference", "Table"):
    app = open_page("contributors", {"part": part})
    assert app.metric and not app.exception, (part, app.exception)
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
