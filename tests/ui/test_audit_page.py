"""Audit: what is offered, what it will cost, what is refused, and what is started."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from appview import (
    add_table,
    button,
    in_address,
    labels,
    open_page,
    texts,
)

from dvaudit import audits, costs, valuators
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.settings import specs
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui.auditing import total_cost
from dvaudit.ui.words import duration


def test_every_method_that_fits_is_offered_and_the_defaults_are_chosen(
    ws: Workspace, tmp_path: Path
) -> None:
    add_table(ws, tmp_path)
    app = open_page("audit")
    assert not app.exception
    chosen = {box.key: box.value for box in app.checkbox}
    assert chosen == {
        f"method_{name}": name in audits.DEFAULT_VALUATORS
        for name in valuators.names(valuators.Level.SAMPLE)
    }
    assert {metric.label for metric in app.metric} == {"Time, about", "Memory, at most"}


def test_an_audit_starts_with_the_form_as_it_is(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = open_page("audit")
    app.checkbox(key="method_cg-score").uncheck()
    app.number_input(key="set.kernel-loo.ridge").set_value(0.5)
    app.number_input(key="audit_seed").set_value(7)
    app.selectbox(key="extractor_tabular").select("tabular")
    app.run()
    button(app, "Start audit").click().run()
    assert not app.exception
    run = ws.runs(dataset, RunKind.AUDIT)[0]
    assert run.status is RunStatus.QUEUED
    assert run.params["valuators"] == ["kernel-loo"]
    assert run.params["settings"] == {"kernel-loo": {"ridge": 0.5}}
    assert (run.params["seed"], run.params["extractor"]) == (7, "tabular")
    assert in_address(app, "run") == run.id
    assert "waiting for its turn" in texts(app)


def test_untouched_settings_are_not_stored(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = open_page("audit")
    button(app, "Start audit").click().run()
    params = ws.runs(dataset, RunKind.AUDIT)[0].params
    assert (params["settings"], params["extractor_settings"]) == ({}, {})
    assert params["extractor"] is None


def test_without_a_method_nothing_can_start(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    app = open_page("audit")
    for box in app.checkbox:
        if not box.disabled:
            box.uncheck()
    app.run()
    assert "Choose at least one method." in texts(app)
    assert "Start audit" not in labels(app)


def test_a_method_that_measures_against_trusted_samples_asks_for_them(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_table(ws, tmp_path)
    other = add_table(ws, tmp_path, "checked")
    app = open_page("audit", {"dataset": dataset})
    assert "Trusted set" not in [box.label for box in app.selectbox]
    app.checkbox(key="method_dvgs").check().run()
    assert "Each half of the data is measured against the other" in app.warning[0].value
    app.selectbox(key=f"trusted_of_{dataset}").select(other).run()
    assert not app.warning
    button(app, "Start audit").click().run()
    assert not app.exception
    params = ws.runs(dataset, RunKind.AUDIT)[0].params
    assert (params["trusted"], params["valuators"][-1]) == (other, "dvgs")


def test_a_need_for_more_memory_than_there_is_is_said(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_table(ws, tmp_path)
    monkeypatch.setattr("dvaudit.ui.auditing.available_memory", lambda: 10)
    assert "more memory than is free" in open_page("audit").warning[0].value


def test_the_time_counts_more_than_the_methods(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvaudit.estimates.this_machine", lambda: Machine(2, 1 << 34, 1e11))
    dataset = add_table(ws, tmp_path)
    rest = audits.estimate_rest(ws, dataset)
    assert rest.seconds > costs.START_SECONDS
    assert rest.plan == "reading, features, neighbours"
    app = open_page("audit")
    assert "**Everything else**: 4 s, reading, features, neighbours" in texts(app)
    methods = audits.estimate(ws, dataset, audits.DEFAULT_VALUATORS)
    total = total_cost({**methods, "": rest})
    shown = next(metric.value for metric in app.metric if metric.label == "Time, about")
    assert shown == duration(total.seconds)


def test_an_extractor_that_was_not_measured_comes_on_top(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvaudit.features.extraction_seconds", lambda *_: None)
    assert audits.estimate_rest(ws, add_table(ws, tmp_path)).plan.endswith("come on top")


@pytest.mark.parametrize(
    ("entered", "said"),
    [
        ({"set.liveval.rate": 1000.0}, "liveval.rate is 1000.0; the most allowed is"),
        ({"set.liveval.epochs": 0}, "liveval.epochs is 0; the least allowed is 1."),
        ({"set.liveval.window_least": 9, "set.liveval.window_most": 2}, "between 9 and 2"),
        ({"audit_seed": -1}, "The seed is -1"),
    ],
)
def test_what_cannot_run_is_refused_in_the_cost_box(
    ws: Workspace, tmp_path: Path, entered: dict[str, float], said: str
) -> None:
    add_table(ws, tmp_path)
    app = open_page("audit")
    app.checkbox(key="method_liveval").check().run()
    assert not button(app, "Start audit").disabled
    for key, value in entered.items():
        app.number_input(key=key).set_value(value)
    app.run()
    assert not app.exception
    assert said in app.error[0].value.replace("\\", "")
    assert button(app, "Start audit").disabled


def test_a_net_for_pictures_on_a_table_is_refused_in_the_cost_box(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_table(ws, tmp_path)
    app = open_page("audit")
    app.checkbox(key="method_liveval").check().run()
    app.selectbox(key="set.liveval.net").select("resnet").run()
    assert "takes pictures" in app.error[0].value
    assert button(app, "Start audit").disabled
    with pytest.raises(UnsuitableDataError, match="takes pictures"):
        audits.start_audit(ws, dataset, ["liveval"], settings={"liveval": {"net": "resnet"}})
    app.selectbox(key="set.liveval.net").select("mlp").run()
    assert not app.error
    assert not button(app, "Start audit").disabled


@pytest.mark.parametrize("info", valuators.describe(), ids=lambda info: info.name)
def test_titles_are_plain_names_without_escapes(info: valuators.ValuatorInfo) -> None:
    assert not set(info.title) & set("*_`~$[]<>:#\\")


def test_the_boxes_are_named_as_the_methods_are(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    names = {box.key.removeprefix("method_"): box.label for box in open_page("audit").checkbox}
    assert names == {name: valuators.lookup(name).title for name in names}


def test_one_epoch_is_no_epochs(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    for name in ("dvemb", "liveval", "dvgs", "cg-score"):
        known = {spec.name for spec in specs(valuators.lookup(name).Settings)}
        settings = {key: 1 for key in ("epochs", "restarts", "steps") if key in known}
        if name == "cg-score":
            settings["space"] = "penultimate"  # type: ignore[assignment]
        plan = audits.estimate(ws, dataset, [name], {name: settings})[name].plan
        assert re.search(r"\b1 (epoch|training)\b", plan), plan
        assert not re.search(r"\b1 \w+s\b", plan), plan


def test_methods_run_one_after_another() -> None:
    total = total_cost({"a": Cost(10, 500, "x"), "b": Cost(5, 900, "y")})
    assert (total.seconds, total.bytes) == (15, 900)
