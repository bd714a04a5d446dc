"""Use cases of influence: which training samples helped and hurt a trusted one most."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.errors import NotFoundError
from dvaudit.store import Workspace

METHOD = "dvemb"


def queries_of(ws: Workspace, run_id: str) -> pd.DataFrame:
    """Return the samples that can be asked about: dataset_id, position, id, label.

    The index is what `influence_on` takes. They are the trusted samples, at most 2,000 of them;
    without a trusted set the data's own, each asked about in the half that it is not in.

    Raises:
        NotFoundError: the audit has no embeddings.
    """
    rows = np.array(_array(ws, run_id, "query_rows"), dtype=np.int64)
    run = ws.run(run_id)
    own = ws.samples(run.dataset_id)
    n = len(own)
    trusted_id = str(run.params.get("trusted"))
    tables = {run.dataset_id: own}
    if run.params.get("trusted") is not None:
        tables[trusted_id] = ws.samples(trusted_id)
    found = []
    for row in rows.tolist():
        owner = run.dataset_id if row < n else trusted_id
        table, position = tables[owner], row if row < n else row - n
        found.append(
            {
                "dataset_id": owner,
                "position": position,
                "id": str(table["id"].iat[position]),
                "label": table["label"].iat[position],
            }
        )
    return pd.DataFrame(found)


def influence_on(ws: Workspace, run_id: str, query: int) -> NDArray[np.float32]:
    """Return (n,) the influence of each sample on the loss of a query.

    The rise of its loss, to first order, were the sample left out of every step of the run:
    positive where it helped. NaN where a sample was not trained on with this query unseen.

    Args:
        query: a row of `queries_of`.

    Raises:
        NotFoundError: the audit has no embeddings, or no such query.
    """
    queries = _array(ws, run_id, "query_embeddings")
    if not 0 <= query < len(queries):
        raise NotFoundError(f"There is no query {query}; the run has {len(queries):,}.")
    influence = _array(ws, run_id, "embeddings") @ np.asarray(queries[query])
    parts = _parts(ws, run_id)
    if parts is not None:
        of_samples, of_queries = parts
        influence = np.where(of_samples == of_queries[query], influence, np.nan)
    return np.asarray(influence, dtype=np.float32)


def _parts(ws: Workspace, run_id: str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return the run each sample was trained in and each query asked of, where there are two."""
    try:
        return _array(ws, run_id, "part")[:, 0], _array(ws, run_id, "query_part")
    except NotFoundError:
        return None


def _array(ws: Workspace, run_id: str, name: str) -> NDArray[np.float32]:
    return ws.run_array(run_id, f"{METHOD}-{name}")
