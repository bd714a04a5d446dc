"""Audits that follow a training: what is stored, told while it runs, written and compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch import nn
from vectors import vector_dataset

import dvaudit
from dvaudit import audits, jobs
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError
from dvaudit.core.trace import Trace
from dvaudit.dynamics import ALL, MOST_POINTS, live_watch, told_values
from dvaudit.findings import early_detection, so_far
from dvaudit.findings.shares import flag_lowest, lowest
from dvaudit.store import RunKind, RunStatus, Workspace

SETTINGS = {"aum": {"epochs": 4}, "dvgs": {"steps": 6, "every": 2, "restarts": 1}}


def _table(path: Path, rows: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    frame = pd.DataFrame(3 * np.eye(3)[kind] + rng.normal(size=(rows, 3)), columns=list("uvw"))
    frame["label"] = np.array(["ash", "birch", "cedar"])[kind]
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str]:
    """A workspace with a finished audit of 60 rows against 40 trusted ones; its run."""
    folder = tmp_path_factory.mktemp("dynamics")
    ws = Workspace(folder / "home")
    imported = []
    for name, rows, seed in (("trees", 60, 0), ("checked", 40, 1)):
        run = ws.run(audits.start_import(ws, _table(folder / f"{name}.csv", rows, seed), name=name))
        jobs.work_here(ws, run.id)
        imported.append(run.dataset_id)
    run_id = audits.start_audit(
        ws, imported[0], ("kernel-loo", *SETTINGS), settings=SETTINGS, trusted=imported[1]
    )
    jobs.work_here(ws, run_id)
    return ws, run_id


def test_values_over_training_are_kept_with_the_audit(audited: tuple[Workspace, str]) -> None:
    ws, run_id = audited
    assert audits.traced(ws, run_id) == ["aum", "dvgs"]
    kept = audits.trace_of(ws, run_id, "aum")
    assert (kept.unit, kept.additive) == ("epoch", False)
    assert kept.values.shape == (60, len(kept.points))
    aum = ws.run_samples(run_id)["aum.value"].to_numpy()
    np.testing.assert_allclose(np.nanmean(kept.values, axis=1), aum, rtol=1e-5)
    assert kept.early["rank_correlation"].iat[-1] == pytest.approx(1.0)
    with pytest.raises(NotFoundError, match="it has those of: aum, dvgs"):
        audits.trace_of(ws, run_id, "kernel-loo")


def test_class_means_are_those_of_the_given_labels(audited: tuple[Workspace, str]) -> None:
    ws, run_id = audited
    kept, samples = audits.trace_of(ws, run_id, "aum"), ws.run_samples(run_id)
    last = kept.classes[kept.classes["point"] == kept.points[-1]].set_index("label")
    for label in ("ash", "birch", "cedar"):
        own = samples["given_label"] == label
        assert last.loc[label, "samples"] == own.sum()
        assert last.loc[label, "value"] == pytest.approx(samples["aum.value"][own].mean(), rel=1e-5)
    assert last.loc[ALL, "value"] == pytest.approx(samples["aum.value"].mean(), rel=1e-5)


def test_the_running_audit_told_of_every_look(audited: tuple[Workspace, str]) -> None:
    ws, run_id = audited
    told = audits.followed(ws, run_id)
    assert told is not None
    assert list(told.columns) == ["valuator", "training", "point", "label", "value", "loss"]
    assert set(told["label"]) == {ALL, "ash", "birch", "cedar"}
    aum = told[(told["valuator"] == "aum") & (told["label"] == ALL)]
    assert aum["point"].is_monotonic_increasing


def test_several_trainings_are_told_apart(tmp_path: Path) -> None:
    ws = Workspace(tmp_path)
    dataset = ws.add_dataset(
        "none", _table(tmp_path / "t.csv", 4, 0), copy=True, roles={}, task=None
    )
    run_id = ws.add_run(dataset, RunKind.AUDIT, {"function": "none:none"})
    data = vector_dataset(np.zeros((4, 2)), np.array([0, 0, 1, 1]))
    watch = live_watch(ws, run_id, data)
    for values in ([1, 3, np.nan, 5], [2, 2, 2, 2]):
        watch("dvgs", 0.0, np.array(values, dtype=np.float32), {"trusted_loss": 0.5})
    found = ws.live(run_id)
    assert found is not None  # written at the first word; the rest within a second
    assert found["value"].tolist() == [3.0, 2.0, 5.0]
    assert found["training"].tolist() == [0, 0, 0]
    assert found["loss"].tolist() == [0.5] * 3


def _at_work(folder: Path) -> tuple[Workspace, str]:
    ws = Workspace(folder)
    table = _table(folder / "t.csv", 4, 0)
    dataset = ws.add_dataset("none", table, copy=True, roles={}, task=None)
    return ws, ws.add_run(dataset, RunKind.AUDIT, {"function": "none:none"})


def _told_until(ws: Workspace, run_id: str, points: int, training: int = 0) -> None:
    """Let `dvgs` tell of four samples, whose values are point, -point, nothing and training."""
    watch = live_watch(ws, run_id, vector_dataset(np.zeros((4, 2)), np.array([0, 0, 1, 1])))
    for number in range(training + 1):
        for point in range(points):
            values = np.array([point, -point, np.nan, number], dtype=np.float32)
            watch("dvgs", float(point), values, {"loss": 1.0})


@pytest.mark.parametrize("points", [1, 5, 64, 65, 129, 1000])
def test_values_of_single_samples_are_kept_while_a_method_trains(
    tmp_path: Path, points: int
) -> None:
    ws, run_id = _at_work(tmp_path)
    assert told_values(ws, run_id, "dvgs") is None
    _told_until(ws, run_id, points)
    kept = told_values(ws, run_id, "dvgs")
    assert kept is not None
    assert min(points, MOST_POINTS // 2) <= len(kept.points) <= MOST_POINTS + 1
    assert points > MOST_POINTS or len(kept.points) == points
    apart = np.diff(kept.points)
    assert len(set(apart[:-1])) <= 1  # evenly; only the newest may follow sooner
    assert kept.points[0] == 0
    lines = kept.lines(np.array([1, 2, 0]))
    np.testing.assert_array_equal(lines[[0, 2]], [-kept.points, kept.points])
    assert np.isnan(lines[1]).all()


def test_values_of_an_earlier_training_or_attempt_are_forgotten(tmp_path: Path) -> None:
    ws, run_id = _at_work(tmp_path)
    _told_until(ws, run_id, 9, training=2)
    kept = told_values(ws, run_id, "dvgs")
    assert kept is not None
    assert (kept.training, len(kept.points)) == (2, 9)
    np.testing.assert_array_equal(kept.lines(np.array([3])), np.full((1, 9), 2.0))
    assert len(list((ws.run_dir(run_id) / "live" / "dvgs").iterdir())) == 9
    _told_until(ws, run_id, 3)
    kept = told_values(ws, run_id, "dvgs")
    assert kept is not None
    assert (kept.training, len(kept.points)) == (0, 3)


def test_a_file_that_is_gone_or_cut_off_is_left_out(tmp_path: Path) -> None:
    ws, run_id = _at_work(tmp_path)
    _told_until(ws, run_id, 4)
    files = sorted((ws.run_dir(run_id) / "live" / "dvgs").iterdir())
    files[1].write_bytes(b"")
    kept = told_values(ws, run_id, "dvgs")
    assert kept is not None
    assert kept.points.tolist() == [0, 2, 3]
    for path in files:
        path.write_bytes(b"")
    assert told_values(ws, run_id, "dvgs") is None


def test_a_finished_audit_keeps_no_values_of_its_way(audited: tuple[Workspace, str]) -> None:
    ws, run_id = audited
    assert told_values(ws, run_id, "aum") is None


def test_trusted_samples_of_the_data_are_not_flagged() -> None:
    rng = np.random.default_rng(0)
    codes = np.arange(60) % 2
    data = vector_dataset(4 * np.eye(2, 5)[codes] + rng.normal(size=(60, 5)), 1 - codes)
    assert data.labels is not None
    labels = data.labels.copy()
    labels[:50] = codes[:50]  # the last ten are wrong
    marked = np.zeros(60, dtype=bool)
    marked[55:] = True
    plain = dvaudit.audit(replace(data, labels=labels), ["kernel-loo"]).to_frame()
    spared = dvaudit.audit(replace(data, labels=labels, trusted=marked), ["kernel-loo"]).to_frame()
    assert plain["flagged"][50:].all()
    assert spared["flagged"][50:55].all()
    assert not spared["flagged"][55:].any()
    assert spared["suggested_label"][55:].isna().all()


def test_the_trace_is_written_for_the_command_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = vector_dataset(rng.normal(size=(30, 3)), np.arange(30) % 3)
    audit = dvaudit.audit(data, ["kernel-loo", "aum"], settings={"aum": {"epochs": 3}})
    paths = {path.name for path in audit.save(tmp_path / "out")}
    assert "trace.parquet" in paths
    frame = pd.read_parquet(tmp_path / "out" / "trace.parquet")
    assert list(frame.columns) == ["valuator", "id", "step", "value"]
    mean = frame.groupby("id")["value"].mean()
    values = audit.results["aum"].values
    np.testing.assert_allclose(mean[list(data.ids)], values, rtol=1e-5)
    only = dvaudit.audit(data, ["kernel-loo"]).save(tmp_path / "none")
    assert "trace.parquet" not in {path.name for path in only}


def test_a_net_of_ones_own_is_trained() -> None:
    rng = np.random.default_rng(0)
    data = vector_dataset(rng.normal(size=(30, 3)), np.arange(30) % 3)
    asked: list[tuple[tuple[int, ...], int]] = []

    def build(shape: tuple[int, ...], outputs: int) -> nn.Module:
        asked.append((shape, outputs))
        return nn.Linear(shape[0], outputs)

    by_function = dvaudit.value(data, "aum", net=build, epochs=3)
    assert set(asked) == {((3,), 3)}
    module = nn.Linear(3, 3)
    before = module.weight.detach().clone()
    by_module = dvaudit.value(data, "aum", net=module, epochs=3)
    assert (module.weight == before).all()  # a copy is trained
    assert not np.allclose(by_function.values, by_module.values)
    with pytest.raises(SettingsError, match="kernel-loo trains no net"):
        dvaudit.value(data, "kernel-loo", net=module)


def test_early_detection_compares_values_so_far_with_the_end() -> None:
    values = np.array([[3, 2, 1, np.nan], [0, 0, 0, 0], [-3, 0, 3, 8]], dtype=np.float32)
    trace = Trace(np.arange(3.0), values, "epoch", True, np.array([3.0, 2.0, 1.0]))
    np.testing.assert_array_equal(so_far(trace)[-1], [0, 2, 4, 8])
    assert np.isnan(so_far(trace)[0, 3])
    found = early_detection(trace)
    assert found["rank_correlation"].tolist() == pytest.approx([-1.0, -1.0, 1.0])
    assert found["loss"].tolist() == [3, 2, 1]
    means = so_far(Trace(trace.points, values, "epoch", False, trace.losses))
    np.testing.assert_allclose(means[-1], [0, 2 / 3, 4 / 3, 4])


def test_rankers_are_flagged_by_the_estimated_share() -> None:
    values = np.array([0.3, np.nan, 0.1, 0.2, 0.5, 0.1])
    np.testing.assert_array_equal(np.flatnonzero(lowest(values, 0.4)), [2, 5])
    result = dvaudit.value(vector_dataset(np.eye(6), np.arange(6) % 2), "random")
    ranker = replace(result, values=values, detects_mislabels=True)
    own = replace(ranker, flagged=np.ones(6, dtype=bool))
    found = flag_lowest({"ranker": ranker, "own": own, "other": result}, 0.4)
    assert found["ranker"].flagged is not None
    assert found["ranker"].flagged.sum() == 2
    assert found["own"].flagged is own.flagged
    assert found["other"].flagged is None
    assert flag_lowest({"ranker": ranker}, None)["ranker"].flagged is None


def test_a_ranking_alone_is_flagged_by_the_share_that_kernel_loo_estimates() -> None:
    rng = np.random.default_rng(0)
    codes = np.arange(200) % 2
    labels = codes.copy()
    labels[:30] = 1 - labels[:30]
    data = vector_dataset(5 * np.eye(2, 6)[codes] + rng.normal(size=(200, 6)), labels)
    audit = dvaudit.audit(data, ["aum"])
    rate = audit.findings.error_rate.rate
    assert rate is not None
    assert rate == pytest.approx(0.15, abs=0.03)
    frame = audit.to_frame()
    assert frame["flagged"].sum() == round(200 * rate)
    assert frame["flagged"][:30].mean() > 0.9
    assert list(audit.results) == ["aum"]


def test_a_run_whose_trusted_set_was_deleted_says_so(tmp_path: Path) -> None:
    ws = Workspace(tmp_path / "home")
    made = []
    for name, seed in (("trees", 0), ("checked", 1)):
        run = ws.run(audits.start_import(ws, _table(tmp_path / f"{name}.csv", 40, seed), name=name))
        jobs.work_here(ws, run.id)
        made.append(run.dataset_id)
    audit = audits.start_audit(ws, made[0], ("dvgs",), settings=SETTINGS, trusted=made[1])
    audits.cancel(ws, audit)
    ws.delete_dataset(made[1])
    ws.queue.resume(audit)
    with pytest.raises(UnsuitableDataError, match="it was deleted"):
        jobs.work_here(ws, audit)
    assert ws.run(audit).status is RunStatus.FAILED
