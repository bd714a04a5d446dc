"""Bulk verdicts: what they would do is said in numbers, and done at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from appview import texts
from audited import WRONG, add_audited_numbers, add_audited_table
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from dvaudit import audits
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.store import Workspace
from dvaudit.ui.bulk import Bulk, plan, said


@given(
    marks=st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1),
    what=st.sampled_from(list(Bulk)),
    again=st.booleans(),
)
def test_a_plan_counts_who_gets_the_verdict_and_who_is_left_alone(
    marks: list[tuple[bool, bool, bool]], what: Bulk, again: bool
) -> None:
    chosen, judged, suggests = (np.array(column) for column in zip(*marks, strict=True))
    found = plan(np.flatnonzero(chosen), judged, suggests, what, again=again)
    wanted, without = [], 0
    for at, (in_it, has_verdict, has_suggestion) in enumerate(marks):
        if not in_it or (has_verdict and not again):
            continue
        if what is Bulk.ACCEPT and not has_suggestion:
            without += 1
        else:
            wanted.append(at)
    assert found.positions.tolist() == wanted
    assert (found.judged, found.without) == (int((chosen & judged).sum()), without)


def test_the_numbers_are_said() -> None:
    positions, yes = np.arange(4), np.array([True, False, False, False])
    left = plan(positions, yes, ~yes & (positions < 3), Bulk.ACCEPT, again=False)
    assert said(left, again=False) == (
        "2 samples would get this verdict, as one action. 1 has a verdict already and is left "
        "alone. 1 has no suggestion and is left out."
    )
    over = plan(positions, yes, ~yes, Bulk.KEEP, again=True)
    assert "1 has a verdict already and gets this one instead." in said(over, again=True)


# Drawn


def _script() -> None:
    import numpy as np
    import streamlit as st

    from dvaudit.ui import frames
    from dvaudit.ui.bulk import bulk_verdicts
    from dvaudit.ui.reviewer import choose_reviewer
    from dvaudit.ui.session import require_audit, workspace

    ws = workspace()
    dataset, run = require_audit(ws)
    choose_reviewer()
    positions = np.arange(int(st.query_params.get("many", "5")))
    bulk_verdicts(ws, dataset, run, frames.findings(ws, run), positions)


def _opened(*, answered: bool = True, **query: str) -> AppTest:
    app = AppTest.from_function(_script, default_timeout=20)
    for key, value in query.items():
        app.query_params[key] = value
    app.session_state["bulk_open"] = True
    app.session_state["reviewer_answered"] = answered
    app.run()
    assert not app.exception
    return app


def test_one_verdict_for_all_is_stored_under_the_name_and_undone(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    audits.decide(ws, dataset, "3", "unsure", reviewer="bob")
    app = _opened()
    app.text_input(key="reviewer_name").set_value("ann").run()
    app.radio(key="bulk_what").set_value("drop").run()
    assert "4 samples would get this verdict" in texts(app)
    app.button(key="bulk_store").click().run()
    decided = ws.decisions(dataset)
    assert {name: made.verdict.value for name, made in decided.items()} == {
        "0": "drop", "1": "drop", "2": "drop", "3": "unsure", "4": "drop",
    }  # fmt: skip
    assert set(ws.history(dataset)["reviewer"]) == {"ann", "bob"}
    undo = app.button(key="bulk_undo")
    assert undo.label == "Undo 4 verdicts"
    undo.click().run()
    assert list(ws.decisions(dataset)) == ["3"]
    assert "bulk_undo" not in [button.key for button in app.button]


def test_no_tooltip_of_the_button_lies_over_what_it_opens(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    (popover,) = [item.proto for item in _opened().main if item.type == "popover"]
    assert popover.popover.label == "Judge 5 samples"
    assert not popover.popover.help


def test_nothing_is_stored_before_the_browser_has_said_who_reviews(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    app = _opened(answered=False)
    assert app.button(key="bulk_store").disabled
    app.text_input(key="reviewer_name_bulk").set_value("Ann").run()
    app.button(key="bulk_store").click().run()
    assert set(ws.history(dataset)["reviewer"]) == {"Ann"}


def test_suggestions_are_taken_where_there_are_some(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    app = _opened()
    app.radio(key="bulk_what").set_value("accept").run()
    assert "2 have no suggestion and are left out." in texts(app)
    app.button(key="bulk_store").click().run()
    suggested = ws.run_samples(run)["suggested_label"]
    assert ws.decisions(dataset) == {
        str(at): Decision(str(at), Verdict.RELABEL, str(suggested.iat[at])) for at in WRONG
    }


def test_samples_with_a_verdict_get_another_only_when_asked(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    audits.decide(ws, dataset, "3", "unsure")
    app = _opened()
    app.checkbox(key="bulk_again").set_value(True).run()
    app.radio(key="bulk_what").set_value("relabel").run()
    app.selectbox(key="bulk_class").set_value("oak").run()
    app.button(key="bulk_store").click().run()
    assert [made.label for made in ws.decisions(dataset).values()] == ["oak"] * 5


def test_a_number_is_asked_for_where_labels_are_numbers(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_numbers(ws, tmp_path)
    app = _opened(many="2")
    app.radio(key="bulk_what").set_value("relabel").run()
    assert app.button(key="bulk_store").disabled
    app.text_input(key="bulk_number").set_value("tall").run()
    app.button(key="bulk_store").click().run()
    assert "is no number" in "".join(error.value for error in app.error)
    app.text_input(key="bulk_number").set_value("7.5").run()
    app.button(key="bulk_store").click().run()
    assert [made.label for made in ws.decisions(dataset).values()] == ["7.5"] * 2
