"""Influence: empty states, the choice of a sample, what helped and hurt it, and the charts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from appview import (
    APP,
    add_audit,
    add_table,
    in_address,
    texts,
    write_table,
)
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from influence_page import asked_line, button_of, influence_table, open_influence
from influential import add_influence

from dvaudit import audits, readers
from dvaudit.store import RunStatus, Workspace

COLOURS = ("#0f766e", "#d97706")


@pytest.fixture
def audit(ws: Workspace, tmp_path: Path) -> str:
    """A finished audit of a table of 30, without influence."""
    _, run = add_audited_table(ws, tmp_path)
    return run


# Empty states


def test_without_data_the_page_leads_to_data(ws: Workspace) -> None:
    assert "No dataset yet" in texts(open_influence())


def test_without_an_audit_the_page_leads_to_audit(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    said = texts(open_influence())
    assert "No finished audit yet" in said
    assert "Data Value Embedding** (dvemb). Audit the data with it" in said
    assert "look wrong" not in said


@pytest.mark.parametrize("named", ["nope", "30", "-1"])
def test_a_sample_that_is_not_there_is_named(ws: Workspace, audit: str, named: str) -> None:
    app = open_influence(sample=named)
    (warning,) = app.warning
    assert f"does not have: sample '{named}' to open, of 30." in warning.value.replace("\\", "")
    assert not app.toast
    assert in_address(app, "sample") is None


def test_a_sample_that_is_there_is_opened_without_a_remark(ws: Workspace, audit: str) -> None:
    app = open_influence(sample="29")
    assert not app.warning
    assert in_address(app, "sample") == "29"


def test_an_audit_without_dvemb_names_it_and_how_to_ask_own_samples(
    ws: Workspace, audit: str
) -> None:
    app = open_influence()
    said = texts(app)
    assert "This audit has no influence" in said
    assert "**Data Value Embedding** (dvemb)" in said
    assert "choose that dataset as the trusted set and run **dvemb**" in said
    assert "Go to Audit" in [button.label for button in app.button]


def test_another_audit_that_has_dvemb_is_offered(ws: Workspace, audit: str) -> None:
    run, _ = add_influence(ws, audit)
    app = open_influence(dataset=ws.run(audit).dataset_id, run=audit)
    app = button_of(app, f"Audit {int(run[1:])} of this data has it: show that one").click().run()
    assert not app.exception
    assert in_address(app, "run") == run
    assert "Helped most" in texts(app)


def test_no_audit_without_embeddings_is_offered(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, kept=False)
    app = open_influence(dataset=ws.run(audit).dataset_id, run=audit)
    assert [button.label for button in app.button] == ["Go to Audit"]


def test_an_audit_that_kept_no_embeddings_says_what_to_change(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, kept=False)
    said = texts(open_influence())
    assert "This audit kept no embeddings" in said
    assert "smaller *projection*" in said


def test_a_removed_trusted_set_is_told(ws: Workspace, audit: str, tmp_path: Path) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    add_influence(ws, audit, trusted=trusted)
    open_influence()
    ws.delete_dataset(trusted)
    said = texts(open_influence())
    assert "The samples asked about are gone" in said
    assert "its trusted set is gone" in said
    assert "Influence** is how much" in said


def test_a_running_audit_is_waited_for(ws: Workspace, audit: str) -> None:
    dataset = ws.run(audit).dataset_id
    running = add_audit(ws, dataset, RunStatus.RUNNING)
    assert "The audit is still running" in texts(open_influence(dataset=dataset, run=running))


def test_data_without_labels_leads_back_to_data(ws: Workspace, tmp_path: Path) -> None:
    path, roles = write_table(tmp_path / "trees.csv", 6), {"kind": "categorical"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="unsupervised"))
    add_audit(ws, dataset)
    assert "This dataset has no labels" in texts(open_influence())


# What helped and hurt


def test_both_columns_hold_the_strongest_samples_of_the_chosen_one(
    ws: Workspace, audit: str
) -> None:
    _, arrays = add_influence(ws, audit)
    app = open_influence(query="2")
    exact = arrays["embeddings"] @ arrays["query_embeddings"][2]
    order = np.argsort(np.where(np.isnan(exact), np.inf, exact), kind="stable")
    hurt = [at for at in order if exact[at] < 0][:12]
    helped = [at for at in order[::-1] if exact[at] > 0][:12]
    assert influence_table(app, "helped")["Id"].tolist() == [str(at) for at in helped]
    assert influence_table(app, "hurt")["Id"].tolist() == [str(at) for at in hurt]
    first = influence_table(app, "helped").iloc[0]
    assert float(first["Influence"]) == pytest.approx(np.nanmax(exact), rel=5e-3)
    flagged = influence_table(app, "helped")["Flagged"]
    assert [bool(mark) for mark in flagged] == [at < 3 for at in helped]
    said = texts(app)
    above, below = int((exact > 0).sum()), int((exact < 0).sum())
    assert f"{len(helped)} of {above} that helped" in said
    assert f"{len(hurt)} of {below} that hurt" in said
    assert f"{above} samples helped" in said
    assert "4 samples have none: not trained on, or without a label" in said


def test_more_are_shown_on_demand(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, halves=False, seed=3)
    app = open_influence()
    before = len(influence_table(app, "helped")), len(influence_table(app, "hurt"))
    app = button_of(app, "Show 12 more of each").click().run()
    after = len(influence_table(app, "helped")), len(influence_table(app, "hurt"))
    assert max(before) == 12 < max(after)
    assert sum(after) == 26  # all that were trained on
    assert "Show 12 more of each" not in [button.label for button in app.button]


def test_a_row_opens_its_sample_in_full(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit)
    app = open_influence(sample="5")
    assert "All quantities of the methods" in [item.label for item in app.expander]


@pytest.mark.parametrize(("agreement", "warned"), [(0.9, False), (0.69, True)])
def test_coarse_embeddings_are_warned_of(
    ws: Workspace, audit: str, agreement: float, warned: bool
) -> None:
    add_influence(ws, audit, halves=True, agreement=agreement)
    app = open_influence()
    shown = f"{agreement:.2f}".replace(".", r"\.")
    assert f"agreement with the exact values {shown}" in texts(app)
    assert bool([item for item in app.warning if "coarse" in item.value]) is warned


def test_halves_are_asked_of_each_other(ws: Workspace, audit: str) -> None:
    add_influence(ws, audit, halves=True)
    app = open_influence(query="0")
    assert "each sample is asked of the run on the half it is not in" in texts(app)
    assert "15 samples have none: in the same half as the one asked about" in texts(app)
    chosen = audits.queries_of(ws, audits.latest_audit(ws, ws.run(audit).dataset_id).id)
    parity = {int(name) % 2 for name in influence_table(app, "helped")["Id"]}
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
        app = open_influence(dataset=ws.run(run).dataset_id, query="1", of=of)
        exact = arrays["embeddings"] @ arrays["query_embeddings"][rows].mean(0)
        assert influence_table(app, "helped")["Id"].iat[0] == str(int(exact.argmax()))
        assert influence_table(app, "hurt")["Id"].iat[0] == str(int(exact.argmin()))
        assert f"{len(rows)} trusted samples" in asked_line(app)


def test_a_trusted_set_is_shown_with_its_own_rows(
    ws: Workspace, audit: str, tmp_path: Path
) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    add_influence(ws, audit, trusted=trusted)
    app = open_influence(dataset=ws.run(audit).dataset_id, query="4")
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
    app = open_influence()
    assert "there are no classes to sum over" in texts(app)
    assert "Its whole class" not in app.segmented_control(key="of").options
    assert [item.key for item in app.get("plotly_chart")] == ["influence_spread"]
    assert "query_class" not in [item.key for item in app.multiselect]


def test_pictures_are_shown_as_pictures_or_as_rows(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_pictures(ws, tmp_path, each=8)
    add_influence(ws, run)
    app = open_influence()
    assert "Helped most" in texts(app)
    assert not app.dataframe
    app = app.toggle(key="influence_rows").set_value(True).run()
    assert not app.exception
    assert {"Id", "Given", "Influence", "Flagged"} <= set(influence_table(app, "helped"))


VISIT = """
import sys
from pathlib import Path
from appview import open_page
from audited import add_audited_table
from influence_page import asked_line, button_of, influence_table, open_influence
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
