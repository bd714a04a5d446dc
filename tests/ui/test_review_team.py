"""Review by several: names, parts, agreement, conflicts and history on the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import in_address, open_page, texts
from audited import add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit import audits
from dvaudit.core.errors import SettingsError
from dvaudit.findings.board import Pace
from dvaudit.findings.raters import Kappa, cohens_kappa
from dvaudit.store import Workspace
from dvaudit.ui.agreement_view import kappa_text
from dvaudit.ui.names import LONGEST, tidy
from dvaudit.ui.pace import pace_words


def _tab(name: str) -> AppTest:
    app = open_page("review", {"review": name})
    assert not app.exception
    return app


def test_with_nobody_yet_each_part_says_so(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    shown = texts(_tab("Team"))
    for words in ("Nobody has judged", "Nothing is shared out", "No sample has been judged by two",
                  "Reviewers agree wherever"):  # fmt: skip
        assert words in shown
    assert "No verdicts yet" in texts(_tab("History"))


def test_a_queue_is_shared_out_and_the_assignment_ended(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    audits.decide(ws, dataset, "0", "keep")
    app = _tab("Team")
    app.text_input(key="reviewer_name").set_value("lead").run()
    app.text_input(key="share_names").set_value("ann,  bob ,")
    app.slider(key="share_overlap").set_value(50)
    next(button for button in app.button if button.label == "Share out").click().run()
    made = ws.assignment(dataset)
    assert made is not None
    assert (made.made_by, made.queue) == ("lead", "Most suspicious")
    assert set(made.parts) == {"ann", "bob"}
    assert sorted({*made.of("ann"), *made.of("bob")}) == ["1", "2"]  # 0 has a verdict
    assert len(made.of("ann")) + len(made.of("bob")) == 3
    assert "2 samples of “Most suspicious” shared out among 2 reviewers, 1 of them" in texts(app)
    next(button for button in app.button if button.label == "End the assignment").click().run()
    assert ws.assignment(dataset) is None


def test_names_that_cannot_be_are_refused(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    app = _tab("Team")
    app.text_input(key="share_names").set_value("ann, ann")
    next(button for button in app.button if button.label == "Share out").click().run()
    assert "2 reviewers named" in "".join(error.value for error in app.error)
    assert ws.assignment(dataset) is None


def test_agreement_and_conflicts_of_two(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    for name, ann, bob in (("4", "keep", "keep"), ("5", "drop", "drop"), ("6", "keep", "drop")):
        audits.decide(ws, dataset, name, ann, reviewer="ann")
        audits.decide(ws, dataset, name, bob, reviewer="bob")
    app = _tab("Team")
    reviewers, pairs, confusion, conflicts = (frame.value for frame in app.dataframe)
    assert reviewers["Judged"].tolist() == [3, 3]
    assert "Verdicts a minute" in reviewers
    assert pairs.iloc[0]["Reviewers"] == "ann and bob"
    assert pairs.iloc[0]["Samples both judged"] == 3
    assert pairs.iloc[0]["Kappa"].startswith("0.40 (")
    assert confusion.loc["Keep", "Drop"] == 1
    assert conflicts.to_dict("records") == [
        {"Sample": "6", "Said, oldest first": "ann: kept · bob: dropped", "In force": "dropped"}
    ]
    assert "the newest verdict is in force" in texts(app)
    next(button for button in app.button if button.label == "Settle it").click().run()
    assert in_address(app, "queue") == "conflicts"


def test_the_history_says_who_what_and_how(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    audits.decide(ws, dataset, "12", "relabel", "oak", reviewer="ann")
    audits.decide(ws, dataset, "3", "keep", resolves=True)
    audits.undo(ws, dataset, reviewer="ann")
    app = _tab("History")
    table = app.dataframe[0].value
    assert table["Reviewer"].tolist() == ["ann", "no name", "ann"]
    assert table["In force from then"].tolist() == ["no verdict", "keep", "relabel to oak"]
    assert table["By"].tolist() == ["undo", "settling a conflict", "verdict"]
    app.text_input(key="history_sample").set_value("1").run()
    assert app.dataframe[0].value["Sample"].tolist() == ["12", "12"]
    app.multiselect(key="history_reviewers").set_value([""]).run()
    assert len(app.dataframe[0].value) == 0


def test_names_are_stored_in_one_form() -> None:
    assert tidy("  Ann\t Lee ") == "Ann Lee"
    assert tidy("x" * LONGEST) == "x" * LONGEST
    assert tidy("Zoe\u0308") == "Zo\u00eb"
    assert tidy(None) == tidy(["a"]) == ""


@pytest.mark.parametrize("name", ["x" * (LONGEST + 1), "An\u202en", "A\u200bnn", "A\x07", "\u200d"])
def test_names_that_nobody_could_read_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="reviewer's name"):
        tidy(name)


def test_the_field_refuses_such_a_name_in_words_and_keeps_the_one_before(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audited_table(ws, tmp_path)
    app = _tab("Team")
    field = app.text_input(key="reviewer_name")
    field.set_value("Ann").run()
    field.set_value("x" * 41).run()
    assert "has 41 letters" in app.error[0].value
    assert "still review as Ann" in app.error[0].value
    assert app.text_input(key="reviewer_name").value == "Ann"
    assert not app.run().error


def test_spellings_of_one_name_are_one_person(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    audits.decide(ws, dataset, "4", "keep", reviewer="Zo\u00eb")
    audits.decide(ws, dataset, "4", "drop", reviewer="ZOE\u0308")
    assert ws.history(dataset)["reviewer"].unique().tolist() == ["Zo\u00eb"]
    app = _tab("Team")
    app.text_input(key="reviewer_name").set_value(" zo\u00cb ").run()
    assert app.text_input(key="reviewer_name").value == "Zo\u00eb"
    assert app.dataframe[0].value["Judged"].tolist() == [1]
    assert "Reviewers agree wherever" in texts(app)
    app.text_input(key="share_names").set_value("Ann, ANN")
    next(button for button in app.button if button.label == "Share out").click().run()
    assert "2 reviewers named" in "".join(error.value for error in app.error)
    assert len(audits.undo(ws, dataset, reviewer="zo\u00eb")) == 1


@pytest.mark.parametrize(
    ("pace", "left", "words"),
    [
        (Pace(9, 2, None), 5, ""),
        (
            Pace(9, 6, 12.0),
            24,
            "6 verdicts in the last 5 minutes, 12 a minute; 24 left, about 2 min",
        ),
        (Pace(9, 6, 1.25), 0, "6 verdicts in the last 5 minutes, 1.2 a minute."),
    ],
)
def test_the_pace_in_words(pace: Pace, left: int, words: str) -> None:
    found = pace_words(pace, left)
    assert found.startswith(words) if words else found == ""


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Kappa(4, 1.0, float("nan"), float("nan"), float("nan")), "none: one answer throughout"),
        (Kappa(4, 1.0, 1.0, float("nan"), float("nan")), "1.00"),
        (Kappa(9, 0.5, -0.001, -0.3, 0.3), "0.00 (-0.30 to 0.30)"),
        (cohens_kappa(["keep"] * 4, ["keep", "drop"] * 2), "0.00, one answer throughout"),
    ],
)
def test_kappa_in_words(found: Kappa, words: str) -> None:
    assert kappa_text(found) == words
