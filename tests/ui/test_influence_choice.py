"""Influence: the choice of a sample that the audit knew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from appview import add_table, in_address, texts
from audited import add_audited_numbers, add_audited_table
from influence_page import asked_line, button_of, offered_ids, open_influence
from influential import add_influence

from dvaudit import audits
from dvaudit.store import Workspace
from dvaudit.ui import influence_data as data
from dvaudit.ui.influence_data import Order, QueryFilter, Scope


@pytest.fixture
def audit(ws: Workspace, tmp_path: Path) -> str:
    """A finished audit of a table of 30, without influence."""
    _, run = add_audited_table(ws, tmp_path)
    return run


def test_the_address_names_the_sample_and_the_first_is_it_without(
    ws: Workspace, audit: str
) -> None:
    _, arrays = add_influence(ws, audit, halves=True)
    app = open_influence()
    assert asked_line(app).startswith(f"On **{offered_ids(app)[0]}**")
    for query in (7, 21):
        named = asked_line(open_influence(query=str(query)))
        assert named.startswith(f"On **{arrays['query_rows'][query]}**")


@pytest.mark.parametrize("named", ["99", "-1", "x", "²"])
def test_an_address_that_names_none_falls_back(ws: Workspace, audit: str, named: str) -> None:
    add_influence(ws, audit)
    app = open_influence(query=named)
    assert asked_line(app).startswith("On ")
    assert in_address(app, "query") is None
    assert "to ask about, of 4. The rest" in app.warning[0].value


def test_next_and_previous_walk_the_list_over_its_pages(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, halves=True)
    app = open_influence(query_order="As in the data")
    assert asked_line(app).startswith("On **0**")
    assert button_of(app, "Previous").disabled
    for number in range(1, 12):
        app = button_of(app, "Next").click().run()
        assert asked_line(app).startswith(f"On **{number}**")
    assert offered_ids(app)[0] == "10"  # the second page of ten
    app = button_of(app, "Previous").click().run()
    assert asked_line(app).startswith("On **10**")


def test_a_filter_asks_about_its_first_sample(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, halves=True)
    app = open_influence(query="7", query_order="As in the data")
    app = app.multiselect(key="query_class").set_value(["oak"]).run()
    own = audits.queries_of(ws, audits.latest_audit(ws, ws.run(audit).dataset_id).id)
    oaks = own[own["label"] == "oak"].sort_values("position")["id"].tolist()
    assert offered_ids(app) == oaks[:10]
    assert asked_line(app).startswith(f"On **{oaks[0]}**")
    app = app.text_input(key="query_find").set_value("nothing").run()
    assert "No sample fits these filters" in texts(app)


def test_another_audit_starts_with_its_own_first_sample(
    ws: Workspace, audit: str, tmp_path: Path
) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    halves, _ = add_influence(ws, audit, halves=True)
    other, _ = add_influence(ws, audit, trusted=trusted)
    app = open_influence(dataset=ws.run(audit).dataset_id, run=halves)
    app = app.selectbox(key="query_order").set_value(Order.SUSPICIOUS).run()
    app = button_of(app, "Next").click().run()
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
    app = open_influence(dataset=ws.run(audit).dataset_id)
    app = app.segmented_control(key="of").set_value("class").run()
    assert "On class" in asked_line(app)
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
