"""What of an address cannot be followed is named, and what can is followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import in_address, open_page, texts
from audited import add_audited_table
from compared import add_methods
from traced import add_trace

from dvaudit.store import Workspace


@pytest.fixture
def run(ws: Workspace, tmp_path: Path) -> str:
    """A finished audit of three methods and two traces."""
    audit = add_methods(ws, add_audited_table(ws, tmp_path)[1])
    add_trace(ws, audit)
    add_trace(ws, audit, "dvgs", unit="step")
    return audit


@pytest.mark.parametrize(
    ("page", "query", "said"),
    [
        ("dynamics", {"method": "zz"}, "this audit does not have: method 'zz'"),
        ("dynamics", {"over": "Nope"}, "this audit does not have: tab 'Nope'"),
        ("review", {"queue": "class", "class": "nope"}, "this audit does not have: class 'nope'"),
        ("review", {"review": "Nope"}, "this page does not have: tab 'Nope'"),
        ("compare", {"k": "abc"}, "k 'abc', which goes from 1 to 30"),
        ("compare", {"k": "31"}, "k '31', which goes from 1 to 30"),
        ("compare", {"compare": "Nope"}, "this page does not have: tab 'Nope'"),
        ("samples", {"class": "nope"}, "this audit does not have: class 'nope'"),
    ],
)
def test_what_cannot_be_followed_is_named(
    run: str, page: str, query: dict[str, str], said: str
) -> None:
    app = open_page(page, query)
    assert not app.exception
    shown = "\n".join(item.value for item in app.warning).replace("\\", "")
    assert "The address asks for what" in shown
    assert said in shown
    assert "The rest of it is followed" in shown


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("dynamics", {"method": "dvgs", "over": "Samples"}),
        ("review", {"queue": "class", "class": "oak", "review": "Queue"}),
        ("compare", {"k": "7", "compare": "Agreement"}),
    ],
)
def test_an_address_that_is_followed_is_not_remarked_on(
    run: str, page: str, query: dict[str, str]
) -> None:
    app = open_page(page, query)
    assert not app.exception
    assert not app.warning


def test_dynamics_follows_and_keeps_the_method_of_the_address(run: str) -> None:
    app = open_page("dynamics", {"method": "dvgs"})
    chosen = app.segmented_control(key=f"dynamics_method_{run}")
    assert chosen.value == "dvgs"
    app = chosen.set_value("aum").run()
    assert in_address(app, "method") == "aum"
    assert app.segmented_control(key=f"dynamics_method_{run}").value == "aum"


def test_compare_follows_and_keeps_k_of_the_address(run: str) -> None:
    app = open_page("compare", {"k": "7"})
    assert app.slider(key=f"compare_k_{run}").value == 7
    app = app.slider(key=f"compare_k_{run}").set_value(15).run()
    assert in_address(app, "k") == "15"
    assert "random orders share 50.0%" in texts(app)
