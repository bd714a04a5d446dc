"""The filter beyond one page: kept over the menu, dropped with its audit, used by Compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import in_address, open_page, texts
from audited import add_audited_pictures, add_audited_table
from compared import add_methods
from streamlit.testing.v1 import AppTest

from dvaudit.store import Workspace


def by_menu(app: AppTest, page: str) -> None:
    """Open a page as the menu does: without an address."""
    app.query_params.clear()
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception


def test_the_filter_survives_the_menu_and_belongs_to_its_audit(
    ws: Workspace, tmp_path: Path
) -> None:
    _, other = add_audited_table(ws, tmp_path)
    run = add_methods(ws, other)
    app = open_page("samples", {"show": "flagged", "class": ["elm", "oak"], "sort": "margin"})

    for page in ("home", "export", "review", "samples"):
        by_menu(app, page)
        assert in_address(app, "show") == "flagged"
        assert list(app.query_params["class"]) == ["elm", "oak"]
        assert in_address(app, "sort") == "margin"
    app.sidebar.selectbox(key="choose_run").select(other).run()
    assert in_address(app, "run") == other
    assert in_address(app, "show") is None
    by_menu(app, "samples")
    assert in_address(app, "show") is None
    app.query_params["show"] = "outliers"
    app.run()
    app.sidebar.selectbox(key="choose_run").select(run).run()
    assert in_address(app, "show") is None


def test_a_link_wins_over_the_filter_that_is_kept(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    app = open_page("samples", {"show": "flagged"})
    for link in ({"find": "2"}, {"dataset": dataset, "run": run}):
        app.query_params.clear()
        app.query_params.update(link)
        app.switch_page("pages/samples.py").run()
        assert in_address(app, "show") is None
        assert in_address(app, "find") == link.get("find")


def test_a_filter_taken_away_does_not_come_back(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"show": "flagged"})
    app.button(key="clear_filters").click().run()
    by_menu(app, "samples")
    assert in_address(app, "show") is None


def test_compare_shows_only_what_passes_and_clears(ws: Workspace, tmp_path: Path) -> None:
    add_methods(ws, add_audited_table(ws, tmp_path)[1])
    app = open_page("samples", {"show": "flagged"})
    by_menu(app, "compare")
    app.query_params["compare"] = "Disagreements"
    app.run()
    assert not app.exception
    assert set(app.dataframe[0].value["Id"]) == {"0", "1", "2"}
    assert "3 of 3 samples" in texts(app)
    assert app.button(key="without_0").label == "Flagged"
    app.button(key="clear_filters").click().run()
    assert not app.exception
    assert "24 of 30 samples" in texts(app)
    assert in_address(app, "show") is None
    assert "No filter" in texts(app)


def test_compare_says_when_the_filter_leaves_nothing(ws: Workspace, tmp_path: Path) -> None:
    add_methods(ws, add_audited_pictures(ws, tmp_path)[1])
    app = open_page("compare", {"compare": "Disagreements", "verdict": "dropped"})
    assert not app.exception
    assert "No sample fits these filters" in texts(app)


def test_the_selection_queue_of_review_names_its_filters(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("review", {"queue": "selection", "show": "flagged", "class": "oak"})
    assert not app.exception
    assert "Filters: Flagged, Label: oak" in texts(app)


def test_a_sample_that_is_not_there_is_told_once(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"sample": "99"})
    assert [toast.value for toast in app.toast] == ["There is no sample 99; this dataset has 30."]
    assert not app.warning


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("page", "x", "page 'x'"),
        ("page", "-1", "page '-1'"),
        ("page", "1200", "page 1,200, where the last one is 1"),
        ("size", "61", "number of samples a page '61'"),
        ("with", "maps", "map 'maps'"),
        ("view", "nothing", "tab 'nothing'"),
    ],
)
def test_nonsense_of_the_list_in_the_address_is_said(
    ws: Workspace, tmp_path: Path, key: str, text: str, said: str
) -> None:
    add_audited_table(ws, tmp_path)
    shown = texts(open_page("samples", {key: text})).replace("\\", "")
    assert f"does not have: {said}. The rest" in shown
