"""Use cases of influence: which training samples helped and hurt a trusted one most.

The influence of sample i on query q is <e_i, g_q>: its embedding, summed over the steps of the
run, times the gradient of the query's loss at the run's end, projected alike. So each answer is
one matrix product with stored arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.errors import NotFoundError
from dvaudit.store import Workspace

METHOD = "dvemb"
ROWS = 8192  # embeddings read at a time where all are added up


def queries_of(ws: Workspace, run_id: str) -> pd.DataFrame:
    """Return the samples that can be asked about: dataset_id, position, id, label.

    The index is what `influence_on` takes. They are the trusted samples, at most 2,000 of them;
    without a trusted set the data's own, each asked about in the half that it is not in.

    Raises:
        NotFoundError: the audit has no embeddings, or its trusted set is not there any more.
    """
    rows = np.array(_array(ws, run_id, "query_rows"), dtype=np.int64)
    run = ws.run(run_id)
    trusted_id = run.params.get("trusted")
    tables = [ws.samples(run.dataset_id)]
    owners = [run.dataset_id]
    if trusted_id is not None:
        tables.append(ws.samples(str(trusted_id)))
        owners.append(str(trusted_id))
    # A trusted set's rows are counted on from the last one of the data.
    known = pd.concat([table[["position", "id", "label"]] for table in tables], ignore_index=True)
    known.insert(0, "dataset_id", np.repeat(owners, [len(table) for table in tables]))
    found = known.iloc[rows].reset_index(drop=True)
    return found.assign(id=found["id"].astype(str))


def influence_on(ws: Workspace, run_id: str, query: int) -> NDArray[np.float32]:
    """Return (n,) the influence of each sample on the loss of a query.

    The rise of its loss, to first order, were the sample left out of every step of the run:
    positive where it helped. NaN where a sample was not trained on with this query unseen.

    Args:
        query: a row of `queries_of`.

    Raises:
        NotFoundError: the audit has no embeddings, or no such query.
    """
    return mean_influence(ws, run_id, [query])


def mean_influence(
    ws: Workspace, run_id: str, queries: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return (n,) the mean influence of each sample over several queries.

    Where the data was trained on in two halves, the mean is over the queries asked of the run that
    the sample was in; NaN where there are none.

    Args:
        queries: rows of `queries_of`, at least one.

    Raises:
        NotFoundError: the audit has no embeddings, no query is named, or one that is not there.
    """
    vectors = _array(ws, run_id, "query_embeddings")
    asked = _known_queries(queries, len(vectors))
    embeddings, parts = _array(ws, run_id, "embeddings"), _parts(ws, run_id)
    if parts is None:
        return np.asarray(embeddings @ _mean(vectors[asked]), dtype=np.float32)
    of_samples, of_queries = parts
    present = np.unique(of_queries[asked])
    means = np.stack([_mean(vectors[asked[of_queries[asked] == part]]) for part in present])
    each = embeddings @ means.T
    found = np.full(len(embeddings), np.nan, dtype=np.float32)
    for column, part in enumerate(present):
        inside = of_samples == part
        found[inside] = each[inside, column]
    return found


def net_influence(ws: Workspace, run_id: str) -> NDArray[np.float64]:
    """Return (q,) for each query the influences of all samples on it, added up.

    Low where the training worked against the query: its label is wrong, or there is little like
    it among the samples.

    Raises:
        NotFoundError: the audit has no embeddings.
    """
    vectors = _array(ws, run_id, "query_embeddings")
    embeddings, parts = _array(ws, run_id, "embeddings"), _parts(ws, run_id)
    of_samples, of_queries = parts or (np.zeros(len(embeddings)), np.zeros(len(vectors)))
    found = np.full(len(vectors), np.nan)
    present = np.unique(of_queries)
    sums = np.zeros((len(present), embeddings.shape[1]))
    for start in range(0, len(embeddings), ROWS):
        block = np.asarray(embeddings[start : start + ROWS])
        trained = np.isfinite(block[:, 0])
        block = block if trained.all() else block[trained]
        owners = of_samples[start : start + ROWS][trained]
        sums += (owners == present[:, None]).astype(np.float32) @ block
    for total, part in zip(sums, present, strict=True):
        asked = of_queries == part
        found[asked] = vectors[asked] @ total
    return found


def most_influential(
    influence: NDArray[np.floating], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of the samples that helped most, and of those that hurt most.

    Args:
        influence: (n,), positive where a sample helped; NaN is left out.
        most: the length of each answer at most; equal influences keep input order.
    """
    helped = np.flatnonzero(influence > 0)
    hurt = np.flatnonzero(influence < 0)
    return (
        helped[np.argsort(-influence[helped], kind="stable")][:most],
        hurt[np.argsort(influence[hurt], kind="stable")][:most],
    )


def influence_by_class(labels: pd.Series, influence: NDArray[np.floating]) -> pd.DataFrame:
    """Return label, total, mean and samples for each class, in the order of the labels.

    Args:
        labels: (n,) the given label of each sample; missing ones are left out.
        influence: (n,); NaN is left out, and so is a class without any other.
    """
    known = np.isfinite(influence) & labels.notna().to_numpy()
    frame = pd.DataFrame(
        {
            "label": labels.to_numpy(dtype=object)[known].astype(str),
            "influence": np.asarray(influence, dtype=np.float64)[known],
        }
    )
    found = frame.groupby("label", sort=True)["influence"].agg(["sum", "mean", "size"])
    return found.reset_index().rename(columns={"sum": "total", "size": "samples"})


def _known_queries(queries: Sequence[int] | NDArray[np.int64], known: int) -> NDArray[np.int64]:
    asked = np.asarray(queries, dtype=np.int64)
    if not len(asked):
        raise NotFoundError("No query is named; name at least one.")
    outside = asked[(asked < 0) | (asked >= known)]
    if len(outside):
        raise NotFoundError(f"There is no query {outside[0]}; the run has {known:,}.")
    return asked


def _mean(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors.mean(0, dtype=np.float64), dtype=np.float32)


def _parts(ws: Workspace, run_id: str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return the run each sample was trained in and each query asked of, where there are two."""
    try:
        return _array(ws, run_id, "part")[:, 0], _array(ws, run_id, "query_part")
    except NotFoundError:
        return None


def _array(ws: Workspace, run_id: str, name: str) -> NDArray[np.float32]:
    return ws.run_array(run_id, f"{METHOD}-{name}")
