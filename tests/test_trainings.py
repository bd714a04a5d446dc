"""Trainings on an audit of a workspace: what is stored, from which vectors, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from dvaudit import audits, features, jobs, trainings
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace

ROWS, WRONG = 300, 30


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


def _table(path: Path, *, trusted: bool = False) -> Path:
    """Three classes along two columns; every tenth label is another one, and two are missing."""
    rng = np.random.default_rng(0)
    truth = np.arange(ROWS) % 3
    angle = 2 * np.pi * truth / 3
    labels = np.array(["a", "b", "c"], dtype=object)[truth]
    labels[::10] = np.array(["b", "c", "a"], dtype=object)[truth[::10]]
    labels[[5, 6]] = None
    frame = pd.DataFrame(
        {
            "x": np.cos(angle) + 0.3 * rng.standard_normal(ROWS),
            "y": np.sin(angle) + 0.3 * rng.standard_normal(ROWS),
            "label": labels,
        }
    )
    if trusted:
        frame["checked"] = (np.arange(ROWS) % 4 == 1) & (np.arange(ROWS) % 10 > 0)
    frame.to_csv(path, index=False)
    return path


def _audit(ws: Workspace, path: Path, **given: object) -> RunRecord:
    imported = audits.start_import(ws, path, name=path.stem, **given)  # type: ignore[arg-type]
    jobs.work_here(ws, imported)
    run_id = audits.start_audit(ws, ws.run(imported).dataset_id, ["kernel-loo"], seed=3)
    jobs.work_here(ws, run_id)
    assert ws.run(run_id).status is RunStatus.DONE, ws.run(run_id).error
    return ws.run(run_id)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, RunRecord]]:
    folder = tmp_path_factory.mktemp("trainings")
    with Workspace(folder / "home") as ws:
        yield ws, _audit(ws, _table(folder / "plain.csv"))


def _train(ws: Workspace, audit: RunRecord, epochs: int = 4, seed: int = 0) -> RunRecord:
    run_id = audits.start_training(ws, audit.id, valuator="kernel-loo", epochs=epochs, seed=seed)
    jobs.work_here(ws, run_id)
    assert ws.run(run_id).status is RunStatus.DONE, ws.run(run_id).error
    return ws.run(run_id)


@pytest.fixture(scope="module")
def trained(audited: tuple[Workspace, RunRecord]) -> RunRecord:
    """A training of four epochs, seed 0."""
    return _train(*audited)


def test_groups_windows_and_summary_are_stored(
    audited: tuple[Workspace, RunRecord], trained: RunRecord
) -> None:
    (ws, audit), run = audited, trained
    assert run.kind is RunKind.TRAINING
    assert run.id in [one.id for one in audits.trainings_of(ws, audit.id)]
    groups = ws.run_table(run.id, "groups")
    assert groups.columns.tolist() == ["epoch", "group", "loss", "accuracy", "velocity"]
    assert sorted(set(zip(groups["epoch"], groups["group"], strict=True))) == [
        (epoch, group) for epoch in range(5) for group in range(1, 11)
    ]
    assert groups["velocity"].isna().tolist() == (groups["epoch"] == 0).tolist()
    last = groups[groups["epoch"] == 4].set_index("group")
    assert last.loc[1, "loss"] > 2 * last.loc[10, "loss"], "wrong labels are learned last"
    assert last.loc[1, "accuracy"] < last.loc[10, "accuracy"]
    windows = ws.run_table(run.id, "windows")
    assert windows.columns.tolist() == ["offset", "accuracy", "trained", "held_out"]
    assert (set(windows["trained"]), set(windows["held_out"])) == ({120}, {59})  # of 298 labelled
    summary = ws.run_summary(run.id)
    assert (summary["audit"], summary["valuator"], summary["epochs"]) == (audit.id, "kernel-loo", 4)
    assert (summary["samples"], summary["trained"]) == (ROWS, ROWS - 2)
    assert sum(summary["group_samples"]) == ROWS - 2
    assert "random fifth" in summary["held_out"]


def test_groups_follow_the_audits_values(
    audited: tuple[Workspace, RunRecord], trained: RunRecord
) -> None:
    ws, audit = audited
    samples = ws.run_samples(trained.id)
    values = ws.run_samples(audit.id)["kernel-loo.value"].to_numpy(float)
    np.testing.assert_array_equal(samples["value"], values)
    assert samples.index[samples["group"].isna()].tolist() == [5, 6]
    means = samples.groupby("group")["value"].agg(["min", "max"])
    assert (means["max"].iloc[:-1].to_numpy() <= means["min"].iloc[1:].to_numpy()).all()
    flipped = np.arange(0, ROWS, 10)
    assert (samples.loc[flipped, "group"] == 1).mean() > 0.8


def test_a_training_can_be_repeated(
    audited: tuple[Workspace, RunRecord], trained: RunRecord
) -> None:
    ws, audit = audited
    same, other = (_train(ws, audit, seed=seed) for seed in (0, 8))
    for name in ("groups", "windows"):
        pd.testing.assert_frame_equal(ws.run_table(trained.id, name), ws.run_table(same.id, name))
    assert not ws.run_table(trained.id, "groups").equals(ws.run_table(other.id, "groups"))


def test_the_audits_vectors_come_from_the_cache(
    audited: tuple[Workspace, RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, audit = audited
    seen: list[features.Features] = []
    real = features.extract

    def watched(*args: object, **kwargs: object) -> features.Features:
        seen.append(real(*args, **kwargs))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(features, "extract", watched)
    _train(ws, audit, epochs=1)
    used = ws.run_summary(audit.id)["record"]["features"]
    assert [(made.from_cache, made.extractor) for made in seen] == [(True, used["extractor"])]


def test_trusted_samples_are_what_windows_are_tested_on(tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        path = _table(tmp_path / "checked.csv", trusted=True)
        audit = _audit(ws, path, roles={"checked": "trusted", "label": "label"})
        run = _train(ws, audit, epochs=1)
        checked = pd.read_csv(path)["checked"].to_numpy(bool, copy=True)
        checked[[5, 6]] = False
        windows = ws.run_table(run.id, "windows")
        assert set(windows["held_out"]) == {int(checked.sum())}
        assert set(windows["trained"]) == {round((ROWS - 2 - checked.sum()) / 2)}
        assert "marked as trusted" in ws.run_summary(run.id)["held_out"]


def test_many_samples_are_drawn_for_the_windows(
    audited: tuple[Workspace, RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, audit = audited
    monkeypatch.setattr(trainings, "WINDOW_ROWS", 100)
    run = _train(ws, audit, epochs=1)
    assert set(ws.run_table(run.id, "windows")["trained"]) == {40}
    assert "Of 298 samples 100 were drawn" in ws.run_summary(run.id)["held_out"]
    assert ws.run_summary(run.id)["trained"] == 298


def test_the_estimate_grows_with_the_epochs(audited: tuple[Workspace, RunRecord]) -> None:
    ws, audit = audited
    short, long = (audits.estimate_training(ws, audit.id, epochs=epochs) for epochs in (1, 100))
    assert trainings.START_SECONDS < short.seconds < long.seconds
    assert short.bytes > 0
    assert "11 windows of 120 samples" in short.plan


def test_what_cannot_be_trained_is_refused_by_name(
    audited: tuple[Workspace, RunRecord], tmp_path: Path
) -> None:
    ws, audit = audited
    with pytest.raises(SettingsError, match="no values by 'cg-score'; choose one of: kernel-loo"):
        audits.start_training(ws, audit.id, valuator="cg-score")
    with pytest.raises(SettingsError, match="epochs is 0"):
        audits.start_training(ws, audit.id, valuator="kernel-loo", epochs=0)
    with pytest.raises(NotFoundError):
        audits.start_training(ws, "r9999", valuator="kernel-loo")
    imported = ws.runs(audit.dataset_id, RunKind.IMPORT)[0]
    with pytest.raises(UnsuitableDataError, match="is no finished audit"):
        audits.start_training(ws, imported.id, valuator="kernel-loo")
    path = tmp_path / "heights.csv"
    rng = np.random.default_rng(2)
    pd.DataFrame({"x": rng.random(40), "height": rng.random(40)}).to_csv(path, index=False)
    numbers = _audit(ws, path, roles={"height": "label"}, task="regression")
    with pytest.raises(UnsuitableDataError, match="heights is for regression"):
        audits.start_training(ws, numbers.id, valuator="kernel-loo")
    assert audits.trainings_of(ws, numbers.id) == ()
