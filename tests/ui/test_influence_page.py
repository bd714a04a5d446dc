"""Influence: empty states, the choice of a sample, what helped and hurt it, and the charts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from appview import (
    APP,
    add_audit,
    add_table,
    fresh_workspace,
    in_address,
    open_page,
    texts,
    write_table,
)
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from influential import add_influence
from streamlit.testing.v1 import AppTest

from dvaudit import audits, readers
from dvaudit.store import RunStatus, Workspace
from dvaudit.ui import influence_charts as charts
from dvaudit.ui import influence_data as data
from dvaudit.ui.influence_data import Order, QueryFilter, Scope

COLOURS = ("#0f766e", "#d97706")


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with fresh_workspace(tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def audit(ws: Workspace, tmp_path: Path) -> str:
    """A finished audit of a table of 30, without influence."""
    _, run = add_audited_table(ws, tmp_path)
    return run


def _open(**query: str) -> AppTest:
    app = open_page("influence", query)
    assert not app.exception
    return app


def _table(app: AppTest, side: str) -> pd.DataFrame:
    """The rows of what helped or hurt most."""
    found = [item.value for item in app.dataframe if "Influence" in item.value]
    return found[0 if side == "helped" else 1]


def _offered(app: AppTest) -> list[str]:
    """The ids of the samples that are offered, in order."""
    return next(list(item.value["Id"]) for item in app.dataframe if "Label" in item.value)


def _button(app: AppTest, label: str) -> Any:
    return next(button for button in app.button if button.label == label)


def _asked(app: AppTest) -> str:
    """The line that says whose loss is shown."""
    lines = [item.value for item in app.markdown]
    return next(line for line in lines if line.startswith(("On ", "Mean over")))


# Empty states


def test_without_data_the_page_leads_to_data(ws: Workspace) -> None:
    assert "No dataset yet" in texts(_open())


def test_without_an_audit_the_page_leads_to_audit(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    assert "No finished audit yet" in texts(_open())


def test_an_audit_without_dvemb_names_it_and_how_to_ask_own_samples(
    ws: Workspace, audit: str
) -> None:
    app = _open()
    said = texts(app)
    assert "This audit has no influence" in said
    assert "**Data Value Embedding** (dvemb)" in said
    assert "choose that dataset as the trusted set and run **dvemb**" in said
    assert "Go to Audit" in [button.label for button in app.button]


def test_another_audit_that_has_dvemb_is_offered(ws: Workspace, audit: str) -> None:
    run, _ = add_influence(ws, audit)
    app = _open(dataset=ws.run(audit).dataset_id, run=audit)
    app = _button(app, f"Audit {int(run[1:])} of this data has it: show that one").click().run()
    assert not app.exception
    assert in_address(app, "run") == run
    assert "Helped most" in texts(app)


def test_no_audit_without_embeddings_is_offered(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, kept=False)
    app = _open(dataset=ws.run(audit).dataset_id, run=audit)
    assert [button.label for button in app.button] == ["Go to Audit"]


def test_an_audit_that_kept_no_embeddings_says_what_to_change(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, kept=False)
    said = texts(_open())
    assert "This audit kept no embeddings" in said
    assert "smaller *projection*" in said


def test_a_removed_trusted_set_is_told(ws: Workspace, audit: str, tmp_path: Path) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    add_influence(ws, audit, trusted=trusted)
    ws.delete_dataset(trusted)
    assert "The samples asked about are gone" in texts(_open())


def test_a_running_audit_is_waited_for(ws: Workspace, audit: str) -> None:
    dataset = ws.run(audit).dataset_id
    running = add_audit(ws, dataset, RunStatus.RUNNING)
    assert "The audit is still running" in texts(_open(dataset=dataset, run=running))


def test_data_without_labels_leads_back_to_data(ws: Workspace, tmp_path: Path) -> None:
    path, roles = write_table(tmp_path / "trees.csv", 6), {"kind": "categorical"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="unsupervised"))
    add_audit(ws, dataset)
    assert "This dataset has no labels" in texts(_open())


# What helped and hurt


def test_both_columns_hold_the_strongest_samples_of_the_chosen_one(
    ws: Workspace, audit: str
) -> None:
    _, arrays = add_influence(ws, audit)
    app = _open(query="2")
    exact = arrays["embeddings"] @ arrays["query_embeddings"][2]
    order = np.argsort(np.where(np.isnan(exact), np.inf, exact), kind="stable")
    hurt = [at for at in order if exact[at] < 0][:12]
    helped = [at for at in order[::-1] if exact[at] > 0][:12]
    assert _table(app, "helped")["Id"].tolist() == [str(at) for at in helped]
    assert _table(app, "hurt")["Id"].tolist() == [str(at) for at in hurt]
    first = _table(app, "helped").iloc[0]
    assert float(first["Influence"]) == pytest.approx(np.nanmax(exact), rel=5e-3)
    flagged = _table(app, "helped")["Flagged"]
    assert [bool(mark) for mark in flagged] == [at < 3 for at in helped]
    said = texts(app)
    above, below = int((exact > 0).sum()), int((exact < 0).sum())
    assert f"{len(helped)} of {above} that helped" in said
    assert f"{len(hurt)} of {below} that hurt" in said
    assert f"{above} samples helped" in said
    assert "4 samples have none: not trained on, or without a label" in said


def test_more_are_shown_on_demand(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, halves=False, seed=3)
    app = _open()
    before = len(_table(app, "helped")), len(_table(app, "hurt"))
    app = _button(app, "Show 12 more of each").click().run()
    after = len(_table(app, "helped")), len(_table(app, "hurt"))
    assert max(before) == 12 < max(after)
    assert sum(after) == 26  # all that were trained on
    assert "Show 12 more of each" not in [button.label for button in app.button]


def test_a_row_opens_its_sample_in_full(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit)
    app = _open(sample="5")
    assert "All quantities of the methods" in [item.label for item in app.expander]


@pytest.mark.parametrize(("agreement", "warned"), [(0.9, False), (0.69, True)])
def test_coarse_embeddings_are_warned_of(
    ws: Workspace, audit: str, agreement: float, warned: bool
) -> None:
    add_influence(ws, audit, halves=True, agreement=agreement)
    app = _open()
    shown = f"{agreement:.2f}".replace(".", r"\.")
    assert f"agreement with the exact values {shown}" in texts(app)
    assert bool([item for item in app.warning if "coarse" in item.value]) is warned


def test_halves_are_asked_of_each_other(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, halves=True)
    app = _open(query="0")
    assert "each sample is asked of the run on the half it is not in" in texts(app)
    assert "15 samples have none: in the same half as the one asked about" in texts(app)
    chosen = audits.queries_of(ws, audits.latest_audit(ws, ws.run(audit).dataset_id).id)
    parity = {int(name) % 2 for name in _table(app, "helped")["Id"]}
    assert parity == {1 - int(chosen["position"][0]) % 2}


# Whose loss


def test_a_class_is_answered_by_the_mean_over_its_samples(
    ws: Workspace, audit: str, tmp_path: Path
) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    run, arrays = add_influence(ws, audit, trusted=trusted)
    table = audits.queries_of(ws, run)
    for of, rows in (
        ("Its whole class", np.flatnonzero(table["label"] == table["label"][1])),
        ("All trusted samples", np.arange(6)),
    ):
        app = _open(dataset=ws.run(run).dataset_id, query="1", of=of)
        exact = arrays["embeddings"] @ arrays["query_embeddings"][rows].mean(0)
        assert _table(app, "helped")["Id"].iat[0] == str(int(exact.argmax()))
        assert _table(app, "hurt")["Id"].iat[0] == str(int(exact.argmin()))
        assert f"{len(rows)} trusted samples" in _asked(app)


def test_a_trusted_set_is_shown_with_its_own_rows(
    ws: Workspace, audit: str, tmp_path: Path
) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    add_influence(ws, audit, trusted=trusted)
    app = _open(dataset=ws.run(audit).dataset_id, query="4")
    said = texts(app)
    assert "6 samples of the trusted set clean" in said
    assert "Most suspicious first" not in app.selectbox(key="query_order").options
    shown = next(item.value for item in app.dataframe if "This sample" in item.value)
    held = ws.samples(trusted).iloc[4]
    assert str(shown.set_index("Column")["This sample"]["width"]) == f"{held['width']:g}"
    assert "Open this sample" not in [button.label for button in app.button]


def test_numbers_have_no_classes(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_numbers(ws, tmp_path)
    add_influence(ws, run)
    app = _open()
    assert "there are no classes to sum over" in texts(app)
    assert "Its whole class" not in app.segmented_control(key="of").options
    assert [item.key for item in app.get("plotly_chart")] == ["influence_spread"]
    assert "query_class" not in [item.key for item in app.multiselect]


def test_pictures_are_shown_as_pictures_or_as_rows(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_pictures(ws, tmp_path, each=8)
    add_influence(ws, run)
    app = _open()
    assert "Helped most" in texts(app)
    assert not app.dataframe
    app = app.toggle(key="influence_rows").set_value(True).run()
    assert not app.exception
    assert {"Id", "Given", "Influence", "Flagged"} <= set(_table(app, "helped"))


# The choice


def test_the_address_names_the_sample_and_the_first_is_it_without(
    ws: Workspace, audit: str
) -> None:
    _, arrays = add_influence(ws, audit, halves=True)
    app = _open()
    assert _asked(app).startswith(f"On **{_offered(app)[0]}**")
    for query in (7, 21):
        named = _asked(_open(query=str(query)))
        assert named.startswith(f"On **{arrays['query_rows'][query]}**")


@pytest.mark.parametrize("named", ["99", "-1", "x", "²"])
def test_an_address_that_names_none_falls_back(ws: Workspace, audit: str, named: str) -> None:
    add_influence(ws, audit)
    app = _open(query=named)
    assert _asked(app).startswith("On ")
    assert in_address(app, "query") is None
    assert "there are 4" in app.toast[0].value


def test_next_and_previous_walk_the_list_over_its_pages(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, halves=True)
    app = _open(query_order="As in the data")
    assert _asked(app).startswith("On **0**")
    assert _button(app, "Previous").disabled
    for number in range(1, 12):
        app = _button(app, "Next").click().run()
        assert _asked(app).startswith(f"On **{number}**")
    assert _offered(app)[0] == "10"  # the second page of ten
    app = _button(app, "Previous").click().run()
    assert _asked(app).startswith("On **10**")


def test_a_filter_asks_about_its_first_sample(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, halves=True)
    app = _open(query="7", query_order="As in the data")
    app = app.multiselect(key="query_class").set_value(["oak"]).run()
    own = audits.queries_of(ws, audits.latest_audit(ws, ws.run(audit).dataset_id).id)
    oaks = own[own["label"] == "oak"].sort_values("position")["id"].tolist()
    assert _offered(app) == oaks[:10]
    assert _asked(app).startswith(f"On **{oaks[0]}**")
    app = app.text_input(key="query_find").set_value("nothing").run()
    assert "No sample fits these filters" in texts(app)


def test_another_audit_starts_with_its_own_first_sample(
    ws: Workspace, audit: str, tmp_path: Path
) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    halves, _ = add_influence(ws, audit, halves=True)
    other, _ = add_influence(ws, audit, trusted=trusted)
    app = _open(dataset=ws.run(audit).dataset_id, run=halves)
    app = app.selectbox(key="query_order").set_value(Order.SUSPICIOUS).run()
    app = _button(app, "Next").click().run()
    app = app.selectbox(key="choose_run").set_value(other).run()
    assert not app.exception
    assert in_address(app, "query") is None
    assert app.selectbox(key="query_order").value == Order.LEAST_HELPED
    assert "trusted set clean" in texts(app)


def test_a_choice_of_a_class_is_not_kept_for_numbers(
    ws: Workspace, audit: str, tmp_path: Path
) -> None:
    add_influence(ws, audit)
    numbers, run = add_audited_numbers(ws, tmp_path)
    add_influence(ws, run)
    app = _open(dataset=ws.run(audit).dataset_id)
    app = app.segmented_control(key="of").set_value("class").run()
    assert "On class" in _asked(app)
    app = app.selectbox(key="choose_dataset").set_value(numbers).run()
    assert not app.exception
    assert app.segmented_control(key="of").value == "sample"


def test_orders_of_the_choice(ws: Workspace, audit: str) -> None:
    run_id, _ = add_influence(ws, audit, halves=True)
    run = ws.run(run_id)
    table = audits.queries_of(ws, run_id)
    ranks = ws.run_samples(run_id)["suspicion_rank"].to_numpy()[table["position"]]
    net = audits.net_influence(ws, run_id)
    expected = {
        Order.SUSPICIOUS: np.argsort(ranks, kind="stable"),
        Order.LEAST_HELPED: np.argsort(net, kind="stable"),
        Order.INPUT: np.argsort(table["position"], kind="stable"),
    }
    for order, rows in expected.items():
        assert data.offered(ws, run, table, QueryFilter(order)).tolist() == list(rows)
    drawn = data.offered(ws, run, table, QueryFilter(Order.RANDOM)).tolist()
    assert sorted(drawn) == list(range(30))
    assert drawn == data.offered(ws, run, table, QueryFilter(Order.RANDOM)).tolist()
    assert drawn != sorted(drawn)


def test_queries_whose_mean_is_asked(ws: Workspace, audit: str) -> None:
    table = pd.DataFrame({"label": ["a", "b", "a", None]})
    assert data.members(table, Scope.SAMPLE, 2).tolist() == [2]
    assert data.members(table, Scope.CLASS, 2).tolist() == [0, 2]
    assert data.members(table, Scope.ALL, 2).tolist() == [0, 1, 2, 3]


VISIT = """
import sys
from pathlib import Path
from appview import open_page
from audited import add_audited_table
from influential import add_influence
from dvaudit.audits import workspace
_, run = add_audited_table(workspace(), Path(sys.argv[1]))
add_influence(workspace(), run, halves=True)
app = open_page("influence")
assert app.segmented_control and not app.exception, app.exception
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


