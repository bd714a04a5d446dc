"""Audits with embeddings that answer influence, stored without having run one."""

from __future__ import annotations

from typing import Any

import numpy as np

from dvaudit.store import RunKind, RunStatus, Workspace

SIZE = 5  # numbers of an embedding


def add_influence(
    ws: Workspace,
    like: str,
    *,
    trusted: str | None = None,
    halves: bool = False,
    unlabelled: tuple[int, ...] = (),
    kept: bool = True,
    agreement: float = 0.9,
    seed: int = 0,
) -> tuple[str, dict[str, np.ndarray]]:
    """Store an audit with dvemb beside a finished one; return the run's id and its arrays.

    Args:
        like: the finished audit whose findings it repeats.
        trusted: a dataset whose samples are the queries; without one the data's own are, all of
            them in `halves`, else the first four, which are not trained on.
        unlabelled: positions that are not trained on.
        kept: False stores no embeddings, as where they pass their bound.
    """
    dataset = ws.run(like).dataset_id
    params = {"valuators": ["kernel-loo", "dvemb"], "settings": {}, "seed": 0}
    run = ws.add_run(
        dataset, RunKind.AUDIT, {"function": "none:none", "trusted": trusted, **params}
    )
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    n = len(ws.samples(dataset))
    others = None if trusted is None else len(ws.samples(trusted))
    arrays = made_up_arrays(n, others, halves=halves, unlabelled=unlabelled, seed=seed)
    summary = ws.run_summary(like)
    said: dict[str, Any] = {
        "status": "Measured.",
        "embeddings": {"seed": 0} if kept else None,
        "embeddings_agreement": agreement if kept else None,
    }
    if halves:
        said["parts"] = [
            {"embeddings_agreement": agreement + 0.02},
            {"embeddings_agreement": agreement},
        ]
    summary = {**summary, "record": {**summary.get("record", {}), "valuators": {"dvemb": said}}}
    samples = ws.run_samples(like)
    near = [ws.run_neighbours(like, at) for at in range(n)]
    ws.save_findings(
        run,
        samples=samples,
        tables={name: ws.run_table(like, name) for name in ("classes", "confusions", "duplicates")},
        summary=summary,
        neighbours={name: np.array([row[name] for row in near]) for name in near[0]},
        arrays={f"dvemb-{name}": array for name, array in arrays.items()} if kept else {},
    )
    assert ws.queue.finish(run, begun.attempt, RunStatus.DONE, None)
    return run, arrays


def made_up_arrays(
    n: int, others: int | None, *, halves: bool, unlabelled: tuple[int, ...], seed: int
) -> dict[str, np.ndarray]:
    """Random embeddings of `n` samples, and of `others` trusted ones where there are any."""
    rng = np.random.default_rng(seed)
    embeddings = rng.standard_normal((n, SIZE)).astype(np.float32)
    embeddings[list(unlabelled)] = np.nan
    arrays = {}
    if others is not None:
        rows = n + np.arange(others)
    elif halves:
        # Each half is asked of the run on the other one: the even rows of run 0 first.
        part = (np.arange(n) % 2).astype(np.float32)
        part[list(unlabelled)] = np.nan
        rows = np.concatenate([np.flatnonzero(part == 1), np.flatnonzero(part == 0)])
        arrays["part"] = part[:, None]
        arrays["query_part"] = np.repeat([0, 1], [(part == 1).sum(), (part == 0).sum()])
    else:
        rows = np.arange(4)
        embeddings[:4] = np.nan
    queries = rng.standard_normal((len(rows), SIZE)).astype(np.float32)
    return {
        "embeddings": embeddings,
        "query_embeddings": queries,
        "query_rows": rows.astype(np.int64),
        **arrays,
    }
