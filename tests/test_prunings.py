"""Prunings of a workspace: what is stored, what a cut is, what is exported, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from dvaudit import audits, jobs
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError
from dvaudit.findings.pruning import Series, removal_order
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace

ROWS = 150


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def _write(path: Path) -> Path:
    """Two classes along x, an eighth labelled wrong by one contributor; some are vouched for."""
    rng = np.random.default_rng(0)
    truth = np.arange(ROWS) % 2
    wrong = np.arange(ROWS) % 8 == 3
    kind = np.array(["elm", "oak"], dtype=object)[np.where(wrong, 1 - truth, truth)]
    kind[[10, 11]] = None
    pd.DataFrame(
        {
            "x": 2.5 * truth + rng.standard_normal(ROWS),
            "y": rng.standard_normal(ROWS),
            "height": 3.0 * truth + rng.standard_normal(ROWS),
            "kind": kind,
            "who": np.where(wrong, "careless", "careful"),
            "checked": (np.arange(ROWS) % 4 == 0) & ~wrong,
        }
    ).to_csv(path, index=False)
    return path


ROLES = {"kind": "label", "who": "group", "checked": "ignored"}


def _audited(
    ws: Workspace, folder: Path, name: str, roles: dict[str, str], **given: str
) -> tuple[str, str]:
    run = audits.start_import(ws, _write(folder / f"{name}.csv"), name=name, roles=roles, **given)  # type: ignore[arg-type]
    jobs.work_here(ws, run)
    dataset = ws.run(run).dataset_id
    assert ws.run(run).status is RunStatus.DONE, ws.run(run).error
    audit = audits.start_audit(ws, dataset, ["kernel-loo"])
    jobs.work_here(ws, audit)
    assert ws.run(audit).status is RunStatus.DONE, ws.run(audit).error
    return dataset, audit


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str, str]]:
    folder = tmp_path_factory.mktemp("prunings")
    with Workspace(folder / "home") as ws:
        yield ws, *_audited(ws, folder, "trees", ROLES)


def _prune(ws: Workspace, audit: str, **given: object) -> RunRecord:
    wanted: dict[str, object] = {"valuator": "kernel-loo", "seeds": (0, 1), "steps": 6, **given}
    run_id = audits.start_pruning(ws, audit, **wanted)  # type: ignore[arg-type]
    jobs.work_here(ws, run_id)
    assert ws.run(run_id).status is RunStatus.DONE, ws.run(run_id).error
    return ws.run(run_id)


@pytest.fixture(scope="module")
def done(audited: tuple[Workspace, str, str]) -> RunRecord:
    ws, _, audit = audited
    return _prune(ws, audit, series=list(Series), most=0.6, width=0.2)


def test_curves_have_a_row_for_each_series_seed_and_cut(
    audited: tuple[Workspace, str, str], done: RunRecord
) -> None:
    ws, _, audit = audited
    assert done.kind is RunKind.PRUNING
    assert [run.id for run in audits.prunings_of(ws, audit)] == [done.id]
    curves = ws.run_table(done.id, "curves")
    assert {"series", "proxy", "balanced", "seed", "removed", "share", "score"} < set(curves)
    assert set(zip(curves["series"], curves["seed"], strict=True)) == {
        (series.value, seed) for series in Series for seed in (0, 1)
    }
    n = ROWS - 2  # two have no label
    for (series, _), line in curves.groupby(["series", "seed"]):
        if series == Series.WINDOW:
            assert line["removed"].unique().tolist() == [round(0.2 * n)]
            assert line["offset"].iloc[[0, -1]].tolist() == [0, n - round(0.2 * n)]
            continue
        assert line["removed"].iloc[[0, -1]].tolist() == [0, round(0.6 * n)]
        np.testing.assert_allclose(line["share"], line["removed"] / n)
        assert not line["offset"].any()
    assert curves["score"].between(0, 1).all()
    summary = ws.run_summary(done.id)
    assert (summary["pruned"], summary["trained"], summary["held_out"]) == (n, n - 30, 30)
    assert "random 20% of the samples" in summary["held_out_words"]


def test_cleaning_takes_the_careless_contributor_first(
    audited: tuple[Workspace, str, str], done: RunRecord
) -> None:
    ws, _, _ = audited
    table = ws.run_table(done.id, "contributors")
    table = table[(table["removed"] == round(0.2 * (ROWS - 2))) & (table["seed"] == 0)]
    lost = table.set_index(["series", "name"])["lost"]
    assert lost["lowest first", "careless"] > 0.7 > lost["random", "careless"]
    assert lost["lowest first", "careful"] < 0.2
    classes = ws.run_table(done.id, "classes")
    assert set(classes["name"]) == {"elm", "oak"}
    whole = classes[(classes["seed"] == 0) & (classes["removed"] == 0)]
    curves = ws.run_table(done.id, "curves")
    full = curves[(curves["seed"] == 0) & (curves["removed"] == 0)]["score"].iloc[0]
    each = whole[whole["series"] == "random"]
    assert (each["score"] * each["held_out"]).sum() / each["held_out"].sum() == pytest.approx(full)


def test_a_cut_names_the_first_so_many_of_its_order(
    audited: tuple[Workspace, str, str], done: RunRecord
) -> None:
    ws, _, audit = audited
    samples = ws.run_samples(audit)
    values = samples["kernel-loo.value"].to_numpy(dtype=float)
    ranked = samples["id"][np.isfinite(values)].iloc[np.argsort(values[np.isfinite(values)])]
    assert audits.pruned_ids(ws, done.id, "lowest first", 9) == ranked[:9].tolist()
    assert audits.pruned_ids(ws, done.id, "highest first", 4) == ranked[::-1][:4].tolist()
    assert audits.pruned_ids(ws, done.id, "window", 5, offset=7) == ranked[7:12].tolist()
    free = np.flatnonzero(np.isfinite(values))
    drawn = free[removal_order(values[free], Series.RANDOM, seed=0)]
    assert audits.pruned_positions(ws, done.id, "random", 6).tolist() == drawn[:6].tolist()
    with pytest.raises(NotFoundError, match="no cut of 149 from place 0"):
        audits.pruned_positions(ws, done.id, "random", 149)


def test_the_exported_cut_is_the_file_without_these_rows_and_with_the_verdicts(
    audited: tuple[Workspace, str, str], done: RunRecord
) -> None:
    ws, dataset, _ = audited
    gone = audits.pruned_ids(ws, done.id, "lowest first", 20)
    kept = next(str(at) for at in range(ROWS) if str(at) not in gone)
    ws.decide(dataset, kept, Verdict.RELABEL, "oak")
    ws.decide(dataset, gone[0], Verdict.RELABEL, "oak")
    path = audits.export_cut(ws, done.id, "lowest first", 20)
    original = pd.read_csv(ws.dataset(dataset).source, dtype=str)
    expected = original.drop(index=[int(name) for name in gone])
    expected.loc[int(kept), "kind"] = "oak"
    found = pd.read_csv(path, dtype=str)
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True))
    changes = audits.cut_changes(ws, done.id, "lowest first", 20)
    assert changes[gone[0]] == Decision(gone[0], Verdict.DROP)
    assert sum(made.verdict is Verdict.DROP for made in changes.values()) == 20
    for name in (kept, gone[0]):
        ws.clear(dataset, name)


def test_what_the_file_of_a_cut_holds_is_what_is_said_before(
    audited: tuple[Workspace, str, str], done: RunRecord
) -> None:
    ws, dataset, _ = audited
    order = audits.pruned_ids(ws, done.id, "highest first", 90)
    given = dict(ws.samples(dataset).set_index("id")["label"])
    drops, same, other = order[25:35], order[60], order[61]
    for name in drops:
        ws.decide(dataset, name, Verdict.DROP)
    for name in ("10", order[3]):  # without a label, and one that the cut removes
        ws.decide(dataset, name, Verdict.RELABEL, "oak")
    ws.decide(dataset, same, Verdict.RELABEL, given[same])
    ws.decide(dataset, other, Verdict.RELABEL, "oak" if given[other] == "elm" else "elm")
    told = audits.cut_file(ws, done.id, "highest first", 30)
    assert (told.samples, told.by_cut, told.by_verdicts, told.both) == (ROWS, 30, 10, 5)
    assert (told.relabelled, told.rows) == (2, ROWS - 35)
    path = audits.export_cut(ws, done.id, "highest first", 30)
    assert path.name == "trees-pruned-highest-first-30.csv"
    found, source = pd.read_csv(path, dtype=str), pd.read_csv(ws.dataset(dataset).source, dtype=str)
    assert len(found) == told.rows
    left = source.drop(index=[int(name) for name in {*order[:30], *drops}])
    assert (found["kind"].fillna("").to_numpy() != left["kind"].fillna("").to_numpy()).sum() == 2
    ws.clear(dataset, drops[-1])
    again = audits.export_cut(ws, done.id, "highest first", 30)
    assert again != path
    assert path.is_file()
    window = audits.export_cut(ws, done.id, "window", 5, offset=7)
    assert window.name == "trees-pruned-window-5-from-7.csv"
    for name in (*drops[:-1], "10", order[3], same, other):
        ws.clear(dataset, name)


def test_verdicts_correct_the_labels_that_are_scored_against(
    audited: tuple[Workspace, str, str], done: RunRecord
) -> None:
    ws, dataset, audit = audited
    wrong = [at for at in range(ROWS) if at % 8 == 3 and at not in (10, 11)]
    for at in wrong:
        ws.decide(dataset, str(at), Verdict.RELABEL, ("elm", "oak")[at % 2])
    again = _prune(ws, audit, series=[Series.LOWEST], most=0.6)

    def best(run: RunRecord) -> float:
        curves = ws.run_table(run.id, "curves")
        return float(curves[curves["series"] == "lowest first"]["score"].max())

    assert best(again) > best(done)
    assert f"the {len(wrong)} verdicts" in ws.run_summary(again.id)["held_out_words"]
    for at in wrong:
        ws.clear(dataset, str(at))


def test_a_balanced_cut_takes_the_same_share_of_each_class(
    audited: tuple[Workspace, str, str],
) -> None:
    ws, _, audit = audited
    run = _prune(ws, audit, series=[Series.HIGHEST], balanced=True, seeds=(4,), proxy="small net")
    classes = ws.run_table(run.id, "classes")
    lost = classes.pivot_table(index=["series", "removed"], columns="name", values="lost")
    assert (lost["elm"] - lost["oak"]).abs().max() < 0.03
    curves = ws.run_table(run.id, "curves")
    assert curves["balanced"].all()
    assert set(curves["proxy"]) == {"small net"}


def test_the_consensus_and_logistic_regression_can_be_followed(
    audited: tuple[Workspace, str, str],
) -> None:
    ws, _, audit = audited
    run = _prune(
        ws, audit, valuator="consensus", series=["lowest first"], proxy="logistic regression",
        seeds=(0,), steps=2,
    )  # fmt: skip
    samples = ws.run_samples(audit)
    first = samples.loc[samples["suspicion_rank"] == 1, "id"].tolist()
    assert audits.pruned_ids(ws, run.id, "lowest first", 1) == first
    assert ws.run_table(run.id, "curves")["score"].notna().all()


def test_marked_samples_are_scored_on_and_never_removed(
    audited: tuple[Workspace, str, str], tmp_path: Path
) -> None:
    ws, _, _ = audited
    dataset, audit = _audited(ws, tmp_path, "vouched", {**ROLES, "checked": "trusted"})
    run = _prune(ws, audit, series=[Series.LOWEST])
    summary = ws.run_summary(run.id)
    assert "samples marked as trusted" in summary["held_out_words"]
    marked = pd.read_csv(ws.dataset(dataset).source)["checked"].to_numpy()
    everything = audits.pruned_positions(ws, run.id, "lowest first", summary["pruned"])
    assert not marked[everything].any()
    assert summary["held_out"] == marked.sum()
    curves = ws.run_table(run.id, "curves")
    lowest = curves[curves["series"] == "lowest first"].groupby("removed")["score"]
    assert (lowest.nunique() == 1).all()


def test_another_dataset_can_be_scored_on(
    audited: tuple[Workspace, str, str], tmp_path: Path
) -> None:
    ws, _, audit = audited
    frame = pd.read_csv(_write(tmp_path / "checked.csv"))
    frame = frame[(frame["who"] == "careful") & frame["kind"].notna()]
    frame.to_csv(tmp_path / "checked.csv", index=False)
    imported = audits.start_import(ws, tmp_path / "checked.csv", name="checked", roles=ROLES)
    jobs.work_here(ws, imported)
    trusted = ws.run(imported).dataset_id
    run = _prune(ws, audit, series=[Series.LOWEST], trusted=trusted, most=0.5)
    summary = ws.run_summary(run.id)
    assert "the trusted set checked" in summary["held_out_words"]
    assert (summary["trained"], summary["held_out"]) == (ROWS - 2, len(frame))
    contributors = ws.run_table(run.id, "contributors")
    assert contributors["score"].isna().all(), "nobody contributed the trusted samples"
    assert contributors["lost"].notna().all()


def test_numbers_are_scored_by_r2_and_have_no_classes(
    audited: tuple[Workspace, str, str], tmp_path: Path
) -> None:
    ws, _, _ = audited
    roles = {"height": "label", "kind": "ignored", "who": "group", "checked": "ignored"}
    _, audit = _audited(ws, tmp_path, "heights", roles, task="regression")
    run = _prune(ws, audit, series=[Series.LOWEST])
    assert ws.run_table(run.id, "classes").empty
    curves = ws.run_table(run.id, "curves")
    assert (curves["score"] < 1).all()
    assert curves["score"].max() > 0.3
    for given, said in (
        ({"balanced": True}, "no classes to keep in balance"),
        ({"proxy": "logistic regression"}, "predicts classes"),
    ):
        with pytest.raises(SettingsError, match=said):
            audits.start_pruning(ws, audit, valuator="kernel-loo", **given)  # type: ignore[arg-type]


def test_what_cannot_be_pruned_is_refused_by_name(
    audited: tuple[Workspace, str, str], done: RunRecord
) -> None:
    ws, _, audit = audited
    for given, said in (
        ({"valuator": "el2n"}, "choose one of: kernel-loo, consensus"),
        ({"series": []}, "one or more different orders"),
        ({"series": ["sideways"]}, "choose from: lowest first, highest first, window, random"),
        ({"proxy": "forest"}, "choose from: kernel ridge, logistic regression, small net"),
        ({"seeds": (1, 1)}, "There are 2 seeds, 1 of them different"),
        ({"most": 0.99}, "largest share to remove is 0.99"),
        ({"width": 0.0}, "The window is 0 wide"),
        ({"steps": 0}, "There are 0 steps"),
    ):
        wanted = {"valuator": "kernel-loo", **given}
        with pytest.raises(SettingsError, match=said):
            audits.start_pruning(ws, audit, **wanted)  # type: ignore[arg-type]
    with pytest.raises(UnsuitableDataError, match="is no finished audit"):
        audits.start_pruning(ws, done.id, valuator="kernel-loo")
    with pytest.raises(NotFoundError):
        audits.start_pruning(ws, audit, valuator="kernel-loo", trusted="d9999")


def test_the_estimate_grows_with_what_is_asked(audited: tuple[Workspace, str, str]) -> None:
    ws, _, audit = audited
    few = audits.estimate_pruning(ws, audit, seeds=1)
    many = audits.estimate_pruning(ws, audit, seeds=8, series=list(Series))
    assert many.seconds > few.seconds
    fits = audits.estimate_pruning(ws, audit, seeds=2, steps=9, proxy="logistic regression")
    assert fits.plan.startswith("60 fits on up to 120 samples")