# Charts


def test_no_bar_holds_both_signs_and_all_samples_are_counted() -> None:
    influence = np.array([-0.5, -0.01, 0.02, 0.3, 1.1, np.nan], dtype=np.float32)
    bars = charts.spread(influence, -0.5, 0.3, COLOURS).data[0]
    assert sum(bars.y) == 5
    ranges = np.asarray(bars.customdata)
    assert all((high <= 1e-12) or (low >= -1e-12) for low, high in ranges)
    sides = [COLOURS[0] if low >= -1e-12 else COLOURS[1] for low, _ in ranges]
    assert list(bars.marker.color) == sides


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan], [2.0], [-3.0, -1.0]])
def test_the_spread_of_odd_influences_is_drawn(values: list[float]) -> None:
    influence = np.array(values, dtype=np.float32)
    bars = charts.spread(influence, None, None, COLOURS).data[0]
    assert sum(bars.y) == np.isfinite(influence).sum()
    assert charts.spread_alt(influence, None, None)


@pytest.mark.parametrize(("each", "kind"), [(1, "linear"), (charts.TALL, "log")])
def test_tall_bars_are_drawn_on_a_logarithmic_axis(each: int, kind: str) -> None:
    influence = np.repeat(np.array([-1, 1], dtype=np.float32), each)
    assert charts.spread(influence, None, None, COLOURS).layout.yaxis.type == kind


