"""Audit: what a finished one found, what its methods say of it, and the history."""

from __future__ import annotations

from pathlib import Path

from appview import (
    add_audit,
    add_table,
    button,
    findings_of,
    in_address,
    open_page,
    texts,
    write_table,
)
from audited import add_audited_table

from dvaudit import readers
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui.history import headline, share_text


def test_a_finished_audit_shows_what_it_found(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("audit")
    assert not app.exception
    assert "**3 of 30 samples to check**; about 10% of the labels are estimated" in texts(app)


def test_the_headline_tells_flags_from_wrong_labels() -> None:
    assert headline(2540, 6000, 0.144) == (
        "**2,540 of 6,000 samples to check**; about 14% of the labels are estimated to be wrong"
    )
    assert headline(0, 1, None).endswith("how many labels are wrong could not be estimated")
    shares = (0.0, 0.0004, 0.023, 0.0996, 0.5)
    assert [share_text(share) for share in shares] == ["0%", "less than 0.1%", "2.3%", "10%", "50%"]


def test_the_history_lists_every_audit_and_choosing_one_shows_it(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_table(ws, tmp_path)
    first = add_audit(ws, dataset)
    add_audit(ws, dataset, RunStatus.FAILED, "no luck")
    app = open_page("audit")
    table = app.dataframe[0].value
    assert table["Status"].tolist() == ["failed", "done"]
    assert table["Reason"].tolist() == ["no luck", ""]
    assert in_address(app, "run") == first


def test_data_without_labels_is_audited_for_samples_unlike_the_rest(
    ws: Workspace, tmp_path: Path
) -> None:
    path = write_table(tmp_path / "trees.csv")
    roles = {"kind": "categorical"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="unsupervised"))
    app = open_page("audit")
    assert "Without labels there are no wrong ones to find" in texts(app)
    assert "labels may be wrong" not in texts(app)
    assert "label" not in str(app.selectbox(key=f"trusted_of_{dataset}").help)
    assert "to see its outliers and duplicates" in texts(open_page("samples"))
    assert app.checkbox(key="method_dvgs_unlabelled").value
    button(app, "Start audit").click().run()
    assert not app.exception
    assert ws.runs(dataset, RunKind.AUDIT)[0].params["valuators"] == ["dvgs"]


def _record(ws: Workspace, run: str, **record: object) -> None:
    """Let a stored audit have this record."""
    summary = ws.run_summary(run)
    changed = {**summary, "record": {**summary["record"], **record}}
    ws.save_findings(run, ws.run_samples(run), {}, changed, {})


def test_a_finished_audit_shows_what_its_methods_warn_of_and_did(
    ws: Workspace, tmp_path: Path
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    told = {"status": "Exact.", "warnings": ["4 samples point *the same way*."]}
    _record(
        ws,
        run,
        valuators={
            "kernel-loo": told,
            "cg-score": told,
            "dvemb": {"status": "One run.", "warnings": ["It explodes.", "It is coarse."]},
            "an-old-one": {"status": "Done by an earlier version."},
        },
    )
    app = open_page("audit")
    assert not app.exception
    shared, own = (box.value for box in app.warning)
    assert shared.startswith("**Kernel leave\\-one\\-out, ")
    assert shared.endswith("4 samples point \\*the same way\\*\\.")
    assert own.replace("\\", "") == "**Data Value Embedding:** \n- It explodes.\n- It is coarse."
    assert not app.error
    (did,) = (each for each in app.expander if each.label == "What the methods did")
    assert [each.value.replace("\\", "") for each in did.markdown] == [
        "**Kernel leave-one-out:** Exact.",
        "**CG-score:** Exact.",
        "**Data Value Embedding:** One run.",
        "**an-old-one:** Done by an earlier version.",
    ]


def test_a_finished_audit_names_the_methods_that_failed_and_leads_to_the_set_up(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_table(ws, tmp_path)
    settings = {"liveval": {"rate": 5.0, "net": "linear"}, "dvgs": {"components": None}}
    params = {"valuators": ["dvgs", "liveval"], "settings": settings, "seed": 4}
    run = ws.add_run(dataset, RunKind.AUDIT, {"function": "none:none", **params})
    (tmp_path / "other").mkdir()
    _, audited = add_audited_table(ws, tmp_path / "other")
    begun = ws.queue.claim_one(run) and ws.queue.begin(run, pid=None)
    assert begun
    ws.save_findings(run, findings_of(ws, dataset), {}, ws.run_summary(audited), {})
    _record(ws, run, failed={"liveval": "It diverged; lower the rate."})
    assert ws.queue.finish(run, begun.attempt, RunStatus.DONE)
    app = open_page("audit", {"dataset": dataset, "run": run})
    assert not app.exception
    assert app.error[0].value.replace("\\", "") == (
        "**LiveVal failed.** It diverged; lower the rate."
    )
    assert "of 30 samples to check" in texts(app)
    button(app, "Change the set-up").click().run()
    assert not app.exception
    assert [box.key for box in app.checkbox if box.value] == ["method_dvgs", "method_liveval"]
    assert app.number_input(key="set.liveval.rate").value == 5.0
    assert app.selectbox(key="set.liveval.net").value == "linear"
    assert app.number_input(key="set.dvgs.components").value is None
    assert app.number_input(key="audit_seed").value == 4
    button(app, "Start audit").click().run()
    again = ws.runs(dataset, RunKind.AUDIT)[0].params
    assert (again["valuators"], again["seed"]) == (params["valuators"], 4)
    assert again["settings"] == settings


def test_the_set_up_of_a_failed_audit_can_be_changed(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    add_audit(ws, dataset, RunStatus.FAILED, "not enough memory")
    app = open_page("audit")
    button(app, "Change the set-up").click().run()
    assert not app.exception
    assert [box.key for box in app.checkbox if box.value] == ["method_kernel-loo"]
    assert len(ws.runs(dataset, RunKind.AUDIT)) == 1
