"""Influence read from stored embeddings, against sums over single samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from appview import add_table
from audited import add_audited_table
from influential import add_influence

from dvaudit import audits, influences
from dvaudit.core.errors import NotFoundError
from dvaudit.store import Workspace

N = 30


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def audit(ws: Workspace, tmp_path: Path) -> str:
    _, run = add_audited_table(ws, tmp_path, N)
    return run


def _one_by_one(arrays: dict[str, np.ndarray], queries: list[int]) -> np.ndarray:
    """Each sample's mean influence over the queries of its run, a product at a time."""
    own = arrays["part"][:, 0] if "part" in arrays else np.zeros(len(arrays["embeddings"]))
    of = arrays.get("query_part", np.zeros(len(arrays["query_embeddings"])))
    found = []
    for embedding, part in zip(arrays["embeddings"], own, strict=True):
        products = [
            float(
                sum(e * q for e, q in zip(embedding, arrays["query_embeddings"][at], strict=True))
            )
            for at in queries
            if of[at] == part
        ]
        found.append(np.mean(products) if products else np.nan)
    return np.array(found)


@pytest.mark.parametrize("halves", [False, True])
def test_a_query_is_answered_as_by_single_products(ws: Workspace, audit: str, halves: bool) -> None:
    run, arrays = add_influence(ws, audit, halves=halves, unlabelled=(9, 12))
    for query in (0, len(arrays["query_rows"]) - 1):
        found = audits.influence_on(ws, run, query)
        expected = _one_by_one(arrays, [query])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert np.isnan(found[[9, 12]]).all()


def test_in_halves_a_sample_has_no_influence_on_its_own_half(ws: Workspace, audit: str) -> None:
    run, arrays = add_influence(ws, audit, halves=True)
    queries = audits.queries_of(ws, run)
    for query in (0, N - 1):
        unseen = np.isfinite(audits.influence_on(ws, run, query))
        assert unseen.sum() == N // 2
        assert not unseen[queries["position"][query]]
        assert (arrays["part"][unseen, 0] == arrays["query_part"][query]).all()


@pytest.mark.parametrize(
    ("halves", "queries"),
    [(False, [0, 2, 3]), (True, [0, 3, 15, 16, 17, 28]), (True, [1, 4])],
)
def test_the_mean_over_queries_is_that_of_single_products(
    ws: Workspace, audit: str, halves: bool, queries: list[int]
) -> None:
    run, arrays = add_influence(ws, audit, halves=halves, unlabelled=(9,))
    found = audits.mean_influence(ws, run, queries)
    np.testing.assert_allclose(found, _one_by_one(arrays, queries), rtol=1e-5, atol=1e-6)
    asked_of_one_run = halves and queries == [1, 4]
    assert np.isfinite(found).sum() == (N // 2 if asked_of_one_run else N - 1 - 4 * (not halves))


@pytest.mark.parametrize("halves", [False, True])
def test_the_net_influence_adds_up_single_products(
    ws: Workspace, audit: str, halves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influences, "ROWS", 7)
    run, arrays = add_influence(ws, audit, halves=halves, unlabelled=(9, 12))
    found = audits.net_influence(ws, run)
    each = [np.nansum(_one_by_one(arrays, [query])) for query in range(len(found))]
    np.testing.assert_allclose(found, each, rtol=1e-4, atol=1e-5)


def test_queries_of_a_trusted_set_are_named_by_its_own_rows(
    ws: Workspace, audit: str, tmp_path: Path
) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    run, arrays = add_influence(ws, audit, trusted=trusted)
    queries = audits.queries_of(ws, run)
    held = ws.samples(trusted)
    assert queries["dataset_id"].tolist() == [trusted] * 6
    assert queries["position"].tolist() == list(range(6))
    assert queries["id"].tolist() == held["id"].astype(str).tolist()
    assert queries["label"].tolist() == held["label"].tolist()
    np.testing.assert_allclose(
        audits.influence_on(ws, run, 5), _one_by_one(arrays, [5]), rtol=1e-5, atol=1e-6
    )


def test_queries_of_the_data_itself_are_named_by_its_rows(ws: Workspace, audit: str) -> None:
    run, arrays = add_influence(ws, audit, halves=True)
    queries, own = audits.queries_of(ws, run), ws.samples(ws.run(run).dataset_id)
    assert queries["position"].tolist() == arrays["query_rows"].tolist()
    assert queries["label"].tolist() == own["label"].iloc[arrays["query_rows"]].tolist()


def test_without_embeddings_nothing_is_answered(ws: Workspace, audit: str) -> None:
    bare, _ = add_influence(ws, audit, kept=False)
    for run in (audit, bare):
        for ask in (
            lambda run: audits.queries_of(ws, run),
            lambda run: audits.influence_on(ws, run, 0),
            lambda run: audits.mean_influence(ws, run, [0]),
            lambda run: audits.net_influence(ws, run),
        ):
            with pytest.raises(NotFoundError, match=run):
                ask(run)


def test_a_trusted_set_that_was_removed_is_told(ws: Workspace, audit: str, tmp_path: Path) -> None:
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    run, _ = add_influence(ws, audit, trusted=trusted)
    ws.delete_dataset(trusted)
    with pytest.raises(NotFoundError, match=trusted):
        audits.queries_of(ws, run)


@pytest.mark.parametrize("query", [-1, 4])
def test_a_query_that_is_not_there_is_named(ws: Workspace, audit: str, query: int) -> None:
    run, _ = add_influence(ws, audit)
    with pytest.raises(NotFoundError, match=f"no query {query}; the run has 4"):
        audits.influence_on(ws, run, query)
    with pytest.raises(NotFoundError, match="name at least one"):
        audits.mean_influence(ws, run, [])


def test_the_most_influential_come_largest_first_without_the_unknown() -> None:
    influence = np.array([0.0, 2.0, -1.0, np.nan, 3.0, -4.0, 2.0], dtype=np.float32)
    helped, hurt = audits.most_influential(influence, 3)
    assert helped.tolist() == [4, 1, 6]
    assert hurt.tolist() == [5, 2]
    assert [len(side) for side in audits.most_influential(influence, 1)] == [1, 1]


def test_classes_are_summed_over_their_known_samples() -> None:
    labels = pd.Series(["b", "a", None, "a", "c"])
    influence = np.array([1.0, 2.0, 8.0, 4.0, np.nan], dtype=np.float32)
    found = audits.influence_by_class(labels, influence)
    assert found.to_dict("list") == {
        "label": ["a", "b"],
        "total": [6.0, 1.0],
        "mean": [3.0, 1.0],
        "samples": [2, 1],
    }
