"""Compare: empty states, agreement, disagreements, stability, and the self-test from form to
result.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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
from compared import add_methods, add_selftest
from comparing import add_compared, alts_of, labels_of, open_compare, pressed
from scipy.stats import spearmanr

from dvaudit import audits, readers
from dvaudit.findings import Plant
from dvaudit.store import RunKind, RunStatus, Workspace

TABS = ("Agreement", "Disagreements", "Self-test", "Stability")


@pytest.fixture
def compared(ws: Workspace, tmp_path: Path) -> tuple[str, str]:
    """A table with an audit of three methods; the ids of both."""
    return add_compared(ws, tmp_path)


# Empty states


def test_without_data_the_page_leads_to_data(ws: Workspace) -> None:
    assert "No dataset yet" in texts(open_compare())


def test_data_without_labels_leads_back_to_data(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv", 4)
    roles = {"kind": "categorical"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="unsupervised"))
    assert "This dataset has no labels" in texts(open_compare())


@pytest.mark.parametrize("tab", ["Agreement", "Disagreements", "Stability"])
def test_without_an_audit_the_tabs_that_need_one_lead_to_audit(
    ws: Workspace, tmp_path: Path, tab: str
) -> None:
    dataset = add_table(ws, tmp_path)
    assert "No finished audit yet" in texts(open_compare(tab))
    add_audit(ws, dataset, RunStatus.RUNNING)
    assert "The audit is still running" in texts(open_compare(tab))


@pytest.mark.parametrize("tab", ["Agreement", "Disagreements"])
def test_one_method_has_nothing_to_be_compared_with(
    ws: Workspace, tmp_path: Path, tab: str
) -> None:
    add_audited_table(ws, tmp_path)
    app = open_compare(tab)
    assert "Nothing to compare yet" in texts(app)
    assert "Go to Audit" in labels_of(app)


# Agreement


def test_both_maps_name_the_least_and_the_most_alike(
    ws: Workspace, compared: tuple[str, str]
) -> None:
    frame = ws.run_samples(compared[1])
    app = open_compare()
    alts = alts_of(app)
    assert len(alts) == 2
    assert "lowest -1.00 between kernel-loo and cg-score" in alts[0]
    close = spearmanr(frame["suspicion_rank"].astype(float), frame["kernel-loo.value"]).statistic
    assert f"highest {close:.2f} between kernel-loo and consensus" in alts[0]
    assert alts[1].startswith("Overlap of the first 3 of 4 rankings")  # 3 are flagged
    assert "random orders share 10.0%" in texts(app)


def test_k_is_moved_by_its_slider(ws: Workspace, compared: tuple[str, str]) -> None:
    app = open_compare()
    app = app.slider[0].set_value(15).run()
    assert not app.exception
    assert alts_of(app)[1].startswith("Overlap of the first 15")
    assert "random orders share 50.0%" in texts(app)


def test_the_consensus_says_of_which_methods_it_is_made(
    ws: Workspace, compared: tuple[str, str]
) -> None:
    said = texts(open_compare())
    assert "**kernel\\-loo**, **cg\\-score**, **el2n**" in said
    assert "mean" in said
    assert "Left out" not in said


def test_methods_that_detect_no_mislabels_are_left_out_by_name(
    ws: Workspace, compared: tuple[str, str]
) -> None:
    _, run = compared
    samples = ws.run_samples(run).rename(columns=lambda name: name.replace("el2n", "dvemb"))
    samples["dvemb.flagged"] = samples["dvemb.value"] < 0
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    ws.save_findings(run, samples, tables, ws.run_summary(run), {})
    said = texts(open_compare())
    assert "Of 2 methods: **kernel\\-loo**, **cg\\-score**." in said
    assert "Left out: dvemb" in said


# Disagreements


def test_the_two_that_agree_least_are_shown_first_and_the_furthest_apart_on_top(
    ws: Workspace, compared: tuple[str, str]
) -> None:
    app = open_compare("Disagreements")
    assert [box.value for box in app.selectbox if "method" in box.label] == [
        "kernel-loo",
        "cg-score",
    ]
    rows = app.dataframe[0].value
    assert len(rows) == 24
    assert set(rows["Id"][:2]) == {"0", "29"}  # kernel-loo rises with the position
    first = rows[rows["Id"] == "0"].iloc[0]
    assert (first["Place by kernel-loo"], first["Place by cg-score"]) == ("1.7%", "98.3%")
    app = pressed(app, "Show 24 more")
    assert len(app.dataframe[0].value) == 30


def test_one_side_shows_what_only_one_suspects(ws: Workspace, compared: tuple[str, str]) -> None:
    app = open_compare("Disagreements")
    side = next(group for group in app.get("button_group") if group.label == "Which samples")
    app = side.set_value("first").run()
    assert not app.exception
    ids = app.dataframe[0].value["Id"].astype(int)
    assert ids.tolist() == sorted(ids)
    assert ids.max() == 14


def test_a_method_is_not_set_against_itself(ws: Workspace, compared: tuple[str, str]) -> None:
    app = open_compare("Disagreements")
    second = next(box for box in app.selectbox if box.label == "Second method")
    app = second.select("kernel-loo").run()
    assert "One method twice" in texts(app)


def test_pictures_are_a_gallery_and_a_sample_opens(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_pictures(ws, tmp_path)
    add_methods(ws, run)
    app = open_compare("Disagreements", sample="2")
    assert not app.dataframe[:0]
    assert app.get("bidi_component")
    assert in_address(app, "sample") == "2"
    assert "Keep" in labels_of(app)


# Self-test


def test_a_selftest_needs_no_audit(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = open_compare("Self-test")
    assert "No self-test yet" in texts(app)
    assert app.multiselect[0].value == list(audits.DEFAULT_VALUATORS)
    assert {"Time, at most about", "Memory, at most"} <= {metric.label for metric in app.metric}
    assert texts(app).count(": 3 rounds, ") == len(audits.DEFAULT_VALUATORS)
    app = app.radio[0].set_value("pairs").run()
    assert app.radio[0].options[0] == "Wrong labels, any class"
    assert "there is no finished one" in texts(app).replace("\n", " ")
    app = pressed(app, "Start the self-test")
    assert "no finished audit whose confusion pairs" in texts(app).replace("\\", "")
    assert not audits.selftests_of(ws, dataset)


def test_the_form_starts_what_it_says(
    ws: Workspace, compared: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, run = compared
    asked: list[tuple[str, Any, dict[str, Any]]] = []

    def start(ws: Workspace, dataset_id: str, names: Any, **given: Any) -> str:
        asked.append((dataset_id, names, given))
        return add_selftest(ws, dataset_id, RunStatus.QUEUED)

    monkeypatch.setattr(audits, "start_selftest", start)
    app = open_compare("Self-test")
    assert app.multiselect[0].value == ["kernel-loo", "cg-score", "el2n"]
    app.multiselect[0].set_value(["kernel-loo", "aum"])
    app.radio[0].set_value("pairs")
    app.number_input(key="selftest_share").set_value(20)
    app.number_input(key="selftest_rounds").set_value(2)
    app.number_input(key="selftest_seed").set_value(7)
    app.run()
    assert "From right to wrong: oak to elm (1)." in texts(app)
    app = pressed(app, "Start the self-test")
    given = {
        "share": 0.2, "kind": Plant.PAIRS, "seeds": (7, 8), "trusted": None, "audit": run,
    }  # fmt: skip
    assert asked == [(dataset, ("kernel-loo", "aum"), given)]
    assert "Self-test: waiting for its turn" in texts(app)


def test_without_a_method_nothing_can_be_started(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    app = open_compare("Self-test")
    app = app.multiselect[0].set_value([]).run()
    assert "Choose at least one method" in texts(app)
    assert "Start the self-test" not in labels_of(app)


def test_methods_that_need_a_trusted_set_ask_for_one(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = open_compare("Self-test")
    assert not [box for box in app.selectbox if box.label == "Trusted set"]
    app = app.multiselect[0].set_value(["dvgs"]).run()
    assert app.selectbox(key=f"trusted_of_{dataset}")
    assert "There is no trusted set." in texts(app)


def test_regression_takes_noise_only(ws: Workspace, tmp_path: Path) -> None:
    add_audited_numbers(ws, tmp_path)
    app = open_compare("Self-test")
    assert app.radio[0].options == ["Noisy features"]
    assert "aum" not in app.multiselect[0].options


def test_regression_without_numbers_takes_nothing(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "words.csv", 6, height=list("uvwxyz"))
    roles = {"width": "label", "height": "categorical", "kind": "categorical"}
    dataset = ws.add_dataset("words", path, copy=True, roles=roles, task="regression")
    source = ws.dataset(dataset).source
    ws.finish_dataset(dataset, readers.load(source, roles=roles, task="regression"))
    assert "No errors can be planted here" in texts(open_compare("Self-test"))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RunStatus.RUNNING, "Self-test: round 1 of 2"),
        (RunStatus.FAILED, "not enough memory"),
        (RunStatus.CANCELLED, "Self-test was cancelled at 40%"),
    ],
)
def test_a_selftest_is_followed(
    ws: Workspace, tmp_path: Path, status: RunStatus, said: str
) -> None:
    add_selftest(ws, add_table(ws, tmp_path), status, error="not enough memory")
    assert said in texts(open_compare("Self-test"))


def test_a_finished_selftest_recommends_and_shows_all_methods(
    ws: Workspace, tmp_path: Path
) -> None:
    add_selftest(ws, add_table(ws, tmp_path))
    app = open_compare("Self-test")
    assert app.success[0].value.startswith("**Recommended here: kernel\\-loo.**")
    assert "80\\.0%" in app.success[0].value
    table = app.dataframe[0].value
    assert table["Method"].tolist() == ["kernel-loo", "cg-score", "random order"]
    assert table["Recall at k"].tolist() == ["80.0 ± 2.8%", "40.0 ± 3.5%", "10.0%"]
    assert table["AUROC"].tolist() == ["0.900 ± 0.010", "0.700 ± 0.010", "0.500"]
    assert "kernel-loo 80%, cg-score 40%, a random order 10%" in alts_of(app)[0]
    assert "Download CSV" in [button.label for button in app.download_button]
    said = texts(app).replace("\\", "")
    assert "100 labels replaced by any other class" in said
    assert "2 rounds, seeds 0 to 1" in said


def test_no_method_above_chance_is_said(ws: Workspace, tmp_path: Path) -> None:
    add_selftest(ws, add_table(ws, tmp_path), recalls={"cg-score": 0.1})
    app = open_compare("Self-test")
    assert not app.success
    assert "No recommendation" in app.warning[0].value


def test_the_newest_selftest_is_shown_and_an_older_one_can_be_chosen(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_table(ws, tmp_path)
    first = add_selftest(ws, dataset)
    add_selftest(ws, dataset, share=0.2)
    app = open_compare("Self-test")
    assert "probability 20%" in texts(app).replace("\\", "")
    chosen = next(box for box in app.selectbox if box.label == "Self-test")
    app = chosen.select(first).run()
    assert "probability 10%" in texts(app).replace("\\", "")
    assert ws.runs(dataset, RunKind.SELFTEST)[1].id == first


VISIT = """
import sys
from pathlib import Path
from appview import open_page
from audited import add_audited_table
from comparing import add_compared, alts_of, labels_of, open_compare, pressed
from compared import add_methods, add_selftest
from dvaudit.audits import workspace
dataset, run = add_audited_table(workspace(), Path(sys.argv[1]))
add_methods(workspace(), run)
add_selftest(workspace(), dataset)
for tab in ("Agreement", "Disagreements", "Self-test", "Stability"):
    app = open_page("compare", {"compare": tab})
    assert app.dataframe or app.get("plotly_chart"), tab
    assert not app.exception, (tab, app.exception)
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