def test_lines_mark_where_the_shown_samples_begin() -> None:
    influence = np.linspace(-1, 2, 40).astype(np.float32)
    figure = charts.spread(influence, -0.6, 1.4, COLOURS)
    assert [shape.x0 for shape in figure.layout.shapes] == [-0.6, 1.4]
    assert len(charts.spread(influence, None, 1.4, COLOURS).layout.shapes) == 1
    assert "shown helped by 1.4 or more" in charts.spread_alt(influence, -0.6, 1.4)


def test_classes_of_the_largest_sums_are_drawn_and_the_own_one() -> None:
    n = charts.MOST_CLASSES + 5
    table = pd.DataFrame(
        {
            "label": [f"<b>{at}" for at in range(n)],
            "total": [(-1) ** at * (at + 1.0) for at in range(n)],
            "mean": 0.1,
            "samples": 3,
        }
    )
    drawn = charts.shown_classes(table, "<b>0")
    assert drawn["label"].tolist() == ["<b>0", *table["label"].iloc[5:]]
    figure = charts.by_class(drawn, "<b>0", COLOURS)
    assert figure.layout.yaxis.ticktext[0] == "<b>&lt;b&gt;0</b>"
    assert figure.layout.yaxis.ticktext[1] == "&lt;b&gt;5"
    signs = [COLOURS[0] if total > 0 else COLOURS[1] for total in drawn["total"]]
    assert list(figure.data[0].marker.color) == signs
    assert "the class asked about is <b>0" in charts.by_class_alt(drawn, "<b>0")
