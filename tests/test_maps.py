"""Embedding maps: laid out in a run of their own, kept with the audit, refused where too large."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from dvaudit import audits, jobs
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError
from dvaudit.core.progress import silent
from dvaudit.findings.embedding import SIDE
from dvaudit.maps import MapMethod, lay_out, map_refusal
from dvaudit.store import RunKind, RunStatus, Workspace

ROWS = 90


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A real audit of a small table of three groups."""
    folder = tmp_path_factory.mktemp("maps")
    with Workspace(folder / "home") as ws:
        path = folder / "groups.csv"
        rng = np.random.default_rng(0)
        kind = np.arange(ROWS) % 3
        columns = {f"x{at}": 4 * (kind == at) + rng.standard_normal(ROWS) for at in range(4)}
        pd.DataFrame({**columns, "kind": np.array(list("abc"))[kind]}).to_csv(path, index=False)
        made = audits.start_import(ws, path, name="groups", roles={"kind": "label"})
        jobs.work_here(ws, made)
        run = audits.start_audit(ws, ws.run(made).dataset_id, ["kernel-loo"], device="cpu")
        jobs.work_here(ws, run)
        assert ws.run(run).status is RunStatus.DONE, ws.run(run).error
        yield ws, run


def test_an_audit_keeps_its_own_map_and_the_class_scores(
    audited: tuple[Workspace, str],
) -> None:
    ws, run = audited
    assert [made.method for made in audits.maps_of(ws, ws.run(run))][-1] is MapMethod.PCA
    places = audits.map_points(ws, run, "pca")
    assert places.shape == (ROWS, 2)
    assert (places.min(), places.max()) == (0, SIDE)
    scores = ws.run_array(run, "kernel-loo-class_scores")
    assert scores.shape == (ROWS, 3)
    margins = np.sort(scores, axis=1)
    best = scores.argmax(1) == np.arange(ROWS) % 3
    stored = ws.run_samples(run)["margin"].to_numpy(dtype=float)
    assert np.allclose(-stored[best], (margins[:, -1] - margins[:, -2])[best], atol=1e-5)


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_a_map_is_made_in_a_run_and_keeps_groups_together(
    audited: tuple[Workspace, str], method: str
) -> None:
    ws, audit = audited
    run = audits.start_map(ws, audit, method)
    jobs.work_here(ws, run)
    assert ws.run(run).status is RunStatus.DONE, ws.run(run).error
    assert ws.run(run).kind is RunKind.MAP
    known = {made.name: made.method for made in audits.maps_of(ws, ws.run(audit))}
    assert known[run] is MapMethod(method)
    places = audits.map_points(ws, audit, run).astype(float)
    assert places.shape == (ROWS, 2)
    assert places.min() >= 0
    assert places.max() == SIDE
    kind = np.arange(ROWS) % 3
    off = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(off, np.inf)
    assert (kind[off.argmin(1)] == kind).mean() > 0.7  # a third by chance
    assert ws.run_summary(run)["method"] == method


def test_a_map_of_the_same_seed_is_the_same() -> None:
    matrix = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32)
    one, again = (lay_out(matrix, MapMethod.TSNE, seed=3, progress=silent) for _ in range(2))
    assert (one == again).all()


def test_tsne_reports_its_share_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    matrix = np.random.default_rng(0).normal(size=(30, 4))
    shares: list[float] = []
    lay_out(matrix, MapMethod.TSNE, seed=0, progress=lambda share, stage: shares.append(share))
    assert shares == sorted(shares)
    assert len([share for share in shares if 0.1 < share < 1]) > 3
    assert not capsys.readouterr().out


def test_samples_that_are_all_alike_lie_in_the_middle() -> None:
    places = lay_out(np.ones((6, 3)), MapMethod.PCA, seed=0, progress=silent)
    assert (places == SIDE // 2).all()


def test_maps_are_refused_with_the_reason(audited: tuple[Workspace, str], tmp_path: Path) -> None:
    ws, audit = audited
    assert map_refusal(20_000, MapMethod.TSNE) is None
    assert "at most 20,000 samples" in (map_refusal(20_001, MapMethod.TSNE) or "")
    assert "Use UMAP" in (map_refusal(20_001, MapMethod.TSNE) or "")
    assert "Use the PCA map" in (map_refusal(200_001, MapMethod.UMAP) or "")
    assert map_refusal(10**7, MapMethod.PCA) is None
    assert "5 samples or more" in (map_refusal(4, MapMethod.PCA) or "")
    with pytest.raises(SettingsError, match="choose from: pca, tsne, umap"):
        audits.start_map(ws, audit, "som")
    imported = ws.runs(ws.run(audit).dataset_id, RunKind.IMPORT)[0].id
    with pytest.raises(UnsuitableDataError, match="no finished audit"):
        audits.start_map(ws, imported, "pca")


def test_a_map_of_another_audit_is_not_found(audited: tuple[Workspace, str]) -> None:
    ws, audit = audited
    other = audits.start_audit(ws, ws.run(audit).dataset_id, ["kernel-loo"], device="cpu")
    run = audits.start_map(ws, audit, "pca")
    with pytest.raises(NotFoundError, match=f"Audit {other} has no map"):
        audits.map_points(ws, other, run)
    assert run not in [made.name for made in audits.maps_of(ws, ws.run(audit))], "it is not done"
