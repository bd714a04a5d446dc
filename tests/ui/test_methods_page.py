"""Methods: a page for each valuator of the registry, the comparison, and the way to an audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import add_audit, add_table, in_address, open_page, texts
from audited import add_audited_numbers
from streamlit.testing.v1 import AppTest

from dvaudit import valuators
from dvaudit.core.dataset import Task
from dvaudit.core.errors import SettingsError
from dvaudit.core.machine import Cost
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui import methods_facts as facts
from dvaudit.ui.words import plain
from dvaudit.valuators import Level, ValuatorInfo

INFOS = {info.name: info for info in valuators.describe()}
each_method = pytest.mark.parametrize("name", INFOS)


def link_labels(app: AppTest) -> list[str]:
    return [element.proto.label for element in app.main if element.type == "page_link"]


def use_button(app: AppTest) -> object:
    return app.button(key="use_method")


def test_every_method_is_listed_and_linked_without_a_dataset(ws: Workspace) -> None:
    app = open_page("methods")
    assert not app.exception
    assert sorted(link_labels(app)) == sorted(info.title for info in INFOS.values())
    for info in INFOS.values():
        assert plain(info.use) in texts(app)


@each_method
def test_every_method_has_a_page_that_says_everything(ws: Workspace, name: str) -> None:
    info = INFOS[name]
    app = open_page("methods", {"method": name})
    assert not app.exception
    assert app.title[0].value == plain(info.title)
    shown = texts(app)
    for text in (info.summary, info.use, info.reference, facts.seed_text(info)):
        assert plain(text) in shown
    assert "Higher is more useful" in shown
    assert "for 10,000 samples" in shown.replace("\\", "")
    assert {metric.label for metric in app.metric} == {"Time, about", "Memory, at most"}
    if info.settings:
        table = app.table[0].value
        assert table["Setting"].tolist() == [plain(spec.name) for spec in info.settings]
    else:
        assert "It has no settings" in shown
    assert use_button(app).disabled  # type: ignore[attr-defined]
    assert "Add a dataset first" in shown


def test_an_unknown_method_is_said_and_the_list_shown(ws: Workspace) -> None:
    app = open_page("methods", {"method": "![x](http://evil.example)"})
    assert "![x](" not in app.warning[0].value
    assert len(link_labels(app)) == len(INFOS)


def test_the_cost_is_of_the_chosen_dataset(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    shown = texts(open_page("methods", {"method": "kernel-loo"})).replace("\\", "")
    assert "for trees (30 samples)" in shown


def test_audit_with_this_method_chooses_it_once(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    app = open_page("methods", {"method": "el2n"})
    use_button(app).click().run()  # type: ignore[attr-defined]
    assert app.title[0].value == "Audit"
    assert app.checkbox(key="method_el2n").value
    assert app.checkbox(key="method_kernel-loo").value
    assert in_address(app, "with") is None
    app.switch_page("pages/audit.py").run()
    assert app.checkbox(key="method_el2n").value
    app.checkbox(key="method_el2n").uncheck().run()
    assert not app.checkbox(key="method_el2n").value


def test_an_address_that_asks_for_no_method_changes_nothing(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    app = open_page("audit", {"with": "nonsense"})
    assert not app.exception
    assert [box.label for box in app.checkbox if box.value] == [
        INFOS[name].title for name in ("kernel-loo", "cg-score")
    ]


def test_a_method_for_contributors_leads_there(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    app = open_page("methods", {"method": "davinz"})
    use_button(app).click().run()  # type: ignore[attr-defined]
    assert app.title[0].value == "Contributors"


def test_a_method_that_does_not_fit_says_why(ws: Workspace, tmp_path: Path) -> None:
    add_audited_numbers(ws, tmp_path)
    app = open_page("methods", {"method": "aum"})
    assert use_button(app).disabled  # type: ignore[attr-defined]
    assert "It works on classes; numbers is for regression" in texts(app).replace("\\", "")


def test_a_dataset_that_is_not_ready_says_so(ws: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "trees.csv"
    path.write_text("a,b\n1,2\n")
    ws.add_dataset("trees", path, copy=False, roles={}, task=None)
    app = open_page("methods", {"method": "kernel-loo"})
    assert use_button(app).disabled  # type: ignore[attr-defined]
    assert "trees is not ready: importing" in texts(app).replace("\\", "")
    assert "for 10,000 samples" in texts(app).replace("\\", "")


def test_runs_that_used_a_method_are_linked(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    runs = [add_audit(ws, dataset, RunStatus.CANCELLED) for _ in range(12)]
    app = open_page("methods", {"method": "kernel-loo"})
    assert f"Audit {int(runs[-1][1:])}" in link_labels(app)
    assert "2 earlier runs more" in texts(app)
    assert "None in this workspace yet" in texts(open_page("methods", {"method": "dvgs"}))


def test_runs_of_contributors_used_their_method(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    run = ws.run(ws.add_run(dataset, RunKind.CONTRIBUTORS, {}))
    assert facts.used_by([run], INFOS["davinz"]) == [run]
    assert facts.used_by([run], INFOS["kernel-loo"]) == []


def test_the_comparison_has_a_row_for_each_and_opens_one(ws: Workspace) -> None:
    app = open_page("methods", {"shown": "Side by side"})
    table = app.dataframe[0].value
    assert table["Method"].tolist() == [info.title for info in INFOS.values()]
    assert (table["Time"] != "").all()
    app.session_state["methods_table"] = {"selection": {"rows": [3], "columns": [], "cells": []}}
    app.run()
    assert not app.exception


def test_filters_leave_what_fits(ws: Workspace) -> None:
    app = open_page("methods", {"shown": "Side by side"})
    app.pills(key="task").set_value("No labels").run()
    assert app.dataframe[0].value["Method"].tolist() == [INFOS["dvgs"].title]
    app.pills(key="without").set_value([facts.TRUSTED]).run()
    assert "No method passes" in texts(app)
    assert "0 of" in texts(app)


@pytest.mark.parametrize("task", [None, *Task])
@pytest.mark.parametrize("without", [(), (facts.TRAINING,), (facts.TRUSTED, facts.GROUPS)])
def test_fitting_is_what_a_loop_over_the_methods_finds(
    task: Task | None, without: tuple[str, ...]
) -> None:
    expected = [
        info
        for info in INFOS.values()
        if (task is None or task in info.tasks)
        and not any(need in facts.needs(info) for need in without)
    ]
    assert facts.fitting(tuple(INFOS.values()), [task] if task else [], without) == expected


def test_what_methods_need_is_read_from_themselves() -> None:
    assert facts.needs(INFOS["kernel-loo"]) == ()
    assert facts.needs(INFOS["dvgs"]) == (facts.TRUSTED, facts.TRAINING)
    assert facts.needs(INFOS["davinz"]) == (facts.TRUSTED, facts.GROUPS)
    assert facts.needs(INFOS["confident-learning"]) == (facts.PACKAGE,)
    assert facts.needs_sentences(INFOS["kernel-loo"]) == ["Nothing beside samples with labels."]


@each_method
def test_every_need_and_group_has_its_words(name: str) -> None:
    info = INFOS[name]
    assert len(facts.needs_sentences(info)) == max(1, len(facts.needs(info)))
    assert facts.group(info) in facts.HEADINGS
    assert facts.tasks_text(info)
    assert len(facts.sign(info)) == (3 if info.level is Level.SAMPLE else 1)


def test_the_orders_of_the_papers_that_keep_the_hard_are_named() -> None:
    assert any("Keep the hard: highest" in text for text in facts.sign(INFOS["cg-score"]))
    assert not any("Keep the hard" in text for text in facts.sign(INFOS["kernel-loo"]))


@each_method
def test_only_a_method_that_finds_wrong_labels_is_said_to_clean(name: str) -> None:
    info = INFOS[name]
    said = " ".join(facts.sign(info))
    finds = info.level is Level.SAMPLE and info.detects_mislabels
    assert ("Cleaning" in said) is finds
    assert ("It is no cleaning" in said) is (info.level is Level.SAMPLE and not finds)


def test_what_decides_comes_first_side_by_side() -> None:
    columns = list(facts.comparison([INFOS["dvemb"]], {"dvemb": Cost(1, 1, "")}))
    assert columns[:5] == ["Method", "Time", "Memory", "Wrong labels", "Seed"]


@each_method
def test_settings_are_told_with_default_bounds_and_help(name: str) -> None:
    info = INFOS[name]
    table = facts.settings_table(info.settings)
    assert table["Setting"].tolist() == [spec.name for spec in info.settings]
    for spec, row in zip(info.settings, table.itertuples(index=False), strict=True):
        assert all(row)
        assert row[3] == spec.help
        if spec.default is None:
            assert row[1] == "automatic"
        assert all(choice in row[2] for choice in spec.choices)


def test_a_cost_that_is_refused_is_shown_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    info = INFOS["kernel-loo"]
    refusal = SettingsError("too large")
    rows = facts.comparison([info], {info.name: refusal})
    assert rows["Time"].tolist() == ["not here"]
    rows = facts.comparison([info], {info.name: Cost(90, 2 * 10**9, "")})
    assert rows[["Time", "Memory"]].iloc[0].tolist() == ["90 s", "2.0 GB"]


def _named(info: ValuatorInfo) -> str:
    return info.name


@pytest.mark.parametrize("info", INFOS.values(), ids=_named)
def test_the_seed_is_said_to_matter_only_where_something_is_drawn(info: ValuatorInfo) -> None:
    said = facts.seed_text(info)
    assert ("Another seed changes nothing" in said) == (not info.draws)
